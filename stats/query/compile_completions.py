"""Completions of one goal as a list: the events that satisfy it, newest first, and the sessions they belong to.

What a browser sent carries its session's attributes. What a server sent outside of any visit has none; the visitor's
latest session that began at or before it is looked up, in a second statement for a page of the list.
Source: revenue contract, 1.9.
"""

from collections.abc import Sequence
from typing import Final

from stats.query.build import Query
from stats.query.compile import Statement, events_where
from stats.query.compile_filters import Scope
from stats.query.plan import plan_query

SESSION_COLUMNS: Final = (
    "referrer",
    "source",
    "utm_source",
    "country_code",
    "browser",
    "os",
    "device",
    "city_geoname_id",
)

# A visit that a server alone told of has no attributes at all; one of a browser has a channel at the least.
KNOWN: Final = "(channel != '' OR source != '' OR country_code != '' OR browser != '' OR device != '')"


def compile_completions(query: Query, *, of_pages: bool, limit: int, offset: int) -> Statement:
    """Return the statement for a page of completions: columns visitor_id, at (unix seconds), known, and s_… for
    SESSION_COLUMNS.

    `of_pages`: a completion is a page of a visit, at its first event. The order is total but for rows that are equal.
    """
    scope = Scope(query)
    (branch,) = plan_query(query).branches
    at, before, group = "timestamp", "{}", ""
    if of_pages:
        at, before, group = "min(timestamp)", "any({})", " GROUP BY visitor_id, session_id, pathname"
    columns = [f"toUnixTimestamp({at}) AS at", f"{before.format(KNOWN)} AS known"]
    columns += [f"{before.format(name)} AS s_{name}" for name in SESSION_COLUMNS]
    page = f"LIMIT {scope.bind(limit, 'UInt64')} OFFSET {scope.bind(offset, 'UInt64')}"
    sql = (
        f"SELECT visitor_id, session_id, {', '.join(columns)} FROM events "
        f"WHERE {' AND '.join(events_where(branch, scope))}{group} "
        f"ORDER BY at DESC, session_id DESC, visitor_id DESC {page}"
    )
    return Statement(sql, scope.params)


def compile_latest_sessions(site_id: int, since: int, moments: Sequence[tuple[int, int]]) -> Statement:
    """Return the statement for the latest session, from `since` on, of each (visitor, unix second).

    Columns: number, counted from 0, and s_… for SESSION_COLUMNS; a visitor without a session has no row.
    """
    visitors, instants = [visitor for visitor, _ in moments], [at for _, at in moments]
    shown = ", ".join(f"any({name}) AS s_{name}" for name in SESSION_COLUMNS)
    sessions = (
        f"SELECT visitor_id, toUnixTimestamp(start) AS began, {shown} FROM sessions "
        f"WHERE site_id = {{site:UInt32}} AND is_visit AND {KNOWN} AND visitor_id IN {{visitors:Array(UInt64)}} "
        f"AND start >= toDateTime({{since:UInt32}}, 'UTC') "
        f"GROUP BY visitor_id, session_id, start HAVING sum(sign) > 0"
    )
    wanted = (
        "SELECT visitor, instant, place - 1 AS number FROM (SELECT {visitors:Array(UInt64)} AS visitors, "
        "{instants:Array(UInt32)} AS instants) ARRAY JOIN visitors AS visitor, instants AS instant, "
        "arrayEnumerate(visitors) AS place"
    )
    found = ", ".join(f"s_{name}" for name in SESSION_COLUMNS)
    sql = (
        f"SELECT number, {found} FROM ({wanted}) AS wanted ASOF INNER JOIN ({sessions}) AS session "
        f"ON wanted.visitor = session.visitor_id AND wanted.instant >= session.began"
    )
    return Statement(sql, {"site": site_id, "since": since, "visitors": visitors, "instants": instants})
