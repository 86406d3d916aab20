"""The only caller of the system clock, so that tests have one thing to move."""

import time
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, aware, in UTC."""
    return datetime.now(UTC)


def unix_seconds() -> int:
    """Return the current instant as whole seconds since 1970-01-01 UTC, cut, not rounded."""
    return int(time.time())


def monotonic_seconds() -> float:
    """Return a clock that never steps back, for durations and timeouts."""
    return time.monotonic()
