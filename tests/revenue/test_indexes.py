"""Recording one payment looks at a few of a site's payments, however many there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.selectors import site_ref
from revenue.services import end_subscription, void_payment
from tests.factories import make_site
from tests.revenue.paying import at, once, paid, record, refund

pytestmark = pytest.mark.django_db


@pytest.mark.skipif(
    connection.vendor != "sqlite", reason="plans are SQLite's, which knows nothing of how many rows fit"
)
def test_no_statement_of_a_payment_goes_over_all_of_the_site() -> None:
    site = make_site(currency="USD")
    with CaptureQueriesContext(connection) as asked:
        record(site, refund("2026-03-09", 5, transaction_id="early", refund_of="a"))
        record(site, paid("2026-03-05", 10, transaction_id="a", subscription_id="s", customer_id="k"))
        record(site, once("2026-03-06", 20, transaction_id="b"))
        record(site, refund("2026-03-07", 20, transaction_id="b"), refund("2026-03-08", 10))
        void_payment(site_ref(site), "b", who=None)
        end_subscription(site_ref(site), "s", at("2026-04-01"))
    statements = [one["sql"] for one in asked.captured_queries if 'FROM "revenue_payment"' in one["sql"]]
    assert len(statements) > 20
    plans = {}
    with connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plans[sql] = " ".join(row[3] for row in cursor.fetchall())
    assert {sql: plan for sql, plan in plans.items() if "SCAN" in plan or "(site_id=?)" in plan} == {}
