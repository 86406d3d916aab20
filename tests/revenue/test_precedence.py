"""Each payment knows its customer's first one, each refund what it takes back, whatever was written when."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Site
from accounts.selectors import site_ref
from revenue.conversion_services import convert_waiting
from revenue.ledger_services import Changes, lock_ledger
from revenue.models import Ledger, Payment
from revenue.precedence_services import relate
from revenue.provider_services import apply_outcomes
from revenue.providers.types import CustomerLinked, PaymentNamed
from revenue.services import end_subscription, record_payments, void_payment
from revenue.types import NewPayment
from stats.erasure_services import erase_visitor
from stats.ingest.visitor import caller_visitor_id
from tests.factories import make_site
from tests.revenue.api.conftest import quote
from tests.revenue.paying import at, once, paid, record, refund

unhurried = settings(
    max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
pytestmark = pytest.mark.django_db
Links = dict[str, str]


@pytest.fixture
def site() -> Site:
    return make_site(currency="USD", timezone="Etc/UTC")


def firsts(site: Site) -> Links:
    """Return the ids of first payments by those of payments and refunds, without those that have none."""
    found = Payment.objects.filter(site=site, first_payment__isnull=False)
    return dict(found.values_list("transaction_id", "first_payment__transaction_id"))


def taken_back(site: Site) -> Links:
    """Return the ids of payments by those of refunds that take them back."""
    found = Payment.objects.filter(site=site, taken_back__isnull=False)
    return dict(found.values_list("transaction_id", "taken_back__transaction_id"))


def revisions(site: Site) -> dict[str, int]:
    return dict(Payment.objects.filter(site=site).values_list("transaction_id", "revision"))


def written_anew(site: Site, change: Callable[[], object]) -> set[str]:
    """Return the ids of the stored payments that have another revision after a change."""
    before = revisions(site)
    change()
    after = revisions(site)
    return {name for name, revision in before.items() if after[name] != revision}


def void(site: Site, transaction_id: str) -> None:
    void_payment(site_ref(site), transaction_id, who=None)


def erase(site: Site, visitor: str) -> None:
    erase_visitor(site_ref(site), caller_visitor_id(bytes(site.caller_id_secret), visitor))


def link_customer(site: Site, customer_id: str, visitor: str, moment: str = "2026-03-01") -> None:
    apply_outcomes(site_ref(site), [CustomerLinked(customer_id, visitor, at(moment))])


# ---- First payments --------------------------------------------------------------------------------------------------
def test_first_payment_of_a_customer_is_its_own_and_that_of_later_ones(site: Site) -> None:
    record(site, once("2026-03-05", 1, transaction_id="a"))
    record(site, paid("2026-03-06", 1, transaction_id="b"), once("2026-03-06", 1, "bob", transaction_id="o"))
    assert firsts(site) == {"a": "a", "b": "a", "o": "o"}


def test_customer_id_is_the_customer_where_there_is_one_whoever_pays(site: Site) -> None:
    record(site, once("2026-03-05", 1, "ann", transaction_id="a"), once("2026-03-06", 1, "bob", transaction_id="b"))
    record(
        site,
        once("2026-03-07", 1, "ann", transaction_id="c", customer_id="k"),
        once("2026-03-08", 1, "bob", transaction_id="d", customer_id="k"),
    )
    assert firsts(site) == {"a": "a", "b": "b", "c": "c", "d": "c"}


def test_of_payments_at_one_instant_the_first_recorded_is_first(site: Site) -> None:
    record(site, once("2026-03-05", 1, transaction_id="a"), once("2026-03-05", 1, transaction_id="b"))
    record(site, once("2026-03-05", 1, transaction_id="c"))
    assert firsts(site) == {"a": "a", "b": "a", "c": "a"}


def test_back_dated_payment_becomes_the_first_of_all(site: Site) -> None:
    record(site, once("2026-03-05", 1, transaction_id="a"), once("2026-03-06", 1, transaction_id="b"))
    record(site, once("2026-03-05", 1, "bob", transaction_id="o"), refund("2026-03-09", 1, transaction_id="r"))
    early = once("2026-03-01", 1, transaction_id="c")
    assert written_anew(site, lambda: record(site, early)) == {"a", "b", "r"}
    assert firsts(site) == {"a": "c", "b": "c", "c": "c", "r": "c", "o": "o"}
    assert taken_back(site) == {"r": "b"}


def test_payment_of_nothing_is_never_first_and_has_the_first_that_comes(site: Site) -> None:
    record(site, once("2026-03-05", 0, transaction_id="trial"))
    assert firsts(site) == {}
    later = once("2026-03-06", 1, transaction_id="a")
    assert written_anew(site, lambda: record(site, later)) == {"trial"}
    assert firsts(site) == {"trial": "a", "a": "a"}


def test_void_of_the_first_payment_makes_the_next_one_first(site: Site) -> None:
    record(site, *(once(f"2026-03-0{day}", 1, transaction_id=name) for day, name in ((5, "a"), (6, "b"), (7, "c"))))
    assert written_anew(site, lambda: void(site, "a")) == {"a", "b", "c"}
    assert firsts(site) == {"a": "b", "b": "b", "c": "b"}
    assert written_anew(site, lambda: void(site, "c")) == {"c"}
    void(site, "b")
    assert firsts(site) == {}


def test_payment_that_counts_again_is_first_again(site: Site) -> None:
    record(site, once("2026-03-05", 1, transaction_id="a"), once("2026-03-06", 1, transaction_id="b"))
    void(site, "a")
    changes = Changes(lock_ledger(site_ref(site)))
    changes.add(Payment.objects.get(site=site, transaction_id="a"), voided_at=None)
    assert written_anew(site, changes.write) == {"a", "b"}
    assert firsts(site) == {"a": "a", "b": "a"}


def test_other_sites_have_firsts_of_their_own(site: Site) -> None:
    other = make_site(currency="USD")
    record(other, once("2026-03-01", 1, transaction_id="o", customer_id="k"))
    record(site, once("2026-03-05", 1, transaction_id="a", customer_id="k"))
    record(site, refund("2026-03-06", 1, transaction_id="r", visitor_id="", customer_id="k"))
    assert (firsts(site), firsts(other), taken_back(site)) == ({"a": "a"}, {"o": "o"}, {})


def test_other_payer_of_a_first_payment_is_told_in_all_that_refer_to_it(site: Site) -> None:
    record(
        site,
        once("2026-03-05", 1, "", transaction_id="a", customer_id="k"),
        once("2026-03-06", 1, "bob", transaction_id="b", customer_id="k"),
        refund("2026-03-07", 1, "bob", transaction_id="r"),
        once("2026-03-07", 1, "eve", transaction_id="o"),
    )
    assert written_anew(site, lambda: link_customer(site, "k", "ann")) == {"a", "b", "r"}
    assert firsts(site) == {"a": "a", "b": "a", "r": "a", "o": "o"}


def test_erased_visitors_payments_leave_a_customer_to_the_others(site: Site) -> None:
    record(
        site,
        once("2026-03-05", 1, "ann", transaction_id="a", customer_id="k"),
        once("2026-03-06", 1, "ann", transaction_id="b", customer_id="k"),
        refund("2026-03-06", 1, "ann", transaction_id="r"),
        once("2026-03-07", 1, "bob", transaction_id="c", customer_id="k"),
        once("2026-03-08", 1, "bob", transaction_id="d", customer_id="k"),
    )
    assert set(firsts(site).values()) == {"a"}
    assert written_anew(site, lambda: erase(site, "ann")) == {"a", "b", "r", "c", "d"}
    assert firsts(site) == {"a": "a", "b": "a", "r": "a", "c": "c", "d": "c"}
    assert taken_back(site) == {"r": "b"}


# ---- What refunds take back ------------------------------------------------------------------------------------------
def test_refund_takes_back_what_it_names_else_the_payers_latest_before(site: Site) -> None:
    record(site, *(once(f"2026-03-0{day}", 1, transaction_id=name) for day, name in ((5, "a"), (6, "b"), (8, "c"))))
    record(
        site,
        refund("2026-03-09", 1, "", transaction_id="named", refund_of="a"),
        refund("2026-03-07", 1, transaction_id="between"),
        refund("2026-03-08", 1, transaction_id="with c"),
        refund("2026-03-04", 1, transaction_id="too early"),
        refund("2026-03-09", 1, "bob", transaction_id="of nobody"),
    )
    assert taken_back(site) == {"named": "a", "between": "b", "with c": "c"}
    assert firsts(site) == dict.fromkeys(("a", "b", "c", "named", "between", "with c"), "a")


def test_payment_between_is_what_a_later_refund_takes_back(site: Site) -> None:
    record(site, once("2026-03-05", 1, transaction_id="a"), refund("2026-03-08", 1, transaction_id="r"))
    record(site, refund("2026-03-06", 1, transaction_id="earlier"))
    between = once("2026-03-07", 1, transaction_id="b")
    assert written_anew(site, lambda: record(site, between)) == {"r"}
    assert taken_back(site) == {"r": "b", "earlier": "a"}
    record(site, once("2026-03-07", 0, transaction_id="free"), once("2026-03-09", 1, transaction_id="late"))
    assert taken_back(site) == {"r": "b", "earlier": "a"}


def test_payment_that_comes_after_its_refund_is_taken_back(site: Site) -> None:
    record(site, once("2026-03-05", 1, transaction_id="a"))
    record(site, refund("2026-03-08", 1, transaction_id="r", refund_of="b"))
    assert taken_back(site) == {"r": "a"}
    record(site, once("2026-03-09", 1, "bob", transaction_id="b"))
    assert (taken_back(site), firsts(site)["r"]) == ({"r": "b"}, "b")


def test_refund_tied_by_another_name_takes_that_payment_back(site: Site) -> None:
    record(site, once("2026-03-05", 1, "bob", transaction_id="a"), once("2026-03-06", 1, transaction_id="b"))
    record(site, refund("2026-03-08", 1, transaction_id="r", refund_of="charge"))
    assert taken_back(site) == {"r": "b"}
    apply_outcomes(site_ref(site), [PaymentNamed("charge", "a")])
    assert (taken_back(site), firsts(site)["r"]) == ({"r": "a"}, "a")


def test_refund_of_a_voided_payment_takes_back_the_payers_latest(site: Site) -> None:
    record(site, once("2026-03-05", 1, transaction_id="a"), once("2026-03-06", 1, transaction_id="b"))
    record(site, refund("2026-03-08", 1, transaction_id="r", refund_of="b"))
    record(site, refund("2026-03-08", 1, "bob", transaction_id="s", refund_of="b"))
    assert written_anew(site, lambda: void(site, "b")) >= {"b", "r", "s"}
    assert (taken_back(site), firsts(site)) == ({"r": "a"}, {"a": "a", "b": "a", "r": "a"})


def test_refund_moves_on_with_who_paid(site: Site) -> None:
    record(site, once("2026-03-05", 1, "ann", transaction_id="a"))
    record(site, once("2026-03-06", 1, "", transaction_id="b", customer_id="k"))
    record(site, refund("2026-03-07", 1, "ann", transaction_id="r"))
    assert taken_back(site) == {"r": "a"}
    link_customer(site, "k", "ann")
    assert (taken_back(site), firsts(site)["r"]) == ({"r": "b"}, "b")
    assert written_anew(site, lambda: link_customer(site, "k", "bob", "2026-03-02")) == {"b", "r"}
    assert (taken_back(site), firsts(site)["r"]) == ({"r": "a"}, "a")


def test_refund_tells_that_what_it_takes_back_recurs_no_more(site: Site) -> None:
    record(site, paid("2026-03-05", 9, transaction_id="a"), refund("2026-03-06", 1, transaction_id="r"))
    payment = Payment.objects.get(site=site, transaction_id="a")
    changes = Changes(lock_ledger(site_ref(site)))
    changes.add(payment, covered_until=None)
    assert written_anew(site, changes.write) == {"a", "r"}
    changes.add(payment, metadata={"more": "x"})
    assert written_anew(site, changes.write) == {"a"}


# ---- Cost ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every working out adds how many statements it needed to look things up."""
    found: list[int] = []

    def watched(*values: Any, **more: Any) -> list[Payment]:
        with CaptureQueriesContext(connection) as asked:
            related = relate(*values, **more)
        found.append(len(asked.captured_queries))
        return related

    monkeypatch.setattr("revenue.ledger_services.relate", watched)
    return found


