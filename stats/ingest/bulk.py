"""Bulk intake: newline-delimited JSON of historical events, all of it or nothing.

The body is read in chunks and never held whole. Each chunk is numbered here and parsed by the database while the next
one is read; only when the database refuses a chunk are its lines looked at in Python, to say which one and why.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import NoReturn, Protocol

from analytics_project.errors import AppError, InvalidLine, StoreBusy, StoreUnavailable
from stats.ingest.bulk_lines import explain_shape, explain_value
from stats.ingest.channels import channel_of
from stats.ingest.visitor import caller_visitor_id
from stats.store.client import EventStore
from stats.store.import_tables import LINE_NUMBER_FIELD, ImportTables, Progress, slices_for
from stats.store.import_writes import ImportJournal, ImportRecord, build_visits, complete_import, count_visits

CHUNK_BYTES = 16_000_000
MAX_LINE_BYTES = 1_000_000
MAX_LINES_IN_A_CHUNK = 700_000
MAX_WAITING = 4

_UNIX_DAY_ZERO = date(1970, 1, 1)
_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_NUMBER_PREFIX = b'{"%s":%%d,' % LINE_NUMBER_FIELD.encode()
_ROW_NUMBER = re.compile(r"at row (\d+)")
_OPEN_BRACE = ord("{")
# The database reads an amount without a digit, such as "" or -, as 0.
_ODD_AMOUNT = re.compile(
    rb'"revenue_amount"\s*:\s*+(?!null|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*[,}]'
    rb'|"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")'
)

Rate = Callable[[str, str, date], Decimal | None]


def _same_currency_only(source: str, target: str, on: date) -> Decimal | None:
    return Decimal(1) if source == target else None


class Readable(Protocol):
    """Anything that hands out at most so many bytes, and none at its end."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""


@dataclass(frozen=True, slots=True)
class BulkTarget:
    """The site that events go to, and what its values are mapped with.

    `caller_secret` keys the hash of visitor ids in a caller's own form; `revenue_goals` maps event names to the
    currency they report in; `rate(source, target, day)` is how much of the target a unit of the source was worth.
    """

    site_id: int
    timezone: str
    caller_secret: bytes
    revenue_goals: Mapping[str, str] = field(default_factory=dict)
    rate: Rate = _same_currency_only
    ai_assistants: bool = True


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import came to; `dropped` are engagement events without a visit.

    `is_repeat` says that the same body had been imported before, with this result.
    """

    imported: int
    dropped: int
    visits: int
    is_repeat: bool = False


class _UnreadableRowError(Exception):
    """The database could not read a row; `row` counts from 1 in what it was given."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some lines of a body, without blanks around; `first_number` is that of the first, counted from 1."""

    lines: list[bytes]
    first_number: int

    def numbered(self) -> bytes:
        """Return the lines that hold something, each object with its line number as first member."""
        return b"\n".join(
            [_NUMBER_PREFIX % number + line[1:] for number, line in enumerate(self.lines, self.first_number) if line]
        )

    def count(self) -> int:
        """Return how many lines hold something."""
        return len(self.lines) - self.lines.count(b"")


