"""Retention: of the visitors first seen in a period, how many came back in each later one.

The rule:
- A cohort is a day, week from Monday, or month of the site's zone, named as time buckets are: the first one by the
  range's first date where that is later. A visitor belongs to the one with their first event inside of the range, or
  with their first event that fulfils `first`.
- They have come back in a period that holds any event of theirs, or one that fulfils `returning`, not earlier than the
  event that put them into the cohort. Period 0 is the cohort's own; the event itself counts there if it fulfils both.
- Only events inside of the range and passing the query's filters are looked at. Periods that have not begun are left
  out, the one in course counts as far as it has come.
- A visitor is an id. Without persistent ids that is another one every day, so nobody is seen to come back later.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from accounts.types import SiteRef
from analytics_project.errors import InvalidQuery
from goals.types import GoalSpec
from stats.query.build import Query, build_query
from stats.query.compile import Statement, group_sql, rows_sql
from stats.query.compile_filters import Scope, condition_sql
from stats.query.dates import time_labels
from stats.query.plan import events_of, seen_visitors_of
from stats.query.steps import Step, check_steps
from stats.query.types import ONE_SECOND, DateRange, QueryParams
from stats.store.client import EventStore

MAX_PERIODS: Final = 366


class Interval(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class RetentionParams:
    """A request whose shape is right; without a step any event counts."""

    query: QueryParams
    interval: Interval = Interval.WEEK
    first: Step | None = None
    returning: Step | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps that are given."""
        return tuple(step for step in (self.first, self.returning) if step is not None)


@dataclass(frozen=True, slots=True)
class Retention:
    """Everything that decides an answer; `periods` are the labels of those that have begun, ascending."""

    query: Query
    interval: Interval
    first: Step | None
    returning: Step | None
    periods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Its label and size; how many came back in its own period and each later one, and that in percent of the size."""

    label: str
    size: int
    returned: tuple[int, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RetentionResult:
    """A cohort for each period, also where nobody is in it."""

    retention: Retention
    cohorts: tuple[Cohort, ...]


def build_retention(
    params: RetentionParams,
    site: SiteRef,
    now: datetime,
    *,
    stats_start_on: date | None = None,
    goals: Sequence[GoalSpec] = (),
) -> Retention:
    """Return the complete form of a request. Arguments are those of `build_query`.

    Raises: InvalidQuery naming the member, also for a range of more than 366 periods.
    """
    query = build_query(params.query, site, now, stats_start_on=stats_start_on, goals=goals)
    check_steps(params.steps, query.filters, goals)
    begun = DateRange(query.dates.start_at, min(query.dates.end_at, now + ONE_SECOND))
    periods = time_labels(begun, ZoneInfo(query.timezone), query.dimensions[0])
    if len(periods) > MAX_PERIODS:
        raise InvalidQuery(
            f"date_range: has {len(periods)} periods of a {params.interval}, more than {MAX_PERIODS}; ask for a longer "
            "interval or a shorter range",
            code="invalid_date_range",
        )
    return Retention(replace(query, goals=tuple(goals)), params.interval, params.first, params.returning, periods)


def run_retention(store: EventStore, retention: Retention) -> RetentionResult:
    """Return the cohorts, from one statement. Raises: StoreUnavailable; InvalidQuery for a bad expression."""
    statement = compile_retention(retention)
    rows = store.read_rows(statement.sql, statement.params, tag="retention")
    found: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in rows:
        found[row["cohort"]][row["period"] if row["came_back"] else ""] = row
    labels = retention.periods
    return RetentionResult(
        retention, tuple(_cohort(label, found.get(label, {}), labels[number:]) for number, label in enumerate(labels))
    )


def _cohort(label: str, rows: Mapping[str, Mapping[str, Any]], labels: Sequence[str]) -> Cohort:
    return Cohort(
        label,
        int(rows[""]["visitors"]) if rows else 0,
        tuple(int(rows[later]["visitors"]) if later in rows else 0 for later in labels),
        tuple(float(rows[later]["share"]) if later in rows else 0.0 for later in labels),
    )


def compile_retention(retention: Retention) -> Statement:
    """Return the statement of cohorts: `cohort`, `period`, `came_back`, `visitors`, `share`.

    A row without `came_back` counts the whole cohort.
    """
    scope = Scope(retention.query)
    told = (
        "SELECT cohort, row.1 AS period, row.2 AS came_back FROM "
        "(SELECT cohort, arrayPushFront(arrayMap(period -> (period, 1), later), (cohort, 0)) AS told "
        f"FROM ({_visitors_sql(retention, scope)})) ARRAY JOIN told AS row"
    )
    counted = (
        "SELECT toString(cohort) AS cohort, toString(period) AS period, came_back, count() AS visitors "
        f"FROM ({told}) GROUP BY cohort, period, came_back"
    )
    whole = "sumIf(visitors, came_back = 0) OVER (PARTITION BY cohort)"
    sql = f"SELECT *, round(100 * visitors / {whole}, 2) AS share FROM ({counted}) ORDER BY cohort, period, came_back"
    return Statement(sql, scope.params)


def _visitors_sql(retention: Retention, scope: Scope) -> str:
    """Return each visitor's `cohort`, and as `later` the periods from it on in which they came back.

    `seen` are a visitor's periods with returns, each with the time of the last one, so that those before the cohort's
    event fall out. Where any event fits, visits may tell of them, whose times say nothing and are not needed.
    """
    if retention.first is None and retention.returning is None:
        branch = seen_visitors_of(retention.query)
        rows = (
            f"SELECT visitor_id, {group_sql(branch.dimensions[0], branch, scope)} AS g0 FROM {rows_sql(branch, scope)}"
        )
        return f"SELECT min(g0) AS cohort, groupUniqArray(g0) AS later FROM ({rows}) GROUP BY visitor_id"
    branch = events_of(retention.query)
    first, returning = (
        "1" if step is None else condition_sql(step.looked_for, scope)
        for step in (retention.first, retention.returning)
    )
    events = (
        f"SELECT visitor_id, {group_sql(branch.dimensions[0], branch, scope)} AS g0, toUInt64(timestamp) + 1 AS at, "
        f"({first}) AS opens, ({returning}) AS returns FROM {rows_sql(branch, scope, f'(({first}) OR ({returning}))')}"
    )
    periods = (
        "SELECT visitor_id, g0, minIf(at, opens) AS first_at, maxIf(at, returns) AS last_at "
        f"FROM ({events}) GROUP BY visitor_id, g0"
    )
    visitors = (
        "SELECT minIf(g0, first_at > 0) AS cohort, minIf(first_at, first_at > 0) AS began_at, "
        "groupArrayIf((g0, last_at), last_at > 0) AS seen "
        f"FROM ({periods}) GROUP BY visitor_id HAVING countIf(first_at > 0) > 0"
    )
    later = "arrayMap(one -> one.1, arrayFilter(one -> one.1 >= cohort AND one.2 >= began_at, seen))"
    return f"SELECT cohort, {later} AS later FROM ({visitors})"