@pytest.mark.parametrize("count", [1, 300])
@pytest.mark.parametrize(("kind", "most"), [(paid, 3), (once, 3), (refund, 3)])
def test_new_payments_are_looked_up_together_and_not_again_when_covered(
    kind: Callable[..., NewPayment], most: int, count: int, site: Site, lookups: list[int]
) -> None:
    record(site, *(paid("2026-03-05", 1, f"visitor {number % 50}") for number in range(100)))
    lookups.clear()
    record(site, *(kind("2026-03-07", 1, f"visitor {number % 70}") for number in range(count)))
    assert lookups == [most, 0]


def test_conversions_look_nothing_up(site: Site, lookups: list[int]) -> None:
    record(site, paid("2026-03-05", 1), once("2026-03-06", 1, currency="KWD"), refund("2026-03-07", 1))
    lookups.clear()
    quote("KWD", "USD", "2026-03-05", "3")
    assert convert_waiting() == 1
    assert sum(lookups) == 0


# ---- Any order of anything -------------------------------------------------------------------------------------------
def customer_of(payment: Payment) -> tuple[str, str]:
    return ("id", payment.customer_id) if payment.customer_id else ("payer", payment.payer)


class Obvious:
    """Works both out by looking at all payments of a site, one by one."""

    def __init__(self, site: Site) -> None:
        self.payments = list(Payment.objects.filter(site=site).order_by("paid_at", "pk"))
        self.by_id = {one.pk: one for one in self.payments}
        self.counting = [
            one for one in self.payments if not one.is_refund and one.voided_at is None and one.amount_micros > 0
        ]

    def taken_back(self, payment: Payment) -> Payment | None:
        if not payment.is_refund:
            return None
        linked = self.by_id.get(payment.refunded_payment_id or 0)
        if linked is not None and linked.voided_at is None:
            return linked
        own = [one for one in self.counting if one.payer == payment.payer and one.paid_at <= payment.paid_at]
        return own[-1] if own else None

    def first_payment(self, payment: Payment) -> Payment | None:
        origin = self.taken_back(payment) if payment.is_refund else payment
        if origin is None:
            return None
        own = [one for one in self.counting if customer_of(one) == customer_of(origin)]
        return own[0] if own else None

    def mirrored(self) -> dict[int, tuple[object, ...]]:
        """Return what the mirror holds of each payment, without what never changes."""
        return {
            one.pk: (*_told(one), one.voided_at, _told(self.taken_back(one)), _told(self.first_payment(one))[:3])
            for one in self.payments
        }