class _Turnstile:
    """Lets a few imports in, one of them at a time into the database, and sends the rest away."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(1 + MAX_WAITING)
        self.database = threading.Lock()

    def __enter__(self) -> None:
        if not self._places.acquire(blocking=False):
            raise StoreBusy(f"{MAX_WAITING} imports are waiting already; send this one again later", retry_after_s=30)

    def __exit__(self, *reason: object) -> None:
        self._places.release()


_turnstile = _Turnstile()


def import_lines(
    store: EventStore, target: BulkTarget, body: Readable, key: Callable[[], str] | None = None
) -> ImportSummary:
    """Import a body of newline-delimited JSON events and return when its events can be queried.

    A body that was imported before is recognised and counted once: by its digest, or by what `key`, asked when the body
    has been read, calls it. Nothing of a refused body is kept.
    Visits are built from the body's own events; they do not continue visits that are in the store already.
    Raises: InvalidLine for the first line that cannot be taken; StoreBusy when imports queue up; StoreUnavailable,
    after which sending the same body again is safe. Source: design page, "Intake"; event contract 4.5.
    """
    with _turnstile:
        tables = ImportTables(store)
        record: ImportRecord | None = None
        try:
            tables.create()
            lines, digest = _stage(tables, body)
            if not lines:
                return ImportSummary(0, 0, 0)
            if key is not None:
                digest = f"key {key()}"
            with _turnstile.database:
                journal = ImportJournal(store)
                if (known := journal.find(target.site_id, digest)) is not None:
                    return _repeated(store, *known)
                visits, imported = _find_visits(tables, target, lines)
                record = ImportRecord(target.site_id, digest, tables.name, target.timezone, lines, imported, visits)
                journal.begin(record)
                complete_import(store, record)
        finally:
            if record is None:
                tables.drop()
    return ImportSummary(record.imported, record.dropped, record.visits)


def _repeated(store: EventStore, record: ImportRecord, is_written: bool) -> ImportSummary:
    """Say what a body came to that was imported before; write the rest first where its writing failed half-way."""
    if not is_written:
        complete_import(store, record)
    return ImportSummary(record.imported, record.dropped, record.visits, is_repeat=True)


def _find_visits(tables: ImportTables, target: BulkTarget, lines: int) -> tuple[int, int]:
    """Map the values of the staged lines and find their visits; return (visits, lines in them)."""
    _map_values(tables, target, lines)
    for slices in slices_for(lines):
        build_visits(tables, slices)
    return count_visits(tables)


def _map_values(tables: ImportTables, target: BulkTarget, lines: int) -> None:
    """Map the distinct values that SQL cannot: callers' own visitor ids, channels, rates."""
    for slices in slices_for(lines):
        tables.add_visitors(
            (key, caller_visitor_id(target.caller_secret, text)) for key, text in tables.caller_ids(slices)
        )
    tables.add_channels(
        (
            row["key"],
            channel_of(
                row["source"],
                row["utm_medium"],
                row["utm_campaign"],
                row["utm_source"],
                row["click_id_param"],
                ai_assistants=target.ai_assistants,
            ),
        )
        for row in tables.sources_without_channel()
    )
    if target.revenue_goals:
        tables.add_rates(_rates(tables, target))


def _rates(tables: ImportTables, target: BulkTarget) -> Iterator[tuple[int, str, str]]:
    for row in tables.amounts_of(target.revenue_goals):
        currency = target.revenue_goals[row["name"]]
        rate = target.rate(row["currency"], currency, _UNIX_DAY_ZERO + timedelta(days=row["day"]))
        if rate is not None:
            yield row["key"], currency, f"{rate:.18f}"


def _stage(tables: ImportTables, body: Readable) -> tuple[int, str]:
    """Stage the whole body and return its number of events and its digest. Raises: InvalidLine."""
    digest = blake2b(digest_size=16)
    expected = 0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="import") as database:
        pending: Future[None] | None = None
        for chunk in _chunks(body, digest.update):
            text = _checked(tables, chunk)
            if pending is not None:
                pending.result()
            expected += chunk.count()
            pending = database.submit(_add, tables, chunk, text, expected)
        if pending is not None:
            pending.result()
    return expected, digest.hexdigest()


def _chunks(body: Readable, update: Callable[[bytes], object]) -> Iterator[_Chunk]:
    """Cut the body into chunks of whole lines; `update` sees every byte. Raises: InvalidLine for an endless line."""
    number, carried = 1, b""
    for block in _blocks(body, update):
        whole, newline, rest = (carried + block).rpartition(b"\n")
        carried = rest
        if len(carried) > MAX_LINE_BYTES:
            raise InvalidLine(number + (whole + newline).count(b"\n"), f"is longer than {MAX_LINE_BYTES:,} bytes")
        first, number = number, number + (whole + newline).count(b"\n")
        if whole.strip():
            yield _Chunk([line.strip() for line in whole.split(b"\n")], first)
    if carried.strip():
        yield _Chunk([carried.strip()], number)


