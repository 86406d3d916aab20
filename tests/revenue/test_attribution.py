"""Whatever was paid and visited: the engine gives the credit that the reference gives, and all of the total."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

import orjson
import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import Site
from accounts.selectors import site_ref
from revenue.attribution_services import Rules, breakdown
from revenue.models import ExchangeRate, Payment
from revenue.reports import Report
from stats.ingest.visitor import parse_visitor_text, visitor_text
from stats.query.dimensions import ENTRY_PAGE, ORIGIN
from stats.query.money.attribution import PRODUCT, Model, Renewals
from stats.query.types import InstantPair
from stats.store.client import EventStore
from stats.store.schema import IDENTITY_COLUMNS
from tests.revenue.attribution_reference import Attribution, Touch, shown
from tests.revenue.test_reports import FIRST_DAY, NOW, booked, random_payments, unhurried
from tests.stats.query.recorded import Hit, custom, pageview
from tests.stats.query.recorded import record as record_hits

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("store")]
BOOKS, BOOKS_WHEN_SLOW = 6, 40
UNIT = {"USD": Decimal("0.01"), "JPY": Decimal(1)}
REFERRERS = ("", "", "a.example", "b.example/x", "checkout.stripe.com", "own")
# Who pays under a name is one of the visitors: `ann` of tests.revenue.test_reports is `v_…`.
VISITORS = {name: visitor_text(crc32(name.encode()) + 1) for name in ("ann", "bob", "cid")}
MINUTES_APART = {name: 5 * number for number, name in enumerate(VISITORS)}  # no two arrive in the same second

random_visits: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        visitor=st.sampled_from(list(VISITORS)),
        hours=st.integers(0, 24 * 160),
        referrer=st.sampled_from(REFERRERS),
        is_known=st.sampled_from([True, True, True, False]),
        begins_with_event=st.booleans(),
    ),
    max_size=14,
    unique_by=lambda visit: (visit["visitor"], visit["hours"]),
)


random_users: st.SearchStrategy[dict[str, str]] = st.dictionaries(
    st.sampled_from(list(VISITORS)), st.sampled_from([*VISITORS, "u42"]), max_size=3
)


def arrival_of(visit: dict[str, Any]) -> datetime:
    return FIRST_DAY + timedelta(hours=visit["hours"], minutes=MINUTES_APART[visit["visitor"]])


def known_users(users: dict[str, str]) -> dict[str, str]:
    """Return the users that visitors were identified as, both as ids; a visitor may be another's user."""
    return {VISITORS[name]: VISITORS.get(user, visitor_text(42)) for name, user in users.items()}


def identify(store: EventStore, site: int, users: dict[str, str]) -> None:
    rows = ([site, parse_visitor_text(one), parse_visitor_text(user), "1700000000.5"] for one, user in users.items())
    if body := b"\n".join(map(orjson.dumps, rows)):
        store.insert_lines("identities", IDENTITY_COLUMNS, body, token="")


def hits_of(visits: list[dict[str, Any]], own_host: str) -> list[Hit]:
    """Return two or three events a visit; one that a server alone told of knows nothing."""
    found = []
    for number, visit in enumerate(visits):
        at = arrival_of(visit)
        attributes: dict[str, Any] = {}
        if visit["is_known"]:
            referrer = own_host if visit["referrer"] == "own" else visit["referrer"]
            attributes = {"referrer": referrer, "channel": "Referral" if visit["referrer"] else "Direct"}
        first, second, third = (f"{at + timedelta(minutes=minute):%Y-%m-%d %H:%M}" for minute in range(3))
        if visit["begins_with_event"]:
            found.append(custom(first, visit["visitor"], "Ping", "/", **attributes))
        found.append(pageview(second, visit["visitor"], f"/{number % 4}", **attributes))
        found.append(pageview(third, visit["visitor"], "/later", **attributes))
    return found


