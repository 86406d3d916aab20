"""Segments over the Sites API: whose are seen, who may change them, and that queries take them."""

from typing import Any

import orjson
import pytest
from django.test import Client

from accounts.models import AuditEntry, Site, User
from accounts.types import Feature, Role, Scope
from stats.models import MAX_SEGMENT_BYTES, Segment
from stats.store.client import EventStore
from tests.accounts.api.conftest import Caller
from tests.factories import make_key, make_member, make_segment, make_site, make_team
from tests.stats.query.recorded import DAY, pageview, record

pytestmark = pytest.mark.django_db

GERMANY: list[Any] = ["is", "visit:country", ["DE"]]


@pytest.fixture
def site() -> Site:
    return make_site(timezone="Etc/UTC")


def caller(client: Client, site: Site, role: Role = Role.OWNER) -> tuple[Caller, User]:
    person = make_member(site.team, role=role)
    return Caller(client, make_key(person, site.team, [Scope.SITES_PROVISION]).text), person


def save(call: Caller, site: Site, **fields: Any) -> tuple[int, Any]:
    return call("PUT", "/sites/segments", {"site_id": site.domain, "name": "Ici", "filters": [GERMANY], **fields})


def names(call: Caller, site: Site, query: str = "") -> list[str]:
    status, body = call("GET", f"/sites/segments?site_id={site.public_id}{query}")
    assert status == 200, body
    return [segment["name"] for segment in body["segments"]]


def test_name_is_saved_once_and_then_stands_for_the_new_filters(client: Client, site: Site) -> None:
    call, person = caller(client, site)
    status, first = save(call, site)
    assert (status, first["type"], first["filters"]) == (200, "personal", [GERMANY])
    again = save(call, site, name=" Ici ", filters=[["is_not", "visit:country", ["DE"]]])[1]
    assert (again["id"], again["filters"]) == (first["id"], [["is_not", "visit:country", ["DE"]]])
    assert Segment.objects.get().owner == person
    assert list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))[-2:] == [
        "segment.create",
        "segment.update",
    ]
    assert save(call, site, type="site")[1]["id"] != first["id"]


def test_people_see_the_sites_segments_and_their_own(client: Client, site: Site) -> None:
    (call, person), (other, _) = caller(client, site), caller(client, site, Role.VIEWER)
    make_segment(site, GERMANY, name="Tous")
    make_segment(site, GERMANY, name="À moi", owner=person)
    hidden = Segment.objects.get(name="À moi").pk
    assert names(call, site) == ["À moi", "Tous"]
    assert names(call, site, "&type=site") == ["Tous"]
    assert names(call, site, "&name=MOI") == ["À moi"]
    assert names(other, site) == ["Tous"]
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"name": "Volé"})):
        assert other(method, f"/sites/segments/{hidden}?site_id={site.domain}", body)[0] == 404
    assert call("GET", f"/sites/segments/{hidden}?site_id={make_site(site.team).domain}")[0] == 404


def test_viewers_save_for_themselves_and_editors_for_the_site(client: Client, site: Site) -> None:
    viewer, _ = caller(client, site, Role.VIEWER)
    assert save(viewer, site)[0] == 200
    assert save(viewer, site, type="site")[0] == 404
    own = Segment.objects.get().pk
    assert viewer("PUT", f"/sites/segments/{own}", {"site_id": site.domain, "type": "site"})[0] == 404
    of_site = make_segment(site, GERMANY).pk
    assert viewer("DELETE", f"/sites/segments/{of_site}?site_id={site.domain}")[0] == 404
    editor, person = caller(client, site, Role.EDITOR)
    change = {"site_id": site.domain, "type": "personal"}
    assert editor("PUT", f"/sites/segments/{of_site}", change)[1]["type"] == "personal"
    assert Segment.objects.get(pk=of_site).owner == person
    assert editor("DELETE", f"/sites/segments/{of_site}?site_id={site.domain}") == (200, {"deleted": True})
    assert not Segment.objects.filter(pk=of_site).exists()


def test_plan_without_site_segments_keeps_personal_ones(client: Client) -> None:
    site = make_site(make_team(features=[Feature.SITES_API]))
    call, _ = caller(client, site)
    assert save(call, site, type="site")[0] == 402
    assert save(call, site)[0] == 200


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": "  "}, "name"),
        ({"name": 7}, "name"),
        ({"name": "n" * 256}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"type": "shared"}, "type"),
        ({"type": ["site"]}, "type"),
        ({"filters": None}, "filters"),
        ({"filters": "x"}, "filters"),
        ({"filters": []}, "filters"),
        ({"filters": [["is", "visit:country", "DE"]]}, "filters"),
        ({"filters": [["is", "segment", [1]]]}, "filters"),
        ({"filters": [["is", "visit:planet", ["Mars"]]]}, "filters"),
        ({"filters": [["is", "event:page", ["a\0b"]]]}, "filters"),
        ({"filters": [["is", "event:page", ["é" * MAX_SEGMENT_BYTES]]]}, "filters"),
    ],
)
def test_what_no_query_could_take_is_refused(client: Client, site: Site, fields: dict[str, Any], named: str) -> None:
    call, _ = caller(client, site)
    status, body = save(call, site, **fields)
    assert (status, Segment.objects.count()) == (400, 0), body
    assert named in body["error"]
    of_site = make_segment(site, GERMANY)
    change = {key: value for key, value in fields.items() if value is not None} or {"filters": 0}
    assert call("PUT", f"/sites/segments/{of_site.pk}", {"site_id": site.domain, **change})[0] == 400
    of_site.refresh_from_db()
    assert of_site.filters == [GERMANY]


def test_taken_name_is_refused_when_a_segment_is_renamed(client: Client, site: Site) -> None:
    call, _ = caller(client, site)
    make_segment(site, GERMANY, name="Prise")
    free = make_segment(site, GERMANY, name="Libre")
    status, body = call("PUT", f"/sites/segments/{free.pk}", {"site_id": site.domain, "name": "Prise"})
    assert (status, body) == (400, {"error": "name: has already been taken by a segment of this site"})


def test_query_takes_what_was_saved_here(client: Client, site: Site, store: EventStore) -> None:
    record(
        store,
        site.pk,
        [pageview("09:00", "ann", country_code="DE"), pageview("09:00", "bob", country_code="FR")],
    )
    call, _ = caller(client, site)
    number = save(call, site, type="site")[1]["id"]
    query = {
        "site_id": site.domain,
        "metrics": ["visitors"],
        "date_range": [DAY, DAY],
        "filters": [["is", "segment", [number]]],
    }
    answer = client.post(
        "/api/v2/query",
        orjson.dumps(query),
        content_type="application/json",
        headers={"Authorization": f"Bearer {call.key}"},
    )
    assert answer.json()["results"] == [{"dimensions": [], "metrics": [1]}]


@pytest.mark.parametrize("number", ["0", "-1", "9" * 30, "x", "1.5", "٣"])
def test_number_that_no_segment_has_is_no_server_error(client: Client, site: Site, number: str) -> None:
    call, _ = caller(client, site)
    assert call("GET", f"/sites/segments/{number}?site_id={site.domain}")[0] in {400, 404}
