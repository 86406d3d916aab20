import errno
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from analytics_project.errors import StoreUnavailable
from stats.ingest import spool as spool_module
from stats.ingest.spool import Spool, SpoolFull


def open_spool(directory: Path, *, max_bytes: int = 10_000_000, sync_ms: int = 1_000) -> Spool:
    return Spool(directory, max_bytes=max_bytes, sync_ms=sync_ms)


def record(number: int) -> tuple[bytes, bytes]:
    return b'["event %d"]' % number, b'\n["visit %d"]' % number


def drain(spool: Spool, max_bytes: int = 1_000_000) -> list[bytes]:
    rows: list[bytes] = []
    while (batch := spool.next_batch(max_bytes)) is not None:
        rows.extend(batch.event_rows)
        spool.finish(batch)
    return rows


def test_batch_gives_back_rows_in_order_with_line_break_removed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1), record(2)])
    spool.append([(b'["ping"]', b"")])
    batch = spool.next_batch(1_000_000)
    assert batch is not None
    assert batch.event_rows == (b'["event 1"]', b'["event 2"]', b'["ping"]')
    assert batch.session_rows == (b'["visit 1"]', b'["visit 2"]')
    assert (batch.start, batch.end) == (0, spool.head)
    spool.finish(batch)
    assert spool.pending_bytes == 0
    assert spool.next_batch(1_000_000) is None
    spool.close()


def test_rows_of_identities_lie_between_events_and_survive_reopening(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1)], [b'["who 1"]'])
    spool.append((), [b'["who 2"]'])
    spool.append([(b'["ping"]', b"")])
    begun = spool.next_batch(1_000_000)
    spool.append((), [b'["who 3"]'])
    spool.close()
    reopened = open_spool(tmp_path)
    assert [event for event, _ in reopened.pending_rows()] == [b'["event 1"]', b'["ping"]']
    batch = reopened.next_batch(1_000_000)
    assert batch is not None
    assert batch == begun
    assert (batch.event_rows, batch.session_rows) == ((b'["event 1"]', b'["ping"]'), (b'["visit 1"]',))
    assert batch.identity_rows == (b'["who 1"]', b'["who 2"]')
    reopened.finish(batch)
    last = reopened.next_batch(1_000_000)
    assert last is not None
    assert (last.event_rows, last.identity_rows, last.end) == ((), (b'["who 3"]',), reopened.head)
    reopened.close()


def test_spool_of_a_former_release_is_read_and_its_tokens_stay_the_same(tmp_path: Path) -> None:
    event, visits = record(1)
    header = struct.pack("<IIII", len(event + visits), len(event), zlib.crc32(event + visits), 0x464F4F54)
    (tmp_path / f"{0:020d}.segment").write_bytes(header + event + visits)
    spool = open_spool(tmp_path)
    batch = spool.next_batch(1_000_000)
    assert batch is not None
    assert (batch.event_rows, batch.session_rows, batch.identity_rows) == ((event,), (visits[1:],), ())
    assert (batch.start, batch.end, batch.checksum) == (0, len(header + event + visits), zlib.crc32(event))
    spool.close()


def test_unfinished_batch_returns_after_reopening_with_the_same_bounds(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1)])
    begun = spool.next_batch(1_000_000)
    spool.append([record(2)])
    spool.close()
    reopened = open_spool(tmp_path)
    assert reopened.next_batch(1_000_000) == begun
    assert begun is not None
    reopened.finish(begun)
    assert drain(reopened) == [b'["event 2"]']
    reopened.close()


def test_finished_records_do_not_return_after_reopening(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1)])
    assert drain(spool) == [b'["event 1"]']
    spool.append([record(2)])
    spool.close()
    reopened = open_spool(tmp_path)
    assert [event for event, _ in reopened.pending_rows()] == [b'["event 2"]']
    assert drain(reopened) == [b'["event 2"]']
    reopened.close()


@pytest.mark.parametrize("cut_bytes", range(1, 42), ids=lambda cut: f"last {cut} bytes lost")
def test_torn_last_record_is_cut_and_earlier_ones_survive(tmp_path: Path, cut_bytes: int) -> None:
    spool = open_spool(tmp_path)
    first = spool.append([record(1)])
    end = spool.append([record(2)])
    spool.close()
    segment = next(tmp_path.glob("*.segment"))
    size = segment.stat().st_size
    cut = min(cut_bytes, end - first)
    os.truncate(segment, size - cut)
    reopened = open_spool(tmp_path)
    assert reopened.head == first
    reopened.append([record(3)])
    assert drain(reopened) == [b'["event 1"]', b'["event 3"]']
    reopened.close()


