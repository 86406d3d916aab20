"""Funnels, retention and journeys → their wire shapes: `results`, `meta`, and `query`, which may be posted back."""

from collections.abc import Iterable
from typing import Any, Final
from zoneinfo import ZoneInfo

from goals.types import FunnelFields
from stats.api.present_v2 import shown_filter, shown_instant
from stats.query.build import Query
from stats.query.funnels import Funnel, FunnelResult, FunnelRow, Unit
from stats.query.journeys import Journey, Journeys, JourneysResult, Place, PlaceKind
from stats.query.parse_analyses import ALL_GOALS
from stats.query.retention import Cohort, Retention, RetentionResult
from stats.query.steps import Step

IDS_LAST_A_DAY: Final = {
    "code": "visitor_ids_last_one_day",
    "warning": (
        "This site does not keep visitor ids: each lasts one day of the site's time zone, so that whoever comes on "
        "another day is another visitor. Only events sent or imported with an id of their own tell returns."
    ),
}


def present_funnel(result: FunnelResult, site_id_text: str, *, keeps_ids: bool) -> dict[str, object]:
    """Return rows with their steps, and a warning where visitors of several days could not be told."""
    funnel = result.funnel
    warned = not keeps_ids and funnel.unit is Unit.VISITORS and _days(funnel.query) > 1
    meta: dict[str, object] = {} if result.total_rows is None else {"total_rows": result.total_rows}
    return {
        "results": [_funnel_row(row, funnel) for row in result.rows],
        "meta": {**meta, **_warnings(warned)},
        "query": _funnel_echo(funnel, site_id_text),
    }


def present_funnels(funnels: Iterable[FunnelFields]) -> list[dict[str, object]]:
    """Return defined funnels, each step as the display name of its goal, which a request for a funnel takes."""
    return [{"id": one.id, "name": one.name, "steps": [goal.display_name for goal in one.steps]} for one in funnels]


def present_retention(result: RetentionResult, site_id_text: str, *, keeps_ids: bool) -> dict[str, object]:
    """Return cohorts with their periods, and a warning where visitors of several days could not be told."""
    labels = result.retention.periods
    return {
        "results": [_cohort(cohort, labels[number:]) for number, cohort in enumerate(result.cohorts)],
        "meta": _warnings(not keeps_ids and _days(result.retention.query) > 1),
        "query": _retention_echo(result.retention, site_id_text),
    }


def present_journeys(result: JourneysResult, site_id_text: str) -> dict[str, object]:
    """Return ways with their counts."""
    return {
        "results": [_journey(row) for row in result.rows],
        "meta": {} if result.total_rows is None else {"total_rows": result.total_rows},
        "query": _journeys_echo(result.journeys, site_id_text),
    }


def _warnings(warned: bool) -> dict[str, object]:
    return {"warnings": [IDS_LAST_A_DAY]} if warned else {}


def _days(query: Query) -> int:
    """Return how many dates of the site's zone a range touches."""
    first, last = (at.astimezone(ZoneInfo(query.timezone)).date() for at in (query.dates.start_at, query.dates.last_at))
    return (last - first).days + 1


def _funnel_row(row: FunnelRow, funnel: Funnel) -> dict[str, object]:
    columns = zip(
        funnel.steps, row.reached, row.shares, row.step_shares, row.drop_offs, row.drop_off_shares, strict=True
    )
    return {
        "dimensions": list(row.dimensions),
        "entering": row.reached[0],
        "completing": row.reached[-1],
        "conversion_rate": row.shares[-1],
        "steps": [
            {
                "label": step.label,
                funnel.unit.value: reached,
                "conversion_rate": share,
                "step_conversion_rate": step_share,
                "drop_off": drop_off,
                "drop_off_rate": drop_off_share,
            }
            for step, reached, share, step_share, drop_off, drop_off_share in columns
        ],
    }


def _cohort(cohort: Cohort, labels: Iterable[str]) -> dict[str, object]:
    columns = zip(labels, cohort.returned, cohort.shares, strict=True)
    return {
        "cohort": cohort.label,
        "visitors": cohort.size,
        "returned": [
            {"period": number, "label": label, "visitors": visitors, "percentage": share}
            for number, (label, visitors, share) in enumerate(columns)
        ],
    }


def _journey(row: Journey) -> dict[str, object]:
    return {
        "steps": [_place(place) for place in row.places],
        "visits": row.visits,
        "visitors": row.visitors,
        "percentage": row.share,
    }


def _place(place: Place) -> dict[str, str]:
    return {"page" if place.kind is PlaceKind.PAGE else "goal": place.name}


def _step(step: Step) -> object:
    return step.goal or {"filter": shown_filter(step.condition), "label": step.label}


def _echo(query: Query, site_id_text: str) -> dict[str, object]:
    return {
        "site_id": site_id_text,
        "date_range": [shown_instant(at, query.timezone) for at in (query.dates.start_at, query.dates.last_at)],
        "filters": [shown_filter(node) for node in query.filters],
        "include": {str(name): True for name in sorted(query.include)},
    }


def _page(query: Query) -> dict[str, Any]:
    return {"offset": query.offset, "limit": query.limit}


def _funnel_echo(funnel: Funnel, site_id_text: str) -> dict[str, object]:
    return {
        **_echo(funnel.query, site_id_text),
        "dimensions": list(funnel.query.dimensions),
        "steps": [_step(step) for step in funnel.steps],
        "unit": funnel.unit.value,
        **({} if funnel.within_s is None else {"within": funnel.within_s}),
        "pagination": _page(funnel.query),
    }


def _retention_echo(retention: Retention, site_id_text: str) -> dict[str, object]:
    steps = {"first": retention.first, "returning": retention.returning}
    return {
        **_echo(retention.query, site_id_text),
        "interval": retention.interval.value,
        **{name: _step(step) for name, step in steps.items() if step is not None},
    }


def _journeys_echo(journeys: Journeys, site_id_text: str) -> dict[str, object]:
    ends = {"from": journeys.start, "to": journeys.end}
    return {
        **_echo(journeys.query, site_id_text),
        "depth": journeys.depth,
        "goals": ALL_GOALS if journeys.shown_goals is None else list(journeys.shown_goals),
        **{name: _place(place) for name, place in ends.items() if place is not None},
        "pagination": _page(journeys.query),
    }