def _blocks(body: Readable, update: Callable[[bytes], object]) -> Iterator[bytes]:
    """Read the body; cut blocks that hold more lines than whole events can be, so that their list stays small."""
    while block := body.read(CHUNK_BYTES):
        update(block)
        size = len(block) if block.count(b"\n") <= MAX_LINES_IN_A_CHUNK else MAX_LINE_BYTES
        yield from (block[start : start + size] for start in range(0, len(block), size))


def _checked(tables: ImportTables, chunk: _Chunk) -> bytes:
    """Return the chunk's text for the database: UTF-8, one JSON object a line. Raises: InvalidLine."""
    if any(line and line[0] != _OPEN_BRACE for line in chunk.lines):
        _refuse(tables, chunk)
    text = chunk.numbered()
    if _ODD_AMOUNT.search(text) and any(explain_shape(line) for line in chunk.lines if _ODD_AMOUNT.search(line)):
        _refuse(tables, chunk)
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            _refuse(tables, chunk)
    return text


def _add(tables: ImportTables, chunk: _Chunk, text: bytes, expected: int) -> None:
    """Stage a chunk and check it. Raises: InvalidLine for its first line that breaks a rule or cannot be read."""
    if not text:
        return
    try:
        progress = _insert(tables, text)
    except _UnreadableRowError as problem:
        _refuse(tables, chunk, problem.row)
    if broken := _broken_value(chunk, progress):
        raise broken
    if progress.lines != expected:
        _refuse(tables, chunk)


def _insert(tables: ImportTables, text: bytes) -> Progress:
    """Stage numbered lines, NUL characters removed, and return the state after them. Raises: _UnreadableRowError."""
    if b"\\u0000" in text:
        text = _ESCAPED_NUL.sub(rb"\1", text)
    with _turnstile.database:
        try:
            tables.add_lines(text.replace(b"\0", b"") if b"\0" in text else text)
        except StoreUnavailable:
            raise
        except AppError as problem:
            row = _ROW_NUMBER.search(str(problem.__cause__))
            raise _UnreadableRowError(int(row[1]) if row else 1) from problem
        return tables.progress()


def _broken_value(chunk: _Chunk, progress: Progress) -> InvalidLine | None:
    """Return the refusal of the first staged line with a broken rule, if it is one of the chunk's."""
    if progress.broken_line is None or progress.broken_rule is None:
        return None
    position = progress.broken_line - chunk.first_number
    if not 0 <= position < len(chunk.lines):
        return None
    return InvalidLine(progress.broken_line, explain_value(chunk.lines[position], progress.broken_rule))


def _refuse(tables: ImportTables, chunk: _Chunk, row: int = 1) -> NoReturn:
    """Raise InvalidLine for the first line of a chunk that cannot be taken, for its shape or for its values.

    `row` counts the filled lines up to the one that the database stumbled over; that is the one to blame when nothing
    is wrong to our eyes.
    """
    shapes = ((position, explain_shape(line)) for position, line in enumerate(chunk.lines) if line)
    position, sentence = next(((at, text) for at, text in shapes if text), (_position(chunk, row), "cannot be read"))
    before = _Chunk(chunk.lines[:position], chunk.first_number)
    if before.count():
        try:
            broken = _broken_value(before, _insert(tables, before.numbered()))
        except _UnreadableRowError as earlier:
            raise InvalidLine(before.first_number + _position(before, earlier.row), "cannot be read") from earlier
        if broken:
            raise broken
    raise InvalidLine(chunk.first_number + position, sentence)


def _position(chunk: _Chunk, row: int) -> int:
    """Return where in the chunk its filled line number `row`, counted from 1, is."""
    filled = [position for position, line in enumerate(chunk.lines) if line]
    return filled[min(max(row, 1), len(filled)) - 1]
