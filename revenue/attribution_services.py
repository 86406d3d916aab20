"""What values of a dimension earned: payments put down to visits and goals, beside the visitors of the window.

Computed when read, from stored visits and payments. Source: revenue contract, 3.2 to 3.4.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from django.conf import settings

from analytics_project import clock
from goals.selectors import goal_specs
from revenue.reports import Report, per
from revenue.types import decimals_of
from stats.city_services import with_city_names
from stats.ingest.sources import payment_hosts
from stats.query.build import Query, build_query
from stats.query.dimensions import GOAL, NOT_SET, dimension_for
from stats.query.identities import has_identities
from stats.query.money.attribution import (
    PAYMENT_PREFIX,
    Credit,
    Crediting,
    Model,
    PurchasePaths,
    Renewals,
    is_of_visits,
)
from stats.query.money.run import read_credits, read_purchase_paths
from stats.query.run import run_query
from stats.query.types import InstantPair, Leaf, QueryParams

DEFAULT_LOOKBACK_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Rules:
    """By which rules payments are credited, and which credit is wanted; `filters` are joined by AND."""

    model: Model = Model.LAST_NON_DIRECT
    lookback_days: int = DEFAULT_LOOKBACK_DAYS
    renewals: Renewals = Renewals.FIRST
    filters: tuple[Leaf, ...] = ()


@dataclass(frozen=True, slots=True)
class Earned:
    """What one value earned; `visitors` is None where a value is nothing that visitors have."""

    credit: Credit
    visitors: int | None

    @property
    def per_visitor(self) -> Decimal | None:
        """Return what is left of the revenue by visitor, None without visitors."""
        return per(self.credit.net, self.visitors or 0)


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A page of rows in their order, and how many there are in all."""

    rows: tuple[Earned, ...]
    total: int


def breakdown(report: Report, pair: InstantPair, dimension: str, rules: Rules, *, limit: int, offset: int) -> Breakdown:
    """Return what the values of a dimension earned in a report's window, whose stored part is `pair`.

    Over all rows, revenue less refunds is the report's total as it is shown. Raises: InvalidQuery for filters without
    meaning; StoreUnavailable, StoreBusy.
    """
    query = crediting_query(report, pair, dimension, rules)
    found = read_credits(report.store, crediting(report, rules), query, dimension, limit=limit, offset=offset)
    named = [row.value for row in found.rows if row.value is not None]
    visitors = _visitors(report, pair, dimension, rules.filters, named)
    rows = tuple(Earned(row, None if visitors is None else visitors.get(row.value, 0)) for row in found.rows)
    return Breakdown(rows, found.total)


def purchase_paths(
    report: Report, pair: InstantPair, dimension: str, rules: Rules, *, limit: int, offset: int
) -> PurchasePaths:
    """Return what came before the payments of a report's window, by a dimension of visits.

    The model of the rules is of no account. Raises: as `breakdown`.
    """
    query = crediting_query(report, pair, dimension, rules)
    return read_purchase_paths(report.store, crediting(report, rules), query, dimension, limit=limit, offset=offset)


def _visitors(
    report: Report, pair: InstantPair, dimension: str, filters: Collection[Leaf], values: Collection[str]
) -> Mapping[str | None, int] | None:
    """Return the window's visitors by values of a dimension, as the Stats API counts them; None where there are none.

    Payments know no visitors: products have none, and filters of payments leave out nobody.
    """
    if dimension.startswith(PAYMENT_PREFIX):
        return None
    params = QueryParams(("visitors",), pair, dimensions=(dimension,), filters=_of_visits(filters))
    if dimension != GOAL:
        shown = dimension_for(dimension).shown
        stored = [value if shown or value != NOT_SET else "" for value in values]
        params = replace(params, only=((dimension, tuple(stored)),))
    rows = run_query(report.store, _query(report, params)).rows
    return {str(row.dimensions[0]) or NOT_SET: int(row.metrics[0] or 0) for row in rows}


def crediting_query(report: Report, pair: InstantPair, dimension: str, rules: Rules) -> Query:
    """Return the query that holds what names of goals and cities a statement of credit needs."""
    dimensions = () if dimension.startswith(PAYMENT_PREFIX) else (dimension,)
    return _query(report, QueryParams(("visitors",), pair, dimensions=dimensions, filters=_of_visits(rules.filters)))


def _of_visits(filters: Collection[Leaf]) -> tuple[Leaf, ...]:
    return tuple(leaf for leaf in filters if is_of_visits(leaf.dimension))


def _query(report: Report, params: QueryParams) -> Query:
    goals = goal_specs(report.site) if GOAL in params.dimensions else ()
    return with_city_names(build_query(params, report.site, clock.now(), goals=goals))


def crediting(report: Report, rules: Rules) -> Crediting:
    """Return the rules as the query engine takes them."""
    site = report.site
    domain = site.domain.removeprefix("www.")
    return Crediting(
        span=report.span,
        model=rules.model,
        renewals=rules.renewals,
        lookback_days=rules.lookback_days,
        minor_unit=10 ** (6 - (decimals_of(site.currency) or 0)),
        hosts=(*payment_hosts(), *settings.PAYMENT_HOSTS, domain),
        since=site.stats_reset_at or 0,
        filters=rules.filters,
        joins_visitors=has_identities(report.store, site.id),
    )
