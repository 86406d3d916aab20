"""Turns of reports: how many at once, who waits, who is refused and how, and that no report goes without one."""

import asyncio
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from analytics_project.turns import REPORT_PATHS, Message, Receive, Send, Turns

REPORT = "/api/v2/query"


class SlowReports:
    """An application whose requests last until it is told; it notes how many it had at once."""

    def __init__(self) -> None:
        self.running = self.most = self.served = 0
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go_on.wait()
            if scope.get("fails"):
                raise ConnectionResetError
        finally:
            self.running -= 1
        self.served += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def get(turns: Turns, path: str = REPORT, **more: Any) -> list[Message]:
    """Return what one request is answered."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    await turns({"type": "http", "path": path, **more}, receive, send)
    return sent


async def until_idle() -> None:
    """Let every task go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_forty_eight_slow_reports_take_turns_and_all_are_answered() -> None:
    async def play() -> None:
        reports = SlowReports()
        turns = Turns(reports, at_once=4, max_wait_s=60)
        asked = [asyncio.create_task(get(turns)) for _ in range(48)]
        await until_idle()
        assert reports.running == 4
        reports.go_on.set()
        answers = await asyncio.gather(*asked)
        assert [answer[0]["status"] for answer in answers] == [200] * 48
        assert (reports.most, reports.served) == (4, 48)

    asyncio.run(play())


def test_who_waits_in_vain_is_refused_and_others_go_on() -> None:
    async def play() -> None:
        reports = SlowReports()
        turns = Turns(reports, at_once=1, max_wait_s=0.01)
        first = asyncio.create_task(get(turns))
        await until_idle()
        start, body = await get(turns)
        assert start["status"] == 503
        headers = dict(start["headers"])
        assert headers[b"content-type"] == b"application/json"
        assert int(headers[b"retry-after"]) > 0
        assert list(json.loads(body["body"])) == ["error"]
        other = asyncio.create_task(get(turns, "/api/health"))
        await until_idle()
        assert reports.running == 2
        reports.go_on.set()
        assert [(await task)[0]["status"] for task in (first, other)] == [200, 200]
        assert (await get(turns))[0]["status"] == 200

    asyncio.run(play())


def test_a_goal_that_a_server_reports_waits_for_no_report() -> None:
    async def play() -> None:
        reports = SlowReports()
        turns = Turns(reports, at_once=1, max_wait_s=60)
        asked = [asyncio.create_task(get(turns, "/api/v1/goals", method="GET")) for _ in range(2)]
        await until_idle()
        assert reports.running == 1
        reported = asyncio.create_task(get(turns, "/api/v1/goals", method="POST"))
        await until_idle()
        assert reports.running == 2
        reports.go_on.set()
        await asyncio.gather(reported, *asked)

    asyncio.run(play())


def test_a_report_that_fails_gives_its_turn_back() -> None:
    async def play() -> None:
        reports = SlowReports()
        reports.go_on.set()
        turns = Turns(reports, at_once=1, max_wait_s=0)
        for _ in range(3):
            with pytest.raises(ConnectionResetError):
                await get(turns, fails=True)
        assert (await get(turns))[0]["status"] == 200

    asyncio.run(play())


def routes(resolver: URLResolver, above: str = "/") -> Iterator[tuple[str, Any]]:
    """Yield path and view of every route."""
    for entry in resolver.url_patterns:
        path = above + re.sub(r"^\^|/\?\$$|\$$", "", str(entry.pattern))
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern):
            yield path, getattr(entry.callback, "view_class", None) or getattr(entry.callback, "cls", entry.callback)


def test_every_view_that_asks_for_numbers_takes_a_turn() -> None:
    asking = re.compile(r"^from stats\.(api\.answers|query\.run) import .*\b(answer|run_query)\b", re.MULTILINE)
    found = {
        path
        for path, view in routes(get_resolver())
        if (module := inspect.getmodule(view)) is not None and asking.search(inspect.getsource(module))
    }
    assert {"/api/v2/query", "/api/v1/stats/aggregate", "/api/v1/stats/realtime/visitors"} <= found
    assert sorted(path for path in found if not path.startswith(REPORT_PATHS)) == []
