"""The engine's answer beside the contract's, and what to print where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from accounts.types import SiteRef
from analytics_project.errors import InvalidQuery
from stats.query.build import Query, build_query
from stats.query.cities import cities_in_range, is_about_city_names
from stats.query.run import run_query
from stats.query.types import Include, QueryParams, Row, Value
from stats.store.client import EventStore
from tests.stats.query.reference.answer import Answer, answer, reason_to_skip
from tests.stats.query.reference.dimensions import CITY_NAMES, is_time
from tests.stats.query.reference.metrics import REVENUE_METRICS
from tests.stats.query.reference.notation import of_params
from tests.stats.query.reference.smaller import Case, smallest
from tests.stats.query.reference.time_buckets import Span, span_of
from tests.stats.query.reference.worlds import World

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Difference:
    """Two answers to one query that should be the same."""

    engine: Answer
    contract: Answer


def report(store: EventStore, world: World, queries: Sequence[QueryParams]) -> str | None:
    """Ask an engine's fresh site everything; return the smallest case of the first difference, if there is one."""
    site = world.settle(store)
    for params in queries:
        if difference(store, site, world, params) is not None:
            return smallest_report(store, world, params)
    return None


def difference(store: EventStore, site: SiteRef, world: World, params: QueryParams) -> Difference | None:
    """Return the two answers where they differ in a row, its place or the number of rows.

    Visits may have rows in time buckets beyond the range or not (2.3), so these are left out; a query that could have
    some is asked without its page.
    """
    span = span_of(params.date_range, site.timezone)
    if any(map(is_time, params.dimensions)):
        unpaged = replace(params, limit=None, offset=0, include=params.include & {Include.IMPORTS})
        everything = answer(world.hits, site, world.goals, unpaged, world.totals)
        params = params if everything == inside(everything, params, span) else unpaged
    contract = inside(answer(world.hits, site, world.goals, params, world.totals), params, span)
    engine = inside(engine_answer(store, site, world, params), params, span)
    if Include.IMPORTS in params.include:
        skipped = build_query(params, site, NOW, goals=world.goals).imports_skipped
        assert skipped == reason_to_skip(site, world.goals, params), of_params(params)
    if Include.TOTAL_ROWS not in params.include:
        contract, engine = replace(contract, total_rows=0), replace(engine, total_rows=0)
    return None if engine == contract else Difference(engine, contract)


def engine_answer(store: EventStore, site: SiteRef, world: World, params: QueryParams) -> Answer:
    """Return what we answer, amounts of money as plain numbers."""
    result = run_query(store, with_names(store, build_query(params, site, NOW, goals=world.goals)))
    rows = [Row(row.dimensions, tuple(map(plain, params.metrics, row.metrics))) for row in result.rows]
    return Answer(rows, result.total_rows or 0)


def with_names(store: EventStore, query: Query) -> Query:
    """Return a query with the names of the cities that the engine takes it to be about."""
    if not is_about_city_names(query):
        return query
    found = sorted(cities_in_range(store, query) & CITY_NAMES.keys())
    return replace(query, city_names=tuple((number, CITY_NAMES[number]) for number in found))


def plain(metric: str, value: Value) -> Value:
    return float(value) if metric in REVENUE_METRICS and value is not None else value


def inside(found: Answer, params: QueryParams, span: Span) -> Answer:
    """Return an answer without the rows of time buckets beyond the range."""
    for number, name in enumerate(params.dimensions):
        if is_time(name):
            bucket = span.picked() if name == "time" else name
            first, last = span.bucket(bucket, span.first), span.bucket(bucket, span.last)
            rows = [row for row in found.rows if first <= str(row.dimensions[number]) <= last]
            return Answer(rows, found.total_rows)
    return found


def smallest_report(store: EventStore, world: World, params: QueryParams) -> str:
    """Return the smallest case that still differs, in the notation of the contract's worked cases."""
    settled = (world, world.settle(store))

    def difference_of(case: Case) -> Difference | None:
        nonlocal settled
        if case[0] is not settled[0]:
            settled = (case[0], case[0].settle(store))
        return difference(store, settled[1], *case)

    def differs(case: Case) -> bool:
        try:
            return difference_of(case) is not None
        except (InvalidQuery, StopIteration, ValueError):
            return False  # a smaller query may have no meaning

    small = smallest((world, params), differs)
    found = difference_of(small) or difference_of((world, params))
    return (
        f"{of_params(small[1])}\nengine:   {found and found.engine}\ncontract: {found and found.contract}\n{small[0]!r}"
    )
