"""Erasing a visitor over HTTP: everything that names them goes, the money stays."""

import pytest

from accounts.models import AuditEntry
from accounts.selectors import site_ref
from revenue.models import Payment
from stats.erasure_services import work_off_erasures
from stats.ingest.visitor import visitor_text
from stats.models import Erasure, NamedVisitor
from stats.services import event_store
from stats.store.client import EventStore
from stats.visitor_services import visitor_number
from tests.factories import make_site
from tests.revenue.api.conftest import MoneyClient

MARCH = "start=2026-03-01&end=2026-03-31"


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    """One with few parts: what alters tables or removes rows goes over all parts."""
    return small_store


def erase(money: MoneyClient, visitor: str, query: str = "") -> tuple[int, object]:
    return money.send("DELETE", f"visitors/{visitor}", query)


def test_visitor_goes_and_the_money_stays(fixture_f: MoneyClient) -> None:
    for name in ("v_ana", "v_ben"):
        fixture_f.send("POST", "goals", body={"name": "signup", "visitor_id": name})
    revenue = fixture_f.get("revenue", MARCH)["results"]
    status, body = erase(fixture_f, "v_ana")
    assert (status, body) == (
        202,
        {
            "results": {"erasing": True, "visitor_id": "v_ana", "requested_at": "2026-04-02T12:00:00Z"},
            "meta": {"site_id": fixture_f.site.public_id},
        },
    )
    assert list(NamedVisitor.objects.filter(site=fixture_f.site).values_list("name", flat=True)) == ["v_ben"]
    assert not Payment.objects.filter(site=fixture_f.site, visitor_id="v_ana").exists()
    assert fixture_f.send("GET", "customers/v_ana")[0] == 404
    anonymous = fixture_f.get("customers", "product_name=")["results"][2]
    assert (anonymous["visitor_ids"], anonymous["net_revenue"], anonymous["first_touch"]) == ([], 100, None)

    fixture_f.clock.shift(6)
    assert work_off_erasures(event_store(), lambda _site: None) == 1
    completions = fixture_f.get("goals/signup/completions", "start=2026-03-01")["results"]
    assert [one["visitor_id"] for one in completions] == ["v_ben"]
    after = fixture_f.get("revenue", MARCH)["results"]
    assert [after[name] for name in ("total_revenue", "mrr")] == [revenue[name] for name in ("total_revenue", "mrr")]


def test_erasing_again_changes_nothing_until_it_is_done_and_is_due_again_then(money: MoneyClient) -> None:
    number = visitor_text(visitor_number(site_ref(money.site), "a/b"))
    first = erase(money, "a%2Fb")
    money.clock.shift(1)
    assert erase(money, "a%2Fb/") == first
    assert erase(money, number)[0] == 202
    of_site = Erasure.objects.filter(site_number=money.site.pk)
    audit = AuditEntry.objects.filter(action="site.erase_visitor", target=money.site.domain)
    assert (of_site.get().visitor, audit.count()) == (number, 1)
    money.clock.shift(6)
    work_off_erasures(event_store(), lambda _site: None)
    assert of_site.get().finished_at is not None
    assert erase(money, "a%2Fb")[0] == 202
    assert (of_site.get().finished_at, audit.count()) == (None, 2)


def test_ids_that_no_visitor_has_are_400_and_other_sites_404(money: MoneyClient) -> None:
    for visitor in ("a%20b", "%00", "x" * 129, "%09", "a%0Ab"):
        status, body = erase(money, visitor)
        assert (status, list(body)) == (400, ["error", "errors"]), visitor  # type: ignore[call-overload]
    assert erase(money, "ann", f"site_id={make_site().public_id}")[0] == 404
    assert erase(money, "ann", "site_id=")[0] == 400
    assert not Erasure.objects.filter(site_number=money.site.pk).exists()