def test_damaged_byte_in_last_record_drops_that_record_only(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1)])
    spool.append([record(2)])
    spool.close()
    segment = next(tmp_path.glob("*.segment"))
    data = bytearray(segment.read_bytes())
    data[-3] ^= 0xFF
    segment.write_bytes(data)
    reopened = open_spool(tmp_path)
    assert drain(reopened) == [b'["event 1"]']
    reopened.close()


def test_segments_rotate_and_finished_ones_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 200)
    spool = open_spool(tmp_path)
    expected = []
    for number in range(50):
        spool.append([record(number)])
        expected.append(b'["event %d"]' % number)
    assert len(list(tmp_path.glob("*.segment"))) > 5
    assert drain(spool, max_bytes=90) == expected
    assert len(list(tmp_path.glob("*.segment"))) == 1
    spool.close()


def test_rotated_spool_replays_everything_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 200)
    spool = open_spool(tmp_path)
    for number in range(20):
        spool.append([record(number)])
    batch = spool.next_batch(100)
    assert batch is not None
    spool.finish(batch)
    spool.close()
    reopened = open_spool(tmp_path)
    done = len(batch.event_rows)
    expected = [b'["event %d"]' % number for number in range(done, 20)]
    assert [event for event, _ in reopened.pending_rows()] == expected
    assert drain(reopened) == expected
    reopened.close()


def test_positions_lost_by_a_power_cut_are_not_used_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1), record(2)])
    drain(spool)
    written = spool.head
    spool.close()
    os.truncate(next(tmp_path.glob("*.segment")), 10)
    reopened = open_spool(tmp_path)
    assert reopened.head == written
    reopened.append([record(3)])
    assert drain(reopened) == [b'["event 3"]']
    reopened.close()


def test_torn_mark_leaves_the_former_one(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1)])
    drain(spool)
    done = spool.done
    spool.close()
    mark = tmp_path / "mark"
    slots = bytearray(mark.read_bytes())
    newest = 0 if slots[0] > slots[32] else 32
    slots[newest + 10] ^= 0xFF
    mark.write_bytes(slots)
    reopened = open_spool(tmp_path)
    assert (reopened.done, reopened.intent) == (0, done)
    reopened.close()


def test_full_spool_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=100)
    spool.append([record(1)])
    with pytest.raises(SpoolFull) as refusal:
        spool.append([record(2), record(3), record(4)])
    assert refusal.value.status == 503
    assert "Retry-After" in refusal.value.headers
    assert drain(spool) == [b'["event 1"]']
    spool.append([record(2)])
    assert drain(spool) == [b'["event 2"]']
    spool.close()


def test_full_disk_refuses_and_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1)])
    real_write = os.write

    def write_half(fd: int, data: bytes) -> int:
        real_write(fd, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", write_half)
        with pytest.raises(StoreUnavailable):
            spool.append([record(2)])
    spool.append([record(3)])
    assert drain(spool) == [b'["event 1"]', b'["event 3"]']
    spool.close()
    assert open_spool(tmp_path).pending_bytes == 0


def test_second_process_is_refused_with_a_hint(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pytest.raises(StoreUnavailable, match="SPOOL_DIR"):
        open_spool(tmp_path)
    spool.close()
    open_spool(tmp_path).close()


def test_sync_per_append_works_without_a_timer(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, sync_ms=0)
    spool.append([record(1)])
    assert drain(spool) == [b'["event 1"]']
    spool.close()


def rotated(directory: Path, monkeypatch: pytest.MonkeyPatch, *, sync_ms: int = 1_000) -> Spool:
    """Return a spool of six records in three segments."""
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 70)
    spool = open_spool(directory, sync_ms=sync_ms)
    for number in range(6):
        spool.append([record(number)])
    assert len(list(directory.glob("*.segment"))) == 3
    return spool


def test_rotation_without_a_timer_keeps_no_file_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    spool = rotated(tmp_path, monkeypatch, sync_ms=0)
    assert len(list(Path("/dev/fd").iterdir())) == before + 3  # lock, mark, the segment being written
    assert len(drain(spool)) == 6
    spool.close()


def test_rotation_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = rotated(tmp_path, monkeypatch)

    def no_descriptor(path: Path, flags: int, mode: int = 0o777) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as busy:
        busy.setattr(os, "open", no_descriptor)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                spool.append([record(99)])
    spool._sync()
    for number in range(6, 9):
        spool.append([record(number)])
    assert drain(spool, max_bytes=40) == [b'["event %d"]' % number for number in range(9)]
    spool.close()
    assert open_spool(tmp_path).pending_bytes == 0


@pytest.mark.parametrize("left_bytes", [0, 10, 41])
def test_lost_end_of_an_older_segment_costs_what_it_held_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left_bytes: int
) -> None:
    rotated(tmp_path, monkeypatch).close()
    _, middle, _ = sorted(tmp_path.glob("*.segment"))
    os.truncate(middle, left_bytes)
    reopened = open_spool(tmp_path)
    survivors = [0, 1, 4, 5] if left_bytes < 41 else [0, 1, 2, 4, 5]
    assert drain(reopened) == [b'["event %d"]' % number for number in survivors]
    assert reopened.pending_bytes == 0
    reopened.append([record(6)])
    assert drain(reopened) == [b'["event 6"]']
    reopened.close()


