"""`/api/error`, where very old tracker scripts report their failures."""

import asyncio
from typing import Any

import pytest

from stats.ingest.views import answer_error_report


def ask(method: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(answer_error_report({"type": "http", "method": method, "path": "/api/error"}, receive, send))
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_report_is_taken_and_nothing_said(method: str) -> None:
    status, headers, body = ask(method)
    assert (status, headers["content-length"], body) == (200, "0", b"")


@pytest.mark.parametrize("method", ["POST", "TRACE", "OPTIONS"])
def test_other_methods_are_told_the_right_one(method: str) -> None:
    status, headers, body = ask(method)
    assert (status, headers["allow"]) == (405, "GET")
    assert method.encode() in body
