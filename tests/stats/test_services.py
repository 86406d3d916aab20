import pytest
from django.test import Client

from accounts.models import Site, User
from analytics_project.clock import unix_seconds
from analytics_project.errors import NotAuthenticated
from stats.ingest.visitor import caller_visitor_id
from stats.services import authorise_caller, intake_outcomes
from stats.store.client import EventStore
from stats.store.intake_counts import add_intake_counts
from tests.factories import make_key, make_site, make_user, owner_of

pytestmark = pytest.mark.django_db


def test_intake_outcomes_add_up_over_minutes_and_leave_old_ones_out(store: EventStore) -> None:
    site, other, now = make_site(), make_site(), unix_seconds()
    counts = [
        (site.pk, now - now % 60, "buffered", 36, 5),
        (site.pk, now - now % 60 - 60, "buffered", 0, 2),
        (site.pk, now - now % 60, "dropped_bot", 36, 3),
        (site.pk, now - 48 * 3600, "buffered", 36, 100),
        (other.pk, now - now % 60, "buffered", 36, 1_000),
    ]
    for _ in range(2):
        add_intake_counts(store, counts, token=f"test-{site.pk}")
    assert intake_outcomes(site.pk, hours=24) == {"buffered": 7, "dropped_bot": 3}


def test_site_page_of_the_admin_says_what_intake_took(store: EventStore, client: Client) -> None:
    site = make_site()
    add_intake_counts(store, [(site.pk, unix_seconds(), "buffered", 36, 1_234)], token=f"admin-{site.pk}")
    admin = User.objects.create_superuser(email="root@shop.example", password="a long enough password")
    client.force_login(admin)
    page = client.get(f"/admin/accounts/site/{site.pk}/change/").content.decode()
    assert "1,234 taken" in page


def test_caller_with_a_key_of_the_site_gets_its_secret(store: EventStore) -> None:
    site = make_site()
    owner = owner_of(site.team)
    site_id, secret = authorise_caller(make_key(user=owner, team=site.team).text, site.domain)
    assert (site_id, secret) == (site.pk, bytes(Site.objects.get(pk=site.pk).caller_id_secret))
    assert caller_visitor_id(secret, "customer-7") != caller_visitor_id(b"x", "customer-7")


def test_caller_without_the_right_key_is_refused(store: EventStore) -> None:
    site = make_site()
    owner = owner_of(site.team)
    stranger = make_key(user=make_user(), team=None).text
    read_only = make_key(user=owner, team=site.team, read_only=True).text
    for key in ("", "no such key", stranger, read_only):
        with pytest.raises(NotAuthenticated):
            authorise_caller(key, site.domain)
