"""The README's tours of the APIs, run as they stand against a real server; and what takes one."""

import re
import sqlite3
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.conftest import Served

README = Path(__file__).resolve().parents[2] / "README.md"
SECTION = r"## {} over the API\n.*?```sh\n(.*?)```\n.*?```text\n(.*?)```\n"
DIFFERING = re.compile(r'(?<="pa-)[\w-]+|(?<=auth=)[\w-]+|(?<="id":)\d+|(?<="id":")[0-9a-f]{8}-[0-9a-f-]+')
ERASED_WITHIN_S = 30


@pytest.mark.process
def test_sites_api_on_a_real_server(served: Served) -> None:
    """One server for all: its start is what costs."""
    team = served.server.provision("team", "--name", "Sample", "--owner", "tour@shop.example")
    key = team["api_key"]
    served.server.provision("site", "--domain", "sample.localhost", "--team", str(team["team_id"]))
    token = served.server.provision("plugins-token", "--site", "sample.localhost")["token"]
    _the_tour_prints_what_the_readme_says(served, "Sites", KEY=key)
    _the_tour_prints_what_the_readme_says(served, "Goals", KEY=key)
    _the_tour_prints_what_the_readme_says(served, "Revenue", KEY=key)
    _the_tour_prints_what_the_readme_says(served, "Plugins", TOKEN=token)
    _the_tour_prints_what_the_readme_says(served, "Funnels, retention and journeys", KEY=key)
    _goal_wanted_by_200_plugins_at_once_is_made_once(served, token)
    _goal_wanted_by_many_at_once_is_made_once(served, key)
    _domain_begins_anew_after_its_site_was_deleted(served, key)


def _the_tour_prints_what_the_readme_says(served: Served, name: str, **variables: str) -> None:
    section = re.search(SECTION.format(name), README.read_text(), re.DOTALL)
    assert section is not None
    done = subprocess.run(
        ["sh", "-ec", section[1].replace("http://127.0.0.1:8000", served.server.url)],
        env={**served.server.environment(), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout.replace(served.server.url, "http://127.0.0.1:8000")
    assert DIFFERING.sub("…", said).splitlines() == section[2].splitlines()


def _goal_wanted_by_many_at_once_is_made_once(served: Served, key: str) -> None:
    call(served, key, "POST", "", {"domain": "many.example"})
    wanted = {"site_id": "many.example", "goal_type": "event", "event_name": "Signup"}
    with ThreadPoolExecutor(8) as pool:
        goals = list(pool.map(lambda _: call(served, key, "PUT", "/goals", wanted), range(16)))
    assert len({goal["id"] for goal in goals}) == 1
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: status_of(served, key, "POST", {"domain": "one.example"}), range(8)))
    assert sorted(statuses) == [200] + [400] * 7


def _goal_wanted_by_200_plugins_at_once_is_made_once(served: Served, token: str) -> None:
    body = b'{"goal_type": "Goal.CustomEvent", "goal": {"event_name": "Wanted", "custom_props": {"a": "b"}}}'
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    url = f"{served.server.url}/api/plugins/v1/goals"

    def put(_: int) -> tuple[int, bytes]:
        with urlopen(Request(url, body, headers, method="PUT"), timeout=60) as answer:
            return answer.status, answer.read()

    with ThreadPoolExecutor(200) as pool:
        answers = set(pool.map(put, range(200)))
    assert [status for status, _ in answers] == [201]
    listed = served.server.get("/api/plugins/v1/goals?limit=100", token)["goals"]
    assert len([one for one in listed if one["goal"]["display_name"] == "Wanted"]) == 1


def _domain_begins_anew_after_its_site_was_deleted(served: Served, key: str) -> None:
    event = {"n": "pageview", "u": "https://many.example/", "d": "many.example"}
    agent = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}

    def pageviews() -> int:
        query = "/api/v1/stats/aggregate?site_id=many.example&period=day&metrics=pageviews"
        return int(served.server.get(query, key)["results"]["pageviews"]["value"])

    served.server.post("/api/event", event, agent)
    assert pageviews() == 1
    call(served, key, "DELETE", "/many.example")
    call(served, key, "POST", "", {"domain": "many.example"})
    assert pageviews() == 0
    served.server.post("/api/event", event, agent)
    assert pageviews() == 1
    deadline = time.monotonic() + ERASED_WITHIN_S
    while (erased := _erasures(served)) != [("many.example", True, 1), ("trip.example", True, 0)]:
        assert time.monotonic() < deadline, erased
        threading.Event().wait(0.2)
    assert (served.server.directory / "server.log").read_text().count("Traceback") == 0


def _erasures(served: Served) -> list[tuple[str, bool, int]]:
    """Return the domain of each erasure, whether it is done, and how many events are gone."""
    with closing(sqlite3.connect(served.server.directory / "footfall.sqlite3")) as database:
        rows = database.execute("SELECT domain, finished_at, removed_events FROM stats_erasure ORDER BY domain")
        return [(domain, finished_at is not None, events) for domain, finished_at, events in rows]


def call(served: Served, key: str, method: str, path: str, body: dict[str, str] | None = None) -> Any:
    """Send a form to the Sites API."""
    data = "&".join(f"{name}={value}" for name, value in (body or {}).items()).encode()
    headers = {"Authorization": f"Bearer {key}"}
    return served.server.exchange(Request(f"{served.server.url}/api/v1/sites{path}", data, headers, method=method))


def status_of(served: Served, key: str, method: str, body: dict[str, str]) -> int:
    """Return the status of a request that may be refused."""
    try:
        call(served, key, method, "", body)
    except HTTPError as refusal:
        return refusal.code
    return 200
