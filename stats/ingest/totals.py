"""Daily totals that another product exported → rows of the event store: names of files, their columns, every line.

The form is that of Plausible's public CSV exports: one file a report, `imported_<report>_<first>_<last>.csv`, the first
line naming the columns, in any order, all but `date` optional. Numbers are totals of a day, durations in seconds.
Source: event contract, section 7.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Final, Protocol

from stats.ingest.channels import channel_of
from stats.query.imports import EVENTS_WITH
from stats.query.types import Report

MAX_LINE_BYTES: Final = 64 * 1024
MAX_TEXT_BYTES: Final = 2000
MAX_NUMBER_DIGITS: Final = 11
MAX_CITY: Final = 2**32 - 1
FIRST_YEAR: Final = 1990
SKIPPED_REPORT: Final = "custom_props"  # exported beside the ten, taken by nobody
_FILE_NAME: Final = re.compile(r"(?:imported_)?([a-z_]+)_([0-9]{8})_([0-9]{8})\.csv")
_COUNTRY: Final = re.compile(r"[A-Za-z][A-Za-z0-9]")
_REGION: Final = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,4}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NO_COUNTRY: Final = frozenset({"", "ZZ", "XX", "T1", "\0\0"})
_RESERVED_NAMES: Final = frozenset({"pageview", "engagement"})
_UNDECODED: Final = re.compile("[\udc80-\udcff]")

_OF_VISITS: Final = {
    "visitors": "visitors",
    "visits": "visits",
    "pageviews": "pageviews",
    "bounces": "bounces",
    "visit_duration": "duration",
}
_NUMBERS: Final[Mapping[Report, Mapping[str, str]]] = {
    **dict.fromkeys(Report, _OF_VISITS),
    Report.PAGES: {
        "visitors": "visitors",
        "visits": "visits",
        "pageviews": "pageviews",
        "total_scroll_depth": "scroll_depth",
        "total_scroll_depth_visits": "scroll_visits",
        "total_time_on_page": "engagement_seconds",
        "total_time_on_page_visits": "engaged_visits",
    },
    Report.ENTRY_PAGES: {**_OF_VISITS, "entrances": "visits"},
    Report.EXIT_PAGES: {**_OF_VISITS, "exits": "visits"},
    Report.CUSTOM_EVENTS: {"visitors": "visitors", "events": "events"},
}
_TEXTS: Final[Mapping[Report, Mapping[str, str]]] = {
    Report.VISITORS: {},
    Report.SOURCES: {
        name: name
        for name in (
            *("source", "referrer", "channel"),
            *("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
        )
    },
    Report.PAGES: {"hostname": "hostname", "page": "pathname"},
    Report.ENTRY_PAGES: {"entry_page": "entry_page"},
    Report.EXIT_PAGES: {"exit_page": "exit_page"},
    Report.LOCATIONS: {"country": "country_code", "region": "subdivision1_code", "city": "city_geoname_id"},
    Report.DEVICES: {"device": "device"},
    Report.BROWSERS: {"browser": "browser", "browser_version": "browser_version"},
    Report.OPERATING_SYSTEMS: {"operating_system": "os", "operating_system_version": "os_version"},
    Report.CUSTOM_EVENTS: {"name": "name", "link_url": "url", "path": "path"},
}
# Columns of older exports that tell nothing which is merged.
_IGNORED: Final[Mapping[Report, frozenset[str]]] = {Report.PAGES: frozenset({"exits", "time_on_page"})}


class InvalidTotalsError(ValueError):
    """What is wrong with a line, or with a file where `line` is 1; the message is the sentence to show."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Lines(Protocol):
    """An open file, read by lines."""

    def readline(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class TotalsName:
    """What a file's name says of it: its report, and the dates that its lines may have."""

    report: Report
    first_on: date
    last_on: date


def parse_file_name(name: str) -> TotalsName | None:
    """Return what the name of a file says, None for a file of no report. Raises: InvalidTotalsError for odd dates."""
    found = _FILE_NAME.fullmatch(name.rpartition("/")[2])
    if found is None or found[1] not in set(Report):
        return None
    try:
        first, last = (date.fromisoformat(digits) for digits in found.groups()[1:])
    except ValueError as problem:
        raise InvalidTotalsError(1, f"the name holds {found[2]} and {found[3]}, which are not both dates") from problem
    if last < first:
        raise InvalidTotalsError(1, f"the name's last date {last} lies before its first {first}")
    return TotalsName(Report(found[1]), first, last)


def totals_rows(
    lines: Lines, report: Report, *, ai_assistants: bool
) -> Iterator[tuple[int, str, dict[str, Any]] | InvalidTotalsError]:
    """Yield the lines of a file: number counted from 1, date (ISO), columns of a row; or what is wrong with a line.

    Rows lack `site_id`, `import_id` and columns that are empty. After an error that concerns the whole file nothing
    more is yielded.
    """
    reader = csv.reader(_texts(lines), strict=True)
    try:
        make = _row_maker(report, next(reader, None), ai_assistants=ai_assistants)
        for cells in reader:
            if not cells:
                continue
            try:
                day, row = make(cells)
            except ValueError as problem:
                yield InvalidTotalsError(reader.line_num, str(problem))
            else:
                yield reader.line_num, day, row
    except csv.Error as problem:
        yield InvalidTotalsError(reader.line_num, f"is not CSV: {problem}")
    except InvalidTotalsError as problem:
        yield problem


def _texts(lines: Lines) -> Iterator[str]:
    """Yield lines as text; bytes that are not UTF-8 are left to be found in the cell they stand in."""
    for number, line in enumerate(iter(partial(lines.readline, MAX_LINE_BYTES + 1), b""), 1):
        if len(line) > MAX_LINE_BYTES:
            raise InvalidTotalsError(number, f"has more than {MAX_LINE_BYTES} bytes")
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")


_Row = tuple[str, dict[str, Any]]


def _row_maker(report: Report, names: Sequence[str] | None, *, ai_assistants: bool) -> Callable[[Sequence[str]], _Row]:
    """Return what makes a row of a line's cells. Raises: InvalidTotalsError for a first line that names no columns."""
    columns = [name.strip() for name in names or ()]
    numbers, texts = _NUMBERS[report], _TEXTS[report]
    known = {"date", *numbers, *texts, *_IGNORED.get(report, ())}
    for name in columns:
        if name not in known:
            raise InvalidTotalsError(
                1, f"{name[:100]!r} is no column of {report}; known are {', '.join(sorted(known))}"
            )
    if "date" not in columns or len(set(columns)) < len(columns):
        raise InvalidTotalsError(1, "the first line must name the columns, each once, and date among them")
    at = columns.index("date")
    number_places = [(place, name, numbers[name]) for place, name in enumerate(columns) if name in numbers]
    text_places = [(place, name, texts[name]) for place, name in enumerate(columns) if name in texts]
    finish = _FINISHED.get(report)
    # The export has no channel; where the first line names one, it is taken as it stands.
    derives_channel = ai_assistants if "channel" not in columns else None

    def make(cells: Sequence[str]) -> _Row:
        if len(cells) != len(columns):
            raise ValueError(f"has {len(cells)} values where the first line has {len(columns)}")
        row: dict[str, Any] = {"report": report.value}
        for place, name, column in text_places:
            row[column] = _text(name, cells[place])
        for place, name, column in number_places:
            row[column] = _number(name, cells[place])
        if report is not Report.CUSTOM_EVENTS:
            row["events"] = row.get("pageviews", 0)
        day = _day(cells[at])
        row["day"] = day
        return day, row if finish is None else finish(row, derives_channel)

    return make


def _day(text: str) -> str:
    try:
        if _DATE.fullmatch(text) and date.fromisoformat(text).year >= FIRST_YEAR:
            return text
    except ValueError:
        pass  # digits in the right places that are no day of the calendar
    raise ValueError(f"date must be a date from {FIRST_YEAR} on, such as 2026-01-31, not {text[:100]!r}")


def _number(name: str, text: str) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_DIGITS:
        return int(text)
    raise ValueError(f"{name} must be a whole number of at most {MAX_NUMBER_DIGITS} digits, not {text[:100]!r}")


def _text(name: str, text: str) -> str:
    if _UNDECODED.search(text):
        raise ValueError(f"{name} is not UTF-8")
    if "\0" in text and text not in _NO_COUNTRY:
        raise ValueError(f"{name} must not hold null characters")
    if len(text) > MAX_TEXT_BYTES or len(text.encode()) > MAX_TEXT_BYTES:
        raise ValueError(f"{name} must have at most {MAX_TEXT_BYTES} bytes")
    return text


# ---- What reports need beside their columns --------------------------------------------------------------------------
def _source(row: dict[str, Any], derives_channel: bool | None) -> dict[str, Any]:
    if derives_channel is None:
        row["channel"] = row["channel"] or "(not set)"
    else:
        source, medium, campaign, tagged = (
            row.get(name, "") for name in ("source", "utm_medium", "utm_campaign", "utm_source")
        )
        row["channel"] = channel_of(source, medium, campaign, tagged, "", ai_assistants=derives_channel)
    return row


def _page(row: dict[str, Any], _: bool | None) -> dict[str, Any]:
    row["name"] = "pageview"
    row["hostname"] = row.get("hostname") or "(none)"
    row["pathname"] = row.get("pathname") or "/"
    return row


def _place(row: dict[str, Any], _: bool | None) -> dict[str, Any]:
    country, region = row.get("country_code", ""), row.get("subdivision1_code", "")
    row["country_code"] = "" if country.upper() in _NO_COUNTRY else country.upper()
    if row["country_code"] and not _COUNTRY.fullmatch(country):
        raise ValueError(f"country must be an ISO 3166 code of two letters, not {country[:100]!r}")
    if region and not _REGION.fullmatch(region):
        raise ValueError(f"region must be an ISO 3166-2 code, such as GB-ENG, not {region[:100]!r}")
    row["city_geoname_id"] = _number("city", row.get("city_geoname_id", ""))
    if row["city_geoname_id"] > MAX_CITY:
        raise ValueError("city must be a number of GeoNames")
    return row


def _custom_event(row: dict[str, Any], _: bool | None) -> dict[str, Any]:
    """Return the row with its two columns of properties made properties, of those events only that have them."""
    name = row.get("name", "")
    if not name.strip() or name in _RESERVED_NAMES:
        raise ValueError(f"name must be that of a custom event, not {name!r}")
    given = {key: row.pop(key, "") for key in ("url", "path")}
    held = {key: value for key, value in given.items() if value and name in EVENTS_WITH[f"event:props:{key}"]}
    row["prop_keys"], row["prop_values"] = list(held), list(held.values())
    return row


_FINISHED: Final[Mapping[Report, Callable[[dict[str, Any], bool | None], dict[str, Any]]]] = {
    Report.SOURCES: _source,
    Report.PAGES: _page,
    Report.LOCATIONS: _place,
    Report.CUSTOM_EVENTS: _custom_event,
}


def overlapping(names: Iterable[TotalsName]) -> TotalsName | None:
    """Return a file that has dates of another one of its report, which would be counted twice; None without one."""
    seen: dict[Report, date] = {}
    for one in sorted(names, key=lambda name: (name.report, name.first_on)):
        if one.report in seen and one.first_on <= seen[one.report]:
            return one
        seen[one.report] = one.last_on
    return None
