"""Recording one payment looks at a few of a site's payments, however many there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.selectors import site_ref
from revenue.services import end_subscription, void_payment
from tests.factories import make_site
from tests.revenue.paying import at, once, paid, record, refund

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        connection.vendor != "sqlite", reason="plans are SQLite's, which knows nothing of how many rows fit"
    ),
]


def test_no_statement_of_a_payment_goes_over_all_of_the_site() -> None:
    site = make_site(currency="USD")
    with CaptureQueriesContext(connection) as asked:
        record(site, refund("2026-03-09", 5, transaction_id="early", refund_of="a"))
        record(site, paid("2026-03-05", 10, transaction_id="a", subscription_id="s", customer_id="k"))
        record(site, once("2026-03-06", 20, transaction_id="b"))
        record(site, refund("2026-03-07", 20, transaction_id="b"), refund("2026-03-08", 10))
        void_payment(site_ref(site), "b", who=None)
        end_subscription(site_ref(site), "s", at("2026-04-01"))
    plans = plans_of(asked)
    assert len(plans) > 20
    assert {sql: plan for sql, plan in plans.items() if "SCAN" in plan or "(site_id=?)" in plan} == {}


@pytest.mark.parametrize("customer", ({"customer_id": "guest"}, {}))
def test_customers_payments_are_not_gone_over_for_another_one(customer: dict[str, str]) -> None:
    site = make_site(currency="USD")
    record(site, once("2026-03-05", 10, transaction_id="a", **customer))
    with CaptureQueriesContext(connection) as asked:
        record(site, once("2026-03-06", 10, transaction_id="b", **customer))
    found = plans_of(asked)
    used = [
        ('"first_payment_id" = ("revenue_payment"."id")', "payment_being_first"),
        ('"first_payment_id" IS NULL', "payment_without_first"),
        ('"paid_at" >= ', "payment_refunds_by_payer"),
    ]
    for condition, index in used:
        plans = [plan for sql, plan in found.items() if condition in sql]
        assert plans and all(index in plan for plan in plans), (condition, plans)


def plans_of(asked: CaptureQueriesContext) -> dict[str, str]:
    """Return how SQLite goes about each statement that reads payments."""
    plans = {}
    with connection.cursor() as cursor:
        for sql in (one["sql"] for one in asked.captured_queries if 'FROM "revenue_payment"' in one["sql"]):
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plans[sql] = " ".join(row[3] for row in cursor.fetchall())
    return plans
