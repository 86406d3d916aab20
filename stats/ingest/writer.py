"""One thread that takes the spool's records in order and puts them into the event store, each exactly once."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from analytics_project.clock import monotonic_seconds
from analytics_project.errors import AppError, InvalidRows, StoreTimeout
from stats.ingest.spool import Batch, Spool
from stats.store.schema import EVENT_COLUMNS, IDENTITY_COLUMNS, SESSION_COLUMNS

logger = logging.getLogger(__name__)

BATCH_BYTES = 4_000_000
BATCH_AGE_S = 0.5
LONGEST_PAUSE_S = 10.0
FRESH_READ_TIMEOUT_S = 30.0


class RowSink(Protocol):
    """What the writer needs of the event store."""

    def insert_lines(self, table: str, columns: tuple[str, ...], body: bytes, *, token: str) -> None:
        """Insert rows once: a repeated token changes nothing."""


class Writer:
    """Batches by age and by size. A failed batch stays in the spool and is tried again with the same token."""

    def __init__(self, spool: Spool, open_sink: Callable[[], RowSink]) -> None:
        self._spool = spool
        self._open_sink = open_sink
        self._wanted = threading.Event()
        self._moved = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="spool-writer", daemon=True)
        self.failing_since: float | None = None
        self.refused_events: deque[bytes] = deque()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is there and end; what the store does not take stays in the spool."""
        self._stopping = True
        self._wanted.set()
        self._thread.join()

    def wait_until(self, position: int) -> None:
        """Return once everything before `position` is in the store. Raises: StoreTimeout when it takes too long."""
        if self._spool.done >= position:
            return
        deadline = monotonic_seconds() + FRESH_READ_TIMEOUT_S
        with self._moved:
            while self._spool.done < position:
                self._wanted.set()
                remaining = deadline - monotonic_seconds()
                if remaining <= 0 or not self._thread.is_alive():
                    raise StoreTimeout("the newest events are not in the event store yet")
                self._moved.wait(min(remaining, 1.0))

    def _run(self) -> None:
        try:
            self._write_until_stopped()
        finally:
            if not self._stopping:  # an error that nobody foresaw ends the thread: health must not call it well
                self.failing_since = monotonic_seconds()

    def _write_until_stopped(self) -> None:
        pause = BATCH_AGE_S
        while True:
            if not self._spool.pending_bytes or self._spool.pending_bytes < BATCH_BYTES or self.failing_since:
                self._wanted.wait(pause)
            self._wanted.clear()
            pause = BATCH_AGE_S if self._write_one() else min(pause * 2, LONGEST_PAUSE_S)
            if self._stopping and (self.failing_since is not None or not self._spool.pending_bytes):
                return

    def _write_one(self) -> bool:
        """Write the next batch, if there is one; tell whether the store is well."""
        try:
            batch = self._spool.next_batch(BATCH_BYTES)
            if batch is None:
                return True
            self._insert(batch)
            self._spool.finish(batch)
        except (AppError, OSError) as problem:
            if self.failing_since is None:
                self.failing_since = monotonic_seconds()
            logger.warning("a batch stays in the spool, the event store or the disk refused it: %s", problem)
            return False
        self.failing_since = None
        with self._moved:
            self._moved.notify_all()
        return True

    def _insert(self, batch: Batch) -> None:
        if not batch.event_rows and not batch.identity_rows:
            return
        sink = self._open_sink()
        token = f"spool-{batch.start}-{batch.end}-{batch.checksum:08x}"
        refused = _insert_rows(partial(sink.insert_lines, "events", EVENT_COLUMNS), batch.event_rows, token)
        _insert_rows(partial(sink.insert_lines, "sessions", SESSION_COLUMNS), batch.session_rows, token)
        _insert_rows(partial(sink.insert_lines, "identities", IDENTITY_COLUMNS), batch.identity_rows, token)
        self.refused_events.extend(refused)


def _insert_rows(insert: Callable[..., None], rows: tuple[bytes, ...], token: str) -> list[bytes]:
    """Insert rows but those that do not fit their columns, which are returned: one would block all later ones.

    Halves get tokens of their own, the same on every try, so that a retry counts nothing twice.
    """
    if not rows:
        return []
    try:
        insert(b"\n".join(rows), token=token)
    except InvalidRows:
        if len(rows) == 1:
            logger.warning("an event's row of %d bytes does not fit the event store and is left out", len(rows[0]))
            return [rows[0]]
        middle = len(rows) // 2
        return [
            *_insert_rows(insert, rows[:middle], f"{token}.0"),
            *_insert_rows(insert, rows[middle:], f"{token}.1"),
        ]
    return []
