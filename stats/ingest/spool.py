"""The durable queue between the answer 202 and the event store.

What `append` has returned for survives the death of the process: the bytes are with the operating system. A timer hands
them to the disk (`sync_ms`), so a power cut may cost the last interval; with 0 every append waits for the disk.

On disk: segment files named after the position of their first byte, and a small mark file. A position is a byte offset
over the life of the spool and only grows. A record is a 16-byte header (payload length, length of the event row, CRC-32
of the payload, magic) and the payload: one event row and, each after a line break, the visit rows of the same event.
Under a magic of its own the payload is one row that says who a visitor is.
"""

import fcntl
import logging
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from analytics_project.background import background_thread
from analytics_project.errors import StoreUnavailable

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 32_000_000
LARGEST_RECORD_BYTES = 2_000_000  # 30 properties of escaped control characters, three times, are 1.3 MB
_HEADER = struct.Struct("<IIII")
_MAGIC = 0x464F4F54
_IDENTITY_MAGIC = 0x464F4F49
_MAGICS = frozenset({_MAGIC, _IDENTITY_MAGIC})
_MARK = struct.Struct("<QQQI")
_MARK_SLOT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records: the half-open range of positions, their rows, and a checksum of all but the visit rows."""

    start: int
    end: int
    event_rows: tuple[bytes, ...]
    session_rows: tuple[bytes, ...]
    checksum: int
    identity_rows: tuple[bytes, ...] = ()


class _Record(NamedTuple):
    """One record between two offsets of a segment: the event row, or nothing, and all other rows."""

    start: int
    end: int
    event: bytes
    rest: bytes


class SpoolFull(StoreUnavailable):
    code = "spool_full"


class Spool:
    """Appends from one thread, reads batches and moves the mark from another."""

    def __init__(self, directory: Path, *, max_bytes: int, sync_ms: int) -> None:
        """Open or create the spool. Raises: StoreUnavailable when another process has it open."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._max_bytes = max_bytes
        self._sync_ms = sync_ms
        self._lock_file = _lock(directory)
        self._mark = _MarkFile(directory / "mark")
        self.done, self.intent = self._mark.read()
        self._segments = _segments(directory)  # replaced, never changed in place: two threads read it
        self._segments_lock = threading.Lock()
        self.head = self._recover()
        self._fd = _open_segment(self._segments[-1][1])
        self._retired: list[int] = []
        self._dirty = False
        self._broken = False
        self._stopping = threading.Event()
        self._sync_thread: threading.Thread | None = None
        if sync_ms:
            self._sync_thread = background_thread("spool-sync", self._sync_forever)
            self._sync_thread.start()

    # ---- writing -----------------------------------------------------------------------------------------------------

    def append(self, records: Sequence[tuple[bytes, bytes]], identities: Sequence[bytes] = ()) -> int:
        """Keep all records or none, and return the position after them.

        A record is (event row, visit rows each preceded by a line break); `identities` are rows that say who visitors
        are, kept behind them. Raises: SpoolFull when the store has been behind for too long; StoreUnavailable when the
        disk refuses.
        """
        data = b"".join(
            [
                _HEADER.pack(len(event) + len(sessions), len(event), zlib.crc32(sessions, zlib.crc32(event)), _MAGIC)
                + event
                + sessions
                for event, sessions in records
            ]
            + [_HEADER.pack(len(row), 0, zlib.crc32(row), _IDENTITY_MAGIC) + row for row in identities]
        )
        if self.head - self.done + len(data) > self._max_bytes:
            raise SpoolFull("the event store is behind and the spool is full")
        try:
            if self.head - self._segments[-1][0] >= SEGMENT_BYTES:
                self._rotate()
            self._write(data)
        except OSError as problem:
            logger.exception("the spool cannot be written")
            raise StoreUnavailable("the disk under the spool does not take more") from problem
        self.head += len(data)
        self._dirty = True
        return self.head

    def _write(self, data: bytes) -> None:
        """Write all of `data` or leave the file as it was."""
        if self._broken:
            raise OSError("the spool's last segment could not be mended after a failed write")
        try:
            written = os.write(self._fd, data)
            if written < len(data):
                raise OSError(f"only {written} of {len(data)} bytes fitted")
            if not self._sync_ms:
                os.fdatasync(self._fd)
        except OSError:
            self._broken = True
            os.ftruncate(self._fd, self.head - self._segments[-1][0])
            self._broken = False
            raise

    def _rotate(self) -> None:
        """Go on in a new segment; the timer syncs and closes the old one, so that no event waits for the disk.

        Nothing has changed when the new one cannot be made, for want of a file descriptor, say.
        """
        path = _segment_path(self._directory, self.head)
        fd = _open_segment(path)
        with self._segments_lock:
            self._segments = [*self._segments, (self.head, path)]
        former, self._fd = self._fd, fd
        if self._sync_ms:
            self._retired.append(former)
        else:  # nothing is left to sync, and no timer runs
            os.close(former)

    def _sync_forever(self) -> None:
        while not self._stopping.wait(self._sync_ms / 1000):
            if self._dirty or self._retired:
                self._dirty = False
                self._sync()

    def _sync(self) -> None:
        """Hand what was written to the disk; a retired segment is then done with."""
        try:
            while self._retired:
                os.fdatasync(self._retired[0])
                os.close(self._retired.pop(0))
            current = os.dup(self._fd)  # rotation may retire the original meanwhile
            try:
                os.fdatasync(current)
            finally:
                os.close(current)
        except OSError:
            logger.exception("the spool could not be synced to disk")

    # ---- reading -----------------------------------------------------------------------------------------------------

    @property
    def pending_bytes(self) -> int:
        """Bytes accepted and not yet in the store."""
        return self.head - self.done

    def next_batch(self, max_bytes: int) -> Batch | None:
        """Return the records after the mark, or None.

        A batch that was begun and not finished comes back with exactly its former bounds, so that its
        deduplication token is the former one; the bounds of a new one are kept on disk before it is returned.
        """
        start = self.done
        if self.intent > start:
            return self._read(start, self.intent)
        batch = self._read(start, min(self.head, start + max_bytes), whole=False)
        if batch is not None:
            self._mark.write(start, batch.end)
            self.intent = batch.end
        return batch

    def finish(self, batch: Batch) -> None:
        """Move the mark behind a batch that is in the store and drop the segments before it."""
        self._mark.write(batch.end, batch.end)
        self.done = self.intent = batch.end
        with self._segments_lock:
            finished = [path for (_, path), (following, _) in pairwise(self._segments) if following <= self.done]
            self._segments = self._segments[len(finished) :]
        for path in finished:
            path.unlink(missing_ok=True)

    def pending_rows(self) -> Iterable[tuple[bytes, bytes]]:
        """Yield (event row, visit rows) of every event after the mark, oldest first; for recovery at start."""
        for start, path in self._segments:
            for record in _records(path.read_bytes()):
                if start + record.start >= self.done and record.event:
                    yield record.event, record.rest

    def _read(self, start: int, end: int, *, whole: bool = True) -> Batch | None:
        """Return the records of [start, end); unless `whole`, as many as fit, and at least one.

        A power cut may take the end of a segment and leave the next one: what is lost comes back as an empty batch.
        """
        if end <= start:
            return None
        segment_start, path = self._segment_of(start)
        segment_end = min(self.head, self._following_start(segment_start))
        limit = end if whole else min(max(end, start + 1), segment_end)
        with path.open("rb") as file:
            file.seek(start - segment_start)
            data = file.read(min(limit + LARGEST_RECORD_BYTES, segment_end) - start)
        events: list[bytes] = []
        sessions: list[bytes] = []
        identities: list[bytes] = []
        checksum, stop = 0, start
        for record in _records(data):
            if start + record.start >= limit:
                break
            if not record.event:
                identities.append(record.rest)
            else:
                events.append(record.event)
                if record.rest:
                    sessions.append(record.rest[1:])
            checksum = zlib.crc32(record.event or record.rest, checksum)
            stop = start + record.end
        if stop == start:
            if path == self._segments[-1][1]:
                raise StoreUnavailable(f"the spool cannot be read at position {start} of {path.name}")
            logger.error("%d bytes of accepted events at position %d of the spool are lost", segment_end - start, start)
            stop = segment_end
        return Batch(start, stop, tuple(events), tuple(sessions), checksum, tuple(identities))

    def _segment_of(self, position: int) -> tuple[int, Path]:
        for start, path in reversed(self._segments):
            if start <= position:
                return start, path
        raise StoreUnavailable(f"the spool has no segment for position {position}")

    def _following_start(self, segment_start: int) -> int:
        return next((start for start, _ in self._segments if start > segment_start), self.head)

    # ---- opening and closing -----------------------------------------------------------------------------------------

    def _recover(self) -> int:
        """Cut a torn last record off, and return the position at which the next one goes."""
        if not self._segments:
            self._segments.append((self.done, _segment_path(self._directory, self.done)))
            return self.done
        if self.done < self._segments[0][0]:
            logger.error("the spool's mark is lost; what its oldest segment holds may be written a second time")
            self.done = self.intent = self._segments[0][0]
        start, path = self._segments[-1]
        data = path.read_bytes()
        good = 0
        for record in _records(data):
            good = record.end
        if good < len(data):
            logger.warning("the spool's last record was torn by a crash: %d bytes cut", len(data) - good)
            os.truncate(path, good)
        head = start + good
        if head < self.done:  # a power cut took bytes that the store already has: never reuse their positions
            self._segments.append((self.done, _segment_path(self._directory, self.done)))
            return self.done
        return head

    def close(self) -> None:
        """Hand everything to the disk and let another process open the spool."""
        self._stopping.set()
        if self._sync_thread is not None:
            self._sync_thread.join()
        self._sync()
        os.close(self._fd)
        self._mark.close()
        os.close(self._lock_file)


