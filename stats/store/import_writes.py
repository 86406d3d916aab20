"""From an import's staged lines to visits, events and sessions, in SQL, and the journal that makes it whole.

Visits follow the rules of live intake (event contract 4.2 to 4.5): per visitor, by time and then by line, a gap of more
than 1,800 s starts another; lines that name a `session_id` are grouped by it instead. An engagement event never opens a
visit, so those before the first pageview or custom event of their group are dropped. A gap between any two lines ends
a group, dropped pings included: a ping that found no visit keeps none open.

Writing goes slice by slice under tokens made of the import's name. Each insert is one block, so each of its partitions
is stored or recognised as a unit, and a run that a crash cut short can be repeated as often as needed.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from string import Template
from typing import Any

import orjson

from stats.store.client import EventStore
from stats.store.import_tables import ImportTables, slices_for, staged_imports
from stats.store.schema import EVENT_COLUMNS, VISIT_ATTRIBUTE_COLUMNS

VISIT_IDLE_SECONDS = 1800
_WRITING, _WRITTEN = 1, 2
_ONE_BLOCK = (
    "max_execution_time = 3600, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 0, "
    "max_partitions_per_insert_block = 0, max_insert_threads = 1, insert_deduplication_token = '$token'"
)

_ATTRIBUTES: Mapping[str, str] = {
    **{column: f"opening.{column}" for column in VISIT_ATTRIBUTE_COLUMNS},
    "channel": "if(opening.channel = '', visit.channel, opening.channel)",
    "country_code": "if(upper(opening.country_code) IN ('ZZ', 'XX', 'T1'), '', upper(opening.country_code))",
    "city_geoname_id": "toUInt32(ifNull(opening.city_geoname_id, 0))",
    "device": "opening.screen_size",
}
_OWN_TIME = "toDateTime(intDiv(own.at_ms, 1000), 'UTC')"
_HOSTNAME = "if(hostname = '', '(none)', hostname)"
_PATHNAME = "if(pathname = '', '/', pathname)"
_AMOUNT = "roundBankers(own.revenue_amount, 3)"
_CONVERTED = (
    f"accurateCastOrNull(roundBankers(toDecimal256({_AMOUNT}, 3) * toDecimal256(rate.rate, 18), 3), 'Decimal(18, 3)')"
)

_OWN_DAY = f"toDate({_OWN_TIME}, {{timezone:String}})"
_VISIT_DAY = "toDate(toDateTime(visit.start, 'UTC'), {timezone:String})"

_EVENT: Mapping[str, str] = {
    "site_id": "{site:UInt32}",
    "day": _OWN_DAY,
    "visitor_id": "visit.visitor_id",
    "session_id": "visit.session_id",
    "timestamp": _OWN_TIME,
    "name": "own.name",
    "hostname": "if(own.hostname = '', '(none)', own.hostname)",
    "pathname": "if(own.pathname = '', '/', own.pathname)",
    "prop_keys": "own.props_by_key.1",
    "prop_values": "own.props_by_key.2",
    "revenue_source_amount": f"CAST({_AMOUNT}, 'Nullable(Decimal(18, 3))')",
    "revenue_source_currency": "own.revenue_currency",
    "revenue_reporting_amount": f"if(rate.currency = '', NULL, {_CONVERTED})",
    "revenue_reporting_currency": "rate.currency",
    "scroll_depth": "if(own.name = 'engagement', toUInt8(ifNull(own.scroll_depth, 255)), 0)",
    "engagement_time": "if(own.name = 'engagement', toUInt32(ifNull(own.engagement_time, 0)), 0)",
    **_ATTRIBUTES,
}
_SESSION: Mapping[str, str] = {
    "site_id": "{site:UInt32}",
    "day": _VISIT_DAY,
    "visitor_id": "visit.visitor_id",
    "session_id": "visit.session_id",
    "sign": "1",
    "start": "visit.start",
    "timestamp": "visit.timestamp",
    "duration": "visit.timestamp - visit.start",
    "events": "visit.events",
    "pageviews": "visit.pageviews",
    "is_bounce": "visit.is_bounce",
    "entry_page": "entry.page",
    "hostname": "entry.host",
    "exit_page": "exit.page",
    "exit_page_hostname": "exit.host",
    "prop_keys": "opening.props_by_key.1",
    "prop_values": "opening.props_by_key.2",
    **_ATTRIBUTES,
}
_CARRIED: Mapping[str, str] = {
    "site_id": "{site:UInt32}",
    "day": f"if(direction = 1, {_OWN_DAY}, {_VISIT_DAY})",
    "visitor_id": "visit.visitor_id",
    "session_id": "visit.session_id",
    "sign": "1",
    "start": _OWN_TIME,
    "timestamp": _OWN_TIME,
    **_ATTRIBUTES,
    "is_visit": "0",
    "visit_day": _VISIT_DAY,
    "carried_pageviews": "direction * (own.name = 'pageview')",
    "carried_events": "direction * (own.name != 'engagement')",
}
_OPENING_COLUMNS = ", ".join(
    column for column in VISIT_ATTRIBUTE_COLUMNS if column not in {"country_code", "city_geoname_id", "device"}
)
_IN_SLICE = "slice >= {first:UInt16} AND slice < {end:UInt16}"


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """One import as the journal has it: what it is, where its lines are staged, what it came to."""

    site_id: int
    digest: str
    name: str
    timezone: str
    lines: int
    imported: int
    visits: int

    @property
    def dropped(self) -> int:
        """Return how many lines were engagement events without a visit."""
        return self.lines - self.imported


# An event of a visitor while its visits are found: (milliseconds, line, kind, channel key), so that tuples sort by time
# and then by line.
_KIND = "toUInt8(multiIf(name = 'engagement', 0, name = 'pageview', 1, interactive, 2, 3))"
_SECONDS = "intDiv(event.1, 1000)"

_FIND_VISITS = f"""
INSERT INTO ${{name}}_visits
SELECT
    slice,
    if(visitor.visitor_id = 0, found.key, visitor.visitor_id) AS visitor_id,
    found.session_id AS session_id,
    channel.channel AS channel,
    arrayMin(event -> {_SECONDS}, visit) AS start,
    arrayMax(event -> if(event.3 = 0, 0, {_SECONDS}), visit) AS timestamp,
    arrayCount(event -> event.3 != 0, visit) AS events,
    length(pageviews_seen) AS pageviews,
    pageviews < 2 AND NOT arrayExists(event -> event.3 = 2, visit) AS is_bounce,
    visit[1].2 AS first_line,
    pageviews_seen[1].2 AS entry_line,
    pageviews_seen[-1].2 AS exit_line,
    arrayMap(event -> event.2, visit) AS lines
