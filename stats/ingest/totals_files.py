"""Files of daily totals, single or in a zip, checked whole and laid by as rows before any of them is counted."""

import hashlib
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import IO, BinaryIO, Final, Self

import orjson

from analytics_project.errors import InvalidRequest
from stats.ingest.totals import (
    SKIPPED_REPORT,
    InvalidTotalsError,
    Lines,
    TotalsName,
    overlapping,
    parse_file_name,
    totals_rows,
)

ZIP_MAGIC: Final = b"PK\x03\x04"
MAX_FILES: Final = 200
MAX_UNZIPPED_BYTES: Final = 2_000_000_000
MAX_REFUSED: Final = 100
MAX_FILE_NAME_CHARACTERS: Final = 300
_PACKED: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED: Final = 0x1
_BATCH_BYTES: Final = 4_000_000

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that cannot be taken, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


@dataclass(slots=True)
class CheckedTotals:
    """What is in the files: rows that may be imported, lines that are refused, files of no report.

    `digest` names the content however it was packed. `outside` counts rows on other dates than their file's name says.
    To be closed, or used as a context manager.
    """

    files: tuple[str, ...]
    skipped_files: tuple[str, ...]
    rows: int = 0
    outside: int = 0
    refused: list[RefusedLine] = field(default_factory=list)
    digest: str = ""
    has_scroll_depth: bool = False
    _laid_by: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._laid_by.close()

    def add(self, report: str, day: str, row: Mapping[str, object]) -> bytes:
        """Lay a row by, with what is needed to leave it out later; return its bytes."""
        line = b"%s %s %s\n" % (report.encode(), day.encode(), orjson.dumps(row))
        self._laid_by.write(line)
        self.rows += 1
        self.has_scroll_depth = self.has_scroll_depth or bool(row.get("scroll_visits"))
        return line

    def batches(self) -> Iterator[list[tuple[str, str, bytes]]]:
        """Yield report, date and JSON object of each row, a few megabytes at a time."""
        self._laid_by.seek(0)
        while lines := self._laid_by.readlines(_BATCH_BYTES):
            yield [(report.decode(), day.decode(), row) for report, day, row in (one.split(b" ", 2) for one in lines)]


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of a report, on its own or in a zip."""

    name: str
    told: TotalsName
    open: Callable[[], AbstractContextManager[Lines]]


def check_totals(
    files: Sequence[tuple[str, BinaryIO]], *, ai_assistants: bool = True, progress: Progress = lambda _: None
) -> CheckedTotals:
    """Read every line of named files, zips among them, and return what they hold.

    `progress` is told how many bytes more have been read. Raises: InvalidRequest for what is no zip, a zip that is
    encrypted, damaged or too large, and where there is no file of any report.
    """
    try:
        members, skipped = _members(files)
        return _checked(members, skipped, ai_assistants=ai_assistants, progress=progress)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as problem:
        raise InvalidRequest(f"the zip cannot be read: {problem}", code="invalid_zip") from problem


def is_zip(file: BinaryIO) -> bool:
    """Tell whether a file begins like a zip; it is left at its beginning."""
    file.seek(0)
    magic = file.read(len(ZIP_MAGIC))
    file.seek(0)
    return magic == ZIP_MAGIC


def _members(files: Sequence[tuple[str, BinaryIO]]) -> tuple[list[_Member], tuple[str, ...]]:
    found: list[_Member] = []
    skipped: list[str] = []
    for name, file in files:
        inner = _zipped(file) if is_zip(file) else [(name, partial(_own_file, file))]
        for inner_name, opener in inner:
            shown = "".join(letter if letter.isprintable() else "?" for letter in inner_name)[:MAX_FILE_NAME_CHARACTERS]
            try:
                told = parse_file_name(inner_name)
            except InvalidTotalsError as problem:
                raise InvalidRequest(f"{shown}: {problem.message}", code="invalid_file_name") from problem
            if told is None:
                skipped.append(shown)
            else:
                found.append(_Member(shown, told, opener))
    if not found:
        named = f"; found {', '.join(skipped[:5])}" if skipped else ""
        raise InvalidRequest(
            "there is no file of daily totals: names are like imported_visitors_20240101_20241231.csv" + named,
            code="no_totals",
        )
    if (twice := overlapping(one.told for one in found)) is not None:
        raise InvalidRequest(
            f"two files of imported_{twice.report} hold {twice.first_on}, which would count twice", code="overlap"
        )
    return sorted(found, key=lambda one: one.name), tuple(skipped)


def _own_file(file: BinaryIO) -> AbstractContextManager[Lines]:
    file.seek(0)
    return nullcontext(file)


def _zipped(file: BinaryIO) -> Iterator[tuple[str, Callable[[], AbstractContextManager[Lines]]]]:
    """Yield names and openers of a zip's files of reports; what it says of their sizes holds when they are read."""
    archive = zipfile.ZipFile(file)
    entries = [one for one in archive.infolist() if not one.is_dir()]
    if len(entries) > MAX_FILES:
        raise InvalidRequest(f"the zip holds {len(entries)} files; it may hold {MAX_FILES}", code="zip_too_large")
    if sum(one.file_size for one in entries) > MAX_UNZIPPED_BYTES:
        raise InvalidRequest(f"the zip unpacks to more than {MAX_UNZIPPED_BYTES:,} bytes", code="zip_too_large")
    for entry in entries:
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _PACKED:
            raise InvalidRequest("the zip is encrypted or packed in a way that is not taken", code="invalid_zip")
        yield entry.filename, partial(_packed_file, archive, entry)


def _packed_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> AbstractContextManager[Lines]:
    return closing(archive.open(entry))


def _checked(
    members: Sequence[_Member], skipped: tuple[str, ...], *, ai_assistants: bool, progress: Progress
) -> CheckedTotals:
    kept = [
        name for name in skipped if not name.rpartition("/")[2].removeprefix("imported_").startswith(SKIPPED_REPORT)
    ]
    totals = CheckedTotals(tuple(one.name for one in members), tuple(kept))
    digest = hashlib.sha256()
    try:
        for member in members:
            _read(member, totals, digest.update, ai_assistants=ai_assistants, progress=progress)
    except BaseException:
        totals.__exit__(None, None, None)
        raise
    totals.digest = digest.hexdigest()
    return totals


def _read(
    member: _Member,
    totals: CheckedTotals,
    digested: Callable[[bytes], None],
    *,
    ai_assistants: bool,
    progress: Progress,
) -> None:
    report = member.told.report
    first, last = str(member.told.first_on), str(member.told.last_on)
    with member.open() as lines:
        for found in totals_rows(_Counted(lines, progress), report, ai_assistants=ai_assistants):
            if isinstance(found, InvalidTotalsError):
                totals.refused.append(RefusedLine(member.name, found.line, found.message))
                if len(totals.refused) >= MAX_REFUSED:
                    return
                continue
            _, day, row = found
            if first <= day <= last:
                digested(totals.add(report, day, row))
            else:
                totals.outside += 1


class _Counted:
    """Lines that tell how many bytes have been read."""

    def __init__(self, lines: Lines, progress: Progress) -> None:
        self._lines, self._progress = lines, progress

    def readline(self, size: int, /) -> bytes:
        line = self._lines.readline(size)
        self._progress(len(line))
        return line
