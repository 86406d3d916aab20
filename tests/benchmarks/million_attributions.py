"""What it costs to put 1,000,000 payments of one site down to its visits: breakdowns and paths, over HTTP.

    python -m tests.benchmarks.million_attributions [--payments 1000000] [--visits 2000000] [--rounds 9] [--only WORD]

The payments are those of `million_payments.py`. Their 60,000 visitors have some 17 visits each in the same two years,
and further visitors have `--visits` more; all are written as the writer writes them, in the order of their time. Times
are of whole requests, the median on the clock and of the cores. With a DATA_DIR of its own it may be run again without
filling it.
"""

import argparse
import time
from collections.abc import Iterator
from functools import cache
from itertools import islice
from random import Random
from statistics import median
from typing import Final

# It sets Django up, so it comes first.
from tests.benchmarks.million_payments import CUSTOMERS, DAYS, DOMAIN, FIRST, fill, say, visitor_of  # isort: skip

from django.core.management import call_command
from django.test import Client

from accounts.models import Site
from accounts.selectors import site_ref
from accounts.services import issue_key
from revenue.mirror_services import work_in_payments
from stats.ingest.rows import RETRACTED, WRITTEN, attributes_fragment, event_row, session_row
from stats.ingest.sessions import EventKind, Visit
from stats.services import event_store
from stats.store.client import EventStore
from stats.store.migrations import migrate
from stats.store.schema import EVENT_COLUMNS, SESSION_COLUMNS
from stats.types import Acquisition, Agent, Place
from tests.factories import make_goal

VISITS_OF_A_PAYER: Final = 17
VISITS_OF_ANOTHER: Final = 3
VISITS_AT_ONCE: Final = 100_000
NO_MONEY: Final = (None, "", None, "")
MODELS: Final = ("last_non_direct", "last_touch", "first_touch", "linear", "position", "time_decay")
SPANS: Final = {"30 days": "start=2025-11-01&end=2025-11-30", "two years": "start=2024-01-01&end=2025-12-31"}


def arrivals(chance: Random) -> list[bytes]:
    """Return what visits may know of themselves, as often as it shall be met: a third of them came from nowhere."""
    hosts = [f"site{number}.example" for number in range(300)]
    found = []
    for _ in range(6_000):
        kind = chance.random()
        if kind < 0.35:
            source = Acquisition()
        elif kind < 0.6:
            source = Acquisition(referrer="google.com", source="Google", channel="Organic Search")
        elif kind < 0.7:
            campaign = f"week {chance.randrange(50)}"
            source = Acquisition("", "newsletter", "Email", "newsletter", "email", campaign)
        elif kind < 0.74:
            source = Acquisition(referrer="checkout.stripe.com", source="checkout.stripe.com", channel="Referral")
        elif kind < 0.76:
            source = Acquisition(referrer=f"shop.{DOMAIN}/cart", source=f"shop.{DOMAIN}", channel="Referral")
        else:
            host = hosts[int(chance.paretovariate(0.7)) % len(hosts)]
            source = Acquisition(f"{host}/page{chance.randrange(20)}", host, "Referral")
        country = chance.choice(("US", "DE", "FR", "GB", "IN", "BR", "JP"))
        agent = Agent(chance.choice(("Chrome", "Safari", "Firefox")), "120", "Windows", "11", "Desktop")
        found.append(attributes_fragment(source, Place(country, f"{country}-1", "", chance.randrange(200)), agent))
    return found