FROM
(
    SELECT
        slice,
        key,
        arraySlice(stretch, arrayFirstIndex(event -> event.3 != 0, stretch)) AS visit,
        arrayFilter(event -> event.3 = 1, visit) AS pageviews_seen,
        visit[1].4 AS channel_key,
        sipHash64('$name', key, visit[1].2) AS session_id
    FROM
    (
        SELECT slice, key, arrayJoin(arraySplit(
            (event, before) -> session = '' AND {_SECONDS} - intDiv(before.1, 1000) > {VISIT_IDLE_SECONDS},
            seen, arrayPushFront(arrayPopBack(seen), seen[1]))) AS stretch
        FROM
        (
            SELECT slice, visitor_key AS key, session_id AS session,
                arraySort(groupArray((at_ms, line, {_KIND}, channel_key))) AS seen
            FROM ${{name}}_lines WHERE {_IN_SLICE} GROUP BY slice, key, session
        )
    )
    WHERE arrayExists(event -> event.3 != 0, stretch)
) AS found
LEFT ANY JOIN ${{name}}_visitors AS visitor ON found.key = visitor.visitor_key
LEFT ANY JOIN ${{name}}_channels AS channel ON found.channel_key = channel.channel_key
SETTINGS max_execution_time = 3600
"""

_WRITE_EVENTS = f"""
INSERT INTO events ({", ".join(_EVENT)})
SELECT {", ".join(_EVENT[column] for column in EVENT_COLUMNS)}
FROM (SELECT * FROM ${{name}}_lines WHERE {_IN_SLICE}) AS own
INNER JOIN
(
    SELECT visitor_id, session_id, channel, first_line, arrayJoin(lines) AS line FROM ${{name}}_visits WHERE {_IN_SLICE}
) AS visit ON own.line = visit.line
INNER JOIN
(
    SELECT line, country_code, city_geoname_id, screen_size, {_OPENING_COLUMNS} FROM ${{name}}_lines
    WHERE {_IN_SLICE} AND line IN (SELECT first_line FROM ${{name}}_visits WHERE {_IN_SLICE})
) AS opening ON visit.first_line = opening.line
LEFT ANY JOIN ${{name}}_rates AS rate ON own.money_key = rate.money_key
SETTINGS {_ONE_BLOCK}
"""

_WRITE_SESSIONS = f"""
INSERT INTO sessions ({", ".join(_SESSION)})
SELECT {", ".join(_SESSION.values())}
FROM (SELECT * FROM ${{name}}_visits WHERE {_IN_SLICE}) AS visit
INNER JOIN
(
    SELECT line, country_code, city_geoname_id, screen_size, props_by_key, {_OPENING_COLUMNS} FROM ${{name}}_lines
    WHERE {_IN_SLICE} AND line IN (SELECT first_line FROM ${{name}}_visits WHERE {_IN_SLICE})
) AS opening ON visit.first_line = opening.line
LEFT ANY JOIN
(
    SELECT line, {_HOSTNAME} AS host, {_PATHNAME} AS page FROM ${{name}}_lines
    WHERE {_IN_SLICE} AND line IN (SELECT entry_line FROM ${{name}}_visits WHERE {_IN_SLICE})
) AS entry ON visit.entry_line = entry.line
LEFT ANY JOIN
(
    SELECT line, {_HOSTNAME} AS host, {_PATHNAME} AS page FROM ${{name}}_lines
    WHERE {_IN_SLICE} AND line IN (SELECT exit_line FROM ${{name}}_visits WHERE {_IN_SLICE})
) AS exit ON visit.exit_line = exit.line
SETTINGS {_ONE_BLOCK}
"""


# What `sessions` notes of events on other days than their visits began, as `stats.ingest.rows.carried_rows` does.
_WRITE_CARRIED = f"""
INSERT INTO sessions ({", ".join(_CARRIED)})
SELECT {", ".join(_CARRIED.values())}
FROM (SELECT line, at_ms, name FROM ${{name}}_lines WHERE {_IN_SLICE}) AS own
INNER JOIN
(
    SELECT visitor_id, session_id, channel, start, first_line, arrayJoin(lines) AS line FROM ${{name}}_visits
    WHERE {_IN_SLICE}
) AS visit ON own.line = visit.line
INNER JOIN
(
    SELECT line, country_code, city_geoname_id, screen_size, {_OPENING_COLUMNS} FROM ${{name}}_lines
    WHERE {_IN_SLICE} AND line IN (SELECT first_line FROM ${{name}}_visits WHERE {_IN_SLICE})
) AS opening ON visit.first_line = opening.line
ARRAY JOIN if(own.name = 'engagement', [1], [1, -1]) AS direction
WHERE {_OWN_DAY} != {_VISIT_DAY}
SETTINGS {_ONE_BLOCK}
"""


def build_visits(tables: ImportTables, slices: range) -> None:
    """Find the visits of the visitors in `slices`, each with the numbers of its lines in order."""
    tables.store.execute(
        Template(_FIND_VISITS).substitute(name=tables.name),
        {"first": slices.start, "end": slices.stop},
        tag="import visits",
    )


def count_visits(tables: ImportTables) -> tuple[int, int]:
    """Return (visits found, lines in them)."""
    row = tables.store.read_rows(
        f"SELECT count() AS visits, sum(length(lines)) AS lines FROM {tables.name}_visits", tag="import visits"
    )[0]
    return int(row["visits"]), int(row["lines"])


_WRITES = {"events": _WRITE_EVENTS, "sessions": _WRITE_SESSIONS, "carried": _WRITE_CARRIED}


def write_rows(tables: ImportTables, record: ImportRecord) -> None:
    """Write the events and visits of an import; what an earlier run of the same import wrote is not written again."""
    for slices in slices_for(record.lines):
        for kind, statement in _WRITES.items():
            token = f"{record.name}:{kind}:{slices.start}"
            tables.store.execute(
                Template(statement).substitute(name=record.name, token=token),
                {
                    "site": record.site_id,
                    "timezone": record.timezone,
                    "first": slices.start,
                    "end": slices.stop,
                },
                tag=f"import {kind}",
            )


class ImportJournal:
    """What was imported, by site and digest of the body."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def find(self, site_id: int, digest: str) -> tuple[ImportRecord, bool] | None:
        """Return the import of this body and whether all of it is written; None when there is none."""
        rows = self._store.read_rows(
            f"SELECT {_RECORD_COLUMNS}, state FROM imports FINAL "
            "WHERE site_id = {site:UInt32} AND digest = {digest:String}",
            {"site": site_id, "digest": digest},
            tag="import journal",
        )
        return (_record(rows[0]), rows[0]["state"] == _WRITTEN) if rows else None

    def unfinished(self) -> list[ImportRecord]:
        """Return the imports whose writing began and did not end."""
        rows = self._store.read_rows(
            f"SELECT {_RECORD_COLUMNS} FROM imports FINAL WHERE state = {_WRITING}", tag="import journal"
        )
        return [_record(row) for row in rows]

    def begin(self, record: ImportRecord) -> None:
        """Note that writing begins: from now on this import will be finished, whatever happens."""
        self._note(record, _WRITING)

    def finish(self, record: ImportRecord) -> None:
        """Note that every row is written."""
        self._note(record, _WRITTEN)

    def _note(self, record: ImportRecord, state: int) -> None:
        line = orjson.dumps([*astuple(record), state])
        columns = (*(field.name for field in fields(ImportRecord)), "state")
        self._store.insert_lines("imports", columns, line, token=f"{record.name}:{state}")


_RECORD_COLUMNS = ", ".join(field.name for field in fields(ImportRecord))


def _record(row: Mapping[str, Any]) -> ImportRecord:
    return ImportRecord(**{field.name: row[field.name] for field in fields(ImportRecord)})


def complete_import(store: EventStore, record: ImportRecord) -> None:
    """Write what a noted import still lacks, note that it is whole and drop its tables; harmless when repeated."""
    tables = ImportTables(store, record.name)
    write_rows(tables, record)
    ImportJournal(store).finish(record)
    tables.drop()


def recover_imports(store: EventStore, *, older_than_s: int = 0) -> tuple[int, int]:
    """Finish what a crash interrupted and drop what it left behind; return how many imports of either kind.

    Only tables made `older_than_s` seconds ago or earlier are touched: on a server, other processes may be importing.
    """
    names = staged_imports(store, older_than_s=older_than_s)
    begun = [record for record in ImportJournal(store).unfinished() if record.name in names]
    for record in begun:
        complete_import(store, record)
    abandoned = names - {record.name for record in begun}
    for name in abandoned:
        ImportTables(store, name).drop()
    return len(begun), len(abandoned)
