"""What revenue costs with 1,000,000 payments of one site: overview, series, MRR, cohorts, one more payment, over HTTP.

    python tests/benchmarks/million_payments.py [PAYMENTS]

Makes a site in a temporary directory, on SQLite or on the database of DATABASE_URL, which must be empty. Payments lie
in two years; three in four are monthly of 60,000 customers, one in forty is a refund. Times are of whole requests, in
one process without a network, the median of nine, beside the processor time of this process. With a DATA_DIR of its own
it may be run again without filling it.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from itertools import islice
from random import Random
from statistics import median

os.environ.setdefault("DATA_DIR", tempfile.mkdtemp())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "analytics_project.settings")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import Site  # noqa: E402
from accounts.selectors import site_ref  # noqa: E402
from accounts.services import issue_key  # noqa: E402
from revenue.mirror_services import work_in_payments  # noqa: E402
from revenue.models import Ledger, Payment  # noqa: E402
from stats.ingest.visitor import visitor_text  # noqa: E402
from stats.services import event_store  # noqa: E402
from stats.store.migrations import migrate  # noqa: E402
from tests.factories import make_site, make_team  # noqa: E402

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 730
DOMAIN = "million.example"
CUSTOMERS = 60_000
ROUNDS = 9


def visitor_of(number: int) -> int:
    """Return a visitor's number; neighbours are as far from each other as those of a hash."""
    return (number + 1) * 0x9E37_79B9_7F4A_7C15 % 2**64


def payments(site_id: int, count: int) -> Iterator[Payment]:
    """Yield payments as recording them one by one would leave them."""
    chance = Random(7)
    for number in range(count):
        is_refund = number % 40 == 0
        is_recurring = not is_refund and number % 4 != 1
        paid_at = FIRST + timedelta(seconds=chance.randrange(DAYS * 86_400))
        amount = chance.choice((900, 2900, 4900, 9900)) * 10_000
        customer = chance.randrange(CUSTOMERS)
        yield Payment(
            site_id=site_id,
            is_refund=is_refund,
            transaction_id=f"txn_{number}",
            payment_type="refund" if is_refund else "recurring" if is_recurring else "one_time",
            amount_micros=amount,
            currency="USD",
            paid_at=paid_at,
            visitor_id=f"v{customer}",
            payer=visitor_text(visitor_of(customer)),
            product_name=("Basic", "Pro", "Team")[number % 3],
            reporting_currency="USD",
            rate=Decimal(1),
            rate_on=paid_at.date(),
            converted=Decimal(amount).scaleb(-6),
            term_interval="month" if is_recurring else "",
            covered_until=paid_at + timedelta(days=31) if is_recurring else None,
            revision=number + 1,
        )


def bring_visits(client: Client, key: str) -> None:
    """Import a visit of every customer in each of four months, of every third from a source."""
    chance = Random(11)
    lines = (
        json.dumps(
            {
                "timestamp": (FIRST + timedelta(days=170 * month, seconds=chance.randrange(10_000_000))).isoformat(),
                "visitor_id": visitor_text(customer + 1),
                "pathname": f"/{customer % 50}",
                "country_code": "DE",
                **({"referrer": "news.example"} if customer % 3 == 0 else {}),
            }
        )
        for month in range(4)
        for customer in range(CUSTOMERS)
    )
    headers = {"Authorization": f"Bearer {key}"}
    while batch := list(islice(lines, 120_000)):
        body = "\n".join(batch)
        answer = client.generic("POST", f"/api/v1/sites/{DOMAIN}/events/import", body, headers=headers)
        assert answer.status_code == 200, answer.content


def timed(name: str, work: Callable[[], object], rounds: int = ROUNDS) -> None:
    """Print the median of some runs after one that is not counted, on the clock and of the process on all cores."""
    work()
    took, worked = [], []
    for _ in range(rounds):
        started, before = time.perf_counter(), time.process_time()
        work()
        took.append(time.perf_counter() - started)
        worked.append(time.process_time() - before)
    say(f"{name:44} {median(took) * 1000:7.0f} ms, cores {median(worked) * 1000:7.0f} ms")


