"""The formulas of the metrics over the selected events or visits of one group (stats contract 2.4 and 2.6)."""

from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

from stats.query.types import Value
from tests.stats.query.reference.visits import Event, Visit

EVENT_METRICS = (
    *("pageviews", "events", "time_on_page", "scroll_depth"),
    *("total_revenue", "average_revenue"),
)
SESSION_METRICS = ("bounce_rate", "visit_duration", "views_per_visit")
RATES = ("percentage", "conversion_rate", "group_conversion_rate")
EITHER_METRICS = ("visitors", "visits", *RATES)
REVENUE_METRICS = ("total_revenue", "average_revenue")
# Of a group that a table has no row of, and of nothing selected at all (2.5).
EMPTY: Mapping[str, Value] = {
    **dict.fromkeys((*EVENT_METRICS, *SESSION_METRICS, *EITHER_METRICS), 0),
    **dict.fromkeys(("time_on_page", "scroll_depth")),
}
FULL_SCROLL = 100
THOUSANDTH = Decimal("0.001")


# ---- From events -----------------------------------------------------------------------------------------------------
def visitors_of_events(events: Sequence[Event]) -> int:
    """Count who did anything, engagement included."""
    return len({event.visit.visitor for event in events})


def visits_of_events(events: Sequence[Event]) -> int:
    return len({event.visit for event in events})


def pageviews(events: Sequence[Event]) -> int:
    return sum(event.hit.name == "pageview" for event in events)


def actions(events: Sequence[Event]) -> int:
    """Count pageviews and custom events."""
    return sum(event.hit.name != "engagement" for event in events)


def time_on_page(events: Sequence[Event]) -> int | None:
    """Return the mean seconds of engagement of the visits that have any."""
    engaged = [event for event in events if event.hit.name == "engagement"]
    visits = {event.visit for event in engaged}
    return round(sum(event.hit.seconds for event in engaged) / len(visits)) if visits else None


def scroll_depth(events: Sequence[Event]) -> int | None:
    """Return the mean of how deep each visit scrolled at its deepest, in percent."""
    deepest: dict[Visit, int] = {}
    for event in events:
        if event.hit.name == "engagement" and event.hit.scroll_depth <= FULL_SCROLL:
            deepest[event.visit] = max(event.hit.scroll_depth, deepest.get(event.visit, 0))
    return round(sum(deepest.values()) / len(deepest)) if deepest else None


def total_revenue(events: Sequence[Event]) -> float:
    return cut(sum(amounts(events), Decimal()))


def average_revenue(events: Sequence[Event]) -> float:
    """Return the mean of the amounts that there are."""
    found = amounts(events)
    return cut(sum(found, Decimal()) / len(found)) if found else 0


def amounts(events: Sequence[Event]) -> list[Decimal]:
    return [Decimal(event.hit.amount) for event in events if event.hit.amount is not None]


def cut(amount: Decimal) -> float:
    return float(amount.quantize(THOUSANDTH, ROUND_DOWN))


OF_EVENTS: Mapping[str, Callable[[Sequence[Event]], Value]] = {
    "visitors": visitors_of_events,
    "visits": visits_of_events,
    "pageviews": pageviews,
    "events": actions,
    "time_on_page": time_on_page,
    "scroll_depth": scroll_depth,
    "total_revenue": total_revenue,
    "average_revenue": average_revenue,
}


# ---- From visits -----------------------------------------------------------------------------------------------------
def visitors_of_visits(visits: Sequence[Visit]) -> int:
    return len({visit.visitor for visit in visits})


def bounce_rate(visits: Sequence[Visit]) -> int:
    """Return the percentage of bounces; the caller has left out the visits that entered elsewhere."""
    return round(100 * sum(visit.is_bounce for visit in visits) / len(visits)) if visits else 0


def visit_duration(visits: Sequence[Visit]) -> int:
    """Return the mean seconds, bounces included."""
    return round(sum(visit.duration for visit in visits) / len(visits)) if visits else 0


def views_per_visit(visits: Sequence[Visit]) -> float:
    return round(sum(visit.pageviews for visit in visits) / len(visits), 2) if visits else 0


OF_VISITS: Mapping[str, Callable[[Sequence[Visit]], Value]] = {
    "visitors": visitors_of_visits,
    "visits": len,
    "bounce_rate": bounce_rate,
    "visit_duration": visit_duration,
    "views_per_visit": views_per_visit,
    # Breakdowns of v1 only (3.4).
    "pageviews": lambda visits: sum(visit.pageviews for visit in visits),
    "events": lambda visits: sum(visit.events for visit in visits),
}


# ---- Rates -----------------------------------------------------------------------------------------------------------
def share(part: int, whole: int) -> float:
    """Return a percentage with two digits, 0 of nothing."""
    return round(100 * part / whole, 2) if whole else 0