def visits(site_id: int, others: int) -> Iterator[Visit]:
    """Yield visits of one pageview, in the order of their start."""
    chance = Random(11)
    known = arrivals(chance)
    visitors = [visitor_of(chance.randrange(CUSTOMERS)) for _ in range(CUSTOMERS * VISITS_OF_A_PAYER)]
    visitors += [visitor_of(CUSTOMERS + chance.randrange(others // VISITS_OF_ANOTHER)) for _ in range(others)]
    first = int(FIRST.timestamp())
    for second, number in sorted((chance.randrange(DAYS * 86_400), number) for number in range(len(visitors))):
        at = first + second
        visit = Visit(
            key=number,
            site_id=site_id,
            day=time.strftime("%Y-%m-%d", time.gmtime(at)),
            visitor_id=visitors[number],
            session_id=chance.getrandbits(64),
            start=at,
            props=b"[],[]",
            attributes=chance.choice(known),
            timestamp=at,
        )
        visit.count(page(chance.randrange(400)), at)
        yield visit


@cache
def page(number: int) -> EventKind:
    return EventKind(
        is_pageview=True, is_engagement=False, interactive=True, hostname=DOMAIN, pathname=f"/page/{number}"
    )


def write_visits(store: EventStore, made: Iterator[Visit]) -> int:
    """Write visits with their events: one in ten has a second page, and so a state that was taken back."""
    written = 0
    while batch := list(islice(made, VISITS_AT_ONCE)):
        events, states = [], []
        for visit in batch:
            events.append(_event(visit, visit.start, "pageview", visit.entry_page))
            states.append(session_row(visit, WRITTEN))
            if visit.session_id % 10 == 0:
                states.append(session_row(visit, RETRACTED))
                visit.count(page(visit.session_id % 400), visit.start + 60)
                events.append(_event(visit, visit.start + 60, "pageview", visit.exit_page))
                events.append(_event(visit, visit.start + 60, "Signup", visit.exit_page))
                states.append(session_row(visit, WRITTEN))
        store.insert_lines("events", EVENT_COLUMNS, b"\n".join(events), token="")
        store.insert_lines("sessions", SESSION_COLUMNS, b"\n".join(states), token="")
        written += len(batch)
    return written


def _event(visit: Visit, at: int, name: str, pathname: str) -> bytes:
    return event_row(visit, visit.day, at, name, DOMAIN, pathname, visit.props, NO_MONEY, 0, 0)


def measure(name: str, client: Client, address: str, headers: dict[str, str], rounds: int) -> None:
    """Print medians of one request, after one that is not counted: milliseconds on the clock, and of the cores."""
    took, used = [], []
    for turn in range(rounds + 1):
        started, started_cores = time.perf_counter(), time.process_time()
        answer = client.get(address, headers=headers)
        assert answer.status_code == 200, answer.content
        if turn:
            took.append(time.perf_counter() - started)
            used.append(time.process_time() - started_cores)
    say(f"{name:56} {median(took) * 1000:7.0f} ms {median(used) * 1000:7.0f} ms of cores")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--visits", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    call_command("migrate", verbosity=0)
    store = event_store()
    migrate(store)
    site = Site.objects.filter(domain=DOMAIN).first() or fill(asked.payments)
    work_in_payments(store)
    if not store.read_rows("SELECT 1 FROM sessions WHERE site_id = {site:UInt32} LIMIT 1", {"site": site.pk}, tag="b"):
        started = time.perf_counter()
        written = write_visits(store, visits(site.pk, asked.visits))
        make_goal(site, event_name="Signup")
        say(f"{written:,} visits after {time.perf_counter() - started:.0f} s")
    owner = site.team.memberships.select_related("user").get().user
    key = issue_key(owner, site.team, name="benchmark", scopes=["stats:read:*"]).text
    client, headers = Client(), {"Authorization": f"Bearer {key}"}
    addresses = {
        f"{label}, {path} {query}": f"/api/v1/revenue/{path}?site_id={site_ref(site).public_id}&{query}&{span}"
        for label, span in SPANS.items()
        for path, query in (
            *(("breakdown", f"dimension=source&model={model}") for model in MODELS),
            *(("breakdown", f"dimension=source&renewals={renewals}") for renewals in ("exclude", "own")),
            *(("breakdown", f"dimension={name}") for name in ("landing_page", "country", "product", "goal")),
            ("breakdown", "dimension=source&country[is]=Germany"),
            ("paths", "dimension=source"),
        )
    }
    for name, address in addresses.items():
        if asked.only in name:
            measure(name, client, address, headers, asked.rounds)


if __name__ == "__main__":
    main()
