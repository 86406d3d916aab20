"""The admin's page of segments: what is wrong is said on the form, what is done is noted."""

from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry, User
from stats.models import Segment
from tests.factories import make_segment, make_site, make_team, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.accounts.urls")]

SAFARI = '[["is", "visit:browser", ["Safari"]]]'


@pytest.fixture
def client() -> Client:
    """A browser in which an administrator is logged in."""
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@shop.example"))
    return browser


def send(client: Client, page: str, *args: int, **fields: Any) -> str:
    """Send a form and return the page that follows."""
    answer = client.post(reverse(f"admin:stats_segment_{page}", args=args), fields, follow=True)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def test_segment_is_added_changed_and_deleted_with_its_audit_entries(client: Client) -> None:
    site = make_site()
    send(client, "add", site=site.pk, name="Safari", type="site", filters=SAFARI)
    segment = Segment.objects.get()
    assert (segment.site, segment.filters) == (site, [["is", "visit:browser", ["Safari"]]])
    send(client, "change", segment.pk, name="Apple", type="site", filters=SAFARI)
    assert Segment.objects.get().name == "Apple"
    send(client, "delete", segment.pk, post="yes")
    again = make_segment(site, ["is", "visit:browser", ["Safari"]])
    send(client, "changelist", action="delete_selected", _selected_action=again.pk, post="yes")
    assert not Segment.objects.exists()
    root = User.objects.get(email="root@shop.example")
    actions = AuditEntry.objects.filter(who=root).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["segment.create", "segment.update", "segment.delete", "segment.delete"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"filters": "[["}, "Enter a valid JSON", id="no json"),
        pytest.param({"filters": "[" * 100_000 + "]" * 100_000}, "Enter a valid JSON", id="too deep"),
        pytest.param({"filters": f'[["is", "visit:city", [{"1" * 5000}]]]'}, "Enter a valid JSON", id="long number"),
        pytest.param({"filters": '[["is", "visit:browser", ["\\ud800"]]]'}, "Enter a valid JSON", id="half a pair"),
        pytest.param({"filters": '[["is", "visit:browser", "x"]]'}, "filters[0][2]: must be a list", id="shape"),
        pytest.param({"filters": '[["is", "visit:name", ["x"]]]'}, "'visit:name' is not a dimension", id="dimension"),
        pytest.param({"filters": '[["is", "segment", [1]]]'}, "a segment cannot hold another one", id="segment"),
        pytest.param({"filters": "[]"}, "required", id="none"),
        pytest.param({"name": ""}, "required", id="no name"),
        pytest.param({"name": "Taken"}, "has already been taken by a segment of this site", id="name taken"),
        pytest.param({"type": "personal"}, "a personal segment is somebody's", id="nobody's"),
        pytest.param({"type": "odd"}, "odd is not one of the available choices", id="type"),
        pytest.param({"site": "0"}, "not one of the available choices", id="site"),
    ],
)
def test_what_is_wrong_is_said_on_the_form(client: Client, fields: dict[str, str], said: str) -> None:
    site = make_site()
    make_segment(site, ["is", "visit:browser", ["Safari"]], name="Taken")
    page = send(client, "add", **{"site": site.pk, "name": "New", "type": "site", "filters": SAFARI, **fields})
    assert said in page
    assert Segment.objects.count() == 1
    assert not AuditEntry.objects.exists()


def test_plan_without_site_segments_is_said_on_the_form(client: Client) -> None:
    site = make_site(make_team(features=[]))
    assert "does not include site segments" in send(
        client, "add", site=site.pk, name="New", type="site", filters=SAFARI
    )
    owner = make_user()
    send(client, "add", site=site.pk, name="New", type="personal", owner=owner.pk, filters=SAFARI)
    assert Segment.objects.get().owner == owner