def fill(count: int) -> Site:
    """Make the site and its payments."""
    site = make_site(make_team(), currency="USD", timezone="Etc/UTC", domain=DOMAIN)
    started = time.perf_counter()
    rows = payments(site.pk, count)
    while batch := list(islice(rows, 5_000)):
        Payment.objects.bulk_create(batch, batch_size=1_000)
    Ledger.objects.create(site=site, revision=count, currency="USD")
    import_module("revenue.migrations.0006_first_payments_and_taken_back").relate_payments(apps, None)
    say(f"{count:,} payments in the relational store after {time.perf_counter() - started:.0f} s")
    return site


def say(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    call_command("migrate", verbosity=0)
    migrate(event_store())
    known = Site.objects.filter(domain=DOMAIN).first()
    site = known or fill(count)
    owner = site.team.memberships.select_related("user").get().user
    key = issue_key(owner, site.team, name="benchmark", scopes=["sites:provision:*"]).text
    started = time.perf_counter()
    work_in_payments(event_store())
    say(f"mirrored after {time.perf_counter() - started:.0f} s")

    client, headers = Client(), {"Authorization": f"Bearer {key}"}

    def get(path: str, query: str) -> Callable[[], object]:
        def ask() -> None:
            answer = client.get(f"/api/v1/{path}?site_id={site_ref(site).public_id}&{query}", headers=headers)
            assert answer.status_code == 200, answer.content

        return ask

    month, years = "start=2025-11-01&end=2025-11-30", "start=2024-01-01&end=2025-12-31"
    for label, span in (("30 days", month), ("two years", years)):
        timed(f"revenue, {label}", get("revenue", span))
        timed(f"overview, {label}", get("revenue/overview", span))
        timed(f"series by day, {label}", get("revenue/timeseries", span))
        timed(f"series by month, {label}", get("revenue/timeseries", f"{span}&granularity=month"))
        timed(f"series by day, split, {label}", get("revenue/timeseries", f"{span}&include=split"))
        timed(f"mrr by day, {label}", get("revenue/mrr", span))
        timed(f"mrr by month, {label}", get("revenue/mrr", f"{span}&granularity=month"))
        timed(f"cohorts by month, {label}", get("revenue/cohorts", span))
    timed("list of 100 payments", get("payments", "limit=100"))
    timed("list of one product's refunds", get("payments", "payment_type=refund&product_name=Pro"))
    if known is None:
        bring_visits(client, key)
    timed("list of 100 customers", get("customers", "limit=100"))
    timed("list of 1,000 customers", get("customers", "limit=1000"))
    timed("customers by revenue", get("customers", "sort=revenue&limit=100"))
    timed("customers from a source", get("customers", "source[is]=news.example&limit=100"))
    timed("customers of a window and a product", get("customers", f"{month}&product_name=Pro"))
    timed("one customer", get(f"customers/{visitor_text(visitor_of(30))}", "limit=100"))

    numbers = iter(range(time.time_ns(), 10**30))

    def pay() -> None:
        body = {
            "transaction_id": f"more_{next(numbers)}",
            "visitor_id": "somebody",
            "amount": 49,
            "currency": "USD",
            "payment_type": "recurring",
        }
        address = f"/api/v1/payments?site_id={site_ref(site).public_id}"
        answer = client.post(address, json.dumps(body), content_type="application/json", headers=headers)
        assert answer.status_code == 201, answer.content

    timed("one more payment", pay, rounds=30)
    revenue = get("revenue", month)

    def pay_and_ask() -> None:
        pay()
        revenue()

    timed("one more payment, and revenue after it", pay_and_ask)


if __name__ == "__main__":
    main()
