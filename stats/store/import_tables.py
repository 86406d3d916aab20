"""Where a bulk import waits until it is known to be whole: the tables of one import, and the check of every line.

The database parses the lines itself (a million in 3 s on two cores; Python alone needs 10 s) into `<name>_lines`,
derives what is needed later while it inserts, and notes the first broken rule of each line in `problem`. Nothing
reaches `events` or `sessions` from here. Table names are made of an import's random name, never of user input.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from iso4217 import Currency

from analytics_project import clock
from stats.store.client import EventStore, Setting

NAME_PREFIX = "import_"
LINE_NUMBER_FIELD = "line"
SLICES_IN_ALL = 1024
LINES_PER_SLICE = 250_000

_TEXT_FIELDS: tuple[str, ...] = (
    "hostname",
    "pathname",
    "referrer",
    "source",
    "channel",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
    "click_id_param",
    "screen_size",
    "browser",
    "browser_version",
    "os",
    "os_version",
    "visitor_id",
    "session_id",
)
FIELDS: tuple[str, ...] = (
    "timestamp",
    "name",
    *_TEXT_FIELDS,
    "country_code",
    "subdivision1_code",
    "subdivision2_code",
    "city_geoname_id",
    "props",
    "revenue_currency",
    "revenue_amount",
    "scroll_depth",
    "engagement_time",
    "interactive",
)

_TIMESTAMP = (
    "^(19[7-9][0-9]|20[0-9][0-9])-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?)?$"
)
_EARLIEST = "1990-01-01"
# One character that Python's str.isspace denies, as live intake tells what is blank.
_NOT_SPACE = r"[^\\s\\x{0B}\\x{1C}-\\x{1F}\\x{85}\\p{Z}]"
_REGION = "^([A-Z]{2}-[A-Z0-9]{1,4})?$"
_CURRENCIES = ", ".join(f"'{currency.code}'" for currency in Currency)
_VISITOR_TEXT = "match(visitor_id, '^v_[0-9a-fA-F]{16}$')"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field must satisfy: the SQL condition of a broken value and the sentence that says what is allowed."""

    field: str
    broken: str
    sentence: str


def _whole_number(field: str, highest: int) -> str:
    return f"isNotNull({field}) AND NOT ({field} BETWEEN 0 AND {highest} AND floor({field}) = {field})"


RULES: tuple[Rule, ...] = (
    Rule("timestamp", "at_ms = 0", "must be a date and time in ISO 8601, such as 2026-01-31T12:00:00Z"),
    Rule(
        "timestamp",
        f"at_ms < toUnixTimestamp64Milli(toDateTime64('{_EARLIEST} 00:00:00', 3, 'UTC'))"
        " OR at_ms > (toUnixTimestamp(now()) + 86400) * 1000",
        f"must lie between {_EARLIEST} and one day from now",
    ),
    Rule("name", f"NOT match(name, '{_NOT_SPACE}')", "must not be blank"),
    Rule("name", "lengthUTF8(name) > 120", "must have at most 120 characters"),
    *(Rule(field, f"length({field}) > 2000", "must have at most 2000 bytes") for field in _TEXT_FIELDS),
    Rule(
        "country_code", "NOT match(country_code, '^([A-Za-z][A-Za-z0-9])?$')", "must be an ISO 3166 code of two letters"
    ),
    Rule(
        "subdivision1_code", f"NOT match(subdivision1_code, '{_REGION}')", "must be an ISO 3166-2 code, such as GB-ENG"
    ),
    Rule(
        "subdivision2_code", f"NOT match(subdivision2_code, '{_REGION}')", "must be an ISO 3166-2 code, such as GB-WBK"
    ),
    Rule("city_geoname_id", _whole_number("city_geoname_id", 2**32 - 1), "must be a whole number from 0"),
    Rule("props", "length(props) > 30", "must have at most 30 keys"),
    Rule("props", "arrayExists(key -> length(key) > 300, mapKeys(props))", "must have keys of at most 300 bytes"),
    Rule(
        "props",
        "arrayExists(value -> length(value) > 2000, mapValues(props))",
        "must have values of at most 2000 bytes",
    ),
    Rule("props", "length(arrayDistinct(mapKeys(props))) < length(props)", "must not repeat a key"),
    Rule("revenue_currency", f"revenue_currency NOT IN ('', {_CURRENCIES})", "must be an ISO 4217 code in upper case"),
    Rule(
        "revenue_currency", "revenue_currency = '' AND isNotNull(revenue_amount)", "must be given with revenue_amount"
    ),
    Rule("revenue_amount", "revenue_currency != '' AND isNull(revenue_amount)", "must be given with revenue_currency"),
    Rule(
        "revenue_amount",
        "abs(roundBankers(revenue_amount, 3)) >= 1000000000000000",
        "must have fewer than 16 digits before the decimal point",
    ),
    Rule("scroll_depth", _whole_number("scroll_depth", 100), "must be a whole number from 0 to 100"),
    Rule(
        "engagement_time",
        _whole_number("engagement_time", 2_592_000_000 - 1),
        "must be whole milliseconds, fewer than 30 days",
    ),
    Rule(
        "scroll_depth",
        "name = 'engagement' AND isNull(scroll_depth) AND isNull(engagement_time)",
        "or engagement_time must be given for an engagement event",
    ),
)

