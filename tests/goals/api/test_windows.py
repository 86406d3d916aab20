"""Windows of the Goals & Revenue API (revenue contract, 1.5): every form, days that bend, defaults, checks."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics_project.errors import InvalidRequest
from goals.api.windows import End, Window, instant_text, moment_in, window_of, zone_named
from stats.query.types import InstantPair

NOW = datetime(2026, 3, 27, 8, 30, 15, 999_999, tzinfo=UTC)


def shown(moment: datetime | None) -> str | None:
    return None if moment is None else instant_text(moment)


@pytest.mark.parametrize(
    ("text", "zone", "first", "last"),
    [
        ("2026-03-26", "UTC", "2026-03-26T00:00:00Z", "2026-03-26T23:59:59Z"),
        ("2026-03-26", "Asia/Kolkata", "2026-03-25T18:30:00Z", "2026-03-26T18:29:59Z"),
        ("2026-03-26T14:00", "UTC", "2026-03-26T14:00:00Z", "2026-03-26T14:00:00Z"),
        ("2026-03-26T14:00:05", "Europe/Berlin", "2026-03-26T13:00:05Z", "2026-03-26T13:00:05Z"),
        ("2026-03-26T14:00:05.999", "UTC", "2026-03-26T14:00:05Z", "2026-03-26T14:00:05Z"),
        ("2026-03-26T14:00:05Z", "Europe/Berlin", "2026-03-26T14:00:05Z", "2026-03-26T14:00:05Z"),
        ("2026-03-26T14:00:05+02:00", "Asia/Tokyo", "2026-03-26T12:00:05Z", "2026-03-26T12:00:05Z"),
        ("2026-03-26T14:00:05.25-0330", "UTC", "2026-03-26T17:30:05Z", "2026-03-26T17:30:05Z"),
        ("2026-03-26T14:00:05 02:00", "UTC", "2026-03-26T12:00:05Z", "2026-03-26T12:00:05Z"),
        ("1970-01-01T00:00+14:00", "UTC", "1969-12-31T10:00:00Z", "1969-12-31T10:00:00Z"),
        ("2105-12-31", "America/New_York", "2105-12-31T05:00:00Z", "2106-01-01T04:59:59Z"),
        pytest.param(
            "2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T01:59:59Z", id="no-midnight"
        ),
        pytest.param(
            "2012-11-04", "America/Havana", "2012-11-04T04:00:00Z", "2012-11-05T04:59:59Z", id="fall-to-midnight"
        ),
        pytest.param(
            "2026-04-04", "America/Santiago", "2026-04-04T03:00:00Z", "2026-04-05T03:59:59Z", id="last-hour-twice"
        ),
        pytest.param(
            "2026-03-08T02:30", "America/New_York", "2026-03-08T07:30:00Z", "2026-03-08T07:30:00Z", id="in-a-gap"
        ),
        pytest.param(
            "2026-11-01T01:30", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", id="twice"
        ),
        pytest.param(
            "2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T09:59:59Z", id="a-day-that-never-was"
        ),
    ],
)
def test_form_means_these_seconds_as_start_and_as_end(
    text: str, zone: str, first: str | None, last: str | None
) -> None:
    found = [shown(moment_in(text, ZoneInfo(zone), which)) for which in (End.START, End.END)]
    assert found == [first, last]


@pytest.mark.parametrize(
    "text",
    [
        *("2026-02-30", "2026-W10-1", "2026-060", "2026", "2026-03", "20260326", "1774500000", "now", "yesterday", " "),
        *("2026-03-26 14:00", "2026-03-26T14", "2026-03-26T24:00", "2026-03-26T14:60", "2026-03-26T23:59:60"),
        *("2026-03-26T14:00.5", "2026-03-26T14:00:05,5", "2026-03-26T14:00:05.", "2026-03-26t14:00", "2026-03-26\n"),
        *("2026-03-26Z", "2026-03-26T14:00:05+2", "2026-03-26T14:00:05+24:00", "2026-03-26T14:00:05+02:60"),
        *("1969-12-31", "2106-01-01", "0000-01-01", "9999-12-31T23:59:59-14:00", "٢٠٢٦-٠٣-٢٦", "2026-03-26\0"),
        *("2026-03-26T14:00:05[Europe/Paris]", "-2026-03-26", "+002026-03-26", "2026-3-6", "2026-03-26T14:00:05 +0200"),
    ],
)
def test_text_that_means_no_moment(text: str) -> None:
    assert moment_in(text, ZoneInfo("UTC")) is None
    with pytest.raises(InvalidRequest, match="end must be an ISO 8601 date or date-time"):
        window_of(None, text, None, NOW)


@pytest.mark.parametrize(
    ("start", "end", "zone", "first", "last"),
    [
        (None, None, None, "2026-02-25T00:00:00Z", "2026-03-27T08:30:15Z"),
        (None, None, "Europe/Paris", "2026-02-24T23:00:00Z", "2026-03-27T08:30:15Z"),
        (None, "2026-03-31", "America/New_York", "2026-03-01T05:00:00Z", "2026-04-01T03:59:59Z"),
        (None, "2026-03-31T23:00:00Z", "Asia/Tokyo", "2026-03-01T15:00:00Z", "2026-03-31T23:00:00Z"),
        ("2026-03-27T08:30:15", None, None, "2026-03-27T08:30:15Z", "2026-03-27T08:30:15Z"),
        ("2026-03-26", "2026-03-26", None, "2026-03-26T00:00:00Z", "2026-03-26T23:59:59Z"),
        ("2030-01-01", "2030-01-02", None, "2030-01-01T00:00:00Z", "2030-01-02T23:59:59Z"),
    ],
)
def test_window_and_its_defaults(start: str | None, end: str | None, zone: str | None, first: str, last: str) -> None:
    window = window_of(start, end, zone, NOW)
    assert [instant_text(window.start), instant_text(window.end)] == [first, last]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-27", "2026-03-26"),
        ("2026-03-26T12:00:01", "2026-03-26T12:00:00"),
        pytest.param("2026-03-28", None, id="start-in-the-future-alone"),
    ],
)
def test_start_after_end(start: str, end: str | None) -> None:
    with pytest.raises(InvalidRequest, match="start must not be after end"):
        window_of(start, end, None, NOW)


@pytest.mark.parametrize(
    ("text", "name"),
    [("europe/PARIS", "Europe/Paris"), ("UTC", "UTC"), ("etc/utc", "Etc/UTC"), ("Asia/Calcutta", "Asia/Calcutta")],
)
def test_zone_is_found_without_regard_to_case_and_named_as_in_the_database(text: str, name: str) -> None:
    assert zone_named(text) == name


@pytest.mark.parametrize(
    "text", ["+02:00", "CEST", "Mars/Olympus", "../x", "/etc/localtime", "localtime", "Factory", "UTC\0", " UTC", "é"]
)
def test_zone_that_is_none(text: str) -> None:
    with pytest.raises(InvalidRequest, match="timezone must be an IANA time zone name"):
        window_of(None, None, text, NOW)


def test_window_before_is_as_long_and_ends_a_second_earlier() -> None:
    window = window_of("2026-03-02", "2026-03-03", None, NOW)
    assert window.previous == window_of("2026-02-28", "2026-03-01", None, NOW)
    assert window.end_before - window.start == timedelta(days=2)


def test_window_is_cut_to_what_the_event_store_can_hold() -> None:
    epoch, last = datetime(1970, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC)
    whole = window_of("1970-01-01", "2105-12-31", "Asia/Tokyo", NOW)
    assert whole.stored() == InstantPair(epoch, last)
    for start, end in (("2100-01-01", "2105-12-31"), ("1970-01-01T00:00+14:00", "1970-01-01T01:00+14:00")):
        assert window_of(start, end, None, NOW).stored() == InstantPair(last, last)
    usual = Window(epoch, NOW.replace(microsecond=0), "UTC")
    assert usual.stored() == InstantPair(usual.start, usual.end)
