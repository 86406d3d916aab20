"""`POST /api/docs/query`: the v2 query of a person who is logged in, and of nobody else."""

from typing import Any

import orjson
import pytest
from django.test import Client

from accounts.models import Site, User
from accounts.types import GuestRole, Role
from stats.store.client import EventStore
from tests.factories import make_guest, make_key, make_member, make_site, make_team, make_user, owner_of
from tests.stats.query.recorded import DAY, pageview, record

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(store: EventStore) -> Site:
    site = make_site(timezone="Etc/UTC")
    record(store, site.pk, [pageview("09:00", "ann")])
    return site


def ask(person: User | None, site_id: str | None, client: Client | None = None, **headers: str) -> tuple[int, Any]:
    client = client or Client()
    if person is not None:
        client.force_login(person)
    query: dict[str, Any] = {"metrics": ["visitors"], "date_range": [DAY, DAY]}
    if site_id is not None:
        query["site_id"] = site_id
    response = client.post("/api/docs/query", orjson.dumps(query), content_type="application/json", headers=headers)
    return response.status_code, response.json()


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.EDITOR])
def test_members_who_may_edit_get_the_numbers(site: Site, role: Role) -> None:
    status, body = ask(make_member(site.team, role=role), site.domain)
    assert (status, body["results"]) == (200, [{"dimensions": [], "metrics": [1]}])
    assert body["query"]["site_id"] == site.domain


def test_guest_editors_get_the_numbers_and_may_name_the_public_id(site: Site) -> None:
    assert ask(make_guest(site, role=GuestRole.EDITOR), site.public_id)[0] == 200


def test_who_may_not_edit_learns_nothing_of_the_site(site: Site) -> None:
    nowhere = ask(make_user(), "nowhere.example")
    assert nowhere[0] == 404
    for person in (
        make_user(),
        owner_of(make_team()),
        make_member(site.team, role=Role.VIEWER),
        make_member(site.team, role=Role.BILLING),
        make_guest(site, role=GuestRole.VIEWER),
    ):
        assert ask(person, site.domain) == nowhere


def test_nobody_is_401_and_a_key_does_not_help(site: Site) -> None:
    key = make_key(team=site.team).text
    assert ask(None, site.domain)[0] == 401
    assert ask(None, site.domain, authorization=f"Bearer {key}")[0] == 401


def test_session_does_not_open_the_api_of_keys(site: Site) -> None:
    client = Client()
    client.force_login(owner_of(site.team))
    body = orjson.dumps({"site_id": site.domain, "metrics": ["visitors"], "date_range": "day"})
    assert client.post("/api/v2/query", body, content_type="application/json").status_code == 401
    imported = client.post(f"/api/v1/sites/{site.domain}/events/import", b"{}", content_type="application/x-ndjson")
    assert imported.status_code == 401


def test_inactive_person_and_ended_session_are_401(site: Site) -> None:
    person = owner_of(site.team)
    client = Client()
    assert ask(person, site.domain, client)[0] == 200
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert ask(None, site.domain, client)[0] == 401


def test_csrf_token_is_required(site: Site) -> None:
    person = owner_of(site.team)
    token = "t" * 32
    for cookie, header in (("", ""), (token, ""), ("", token), (token, "u" * 32)):
        client = Client(enforce_csrf_checks=True)
        client.cookies["csrftoken"] = cookie
        status, body = ask(person, site.domain, client, **({"X-CSRFToken": header} if header else {}))
        assert (status, list(body)) == (403, ["error"])
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = token
    assert ask(person, site.domain, client, **{"X-CSRFToken": token})[0] == 200


def test_missing_site_and_bad_queries_are_400(site: Site) -> None:
    person = owner_of(site.team)
    assert ask(person, None)[0] == 400
    client = Client()
    client.force_login(person)
    body = orjson.dumps({"site_id": site.domain, "metrics": ["clicks"], "date_range": "day"})
    answer = client.post("/api/docs/query", body, content_type="application/json")
    assert (answer.status_code, "metrics[0]" in answer.json()["error"]) == (400, True)


def test_locked_team_is_402(site: Site) -> None:
    site.team.is_locked = True
    site.team.save()
    assert ask(owner_of(site.team), site.domain)[0] == 402
