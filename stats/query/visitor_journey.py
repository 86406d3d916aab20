"""What visitors did, one by one: visits, pages, custom events and the goals that they reached (revenue contract, 3.4).

Not to be confused with `stats.query.journeys`, which counts the ways that all visits take. Each statement gives the
latest entries of its kind up to a second, newest first and in a total order, so that pages of several kinds together
can be cut by anybody who sorts them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from goals.types import GoalSpec
from stats.query.build import Query
from stats.query.compile import Statement
from stats.query.compile_completions import KNOWN, SESSION_COLUMNS
from stats.query.compile_filters import Scope, goal_numbers_sql
from stats.query.completions import CompletionSession
from stats.store.client import EventStore

_MORE_COLUMNS: Final = ("utm_medium", "utm_campaign", "channel", "hostname", "entry_page", "exit_page")


@dataclass(frozen=True, slots=True)
class JourneySpan:
    """The entries of some visitors between two unix seconds, both included; at most `most` of each kind, the latest."""

    visitors: Sequence[int]
    start: int
    end: int
    most: int


@dataclass(frozen=True, slots=True)
class VisitEntry:
    """A visit at its start; texts are empty where nothing is known. `at` is in unix seconds."""

    at: int
    visitor_id: int
    session_id: int
    duration_s: int
    pageviews: int
    session: CompletionSession
    medium: str
    campaign: str
    channel: str
    hostname: str
    entry_page: str
    exit_page: str


@dataclass(frozen=True, slots=True)
class EventEntry:
    """A pageview, a custom event, or (`engagement`) a page read far enough for a goal; `at` is in unix seconds."""

    at: int
    visitor_id: int
    session_id: int
    name: str
    hostname: str
    pathname: str
    props: tuple[tuple[str, str], ...]
    goals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaymentEntry:
    """A payment or refund by its number; `at` in unix seconds."""

    at: int
    visitor_id: int
    payment: int


def read_visits(store: EventStore, query: Query, span: JourneySpan) -> list[VisitEntry]:
    """Return visits that began in a span. Raises: StoreUnavailable."""
    return [
        VisitEntry(
            row["at"],
            row["visitor_id"],
            row["session_id"],
            row["s_duration"],
            row["s_pageviews"],
            CompletionSession(*(row[f"s_{name}"] for name in SESSION_COLUMNS)),
            *(row[f"s_{name}"] for name in _MORE_COLUMNS),
        )
        for row in _rows(store, compile_visits(query, span))
    ]


def read_events(store: EventStore, query: Query, span: JourneySpan, goals: Sequence[GoalSpec]) -> list[EventEntry]:
    """Return pageviews and events of a span, each with the goals that it completes. Raises: StoreUnavailable."""
    return [
        EventEntry(
            row["at"],
            row["visitor_id"],
            row["session_id"],
            row["name"],
            row["hostname"],
            row["pathname"],
            tuple((key, value) for key, value in row["props"]),
            tuple(goals[number - 1].display_name for number in row["numbers"]),
        )
        for row in _rows(store, compile_events(query, span, goals))
    ]


def read_payments(store: EventStore, query: Query, span: JourneySpan) -> list[PaymentEntry]:
    """Return payments and refunds of a span, none that was voided. Raises: StoreUnavailable."""
    rows = _rows(store, compile_payments(query, span))
    return [PaymentEntry(row["at"], row["visitor_id"], row["payment_id"]) for row in rows]


def compile_visits(query: Query, span: JourneySpan) -> Statement:
    """Return the statement for visits: at, visitor_id, session_id, and s_… for what is known of each.

    What a server alone told of is no visit.
    """
    scope = _scope(query, span)
    columns = ("duration", "pageviews", *SESSION_COLUMNS, *_MORE_COLUMNS)
    last = ", ".join(f"argMaxIf({name}, events, sign = 1) AS s_{name}" for name in columns)
    sql = f"""
        SELECT toUnixTimestamp(start) AS at, visitor_id, session_id, {last}
        FROM sessions PREWHERE {_OF_VISITORS} AND is_visit
        WHERE start {_BETWEEN} AND {KNOWN}
        GROUP BY visitor_id, session_id, start HAVING sum(sign) > 0
        ORDER BY at DESC, session_id DESC LIMIT {{most:UInt64}}
    """
    return Statement(sql, scope.params)


def compile_events(query: Query, span: JourneySpan, goals: Sequence[GoalSpec]) -> Statement:
    """Return the statement for events: at, visitor_id, session_id, name, hostname, pathname, props, numbers of goals.

    Of engagement the first that completes a goal stands for its page in its visit.
    """
    scope = _scope(query, span)
    numbers = goal_numbers_sql(goals, scope) if goals else "emptyArrayUInt16()"
    sql = f"""
        SELECT at, visitor_id, session_id, name, hostname, pathname, props, numbers
        FROM (
            SELECT
                toUnixTimestamp(timestamp) AS at, visitor_id, session_id, toString(name) AS name,
                toString(hostname) AS hostname, toString(pathname) AS pathname,
                arraySort(arrayZip(arrayMap(key -> toString(key), prop_keys), prop_values)) AS props,
                arraySort({numbers}) AS numbers
            FROM events PREWHERE {_OF_VISITORS} WHERE timestamp {_BETWEEN} AND events.name != 'engagement'
            UNION ALL
            SELECT
                toUnixTimestamp(min(timestamp)) AS at, visitor_id, session_id, 'engagement' AS name,
                toString(any(hostname)) AS hostname, toString(pathname) AS path, [] AS props,
                arraySort(groupUniqArrayArray(reached)) AS numbers
            FROM (
                SELECT timestamp, visitor_id, session_id, hostname, pathname, {numbers} AS reached
                FROM events PREWHERE {_OF_VISITORS} WHERE timestamp {_BETWEEN} AND name = 'engagement'
            )
            WHERE notEmpty(reached)
            GROUP BY visitor_id, session_id, pathname
        )
        ORDER BY at DESC, session_id DESC, name DESC, pathname DESC, props DESC, visitor_id DESC
        LIMIT {{most:UInt64}}
    """
    return Statement(sql, scope.params)


def compile_payments(query: Query, span: JourneySpan) -> Statement:
    """Return the statement for payments and refunds: at, visitor_id, payment_id."""
    sql = f"""
        SELECT toUnixTimestamp(paid_at) AS at, visitor_id, payment_id
        FROM payments FINAL
        WHERE site_id = {{site:UInt32}} AND NOT is_voided AND visitor_id IN {{visitors:Array(UInt64)}}
            AND paid_at {_BETWEEN}
        ORDER BY at DESC, payment_id DESC LIMIT {{most:UInt64}}
    """
    return Statement(sql, _scope(query, span).params)


_BETWEEN: Final = "BETWEEN toDateTime({start:UInt32}, 'UTC') AND toDateTime({end:UInt32}, 'UTC')"
_OF_VISITORS: Final = (
    "site_id = {site:UInt32} AND visitor_id IN {visitors:Array(UInt64)} "
    "AND day BETWEEN toDate(toDateTime(greatest({start:UInt32}, 86400) - 86400, 'UTC')) "
    "AND toDate(toDateTime({end:UInt32}, 'UTC')) + 1"
)


def _scope(query: Query, span: JourneySpan) -> Scope:
    scope = Scope(query)
    scope.params |= {"visitors": list(span.visitors), "start": span.start, "end": span.end, "most": span.most}
    return scope


def _rows(store: EventStore, statement: Statement) -> list[dict[str, Any]]:
    return store.read_rows(statement.sql, statement.params, tag="visitor journey")