def touches_of(visits: list[dict[str, Any]]) -> list[Touch]:
    return [
        Touch(
            payer=VISITORS[visit["visitor"]],
            at=arrival_of(visit) + timedelta(minutes=0 if visit["begins_with_event"] else 1),
            source=visit["referrer"].partition("/")[0] or "Direct",
            landing_page=f"/{number % 4}",
            is_direct=not visit["referrer"],
        )
        for number, visit in enumerate(visits)
        if visit["is_known"] and visit["referrer"] not in REFERRERS[-2:]
    ]


@pytest.fixture(autouse=True)
def _rates() -> Any:
    """Rates that leave parts of a cent, and of a yen."""
    with time_machine.travel(NOW, tick=False):
        for month in range(1, 7):
            for day in (1, 8, 15, 22):
                for source, target, rate in (("EUR", "USD", "1.104937"), ("USD", "JPY", "149.255")):
                    ExchangeRate.objects.create(
                        source_currency=source,
                        target_currency=target,
                        on=datetime(2026, month, day, tzinfo=UTC).date(),
                        rate=Decimal(rate),
                    )
        yield


def with_visitors(payments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**one, "visitor": VISITORS[one["visitor"]]} for one in payments]


def made(store: EventStore, payments: list[dict[str, Any]], visits: list[dict[str, Any]], currency: str) -> Site:
    site = booked(with_visitors(payments), currency=currency)
    record_hits(store, site.pk, hits_of(visits, f"news.{site.domain}"), every_state=True)
    return site


books = st.tuples(
    random_payments,
    random_visits,
    random_users,
    st.sampled_from(["USD", "JPY"]),
    st.sampled_from([1, 20, 90, 365]),
    st.sampled_from(list(Renewals)),
)


@settings(unhurried, max_examples=BOOKS)
@given(drawn=books)
def test_engine_gives_the_credit_of_the_reference_and_all_of_the_total(store: EventStore, drawn: Any) -> None:
    check_credit(store, *drawn)


@pytest.mark.slow
@settings(unhurried, derandomize=False, max_examples=BOOKS_WHEN_SLOW)
@given(drawn=books)
def test_engine_gives_the_credit_of_the_reference_for_many_books(store: EventStore, drawn: Any) -> None:
    check_credit(store, *drawn)


def check_credit(
    store: EventStore,
    payments: list[dict[str, Any]],
    visits: list[dict[str, Any]],
    users: dict[str, str],
    currency: str,
    lookback_days: int,
    renewals: Renewals,
) -> None:
    site = made(store, payments, visits, currency)
    identify(store, site.pk, known_users(users))
    start, end = datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 4, 20, 23, 59, 59, tzinfo=UTC)
    asked = Report(site_ref(site), start, end, "UTC")
    stored = list(Payment.objects.filter(site=site))
    for model in Model:
        rules = Rules(model, lookback_days, renewals)
        reference = Attribution(
            stored, touches_of(visits), model.value, lookback_days, renewals.value, known_users(users)
        )
        for dimension, known in (("source", ORIGIN), ("landing_page", ENTRY_PAGE)):
            expected = reference.rows(start, end, dimension, UNIT[currency])
            found = breakdown(asked, InstantPair(start, end), known, rules, limit=1000, offset=0)
            credits = {row.credit.value: row.credit for row in found.rows}
            assert {value: (one.revenue, one.refunds) for value, one in credits.items()} == shown(
                expected, UNIT[currency]
            )
            assert {value: one.payments for value, one in credits.items()} == {
                value: round(float(one.payments), 6) for value, one in expected.items()
            }
            assert {value: one.customers for value, one in credits.items()} == {
                value: len(one.customers) for value, one in expected.items()
            }
        if renewals is not Renewals.EXCLUDE:
            of_products = breakdown(asked, InstantPair(start, end), PRODUCT, rules, limit=1000, offset=0)
            for rows in (found.rows, of_products.rows):
                assert sum((row.credit.net for row in rows), Decimal(0)) == asked.shown(asked.totals.net)
