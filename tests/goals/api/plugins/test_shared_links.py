from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.hashers import check_password

from accounts.models import SharedLink, Site
from tests.factories import make_site, make_team
from tests.goals.api.plugins.conftest import ROOT, Plugin, details, make_plugin

pytestmark = pytest.mark.django_db


def link(name: Any, **more: Any) -> dict[str, Any]:
    return {"shared_link": {"name": name, **more}}


def test_link_is_made_once_and_shown(settings: LazySettings) -> None:
    settings.BASE_URL = "https://stats.example.org"
    call = make_plugin(make_site(domain="shop.example/käse"))
    answer = call.send("PUT", "/shared_links", link("Board"))
    record = SharedLink.objects.get()
    shown = {
        "shared_link": {
            "id": record.pk,
            "name": "Board",
            "password_protected": False,
            "href": f"https://stats.example.org/share/shop.example%2Fk%C3%A4se?auth={record.slug}",
        }
    }
    assert (answer.status_code, answer.json()) == (201, shown)
    assert [*answer.items()][-1] == ("Location", f"https://stats.example.org{ROOT}/shared_links/{record.pk}")
    assert len(record.slug) == 21
    assert call("PUT", "/shared_links", link("Board", password="late", more=1)) == (201, shown)
    assert call("GET", f"/shared_links/{record.pk}") == (200, shown)
    assert call("GET", "/shared_links")[1]["shared_links"] == [shown]
    assert call("PUT", "/shared_links", link("board"))[1] != shown
    assert call("GET", "/shared_links/999999") == (404, {"errors": [{"detail": "Shared link not found"}]})


def test_password_is_kept_as_a_hash_and_only_of_a_new_link(call: Plugin) -> None:
    first = call("PUT", "/shared_links", link("Board", password="correct horse"))
    assert first[1]["shared_link"]["password_protected"] is True
    assert call("PUT", "/shared_links", link("Board", password="other")) == first
    stored = SharedLink.objects.get().password_hash
    assert check_password("correct horse", stored)
    assert "correct horse" not in stored + str(first)
    for password in (None, ""):
        open_link = call("PUT", "/shared_links", link(f"Open {password}", password=password))
        assert open_link[1]["shared_link"]["password_protected"] is False


def test_plan_without_shared_links_and_the_reserved_name_are_no_obstacle() -> None:
    call = make_plugin(make_site(make_team(features=[])))
    for name in ("Board", "WordPress - Shared Dashboard"):
        assert call("PUT", "/shared_links", link(name))[0] == 201


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "shared_link", "can't be blank"),
        ({"shared_link": []}, "shared_link", "is invalid"),
        ({"shared_link": {}}, "name", "can't be blank"),
        (link(None), "name", "can't be blank"),
        (link(7), "name", "is invalid"),
        (link(" "), "name", "can't be blank"),
        (link("a\0"), "name", "is invalid"),
        (link("a" * 256), "name", "should be at most 255 characters"),
        (link("a", password=1), "password", "is invalid"),
        (link("a", password=["x"]), "password", "is invalid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_wrong_link_is_422_at_its_field(
    call: Plugin, bearer: Plugin, site: Site, body: object, field: str, message: str
) -> None:
    assert bearer("PUT", "/shared_links", body) == (422, {"errors": {field: [message]}})
    assert details(call("PUT", "/shared_links", body)) == [f"{field}: {message}"]
    assert not SharedLink.objects.filter(site=site).exists()
