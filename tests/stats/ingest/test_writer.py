from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from analytics_project.errors import InvalidRows, StoreTimeout, StoreUnavailable
from stats.ingest import writer as writer_module
from stats.ingest.spool import Batch, Spool
from stats.ingest.writer import Writer

EVENT, VISIT = b"[1]", b"\n[2]"


class RecordingSink:
    """Takes rows once per table and token, like the store; fails as often as told, before or after taking them."""

    def __init__(self, *, failures: Sequence[str] = (), unfit: Collection[bytes] = ()) -> None:
        self.failures = list(failures)
        self.unfit = unfit
        self.tables: dict[str, list[bytes]] = {"events": [], "sessions": []}
        self.tokens: list[tuple[str, str]] = []

    def insert_lines(self, table: str, columns: tuple[str, ...], body: bytes, *, token: str) -> None:
        failure = self.failures.pop(0) if self.failures else ""
        if failure == "before":
            raise StoreUnavailable("down")
        if not set(body.split(b"\n")).isdisjoint(self.unfit):
            raise InvalidRows("unfit")
        if (table, token) not in self.tokens:
            self.tokens.append((table, token))
            self.tables.setdefault(table, []).extend(body.split(b"\n"))
        if failure == "after":
            raise StoreUnavailable("the answer was lost")


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "BATCH_AGE_S", 0.001)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE_S", 0.004)


def run(directory: Path, sink: RecordingSink, events: int) -> Spool:
    spool = Spool(directory, max_bytes=1_000_000, sync_ms=1_000)
    writer = Writer(spool, lambda: sink)
    spool.append([(EVENT, VISIT)] * events)
    writer.start()
    writer.wait_until(spool.head)
    writer.stop()
    return spool


def test_rows_arrive_in_both_tables(tmp_path: Path) -> None:
    sink = RecordingSink()
    spool = run(tmp_path, sink, 3)
    assert sink.tables == {"events": [b"[1]"] * 3, "sessions": [b"[2]"] * 3}
    assert spool.pending_bytes == 0
    spool.close()


@pytest.mark.parametrize(
    "failures",
    [["before"], ["before", "before"], ["after"], ["", "before"], ["", "after"], ["after", "after", "before", "after"]],
    ids=lambda failures: "-".join(failure or "ok" for failure in failures),
)
def test_failed_inserts_are_tried_again_and_counted_once(tmp_path: Path, failures: list[str]) -> None:
    sink = RecordingSink(failures=failures)
    run(tmp_path, sink, 2).close()
    assert sink.tables == {"events": [b"[1]"] * 2, "sessions": [b"[2]"] * 2}


@pytest.mark.parametrize("failures", [[], ["before"], ["after"], ["", "after"]])
def test_identities_arrive_without_an_event_too(tmp_path: Path, failures: list[str]) -> None:
    spool = Spool(tmp_path, max_bytes=1_000_000, sync_ms=1_000)
    sink = RecordingSink(failures=failures)
    writer = Writer(spool, lambda: sink)
    spool.append((), [b"[3]"])
    writer.start()
    writer.wait_until(spool.head)
    spool.append([(EVENT, VISIT)], [b"[4]"])
    writer.wait_until(spool.head)
    writer.stop()
    assert sink.tables == {"events": [b"[1]"], "sessions": [b"[2]"], "identities": [b"[3]", b"[4]"]}
    spool.close()


def test_events_accepted_during_a_failure_do_not_join_the_failed_batch(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1_000_000, sync_ms=1_000)
    sink = RecordingSink(failures=["after"])
    writer = Writer(spool, lambda: sink)
    spool.append([(EVENT, b"")])
    assert not writer._write_one()
    spool.append([(EVENT, b"")])
    assert [writer._write_one(), writer._write_one()] == [True, True]
    assert sink.tables["events"] == [b"[1]", b"[1]"]
    assert len(sink.tokens) == 2
    spool.close()


@pytest.mark.parametrize("unfit", [{3}, {0}, {9}, {2, 3, 7}, set(range(10))], ids=str)
def test_rows_that_do_not_fit_are_left_out_and_no_others(tmp_path: Path, unfit: set[int]) -> None:
    rows = [b"[%d]" % number for number in range(100, 110)]
    sink = RecordingSink(unfit={rows[number] for number in unfit})
    spool = Spool(tmp_path, max_bytes=1_000_000, sync_ms=1_000)
    writer = Writer(spool, lambda: sink)
    spool.append([(row, VISIT) for row in rows])
    assert writer._write_one()
    spool.append([(EVENT, b"")])
    assert writer._write_one()
    assert sink.tables["events"] == [row for number, row in enumerate(rows) if number not in unfit] + [EVENT]
    assert sink.tables["sessions"] == [b"[2]"] * 10
    assert list(writer.refused_events) == [rows[number] for number in sorted(unfit)]
    spool.close()


def test_waiting_for_a_dead_store_ends_in_a_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "FRESH_READ_TIMEOUT_S", 0.05)
    spool = Spool(tmp_path, max_bytes=1_000_000, sync_ms=1_000)
    writer = Writer(spool, lambda: RecordingSink(failures=["before"] * 10_000))
    position = spool.append([(EVENT, b"")])
    writer.start()
    with pytest.raises(StoreTimeout):
        writer.wait_until(position)
    writer.stop()
    assert spool.pending_bytes > 0
    spool.close()


def test_mark_that_the_disk_refuses_once_costs_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, sink = Spool(tmp_path, max_bytes=1_000_000, sync_ms=1_000), RecordingSink()
    writer = Writer(spool, lambda: sink)
    finish, refusals = spool.finish, [OSError("Input/output error")]

    def finish_badly(batch: Batch) -> None:
        if refusals:
            raise refusals.pop()
        finish(batch)

    monkeypatch.setattr(spool, "finish", finish_badly)
    position = spool.append([(EVENT, VISIT)])
    writer.start()
    writer.wait_until(position)
    writer.stop()
    assert sink.tables == {"events": [b"[1]"], "sessions": [b"[2]"]}
    spool.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_error_that_ends_the_thread_is_not_called_well(tmp_path: Path) -> None:
    def broken() -> RecordingSink:
        raise LookupError("a bug")

    spool = Spool(tmp_path, max_bytes=1_000_000, sync_ms=1_000)
    writer = Writer(spool, broken)
    position = spool.append([(EVENT, VISIT)])
    writer.start()
    with pytest.raises(StoreTimeout):
        writer.wait_until(position)
    assert writer.failing_since is not None
    writer.stop()
    spool.close()
