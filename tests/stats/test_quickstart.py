"""`manage.py quickstart` as somebody meets it: a real process, the lines it prints, and a second run."""

import re
import shlex
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Site
from analytics_project.errors import StoreUnavailable
from stats.store.client import EventStore
from tests.e2e.server import REPOSITORY, START_SECONDS, ServerProcess

KEY = re.compile(r"ff_[\w-]{61}")


@dataclass(frozen=True)
class Started:
    """A quickstart that serves, what it had printed by then, and when it was started."""

    server: ServerProcess
    printed: str
    started_on: datetime

    @property
    def commands(self) -> list[str]:
        return [line.strip() for line in self.printed.splitlines() if line.startswith("  curl ")]


def quickstart(server: ServerProcess, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", "quickstart", *words],
        cwd=REPOSITORY,
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def ask(server: ServerProcess, command: str) -> Any:
    """Send what a printed curl command would send, and return the JSON answer."""
    program, *words = shlex.split(command)
    assert program == "curl"
    headers: dict[str, str] = {}
    url, body = "", None
    while words:
        word = words.pop(0)
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = words.pop(0).encode()
        else:
            url = word
    return server.exchange(urllib.request.Request(url, data=body, headers=headers))


def pageviews_before_today(started: Started, key: str) -> int:
    """Return the pageviews of the whole days before the first run, which nothing may change."""
    last, first = started.started_on - timedelta(days=1), started.started_on - timedelta(days=29)
    answer = started.server.get(
        f"/api/v1/stats/aggregate?site_id=sample.localhost&period=custom&date={first:%Y-%m-%d},{last:%Y-%m-%d}"
        "&metrics=pageviews",
        key,
    )
    views: int = answer["results"]["pageviews"]["value"]
    return views


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """Start in an empty directory and wait until it serves."""
    directory = tmp_path_factory.mktemp("quickstart")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ServerProcess(directory, port=port)
    output = directory / "output"
    started_on = datetime.now(UTC)
    with output.open("wb") as file:
        server.process = subprocess.Popen(
            [sys.executable, "manage.py", "quickstart", "--port", str(port)],
            cwd=REPOSITORY,
            env=server.environment(),
            stdout=file,
            stderr=file,
        )
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert server.process.poll() is None, output.read_text()
        try:
            with urllib.request.urlopen(f"{server.url}/api/health", timeout=5):
                break
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert time.monotonic() < deadline, output.read_text()
            threading.Event().wait(0.1)
    yield Started(server, output.read_text(), started_on)
    server.stop()


@pytest.mark.process
def test_three_printed_commands_are_answered_with_numbers(started: Started) -> None:
    realtime, aggregate, breakdown = (ask(started.server, command) for command in started.commands)
    assert realtime >= 1
    values = {name: metric["value"] for name, metric in aggregate["results"].items()}
    assert 3_000 < values["visitors"] <= values["visits"] < values["pageviews"]
    assert 0 < values["bounce_rate"] < 100
    assert "Google" in [row["dimensions"][0] for row in breakdown["results"]]
    assert len(breakdown["results"]) == 5


@pytest.mark.process
def test_sample_site_is_marked_as_made_up(started: Started) -> None:
    with sqlite3.connect(started.server.directory / "footfall.sqlite3") as database:
        marks = database.execute("SELECT domain, is_sample FROM accounts_site").fetchall()
    database.close()
    assert marks == [("sample.localhost", 1)]
    assert "made up" in started.printed


@pytest.mark.process
def test_sample_has_custom_events_with_properties_and_revenue(started: Started) -> None:
    key = KEY.findall(started.printed)[0]
    query = {
        "site_id": "sample.localhost",
        "date_range": "30d",
        "metrics": ["visitors", "events"],
        "dimensions": ["event:name"],
    }
    answer = started.server.post("/api/v2/query", query, {"Authorization": f"Bearer {key}"})
    events = {row["dimensions"][0]: row["metrics"][1] for row in answer["results"]}
    assert events["Purchase"] > 50
    assert events["Signup"] > 20


@pytest.mark.process
def test_second_quickstart_beside_a_running_one_says_what_holds_it(started: Started) -> None:
    same_port = quickstart(started.server, "--port", str(started.server.port))
    assert same_port.returncode == 1
    assert f"port {started.server.port}" in same_port.stderr
    same_store = quickstart(started.server, "--no-serve")
    assert same_store.returncode == 1
    assert "held by another process" in same_store.stderr
    assert "Traceback" not in same_port.stderr + same_store.stderr


@pytest.mark.process
def test_second_run_keeps_the_traffic_and_makes_a_further_key(started: Started) -> None:
    first_key = KEY.findall(started.printed)[0]
    before = pageviews_before_today(started, first_key)
    started.server.stop()
    again = quickstart(started.server, "--no-serve")
    started.server.start()
    assert again.returncode == 0, again.stderr
    second_key = KEY.findall(again.stdout)[0]
    assert second_key != first_key
    assert "as shown at the first run" in again.stdout
    assert pageviews_before_today(started, first_key) == before > 5_000
    assert pageviews_before_today(started, second_key) == before


def test_port_in_use_is_refused_before_a_store_is_touched() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"cannot listen on 127.0.0.1, port {port}"):
            call_command("quickstart", port=port)


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(CommandError, match=f"there is no port {port}"):
        call_command("quickstart", port=port)


def test_host_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match=r"cannot listen on 192\.0\.2\.1"):
        call_command("quickstart", host="192.0.2.1", port=8000)


@pytest.mark.django_db
def test_run_after_one_that_ended_while_writing_finishes_its_traffic(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first run ends between the sample's events and its visits, as a kill would end it."""
    real = EventStore.execute

    def cut(self: EventStore, sql: str, parameters: Any = None, *, tag: str, **rest: Any) -> None:
        if tag == "import sessions":
            raise StoreUnavailable("cut")
        real(self, sql, parameters, tag=tag, **rest)

    with monkeypatch.context() as cutting:
        cutting.setattr(EventStore, "execute", cut)
        with pytest.raises(CommandError, match="cut"):
            call_command("quickstart", no_serve=True)
    call_command("quickstart", no_serve=True)
    rows = store.read_rows(
        "SELECT uniqExact(session_id) AS visits, "
        "(SELECT sum(sign) FROM sessions WHERE site_id = {id:UInt32} AND is_visit) AS states "
        "FROM events WHERE site_id = {id:UInt32}",
        {"id": Site.objects.get(domain="sample.localhost").pk},
        tag="test",
    )
    assert rows[0]["visits"] == rows[0]["states"] > 5_000
