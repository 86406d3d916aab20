"""Date ranges, days under daylight saving, buckets and labels, without a store."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from analytics_project.errors import InvalidQuery
from stats.query.dates import (
    day_end,
    day_start,
    fixed_offset,
    pick_bucket,
    previous_period,
    resolve_range,
    time_labels,
    whole_days,
)
from stats.query.parse_v2 import parse_date_range
from stats.query.types import DatePair, DateRange, InstantPair, Period, PeriodUnit

NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
UTC_ZONE = ZoneInfo("Etc/UTC")


def local_ends(dates: DateRange, zone: ZoneInfo = UTC_ZONE) -> tuple[str, str]:
    return f"{dates.start_at.astimezone(zone):%F %T}", f"{dates.last_at.astimezone(zone):%F %T}"


@pytest.mark.parametrize(
    ("word", "first", "last"),
    [
        ("day", "2025-03-10 00:00:00", "2025-03-10 23:59:59"),
        ("7d", "2025-03-03 00:00:00", "2025-03-09 23:59:59"),
        ("1d", "2025-03-09 00:00:00", "2025-03-09 23:59:59"),
        ("5000d", "2011-07-02 00:00:00", "2025-03-09 23:59:59"),
        ("month", "2025-03-01 00:00:00", "2025-03-31 23:59:59"),
        ("6mo", "2024-09-01 00:00:00", "2025-02-28 23:59:59"),
        ("100mo", "2016-11-01 00:00:00", "2025-02-28 23:59:59"),
        ("year", "2025-01-01 00:00:00", "2025-12-31 23:59:59"),
        ("24h", "2025-03-09 12:00:00", "2025-03-10 12:00:00"),
        ("all", "2025-03-10 00:00:00", "2025-03-10 23:59:59"),
    ],
)
def test_c60_words_mean_ranges_around_today(word: str, first: str, last: str) -> None:
    assert local_ends(resolve_range(parse_date_range(word), UTC_ZONE, NOON)) == (first, last)


def test_all_starts_with_the_first_event() -> None:
    dates = resolve_range(Period(PeriodUnit.ALL), UTC_ZONE, NOON, stats_start_on=date(2024, 2, 29))
    assert local_ends(dates) == ("2024-02-29 00:00:00", "2025-03-10 23:59:59")


@pytest.mark.parametrize(
    ("word", "last"),
    [("day", "2025-03-10 12:59:59"), ("month", "2025-03-10 23:59:59"), ("year", "2025-03-10 23:59:59")],
)
def test_c60_trim_ends_relative_ranges_now(word: str, last: str) -> None:
    assert local_ends(resolve_range(parse_date_range(word), UTC_ZONE, NOON, trim=True))[1] == last


def test_trim_changes_no_other_range() -> None:
    assert local_ends(resolve_range(parse_date_range("7d"), UTC_ZONE, NOON, trim=True))[1] == "2025-03-09 23:59:59"


def test_today_is_the_date_in_the_zone_of_the_site() -> None:
    zone = ZoneInfo("Pacific/Auckland")
    assert local_ends(resolve_range(parse_date_range("day"), zone, NOON), zone)[0] == "2025-03-11 00:00:00"


def test_instants_are_cut_to_seconds_and_both_included() -> None:
    dates = resolve_range(parse_date_range(["2025-03-10T10:00:00.9+02:00", "2025-03-10T08:00:01Z"]), UTC_ZONE, NOON)
    assert local_ends(dates) == ("2025-03-10 08:00:00", "2025-03-10 08:00:01")


@pytest.mark.parametrize(
    "raw",
    [
        *("0d", "-1d", "5001d", "99999d", "0mo", "101mo", "realtime", "30m", "week", "7D", "", None, 7, {}),
        *([], ["2025-01-01"], ["2025-01-01", "2025-01-02", "2025-01-03"], ["2025-01-01", 5]),
        *(["2025-02-30", "2025-03-01"], ["2025-13-01", "2025-13-02"], ["2025-01-01", "2025-01-02T00:00:00Z"]),
        ["2021-02-03T00:00:00", "2021-02-03T23:59:59"],
        ["2021-02-03T00:00:00+24:00", "2021-02-03T23:59:59+24:00"],
        ["2021-02-03T25:00:00Z", "2021-02-03T23:59:59Z"],
    ],
)
def test_other_forms_are_refused(raw: object) -> None:
    with pytest.raises(InvalidQuery, match="date_range"):
        parse_date_range(raw)


@pytest.mark.parametrize(
    "spec",
    [
        DatePair(date(2025, 1, 5), date(2025, 1, 1)),
        DatePair(date(1, 1, 1), date(2025, 1, 1)),
        DatePair(date(2025, 1, 1), date(9999, 12, 31)),
        InstantPair(datetime(1, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")), NOON),
        InstantPair(NOON, datetime(2025, 3, 10, 11, tzinfo=UTC)),
        Period(PeriodUnit.MONTHS, 12, date(1, 1, 1)),
    ],
    ids=str,
)
def test_reversed_and_absurd_ranges_are_refused(spec: DatePair | InstantPair | Period) -> None:
    with pytest.raises(InvalidQuery, match="date_range"):
        resolve_range(spec, UTC_ZONE, NOON)


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("America/Havana", date(2023, 11, 5), "2023-11-05 05:00:00", "2023-11-06 05:00:00"),
        ("America/Santiago", date(2022, 9, 11), "2022-09-11 04:00:00", "2022-09-12 03:00:00"),
        ("America/New_York", date(2025, 3, 9), "2025-03-09 05:00:00", "2025-03-10 04:00:00"),
        ("Pacific/Apia", date(2011, 12, 30), "2011-12-30 10:00:00", "2011-12-30 10:00:00"),
        ("Pacific/Apia", date(2011, 12, 29), "2011-12-29 10:00:00", "2011-12-30 10:00:00"),
    ],
)
def test_c56_days_begin_and_end_by_the_rules_for_gaps_and_repeats(zone: str, day: date, start: str, end: str) -> None:
    assert f"{day_start(day, ZoneInfo(zone)):%F %T}" == start
    assert f"{day_end(day, ZoneInfo(zone)):%F %T}" == end


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(1, "hour"), (2, "hour"), (3, "day"), (41, "day"), (42, "week"), (371, "week"), (372, "month")],
)
def test_time_picks_its_bucket_by_whole_days(days: int, bucket: str) -> None:
    dates = DateRange(datetime(2025, 1, 1, tzinfo=UTC), datetime.fromtimestamp(1735689600 + days * 86400, UTC))
    assert pick_bucket(dates) == f"time:{bucket}"


def test_a_day_of_23_hours_has_23_labels_and_not_the_skipped_one() -> None:
    zone = ZoneInfo("America/New_York")
    labels = time_labels(resolve_range(DatePair(date(2025, 3, 9), date(2025, 3, 9)), zone, NOON), zone, "time:hour")
    assert len(labels) == 23
    assert "2025-03-09 02:00:00" not in labels
    assert labels[-1] == "2025-03-09 23:00:00"


def test_hours_of_a_range_between_hours_are_those_it_touches() -> None:
    dates = DateRange(datetime(2025, 3, 10, 9, 50, tzinfo=UTC), datetime(2025, 3, 10, 11, 10, tzinfo=UTC))
    assert time_labels(dates, UTC_ZONE, "time:hour") == tuple(f"2025-03-10 {hour}:00:00" for hour in ("09", "10", "11"))


def test_a_week_label_is_not_doubled_by_a_range_that_starts_on_monday() -> None:
    dates = resolve_range(DatePair(date(2025, 1, 6), date(2025, 1, 13)), UTC_ZONE, NOON)
    assert time_labels(dates, UTC_ZONE, "time:week") == ("2025-01-06", "2025-01-13")


def test_a_century_of_hours_is_refused() -> None:
    dates = resolve_range(DatePair(date(1971, 1, 1), date(2098, 1, 1)), UTC_ZONE, NOON)
    with pytest.raises(InvalidQuery, match="time_labels"):
        time_labels(dates, UTC_ZONE, "time:hour")


def test_the_period_before_has_as_many_days_and_ends_the_day_before() -> None:
    month = resolve_range(parse_date_range("month"), UTC_ZONE, NOON)
    assert previous_period(month, UTC_ZONE, NOON) == DatePair(date(2025, 2, 19), date(2025, 2, 28))


@pytest.mark.parametrize(
    ("zone_name", "span", "is_whole"),
    [
        ("Europe/Berlin", (date(2025, 3, 30), date(2025, 3, 31)), True),
        ("America/Santiago", (date(2022, 9, 11), date(2022, 9, 11)), True),
        ("America/Havana", (date(2023, 11, 5), date(2023, 11, 6)), False),
        ("America/Havana", (date(2023, 11, 3), date(2023, 11, 4)), True),
        ("Pacific/Apia", (date(2011, 12, 29), date(2011, 12, 31)), True),
    ],
)
def test_dates_are_whole_days_unless_a_midnight_comes_twice(
    zone_name: str, span: tuple[date, date], is_whole: bool
) -> None:
    zone = ZoneInfo(zone_name)
    found = whole_days(resolve_range(DatePair(*span), zone, NOON), zone)
    assert found == (DatePair(*span) if is_whole else None)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (datetime(2025, 3, 10, 0, 0, 1, tzinfo=UTC), datetime(2025, 3, 10, 23, 59, 59, tzinfo=UTC)),
        (datetime(2025, 3, 10, tzinfo=UTC), datetime(2025, 3, 10, 23, 59, 58, tzinfo=UTC)),
        (datetime(2025, 3, 10, tzinfo=UTC), datetime(2025, 3, 11, tzinfo=UTC)),
    ],
    ids=["a second late", "a second short", "a second more"],
)
def test_instants_that_cut_a_day_are_no_whole_days(first: datetime, last: datetime) -> None:
    assert whole_days(resolve_range(InstantPair(first, last), UTC_ZONE, NOON), UTC_ZONE) is None


def test_instants_that_happen_to_be_midnights_are_whole_days() -> None:
    pair = InstantPair(datetime(2025, 3, 9, 23, tzinfo=UTC), datetime(2025, 3, 10, 22, 59, 59, tzinfo=UTC))
    zone = ZoneInfo("Europe/Berlin")
    assert whole_days(resolve_range(pair, zone, NOON), zone) == DatePair(date(2025, 3, 10), date(2025, 3, 10))


@pytest.mark.parametrize(
    ("zone", "first", "last", "minutes"),
    [
        ("Europe/Berlin", "2025-11-01T00:00", "2026-03-29T00:59", 60),
        ("Europe/Berlin", "2025-11-01T00:00", "2026-03-29T01:00", None),
        ("Europe/Berlin", "2025-10-26T00:59", "2025-11-01T00:00", None),
        ("Asia/Kathmandu", "2024-01-01T00:00", "2026-01-01T00:00", 345),
        ("Etc/UTC", "2020-01-01T00:00", "2026-01-01T00:00", None),  # longer than is looked at
        ("Africa/Casablanca", "2025-02-20T00:00", "2025-04-10T00:00", None),  # an hour less during a month within
    ],
)
def test_offset_is_fixed_only_where_no_clock_changes(zone: str, first: str, last: str, minutes: int | None) -> None:
    start_at, end_at = (datetime.fromisoformat(f"{text}+00:00") for text in (first, last))
    offset = fixed_offset(start_at, end_at, ZoneInfo(zone))
    assert (None if offset is None else offset.total_seconds() / 60) == minutes
