"""Funnels, retention and journeys, computed slowly from the rules that their modules in `stats.query` state.

Rows are chosen as for queries; which ones `selection` says.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from accounts.types import SiteRef
from goals.types import GoalSpec
from stats.query.funnels import FunnelParams, Unit
from stats.query.journeys import JourneyParams, PlaceKind
from stats.query.retention import RetentionParams
from stats.query.steps import Step
from stats.query.types import QueryParams
from tests.stats.query.recorded import Hit
from tests.stats.query.reference.dimensions import GOAL, shown, value_of_event
from tests.stats.query.reference.goals import satisfies
from tests.stats.query.reference.metrics import share
from tests.stats.query.reference.selection import Selection, dimensions_in, passes, with_hostname_of_ends
from tests.stats.query.reference.time_buckets import span_of
from tests.stats.query.reference.visits import Event, Visit, visits_of

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Analyst:
    """The events of a site and its goals; answers with rows of plain values."""

    hits: Sequence[Hit]
    site: SiteRef
    goals: Sequence[GoalSpec]

    @cached_property
    def visits(self) -> list[Visit]:
        return visits_of(self.hits)

    def selection(self, params: QueryParams) -> Selection:
        reset_at = None if self.site.stats_reset_at is None else datetime.fromtimestamp(self.site.stats_reset_at, UTC)
        return Selection(self.visits, span_of(params.date_range, self.site.timezone, reset_at), self.goals)

    def events(self, params: QueryParams, dimensions: Sequence[str] = ()) -> list[Event]:
        return self.selection(params).events(with_hostname_of_ends(params.filters, dimensions), dimensions)

    def fits(self, step: Step | None, event: Event, params: QueryParams) -> bool:
        """Tell whether an event takes a step; engagement does where the step is about goals or names."""
        if step is None:
            return True
        by_name = dimensions_in([step.condition]) & {GOAL, "event:name"}
        if event.hit.name == "engagement" and not by_name:
            return False
        return passes(step.condition, self.selection(params).judge_event(event))

    # ---- Funnels -----------------------------------------------------------------------------------------------------
    def funnel(self, params: FunnelParams) -> Rows:
        """Return (dimension…, counts by step, shares, shares of the step before, drop-offs, their shares)."""
        names = params.query.dimensions
        taken: dict[tuple[Any, ...], dict[Any, set[tuple[datetime, tuple[int, ...]]]]] = defaultdict(
            lambda: defaultdict(set)
        )
        for event in self.events(params.query, names):
            fitting = tuple(n for n, step in enumerate(params.steps) if self.fits(step, event, params.query))
            who = event.hit.visitor if params.unit is Unit.VISITORS else event.visit
            group = tuple(shown(name, value_of_event(name, event)) for name in names)
            if fitting:
                taken[group][who].add((event.hit.moment, fitting))
        groups = {group: [farthest(one, params) for one in people.values()] for group, people in taken.items()}
        if not names:
            groups.setdefault((), [])
        rows = [(group, funnel_row(levels, len(params.steps))) for group, levels in groups.items()]
        rows = [(group, row) for group, row in rows if not names or row[0][0] > 0]
        rows.sort(key=lambda one: (-one[1][0][0], tuple(str(value).encode() for value in one[0])))
        return [(*group, *row) for group, row in rows]

    # ---- Retention ---------------------------------------------------------------------------------------------------
    def retention(self, params: RetentionParams) -> Rows:
        """Return (cohort, size, how many came back in it and each later period, their shares)."""
        span = self.selection(params.query).span
        bucket = f"time:{params.interval}"
        people: dict[str, list[Event]] = defaultdict(list)
        for event in self.events(params.query):
            people[event.hit.visitor].append(event)
        cohorts: dict[str, list[set[str]]] = defaultdict(list)
        for events in people.values():
            opening = [one.hit.moment for one in events if self.fits(params.first, one, params.query)]
            if opening:
                back = (one.hit.moment for one in events if self.fits(params.returning, one, params.query))
                seen = {span.bucket(bucket, moment) for moment in back if moment >= min(opening)}
                cohorts[span.bucket(bucket, min(opening))].append(seen)
        labels = span.labels(bucket)
        return [cohort_row(label, cohorts[label], labels[number:]) for number, label in enumerate(labels)]

    # ---- Journeys ----------------------------------------------------------------------------------------------------
    def journeys(self, params: JourneyParams) -> Rows:
        """Return (places as texts, visits, visitors, share) of all pages."""
        walked: dict[Any, list[tuple[datetime, str]]] = defaultdict(list)
        for event in self.events(params.query):
            walked[event.visit] += [(event.hit.moment, place) for place in places_of(event, params, self.goals)]
        visits: Counter[tuple[str, ...]] = Counter()
        visitors: Mapping[tuple[str, ...], set[str]] = defaultdict(set)
        for visit, places in walked.items():
            in_order = sorted(places, key=lambda one: (one[0], one[1].encode()))
            if way := cut(folded(place for _, place in in_order), params):
                visits[way] += 1
                visitors[way].add(visit.visitor)
        whole = sum(visits.values())
        rows = [(way, count, len(visitors[way]), share(count, whole)) for way, count in visits.items()]
        return sorted(rows, key=lambda row: (-row[1], -row[2], [place.encode() for place in row[0]]))


def farthest(taken: set[tuple[datetime, tuple[int, ...]]], params: FunnelParams) -> int:
    """Return how many steps can be taken in order by different events, trying every choice of events."""
    events = sorted(taken, key=lambda one: (one[0], one[1][0], one[1][::-1]))

    def most(after: int, step: int, began: datetime | None) -> int:
        best = step
        for place in range(after, len(events)):
            moment, fitting = events[place]
            late = began is not None and params.within_s is not None
            if late and began is not None and (moment - began).total_seconds() > (params.within_s or 0):
                break
            if step in fitting:
                best = max(best, most(place + 1, step + 1, began or moment))
        return best

    return most(0, 0, None)


def funnel_row(levels: Sequence[int], steps: int) -> tuple[tuple[Any, ...], ...]:
    reached = tuple(sum(level >= number for level in levels) for number in range(1, steps + 1))
    before = (reached[0], *reached[:-1])
    drop_offs = tuple(whole - count for count, whole in zip(reached, before, strict=True))
    return (
        reached,
        tuple(share(count, reached[0]) for count in reached),
        tuple(share(count, whole) for count, whole in zip(reached, before, strict=True)),
        drop_offs,
        tuple(share(count, whole) for count, whole in zip(drop_offs, before, strict=True)),
    )


def cohort_row(label: str, members: Sequence[set[str]], labels: Sequence[str]) -> tuple[Any, ...]:
    returned = tuple(sum(later in seen for seen in members) for later in labels)
    return (label, len(members), returned, tuple(share(count, len(members)) for count in returned))


def places_of(event: Event, params: JourneyParams, goals: Iterable[GoalSpec]) -> Iterator[str]:
    """Yield the page of a view, and the shown goals that the event reaches."""
    if event.hit.name == "pageview":
        yield f"1{event.hit.pathname}"
    ends = {one.name for one in (params.start, params.end) if one is not None and one.kind is PlaceKind.GOAL}
    for goal in goals:
        is_shown = params.goals is None or goal.display_name in {*params.goals, *ends}
        if is_shown and satisfies(goal, event):
            yield f"2{goal.display_name}"


def folded(places: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for place in places:
        if kept[-1:] != [place]:
            kept.append(place)
    return kept


def cut(way: list[str], params: JourneyParams) -> tuple[str, ...]:
    """Return the part that counts, empty where the visit does not."""
    if params.start is not None:
        begin = f"{params.start.kind}{params.start.name}"
        return tuple(way[way.index(begin) :][: params.depth]) if begin in way else ()
    if params.end is not None:
        end = f"{params.end.kind}{params.end.name}"
        return tuple(way[: way.index(end) + 1][-params.depth :]) if end in way else ()
    return tuple(way[: params.depth])
