"""`manage.py erase_visitor`: all rows of one id of one site go, what slips in later too, and the id is forgotten."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.apps import apps
from django.conf import LazySettings

from accounts.models import AuditEntry
from accounts.selectors import site_ref
from stats.erasure_services import LOOK_AGAIN_AFTER, LOOK_AGAIN_FOR, look_again
from stats.ingest.visitor import caller_visitor_id, visitor_text
from stats.models import Erasure, NamedVisitor
from stats.store.client import EventStore
from stats.store.schema import IDENTITY_COLUMNS
from stats.visitor_services import name_visitor, visitor_number
from tests.factories import make_site
from tests.stats.erasing import events, fill, refusal, run

pytestmark = pytest.mark.django_db
NOON, LATER = "2026-03-09T12:00:00Z", "2026-03-09T12:05:00Z"


@pytest.fixture
def store(small_store: EventStore) -> EventStore:
    return small_store


@pytest.fixture(autouse=True)
def _own_spool(settings: LazySettings, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path / "spool"


def test_visitor_goes_and_others_stay_on_the_site_and_elsewhere(store: EventStore) -> None:
    site, other = make_site(), make_site()
    fill(store, site, NOON, LATER)
    fill(store, site, NOON, visitor="bob")
    fill(store, other, NOON)
    assert run("erase_visitor", "ann", "--site", site.domain, "--dry-run")["events"] == 2
    assert events(store, site.pk) == 3
    done = run("erase_visitor", "ann", "--site", site.public_id)
    ann = visitor_text(caller_visitor_id(bytes(site.caller_id_secret), "ann"))
    assert done == {"site": site.domain, "visitor_id": ann, "events": 2, "outcome": "done"}
    assert (events(store, site.pk), events(store, other.pk)) == (1, 1)
    left = store.read_rows("SELECT visitor_id FROM sessions WHERE site_id = {id:UInt32}", {"id": site.pk}, tag="test")
    assert [visitor_text(row["visitor_id"]) for row in left] == [
        visitor_text(caller_visitor_id(bytes(site.caller_id_secret), "bob"))
    ]
    assert ann not in AuditEntry.objects.get(action="site.erase_visitor").target


def test_name_that_a_client_gave_the_visitor_goes_too(store: EventStore) -> None:
    site, other = make_site(), make_site()
    for named in (site, other):
        for name in ("ann", "bob"):
            ref = site_ref(named)
            name_visitor(ref, visitor_number(ref, name), name)
    run("erase_visitor", "ann", "--site", site.domain)
    left = NamedVisitor.objects.order_by("site", "name").values_list("site", "name")
    assert list(left) == [(site.pk, "bob"), (other.pk, "ann"), (other.pk, "bob")]


def test_public_form_of_the_id_names_the_same_visitor(store: EventStore) -> None:
    site = make_site()
    fill(store, site, NOON, visitor="v_00000000000000ff")
    assert run("erase_visitor", "V_00000000000000FF".replace("V", "v"), "--site", site.domain)["events"] == 1


def test_user_takes_along_whoever_is_that_user(store: EventStore) -> None:
    site, other = make_site(), make_site()
    ann, bob, user, second = (visitor_number(site_ref(site), name) for name in ("ann", "bob", "u42", "u43"))
    for number, visitor, who in ((site.pk, ann, user), (site.pk, user, ann), (site.pk, bob, second)):
        identify(store, number, visitor, who)
    identify(store, other.pk, ann, user)
    for name in ("ann", "bob", "u42"):
        fill(store, site, NOON, LATER, visitor=name)
    assert run("erase_visitor", "u42", "--site", site.domain, "--dry-run")["events"] == 4
    assert run("erase_visitor", "u42", "--site", site.domain)["events"] == 4
    assert events(store, site.pk) == 2
    left = store.read_rows("SELECT site_id, visitor_id FROM identities FINAL ORDER BY site_id", tag="test")
    assert [(row["site_id"], row["visitor_id"]) for row in left] == [(site.pk, bob), (other.pk, ann)]
    assert set(Erasure.objects.values_list("visitor", flat=True)) == {visitor_text(ann), visitor_text(user)}
    assert not Erasure.objects.filter(finished_at=None).exists()


def identify(store: EventStore, site_id: int, visitor: int, user: int) -> None:
    row = f'[{site_id}, {visitor}, {user}, "2026-03-09 12:00:00"]'
    store.insert_lines("identities", IDENTITY_COLUMNS, row.encode(), token="")


def test_open_visit_that_goes_on_is_found_and_the_id_then_forgotten(store: EventStore) -> None:
    with time_machine.travel("2026-03-10T12:00:00Z", tick=False) as hand:
        site = make_site()
        fill(store, site, NOON)
        run("erase_visitor", "ann", "--site", site.domain)
        fill(store, site, LATER)
        hand.shift(LOOK_AGAIN_AFTER)
        assert look_again(store) == 1
        assert events(store, site.pk) == 0
        assert Erasure.objects.get().visitor.startswith("v_")
        hand.shift(LOOK_AGAIN_FOR - LOOK_AGAIN_AFTER - timedelta(seconds=1))
        look_again(store)
        assert Erasure.objects.get().visitor
        hand.shift(1)
        fill(store, site, "2026-03-13T11:00:00Z")
        assert look_again(store) == 0
        assert Erasure.objects.get().visitor == ""
        assert events(store, site.pk) == 1


@pytest.mark.parametrize("visitor", ["", "  ", "a\0b", "\ud800"])
def test_unusable_visitor_is_refused(visitor: str) -> None:
    assert "visitor" in refusal("erase_visitor", visitor, "--site", make_site().domain)
    assert not Erasure.objects.exists()


def test_relational_store_keeps_no_visitor_id_that_the_command_would_miss() -> None:
    """A model that gets one has to be erased by the command; then it is named here."""
    named = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if "visitor" in field.name
    }
    assert named == {
        "accounts.Site.visitor_ids",  # which kind of id
        "accounts.Site.named_visitors",  # the way to
        "accounts.Site.customer_visitors",  # the way to
        "revenue.Payment.visitor_id",  # which is blanked with the request: tests/revenue/test_mirror.py
        "revenue.CustomerVisitor.visitor_id",  # which goes with it: tests/revenue/test_webhooks.py
        "stats.NamedVisitor.visitor",  # which the command removes
        "stats.Erasure.visitor",  # what this command wrote, forgotten after three days
    }
