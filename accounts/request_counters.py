"""How often somebody has asked within the current window: in memory, or in Redis for all processes together.

Windows are fixed and aligned to the clock (unix time divided by their length), so up to twice a limit may pass around a
boundary. Source: key contract, section 7.
"""

import hashlib
import logging
import threading
from typing import Final

from limits.errors import StorageError
from limits.storage import RedisStorage, Storage
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry

from analytics_project.clock import monotonic_seconds, unix_seconds

REDIS_TIMEOUT_S: Final = 0.5
REDIS_PAUSE_S: Final = 5.0
KEPT_AFTER_S: Final = 60

logger = logging.getLogger(__name__)


class MemoryCounts:
    """Counts of this process alone; exact under parallel requests. What has ended is forgotten once a minute.

    The library's own memory storage starts a thread with nearly every request (1.1 ms of waiting on two busy cores,
    where this takes 0.02) and loses counts that come at the same moment.
    """

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}
        self._swept_at = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._counts)

    def incr(self, name: str, ends_at: int) -> int:
        """Count one more under a name that is forgotten after `ends_at` (unix seconds), and return how many."""
        now = unix_seconds()
        with self._lock:
            if not 0 <= now - self._swept_at < KEPT_AFTER_S:
                self._swept_at = now
                self._counts = {name: kept for name, kept in self._counts.items() if kept[1] > now}
            count = self._counts.get(name, (0, 0))[0] + 1
            self._counts[name] = (count, ends_at)
        return count


class RequestCounters:
    """Counts requests by subject and window, one process's own or those that Redis holds for all.

    Without an answer from Redis this process counts for itself, and asks again after `REDIS_PAUSE_S`: requests go on,
    each process lets a whole limit through, and a Redis that hangs costs one request in five seconds half a second.
    """

    def __init__(self, shared: Storage | None = None) -> None:
        self._shared = shared
        self._shared_again_at = 0.0
        self._memory = MemoryCounts()

    def count(self, subject: str, window_s: int) -> int:
        """Count one more request and return how many the current window has seen, this one included."""
        number = unix_seconds() // window_s
        name = f"{subject}/{window_s}/{number}"
        if self._shared is not None and monotonic_seconds() >= self._shared_again_at:
            try:
                return self._shared.incr(name, window_s + KEPT_AFTER_S)
            except StorageError as problem:
                self._shared_again_at = monotonic_seconds() + REDIS_PAUSE_S
                logger.warning(
                    "Redis does not count requests (%s): for %.0f s this process counts them for itself",
                    type(problem.storage_error).__name__,
                    REDIS_PAUSE_S,
                )
        return self._memory.incr(name, (number + 1) * window_s)


def seconds_left(window_s: int) -> int:
    """Return after how many seconds the current window ends, at least 1."""
    return window_s - unix_seconds() % window_s


def redis_counts(url: str, secret: str) -> RedisStorage:
    """Return the counts of one installation in Redis; nothing is connected before the first request.

    Names begin with a hash of the server's secret, so that several installations may use one Redis.
    """
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),  # once more, for a connection that Redis has closed meanwhile
    )
    installation = hashlib.sha256(f"request counts of {secret}".encode()).hexdigest()[:12]
    return RedisStorage(url, connection_pool=pool, key_prefix=f"footfall:{installation}", wrap_exceptions=True)