_STRICT_JSON: Mapping[str, Setting] = {
    "input_format_skip_unknown_fields": 0,
    "input_format_null_as_default": 1,
    "input_format_json_read_numbers_as_strings": 0,
    "input_format_json_read_bools_as_strings": 0,
    "input_format_json_read_bools_as_numbers": 0,
    "input_format_json_read_arrays_as_strings": 0,
    "input_format_json_read_objects_as_strings": 0,
    "input_format_column_name_matching_mode": "match_case",
    "min_chunk_bytes_for_parallel_parsing": 1_000_000,
}


_PLAIN_TEXTS = ", ".join(
    f"{field} String" for field in _TEXT_FIELDS if field not in {"hostname", "pathname", "visitor_id"}
)
_PROBLEM = ", ".join(f"{rule.broken}, {number}" for number, rule in enumerate(RULES, 1))

# Ephemeral columns exist while a row is inserted and are not stored. `visitor_key` is the visitor's number, or a hash
# of a caller's own id text until that is mapped; a line with neither visitor nor visit is a visitor of its own.
# Merges are off: the table lives for seconds. `<name>` stands for the name of the import.
_LINES_TABLE = f"""
CREATE TABLE <name>_lines
(
    line UInt64,
    timestamp String EPHEMERAL,
    visitor_id String EPHEMERAL,
    props Map(String, String) EPHEMERAL,
    name String DEFAULT 'pageview',
    hostname String DEFAULT '(none)',
    pathname String DEFAULT '/',
    {_PLAIN_TEXTS},
    country_code String,
    subdivision1_code String,
    subdivision2_code String,
    city_geoname_id Nullable(Float64),
    revenue_currency String,
    revenue_amount Nullable(Decimal(38, 9)),
    scroll_depth Nullable(Float64),
    engagement_time Nullable(Float64),
    interactive Bool DEFAULT true,
    at_ms Int64 DEFAULT if(match(timestamp, '{_TIMESTAMP}'),
        ifNull(toUnixTimestamp64Milli(parseDateTime64BestEffortOrNull(timestamp, 3, 'UTC')), 0), 0),
    visitor_text String DEFAULT if({_VISITOR_TEXT}, '', visitor_id),
    visitor_key UInt64 DEFAULT multiIf(
        {_VISITOR_TEXT}, reinterpretAsUInt64(reverse(unhex(substring(visitor_id, 3)))),
        visitor_id != '', sipHash64('visitor', visitor_id),
        session_id != '', sipHash64('<name>', 'visit', session_id),
        sipHash64('<name>', 'line', line)),
    slice UInt16 DEFAULT sipHash64(visitor_key) % {SLICES_IN_ALL},
    channel_key UInt64 DEFAULT if(channel != '', 0,
        sipHash64(source, utm_medium, utm_campaign, utm_source, click_id_param)),
    money_key UInt64 DEFAULT if(revenue_currency = '' OR name = 'pageview', 0,
        sipHash64(name, revenue_currency, intDiv(at_ms, 86400000))),
    props_by_key Array(Tuple(String, String)) DEFAULT arraySort(pair -> pair.1, arrayFilter(
        pair -> match(pair.1, '{_NOT_SPACE}') AND match(pair.2, '{_NOT_SPACE}'),
        arrayZip(mapKeys(props), mapValues(props)))),
    problem UInt8 DEFAULT multiIf({_PROBLEM}, 0)
)
ENGINE = MergeTree ORDER BY (slice, visitor_key, line)
SETTINGS max_bytes_to_merge_at_max_space_in_pool = 1,
    parts_to_delay_insert = 1000000, parts_to_throw_insert = 1000000
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows an import has staged, and the first line with a broken rule, if any."""

    lines: int
    broken_line: int | None
    broken_rule: Rule | None