def _told(payment: Payment | None) -> tuple[object, ...]:
    if payment is None:
        return ()
    is_recurring = payment.covered_until is not None
    return (payment.pk, payment.payer, payment.paid_at, is_recurring, payment.customer_id, payment.product_name)


def check_links(site: Site) -> Obvious:
    obvious = Obvious(site)
    for one in obvious.payments:
        taken, first = obvious.taken_back(one), obvious.first_payment(one)
        expected = (taken.pk if taken else None, first.pk if first else None)
        assert (one.taken_back_id, one.first_payment_id) == expected, one.transaction_id
    return obvious


names = [f"t{number}" for number in range(8)]
one_payment = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([paid, paid, once, refund, refund]),
        "transaction_id": st.sampled_from(names),
        "hours": st.integers(0, 12),
        "amount": st.sampled_from([0, 1, 1, 1, 2]),
        "visitor_id": st.sampled_from(["", "ann", "bob"]),
        "customer_id": st.sampled_from(["", "k", "l"]),
        "subscription_id": st.sampled_from(["", "", "s"]),
        "refund_of": st.sampled_from(["", "", "charge", *names]),
    }
)
links = st.tuples(
    st.sampled_from(["k", "l"]), st.sampled_from(["ann", "bob", "eve"]), st.sampled_from(["2026-03-01", "2026-02-01"])
)
one_step = st.one_of(
    st.tuples(st.just("record"), st.lists(one_payment, min_size=1, max_size=4)),
    st.tuples(st.just("record"), st.lists(one_payment, min_size=1, max_size=1)),
    st.tuples(st.just("void"), st.integers(0, 20)),
    st.tuples(st.just("count again"), st.integers(0, 20)),
    st.tuples(st.just("erase"), st.sampled_from(["ann", "bob"])),
    st.tuples(st.just("customer"), links),
    st.tuples(st.just("name"), st.sampled_from(names)),
    st.tuples(st.just("end"), st.just("s")),
)


