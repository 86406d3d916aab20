"""Made-up traffic: what a first look must find in it, and that ranges that meet tell every visit once."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest

from stats.sample_traffic import CURRENCY, PURCHASE, SampleEvent, sample_events

NOW = datetime(2026, 11, 21, 9, 30, 17, tzinfo=UTC)
DAY = timedelta(days=1)


def instant(event: SampleEvent) -> datetime:
    return datetime.fromisoformat(str(event["timestamp"]))


@pytest.fixture(scope="module")
def month() -> list[SampleEvent]:
    return list(sample_events(NOW - 30 * DAY, NOW))


def test_month_has_a_size_that_loads_at_once_and_fills_reports(month: list[SampleEvent]) -> None:
    assert 20_000 <= len(month) <= 50_000


def test_month_ends_now_and_never_later(month: list[SampleEvent]) -> None:
    assert all(NOW - 30 * DAY < instant(event) <= NOW for event in month)
    assert {event["visitor_id"] for event in month if instant(event) > NOW - timedelta(minutes=5)} != set()


def test_month_has_every_day_and_quieter_weekends(month: list[SampleEvent]) -> None:
    views: dict[datetime, int] = defaultdict(int)
    for event in month:
        if event["name"] == "pageview":
            views[instant(event).replace(hour=0, minute=0, second=0)] += 1
    assert len(views) == 31
    whole = {day: count for day, count in views.items() if day.date() not in {NOW.date(), (NOW - 30 * DAY).date()}}
    weekend = [count for day, count in whole.items() if day.weekday() >= 5]
    workdays = [count for day, count in whole.items() if day.weekday() < 5]
    assert median(weekend) < 0.8 * median(workdays)


def test_purchases_carry_money_and_properties(month: list[SampleEvent]) -> None:
    purchases = [event for event in month if event["name"] == PURCHASE]
    assert len(purchases) > 50
    for event in purchases:
        assert event["revenue_currency"] == CURRENCY
        assert float(str(event["revenue_amount"])) > 0
        assert event["props"].keys() == {"product", "payment"}  # type: ignore[attr-defined]


def test_engagement_follows_each_view_that_is_over(month: list[SampleEvent]) -> None:
    names = Counter(str(event["name"]) for event in month)
    assert 0 <= names["pageview"] - names["engagement"] <= 10  # only views of the last minutes go on


def test_same_range_gives_the_same_events() -> None:
    assert list(sample_events(NOW - DAY, NOW)) == list(sample_events(NOW - DAY, NOW))


def test_ranges_that_meet_give_each_visit_once() -> None:
    """Cut at an hour of the night with no visit under way; the visits of each range's last minutes are extra."""
    cut = NOW.replace(hour=3, minute=0, second=0)
    extra = {event["visitor_id"] for event in sample_events(cut - timedelta(minutes=4), cut)}
    parts = [*sample_events(NOW - DAY, cut), *sample_events(cut, NOW)]
    whole = list(sample_events(NOW - DAY, NOW))
    assert [event for event in parts if event["visitor_id"] not in extra] == whole


def test_empty_range_gives_nothing() -> None:
    assert list(sample_events(NOW, NOW)) == []