class ImportTables:
    """The tables of one import, from the first line to the last row written; whoever makes them drops them."""

    def __init__(self, store: EventStore, name: str = "") -> None:
        self.store = store
        self.name = name or f"{NAME_PREFIX}{clock.unix_seconds():08x}{secrets.token_hex(8)}"

    def create(self) -> None:
        """Make the empty tables."""
        for statement in (
            _LINES_TABLE.replace("<name>", self.name),
            f"CREATE TABLE {self.name}_visitors (visitor_key UInt64, visitor_id UInt64) "
            "ENGINE = MergeTree ORDER BY visitor_key",
            f"CREATE TABLE {self.name}_channels (channel_key UInt64, channel String) "
            "ENGINE = MergeTree ORDER BY channel_key",
            f"CREATE TABLE {self.name}_rates (money_key UInt64, currency String, rate Decimal(38, 18)) "
            "ENGINE = MergeTree ORDER BY money_key",
            f"""
            CREATE TABLE {self.name}_visits
            (slice UInt16, visitor_id UInt64, session_id UInt64, channel String, start UInt32, timestamp UInt32,
             events UInt32, pageviews UInt32, is_bounce UInt8, first_line UInt64, entry_line UInt64, exit_line UInt64,
             lines Array(UInt64))
            ENGINE = MergeTree ORDER BY (slice, session_id)
            """,
        ):
            self.store.execute(statement, tag="import create")

    def drop(self) -> None:
        """Remove the tables; those already gone are no error."""
        for kind in ("visits", "rates", "channels", "visitors", "lines"):
            self.store.execute(f"DROP TABLE IF EXISTS {self.name}_{kind} SYNC", tag="import drop")

    def add_lines(self, body: bytes) -> None:
        """Stage lines of JSON objects that carry their number as `line`. Raises: AppError when one cannot be read."""
        self.store.insert_lines(
            f"{self.name}_lines",
            (LINE_NUMBER_FIELD, *FIELDS),
            body,
            token="",
            format_name="JSONEachRow",
            settings=_STRICT_JSON,
        )

    def progress(self) -> Progress:
        """Return the state after the lines added so far."""
        row = self.store.read_rows(
            "SELECT count() AS lines, minIf(line, problem != 0) AS broken_line, "
            f"argMinIf(problem, line, problem != 0) AS broken_rule FROM {self.name}_lines",
            tag="import check",
        )[0]
        number = int(row["broken_rule"])
        broken = (int(row["broken_line"]), RULES[number - 1]) if number else (None, None)
        return Progress(int(row["lines"]), *broken)

    def caller_ids(self, slices: range) -> list[tuple[int, str]]:
        """Return the distinct (key, text) of visitor ids in a caller's own form, of the lines in `slices`."""
        rows = self.store.read_rows(
            f"SELECT DISTINCT visitor_key AS key, visitor_text AS text FROM {self.name}_lines "
            "WHERE slice >= {first:UInt16} AND slice < {end:UInt16} AND visitor_text != ''",
            {"first": slices.start, "end": slices.stop},
            tag="import visitors",
        )
        return [(int(row["key"]), str(row["text"])) for row in rows]

    def sources_without_channel(self) -> list[dict[str, Any]]:
        """Return the distinct acquisitions that came without a channel: `source`, `utm_medium`, `utm_campaign`,
        `utm_source`, `click_id_param`, each with its `key`."""
        return self.store.read_rows(
            "SELECT DISTINCT channel_key AS key, source, utm_medium, utm_campaign, utm_source, click_id_param "
            f"FROM {self.name}_lines WHERE channel_key != 0",
            tag="import channels",
        )

    def amounts_of(self, names: Collection[str]) -> list[dict[str, Any]]:
        """Return the distinct `name`, `currency` and `day` (UTC, days since 1970) of the revenue that events of these
        names carry, each with its `key`."""
        return self.store.read_rows(
            "SELECT DISTINCT money_key AS key, name, revenue_currency AS currency, intDiv(at_ms, 86400000) AS day "
            f"FROM {self.name}_lines WHERE money_key != 0 AND name IN {{names:Array(String)}}",
            {"names": sorted(names)},
            tag="import revenue",
        )

    def add_visitors(self, rows: Iterable[tuple[int, int]]) -> None:
        """Say which visitor each key of `caller_ids` is: (key, visitor id)."""
        self._add("visitors", ("visitor_key", "visitor_id"), rows)

    def add_channels(self, rows: Iterable[tuple[int, str]]) -> None:
        """Say which channel each key of `sources_without_channel` is: (key, channel)."""
        self._add("channels", ("channel_key", "channel"), rows)

    def add_rates(self, rows: Iterable[tuple[int, str, str]]) -> None:
        """Say how the revenue of each key of `amounts_of` is reported: (key, currency, rate as decimal text)."""
        self._add("rates", ("money_key", "currency", "rate"), rows)

    def _add(self, kind: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        if body := b"\n".join(orjson.dumps(row) for row in rows):
            self.store.insert_lines(f"{self.name}_{kind}", columns, body, token="")


def staged_imports(store: EventStore, *, older_than_s: int) -> frozenset[str]:
    """Return the names of imports that have tables, begun `older_than_s` seconds ago or earlier; a name tells when."""
    rows = store.read_rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND match(name, {pattern:String})",
        {"pattern": f"^{NAME_PREFIX}[0-9a-f]{{24}}_lines$"},
        tag="import recovery",
    )
    names = (str(row["name"]).removesuffix("_lines") for row in rows)
    latest = clock.unix_seconds() - older_than_s
    return frozenset(name for name in names if int(name.removeprefix(NAME_PREFIX)[:8], 16) <= latest)


def slices_for(lines: int) -> Iterator[range]:
    """Cut an import's visitors into ranges of slices with about 250,000 lines each, so that memory stays bounded."""
    parts = min(SLICES_IN_ALL, max(1, -(-lines // LINES_PER_SLICE)))
    for part in range(parts):
        yield range(part * SLICES_IN_ALL // parts, (part + 1) * SLICES_IN_ALL // parts)
