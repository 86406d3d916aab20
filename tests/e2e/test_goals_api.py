"""The Goals API on a real server: paths as they are sent, many equal reports at once, and a kill after the answers."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.parse import quote

import pytest

from tests.e2e.completions import completion_status, completion_statuses
from tests.e2e.conftest import Served

NAMES = ("100%", "100%25", "a+b", "a b", "a/b", "Käufe", "?", "x/completions", "..")


@pytest.mark.process
def test_goals_api_on_a_real_server(served: Served) -> None:
    """One server for all: its start is what costs."""
    _two_hundred_equal_reports_are_one_completion(served)
    _name_in_a_path_is_decoded_once(served)
    _reports_that_were_answered_survive_a_kill(served)
    assert (served.server.directory / "server.log").read_text().count("Traceback") == 0


def _two_hundred_equal_reports_are_one_completion(served: Served) -> None:
    assert Counter(completion_statuses([served.server], served.key, served.domain)) == {201: 1, 200: 199}
    (goal,) = served.server.get(f"/api/v1/goals?site_id={served.domain}", served.key)["results"]
    assert list(goal.values()) == ["signup", 1, 1, 1.0]


def _name_in_a_path_is_decoded_once(served: Served) -> None:
    for name in NAMES:
        body: dict[str, object] = {"name": name, "visitor_id": "ann"}
        assert completion_status(served.server, served.key, served.domain, body) == 201
    for name in NAMES:
        path = f"/api/v1/goals/{quote(name, safe='')}/completions?site_id={served.domain}"
        answer = served.server.get(path, served.key)
        assert (answer["meta"]["goal_name"], len(answer["results"])) == (name, 1)
    with pytest.raises(HTTPError) as refused:
        served.server.get(f"/api/v1/goals/%FF/completions?site_id={served.domain}", served.key)
    with refused.value as answer:
        assert answer.code == 400


def _reports_that_were_answered_survive_a_kill(served: Served) -> None:
    def report(number: int) -> int:
        body: dict[str, object] = {"name": "kept", "visitor_id": f"v{number}"}
        status = completion_status(served.server, served.key, served.domain, body)
        if number == 40:
            served.server.kill()
        return status

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(report, range(80)))
    served.server.start()
    rows = served.server.get(f"/api/v1/goals/kept/completions?site_id={served.domain}&limit=1000", served.key)[
        "results"
    ]
    kept = {row["visitor_id"] for row in rows}
    assert {f"v{number}" for number, status in enumerate(answered) if status == 201} <= kept
    assert len(kept) == len(rows) >= 30
    assert set(answered) == {201, 0}
