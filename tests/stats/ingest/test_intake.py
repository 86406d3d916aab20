import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine

from analytics_project.errors import StoreUnavailable
from stats.store.client import EventStore
from stats.store.intake_counts import intake_counts_since
from tests.live_path import LivePath, intake_site

PAGE = {"n": "pageview", "u": "https://counted.example/", "d": "counted.example", "v": 36}
BOT = {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}


@pytest.fixture
def live(store: EventStore, tmp_path: Path) -> LivePath:
    return LivePath(store, tmp_path)


def test_outcomes_reach_the_store(live: LivePath, store: EventStore) -> None:
    site = intake_site("counted.example")
    live.add(site)
    live.post(PAGE)
    live.post(PAGE)
    live.post(PAGE, BOT)
    asyncio.run(live.intake.store_counts())
    asyncio.run(live.intake.store_counts())
    assert intake_counts_since(store, site.ref.id, 0) == {"buffered": 2, "dropped_bot": 1}
    live.stop()


def test_outcomes_wait_while_the_store_is_away(
    live: LivePath, store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = intake_site("counted.example")
    live.add(site)
    live.post(PAGE)

    def refuse(*args: object, **kwargs: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as away:
        away.setattr("stats.ingest.intake.add_intake_counts", refuse)
        asyncio.run(live.intake.store_counts())
    live.post(PAGE)
    asyncio.run(live.intake.store_counts())
    assert intake_counts_since(store, site.ref.id, 0) == {"buffered": 2}
    live.stop()


def test_row_that_the_store_refuses_is_counted_and_blocks_nobody(live: LivePath, store: EventStore) -> None:
    site = intake_site("counted.example")
    live.add(site)
    live.post(PAGE)
    live.written()
    live.intake.spool.append([(b'[%d,"no date"]' % site.ref.id, b'\n[%d,"no date"]' % site.ref.id)])
    live.post(PAGE)
    assert len(live.events(site)) == 2
    asyncio.run(live.intake.store_counts())
    assert intake_counts_since(store, site.ref.id, 0) == {"buffered": 2, "dropped_invalid": 1}
    live.stop()


def test_payment_page_does_not_take_the_source_of_a_visit(store: EventStore, tmp_path: Path) -> None:
    site = intake_site("counted.example")
    with time_machine.travel("2026-03-05T12:00:00Z", tick=False) as clock:
        live = LivePath(store, tmp_path)
        live.add(site)
        live.post({**PAGE, "r": "https://news.ycombinator.com/"})
        for minutes in (20, 60):
            clock.shift(timedelta(minutes=minutes))
            live.post({**PAGE, "r": "https://checkout.stripe.com/c/pay/cs_1"})
    came = [(visit["source"], visit["referrer"], visit["channel"], visit["pageviews"]) for visit in live.visits(site)]
    assert came == [
        ("Hacker News", "news.ycombinator.com", "Organic Social", 2),
        ("", "", "Direct", 1),
    ]
    live.stop()


def test_changed_sites_are_noticed_and_a_dead_database_is_not_a_change(live: LivePath) -> None:
    site = intake_site("counted.example")
    live.add(site)
    live.post(PAGE)
    marks = iter([1, 1, 2])
    parts = live.intake._parts
    object.__setattr__(parts, "change_mark", lambda: next(marks))
    expired: list[bool] = []
    live.intake.sites.expire = lambda: expired.append(True)  # type: ignore[method-assign]
    for _ in range(3):
        live.intake.notice_changed_sites()
    assert len(expired) == 2

    def down() -> int:
        raise StoreUnavailable("down")

    object.__setattr__(parts, "change_mark", down)
    live.intake.notice_changed_sites()
    assert len(expired) == 2
    live.stop()


def test_wait_for_accepted_of_a_site_without_events_returns_at_once(live: LivePath) -> None:
    live.intake.wait_for_accepted(123_456)
    live.stop()


@pytest.mark.parametrize(
    ("currency", "amount", "rate", "expected"),
    [
        ("EUR", "999999999999999.9999", "1", [None, None]),
        ("USD", "999999999999999", "1000", ["999999999999999", None]),
        ("USD", "1", "0.99999", ["1", "1"]),
    ],
    ids=["rounds out of range", "converts out of range", "converts to many decimals"],
)
def test_money_that_the_store_cannot_hold_never_blocks_the_writer(
    live: LivePath, currency: str, amount: str, rate: str, expected: list[str | None]
) -> None:
    live.rate = Decimal(rate)
    site = intake_site("money.example", revenue_goals={"Order": "EUR"})
    live.add(site)
    money = {"currency": currency, "amount": amount}
    live.post({"n": "Order", "u": "https://money.example/", "d": "money.example", "revenue": money})
    [row] = live.events(site)
    assert [row["revenue_source_amount"], row["revenue_reporting_amount"]] == expected
    live.stop()