class _MarkFile:
    """Two slots written in turn, each with its checksum, so that one torn write leaves the other to be read."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._sequence = 0

    def read(self) -> tuple[int, int]:
        """Return (position up to which the store has everything, end of the batch begun)."""
        best = (0, 0, 0)
        for slot in (0, 1):
            raw = os.pread(self._fd, _MARK.size, slot * _MARK_SLOT_BYTES)
            if len(raw) == _MARK.size:
                sequence, done, intent, checksum = _MARK.unpack(raw)
                if checksum == zlib.crc32(raw[:-4]) and sequence > best[0]:
                    best = (sequence, done, intent)
        self._sequence = best[0]
        return best[1], best[2]

    def write(self, done: int, intent: int) -> None:
        """Keep both on disk; a write that fails is repeated in the same slot, the other one stays good."""
        sequence = self._sequence + 1
        raw = _MARK.pack(sequence, done, intent, 0)[:-4]
        os.pwrite(self._fd, raw + struct.pack("<I", zlib.crc32(raw)), (sequence % 2) * _MARK_SLOT_BYTES)
        os.fdatasync(self._fd)
        self._sequence = sequence

    def close(self) -> None:
        os.close(self._fd)


def _records(data: bytes) -> Iterable[_Record]:
    """Yield every whole and undamaged record from the start of `data`."""
    offset, size = 0, len(data)
    while offset + _HEADER.size <= size:
        length, event_length, checksum, magic = _HEADER.unpack_from(data, offset)
        body = offset + _HEADER.size
        if magic not in _MAGICS or event_length > length or body + length > size:
            return
        event, rest = data[body : body + event_length], data[body + event_length : body + length]
        if zlib.crc32(rest, zlib.crc32(event)) != checksum:
            return
        yield _Record(offset, body + length, event, rest)
        offset = body + length


def _segments(directory: Path) -> list[tuple[int, Path]]:
    return sorted((int(path.stem), path) for path in directory.glob("*.segment"))


def _segment_path(directory: Path, position: int) -> Path:
    return directory / f"{position:020d}.segment"


def _open_segment(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _lock(directory: Path) -> int:
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(fd)
        raise StoreUnavailable(
            f"another process takes events with the spool in {directory}; stop it or set SPOOL_DIR"
        ) from problem
    return fd
