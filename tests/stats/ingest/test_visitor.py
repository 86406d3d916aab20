from datetime import UTC, date, datetime

import pytest

from analytics_project.errors import StoreUnavailable
from stats.ingest.visitor import (
    LocalDays,
    Salts,
    caller_visitor_id,
    parse_visitor_text,
    visitor_id,
    visitor_text,
)


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("zone", "at", "day", "start", "hours"),
    [
        ("Etc/UTC", "2026-03-10T23:59:59Z", "2026-03-10", "2026-03-10T00:00:00Z", 24),
        ("Asia/Tokyo", "2026-03-10T15:00:00Z", "2026-03-11", "2026-03-10T15:00:00Z", 24),
        ("America/New_York", "2024-11-03T12:00:00Z", "2024-11-03", "2024-11-03T04:00:00Z", 25),
        ("Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29", "2026-03-28T23:00:00Z", 23),
        ("America/Santiago", "2022-09-11T12:00:00Z", "2022-09-11", "2022-09-11T04:00:00Z", 23),
        ("Asia/Kathmandu", "2026-03-10T18:15:00Z", "2026-03-11", "2026-03-10T18:15:00Z", 24),
    ],
    ids=["UTC", "east", "autumn", "spring", "no midnight", "quarter hour"],
)
def test_local_day_of_an_instant(zone: str, at: str, day: str, start: str, hours: int) -> None:
    found = LocalDays().of(zone, seconds(at))
    assert (found.text, found.on, found.start) == (day, date.fromisoformat(day), seconds(start))
    assert (found.end - found.start) / 3600 == hours


def test_remembered_day_gives_way_to_the_next_and_to_an_earlier_one() -> None:
    days = LocalDays()
    midnight = seconds("2026-03-11T00:00:00Z")
    assert [days.of("Etc/UTC", midnight + step).text for step in (-1, 0, -1)] == [
        "2026-03-10",
        "2026-03-11",
        "2026-03-10",
    ]


class SaltStore:
    """Salts by date; remembers what was destroyed."""

    def __init__(self) -> None:
        self.salts: dict[date, bytes] = {}

    def load(self, on: date) -> bytes:
        return self.salts.setdefault(on, on.isoformat().encode().ljust(16))

    def destroy(self, before: date) -> None:
        self.salts = {on: salt for on, salt in self.salts.items() if on >= before}


@pytest.mark.parametrize(
    ("now", "dates"),
    [
        ("2026-03-11T12:29:59", ["2026-03-10", "2026-03-11", "2026-03-12"]),
        ("2026-03-11T12:30:00", ["2026-03-11", "2026-03-12"]),
        ("2026-03-11T00:00:00", ["2026-03-10", "2026-03-11"]),
    ],
)
def test_salt_dies_half_an_hour_after_its_date_is_over_everywhere(now: str, dates: list[str]) -> None:
    store = SaltStore()
    store.load(date(2026, 3, 9))
    Salts(store.load, store.destroy).refresh(datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert sorted(on.isoformat() for on in store.salts) == dates


def test_every_date_running_on_earth_has_its_salt_until_the_next_refresh() -> None:
    store = SaltStore()
    salts = Salts(store.load, store.destroy)
    for hour in range(24):
        salts.refresh(datetime(2026, 3, 11, hour, tzinfo=UTC))
        running = {
            LocalDays().of(zone, seconds(f"2026-03-11T{hour:02}:59:59Z")).on for zone in ("Etc/GMT+12", "Etc/GMT-14")
        }
        assert all(salts.of(on) for on in running)
        assert store.salts[max(running)] == salts.of(max(running))


def test_missing_salt_is_a_refusal_not_a_guess() -> None:
    salts = Salts(SaltStore().load, SaltStore().destroy)
    with pytest.raises(StoreUnavailable):
        salts.of(date(2026, 3, 10))
    assert salts.before(date(2026, 3, 10)) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("v_00000000000000ab", 171),
        ("v_FFFFFFFFFFFFFFFF", 2**64 - 1),
        ("v_ab", None),
        ("v_00000000000000ab\n", None),
        ("00000000000000ab", None),
        ("v_00000000000000zz", None),
        ("", None),
    ],
)
def test_text_form_of_an_id(text: str, number: int | None) -> None:
    assert parse_visitor_text(text) == number
    if number is not None:
        assert visitor_text(number) == text.lower()


def test_parts_cannot_run_into_each_other() -> None:
    salt = bytes(16)
    assert visitor_id(salt, "ab", "c", "site", "root") != visitor_id(salt, "a", "bc", "site", "root")
    assert visitor_id(salt, "\udc80", "é", "site", "root") != visitor_id(salt, "", "é", "site", "root")
    assert caller_visitor_id(b"one", "ann") != caller_visitor_id(b"two", "ann")
