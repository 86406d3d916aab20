"""Reports take turns: few at once, so that they neither use up the memory nor hold every thread of the server."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from analytics_project.errors import StoreBusy, error_body

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

# Whatever asks the event store for numbers; tests/analytics_project/test_turns.py finds a view that is missing here.
REPORT_PATHS: Final = (
    "/api/v1/stats/",
    "/api/v1/goals",
    "/api/v1/revenue",
    "/api/v2/query",
    "/api/docs/query",
    "/api/v2/funnel",
    "/api/v2/retention",
    "/api/v2/journeys",
)
# A POST there reports a goal, which is kept at once.
KEPT_PATHS: Final = ("/api/v1/goals",)


class Turns:
    """Hands reports to an application, `at_once` at a time; the others wait without a thread, for `max_wait_s` at most.

    Who waited in vain is answered 503 with Retry-After and costs the event store nothing.
    """

    def __init__(self, application: Application, *, at_once: int, max_wait_s: float) -> None:
        self._application = application
        self._turns = asyncio.Semaphore(at_once)
        self._max_wait_s = max_wait_s

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_kept = scope.get("method") == "POST" and scope["path"].startswith(KEPT_PATHS)
        if is_kept or not scope["path"].startswith(REPORT_PATHS):
            await self._application(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._max_wait_s):
                await self._turns.acquire()
        except TimeoutError:
            await _refuse(send)
            return
        try:
            await self._application(scope, receive, send)
        finally:
            self._turns.release()


async def _refuse(send: Send) -> None:
    error = StoreBusy("too many reports at once; try again in a moment")
    headers = {"Content-Type": "application/json", **error.headers}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": encoded})
    await send({"type": "http.response.body", "body": json.dumps(error_body(error)).encode()})
