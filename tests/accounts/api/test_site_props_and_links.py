"""Custom properties and shared links over the Sites API: contract, sections 5 and 6."""

import re
from datetime import UTC, datetime

import pytest

from accounts.link_services import is_password
from accounts.models import SharedLink, Site, Team
from accounts.selectors import site_ref
from accounts.types import Feature
from goals.models import AllowedProps
from goals.prop_services import disable_props, enable_props
from goals.selectors import allowed_props
from tests.accounts.api.conftest import Caller
from tests.factories import make_site

pytestmark = pytest.mark.django_db

PROPS = frozenset({Feature.PROPS})


@pytest.fixture
def site(team: Team) -> Site:
    return make_site(team, domain="shop.example")


def enable(call: Caller, name: object) -> int:
    return call("PUT", "/sites/custom-props", {"site_id": "shop.example", "property": name})[0]


def shown(call: Caller) -> list[str]:
    status, body = call("GET", "/sites/custom-props?site_id=shop.example")
    assert (status, set(body)) == (200, {"custom_properties"})
    return [entry["property"] for entry in body["custom_properties"]]


@pytest.mark.usefixtures("site")
def test_properties_are_listed_by_name_and_shown_on_the_site_latest_first(call: Caller) -> None:
    assert shown(call) == []
    for name in (" topic ", "author", "zone", "topic"):
        sent = {"site_id": "shop.example", "property": name}
        assert call("PUT", "/sites/custom-props", sent) == (200, {"created": True})
    assert shown(call) == ["author", "topic", "zone"]
    assert call("GET", "/sites/shop.example")[1]["custom_properties"] == ["topic", "zone", "author"]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", ["cart/item/kind", "a b", "größe", "x?y#z", "/", "50%"])
def test_property_of_any_text_round_trips(call: Caller, name: str) -> None:
    assert enable(call, name) == 200
    assert enable(call, "other") == 200
    path = name.replace("%", "%25").replace("?", "%3F").replace("#", "%23").replace(" ", "%20")
    for _ in range(2):
        assert call("DELETE", f"/sites/custom-props/{path}", {"site_id": "shop.example"}) == (200, {"deleted": True})
        assert shown(call) == ["other"]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", [None, "", "  ", 5, ["a"], {"a": "b"}, "x" * 301, "a\0"])
def test_bad_property_is_refused(call: Caller, name: object) -> None:
    assert enable(call, name) == 400
    assert shown(call) == []
    assert enable(call, "ß" * 300) == 200


def test_site_is_needed_and_found_after_the_parameters(call: Caller) -> None:
    assert call("PUT", "/sites/custom-props", {"property": "a"})[0] == 400
    assert call("GET", "/sites/custom-props")[0] == 400
    assert call("DELETE", "/sites/custom-props/a", {})[0] == 400
    assert call("PUT", "/sites/custom-props", {"site_id": "unknown.example"})[0] == 400
    assert enable(call, "a") == 404


def test_301st_property_is_refused(call: Caller, site: Site) -> None:
    enable_props(site_ref(site), [f"p{number}" for number in range(300)], PROPS)
    assert enable(call, "one more") == 400
    assert enable(call, "p299") == 200
    assert len(shown(call)) == 300


def test_plan_without_properties_enables_the_trackers_own(call: Caller, team: Team, site: Site) -> None:
    team.feature_override = [Feature.SITES_API.value]
    team.save()
    assert [enable(call, name) for name in ("url", "path", " search_query ", "author")] == [200, 200, 200, 402]
    assert allowed_props(site_ref(site).id) == ["search_query", "path", "url"]


def test_list_that_was_never_set_is_not_the_empty_list(site: Site) -> None:
    ref = site_ref(site)
    disable_props(ref, ["a"])
    assert allowed_props(ref.id) is None
    enable_props(ref, ["a", "b", "a"], PROPS)
    assert AllowedProps.objects.get().names == ["a", "b"]
    disable_props(ref, ["a", "b"])
    assert allowed_props(ref.id) == []


# ---- Shared links ----------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("site")
def test_link_is_found_by_its_exact_name(call: Caller) -> None:
    sent = {"site_id": "shop.example", "name": "Board"}
    status, body = call("PUT", "/sites/shared-links", sent)
    assert (status, set(body), body["name"]) == (200, {"name", "url"}, "Board")
    assert re.fullmatch(r"http://testserver/share/shop\.example\?auth=[\w-]{21}", body["url"])
    assert call("PUT", "/sites/shared-links", sent) == (200, body)
    other = call("PUT", "/sites/shared-links", {**sent, "name": "board"})
    assert other[1]["url"] != body["url"]


def test_link_is_below_the_configured_address(call: Caller, team: Team, settings: pytest.FixtureRequest) -> None:
    make_site(team, domain="shop.example/blog")
    settings.BASE_URL = "https://stats.example.org"  # type: ignore[attr-defined]
    body = call("PUT", "/sites/shared-links", {"site_id": "shop.example/blog", "name": "Board"})[1]
    assert body["url"].startswith("https://stats.example.org/share/shop.example%2Fblog?auth=")


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize("name", [None, "", " ", 7, "a\0b", "x" * 256, "WordPress - Shared Dashboard"])
def test_bad_name_of_a_link_is_refused(call: Caller, name: object) -> None:
    status, body = call("PUT", "/sites/shared-links", {"site_id": "shop.example", "name": name})
    assert (status, body["error"].startswith("name")) == (400, True)
    assert not SharedLink.objects.exists()


@pytest.mark.usefixtures("site")
def test_new_link_takes_password_and_end_and_an_old_one_keeps_its_own(call: Caller) -> None:
    sent = {"site_id": "shop.example", "name": "Board", "password": "sésame", "expires_at": "2099-01-01T00:00:00+01:00"}
    status, body = call("PUT", "/sites/shared-links", sent)
    assert (status, set(body)) == (200, {"name", "url"})
    link = SharedLink.objects.get()
    assert is_password(link, "sésame") and not is_password(link, "sesame")
    assert link.expires_at == datetime(2098, 12, 31, 23, tzinfo=UTC)
    assert call("PUT", "/sites/shared-links", {**sent, "password": "", "expires_at": None}) == (200, body)
    assert SharedLink.objects.get().password_hash == link.password_hash


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    "fields",
    [
        {"password": 7},
        {"password": "p" * 1001},
        {"expires_at": "soon"},
        {"expires_at": 7},
        {"expires_at": "2020-01-01"},
        {"expires_at": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_bad_password_or_end_is_refused_by_its_name(call: Caller, fields: dict[str, object]) -> None:
    status, body = call("PUT", "/sites/shared-links", {"site_id": "shop.example", "name": "Board", **fields})
    assert (status, body["error"].startswith(next(iter(fields)))) == (400, True)
    assert not SharedLink.objects.exists()


def test_only_a_new_link_needs_the_feature(call: Caller, team: Team, site: Site) -> None:
    SharedLink.objects.create(site=site, name="WordPress - Shared Dashboard")
    team.feature_override = [Feature.SITES_API.value]
    team.save()

    def put(name: str) -> int:
        return call("PUT", "/sites/shared-links", {"site_id": "shop.example", "name": name})[0]

    assert put("Board") == 402
    assert put("WordPress - Shared Dashboard") == 200