def test_lost_mark_does_not_stop_the_spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = rotated(tmp_path, monkeypatch)
    batch = spool.next_batch(1_000)
    assert batch is not None
    spool.finish(batch)
    spool.close()
    (tmp_path / "mark").unlink()
    reopened = open_spool(tmp_path)
    assert drain(reopened) == [b'["event %d"]' % number for number in range(2, 6)]
    reopened.close()


def test_mark_that_cannot_be_written_leaves_the_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path)
    spool.append([record(1)])
    drain(spool)
    done = spool.done
    spool.append([record(2)])
    real_pwrite = os.pwrite

    def torn(fd: int, data: bytes, offset: int) -> int:
        real_pwrite(fd, data[:5], offset)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", torn)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                spool.next_batch(1_000)
    spool.close()
    reopened = open_spool(tmp_path)
    assert reopened.done == done
    assert drain(reopened) == [b'["event 2"]']
    reopened.close()


def test_record_of_the_largest_possible_event_is_read_back(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    huge = (b"x" * 420_000, b"\n" + b"y" * 840_000)
    spool.append([huge, huge])
    assert drain(spool, max_bytes=1) == [huge[0], huge[0]]
    spool.close()


class Killed(BaseException):
    """The process has died."""


SYSTEM_CALLS = ("open", "write", "pwrite", "fdatasync", "unlink")


def die_before(call: int, patch: pytest.MonkeyPatch) -> None:
    """Let the process die before its system call of that number."""
    left = iter(range(call))

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call_or_die(*args: object, **kwargs: object) -> object:
            if next(left, None) is None:
                raise Killed
            return real(*args, **kwargs)

        return call_or_die

    for name in SYSTEM_CALLS:
        patch.setattr(os, name, counted(getattr(os, name)))


@pytest.mark.parametrize("call", range(51))
def test_process_that_dies_before_any_system_call_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 100)
    stored: dict[tuple[int, int, int], tuple[bytes, ...]] = {}
    accepted: list[bytes] = []

    def store(spool: Spool, max_bytes: int) -> None:
        while (batch := spool.next_batch(max_bytes)) is not None:
            stored.setdefault((batch.start, batch.end, batch.checksum), batch.event_rows)
            spool.finish(batch)

    def work(spool: Spool) -> None:
        for number in range(12):
            spool.append([record(number)])
            accepted.append(record(number)[0])
            if number % 3 == 2:
                store(spool, max_bytes=50)

    spool = open_spool(tmp_path, sync_ms=60_000)
    with monkeypatch.context() as machine:
        die_before(call, machine)
        with suppress(Killed):
            work(spool)
    spool.close()  # lets go of the lock and changes nothing else
    reopened = open_spool(tmp_path)
    store(reopened, max_bytes=1_000)
    rows = [row for rows in stored.values() for row in rows]
    assert rows[: len(accepted)] == accepted
    assert len(rows) == len(set(rows)) <= len(accepted) + 1
    reopened.close()
