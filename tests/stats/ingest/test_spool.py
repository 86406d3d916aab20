import errno
import os
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