def take_step(site: Site, step: str, value: Any) -> None:
    known, ref = list(Payment.objects.filter(site=site).order_by("pk")), site_ref(site)
    match step:
        case "record":
            record_payments(ref, [new_payment(**one) for one in value], who=None)
        case "void" if known:
            chosen = known[value % len(known)]
            void_payment(ref, chosen.transaction_id, is_refund=chosen.is_refund, who=None)
        case "count again" if known:
            changes = Changes(lock_ledger(ref))
            changes.add(known[value % len(known)], voided_at=None)
            changes.write()
        case "erase":
            erase(site, value)
        case "customer":
            link_customer(site, *value)
        case "name":
            apply_outcomes(ref, [PaymentNamed("charge", value)])
        case "end":
            end_subscription(ref, value, at("2026-03-01 06:00:00"))


def new_payment(kind: Callable[..., NewPayment], hours: int, amount: int, visitor_id: str, **fields: Any) -> NewPayment:
    if kind is not refund:
        fields["refund_of"] = ""
    return kind(f"2026-03-01 {hours:02}:00:00", amount, visitor_id, **fields)


@settings(unhurried, max_examples=60)
@given(st.lists(one_step, min_size=2, max_size=9))
def test_both_links_are_right_after_anything_and_whatever_they_change_is_mirrored(steps: list[tuple[str, Any]]) -> None:
    site = make_site(currency="USD", timezone="Etc/UTC")
    before = Obvious(site)
    for step, value in steps:
        take_step(site, step, value)
        after = check_links(site)
        told_before, told = before.mirrored(), after.mirrored()
        for number, payment in before.by_id.items():
            if told[number] != told_before[number]:
                assert after.by_id[number].revision > payment.revision, payment.transaction_id
        assert all(one.revision <= Ledger.objects.get(site=site).revision for one in after.payments)
        before = after
    relate_all()
    check_links(site)


# ---- Payments of before ----------------------------------------------------------------------------------------------
def relate_all() -> None:
    """Let the migration work out the links of all payments."""
    Payment.objects.update(first_payment=None, taken_back=None)
    import_module("revenue.migrations.0006_first_payments_and_taken_back").relate_payments(apps, None)


def test_payments_of_before_are_given_their_links_and_mirrored_anew(site: Site) -> None:
    record(
        site,
        once("2026-03-05", 1, transaction_id="a"),
        once("2026-03-06", 1, transaction_id="b"),
        once("2026-03-07", 1, transaction_id="c", customer_id="k"),
        once("2026-03-08", 1, "bob", transaction_id="d", customer_id="k"),
        refund("2026-03-08", 1, transaction_id="r"),
        refund("2026-03-08", 1, transaction_id="s", refund_of="b"),
    )
    Ledger.objects.update(mirrored_revision=6)
    relate_all()
    assert firsts(site) == {"a": "a", "b": "a", "c": "c", "d": "c", "r": "c", "s": "a"}
    assert taken_back(site) == {"r": "c", "s": "b"}
    assert Ledger.objects.get(site=site).mirrored_revision == 0
