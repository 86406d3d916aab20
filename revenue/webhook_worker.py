"""The thread of the serving process that turns providers' events into payments, right behind their answers."""

import logging
import threading
from typing import Final

from analytics_project.background import background_thread
from analytics_project.clock import monotonic_seconds
from analytics_project.errors import AppError
from revenue.webhook_services import forget_events, work_off_events
from stats.services import while_connected

logger = logging.getLogger(__name__)

EVERY_S: Final = 5.0  # events of a former process, or of another one, and those that are tried again
FORGET_EVERY_S: Final = 3600.0
LONGEST_STOP_S: Final = 10.0

_arrived = threading.Event()


def notice_events() -> None:
    """Let the worker look now."""
    _arrived.set()


class WebhookWorker:
    """Works events off until stopped; one that is cut short is worked by whoever comes next."""

    def __init__(self) -> None:
        self._stopping = False
        self._forgot_at: float | None = None
        self._thread = background_thread("webhooks", self._run)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the event that is under way."""
        self._stopping = True
        _arrived.set()
        self._thread.join(LONGEST_STOP_S)

    def _run(self) -> None:
        while not self._stopping:
            _arrived.wait(EVERY_S)
            _arrived.clear()
            try:
                while_connected(self._round)()
            except AppError as problem:
                logger.warning("webhooks are tried again: %s", problem)

    def _round(self) -> None:
        while not self._stopping and work_off_events():
            pass
        now = monotonic_seconds()
        if self._forgot_at is None or now - self._forgot_at >= FORGET_EVERY_S:
            forget_events()
            self._forgot_at = now
