"""Shared links as read access: what the text behind `auth=` opens, and what it does not."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from accounts import link_services
from accounts.api import authentication
from accounts.api.authentication import PASSWORDS_PER_LINK
from accounts.link_services import hash_password
from accounts.models import SharedLink, Site
from accounts.request_counters import RequestCounters
from accounts.types import Feature
from analytics_project import clock
from stats.store.client import EventStore
from tests.factories import make_segment, make_site, make_team
from tests.permissions.test_matrix import ROUTES, Route, send
from tests.stats.query.recorded import DAY, pageview, record

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counts_of_this_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    counters = RequestCounters()
    monkeypatch.setattr("accounts.api.throttles.request_counters", lambda: counters)
    monkeypatch.setattr(authentication, "request_counters", lambda: counters)
    yield
    link_services._known_right.clear()


@pytest.fixture
def site(store: EventStore) -> Site:
    site = make_site(timezone="Etc/UTC")
    record(store, site.pk, [pageview("09:00", "ann", country_code="DE"), pageview("10:00", "bob")])
    return site


def make_link(site: Site, password: str = "", **fields: Any) -> SharedLink:
    return SharedLink.objects.create(site=site, name="Agence", password_hash=hash_password(password), **fields)


def ask(client: Client, bearer: str, site_id: str, **query: Any) -> tuple[int, Any]:
    body = {"site_id": site_id, "metrics": ["visitors"], "date_range": [DAY, DAY], **query}
    headers = {"Authorization": f"Bearer {bearer}"}
    answer = client.post("/api/v2/query", orjson.dumps(body), content_type="application/json", headers=headers)
    found = answer.json()
    return answer.status_code, found["results"][0]["metrics"] if answer.status_code == 200 else found["error"]


def test_link_reads_the_statistics_of_its_site_by_every_name_of_it(client: Client, site: Site) -> None:
    link = make_link(site)
    assert ask(client, link.slug, site.domain) == (200, [2])
    assert ask(client, link.slug, site.public_id) == (200, [2])
    segment = make_segment(site, ["is", "visit:country", ["DE"]])
    assert ask(client, link.slug, site.domain, filters=[["is", "segment", [segment.pk]]]) == (200, [1])


def test_link_opens_no_other_site_not_even_of_the_team(client: Client, site: Site) -> None:
    link = make_link(site)
    unknown = ask(client, link.slug, "nowhere.example")
    assert unknown[0] == 401
    assert ask(client, link.slug, make_site(site.team).domain) == unknown
    assert ask(client, link.slug, make_site().domain) == unknown
    assert ask(client, link.slug, str(site.team.identifier)) == unknown


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_link_opens_routes_of_statistics_only(client: Client, site: Site, route: Route) -> None:
    names = {"site": site.domain, "team": str(site.team.identifier), "key": "1"}
    names |= dict.fromkeys(("goal", "segment", "annotation"), "1")
    status = send(client, route, names, make_link(site).slug)
    assert status == (200 if route.action in {"statistics", "funnels"} else 401)


def test_password_stands_behind_a_colon(client: Client, site: Site) -> None:
    link = make_link(site, "sésame: ouvre-toi")
    assert ask(client, link.slug, site.domain)[0] == 401
    assert ask(client, f"{link.slug}:sésame", site.domain)[0] == 401
    assert ask(client, f"{link.slug}:sésame: ouvre-toi", site.domain) == (200, [2])
    link.password_hash = hash_password("another")
    link.save()
    assert ask(client, f"{link.slug}:sésame: ouvre-toi", site.domain)[0] == 401


def test_passwords_cannot_be_tried_without_end(client: Client, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    link = make_link(site, "right")
    assert ask(client, f"{link.slug}:right", site.domain)[0] == 200
    monkeypatch.setattr(authentication, "is_password", lambda link, password: False)
    statuses = [ask(client, f"{link.slug}:{n}", site.domain)[0] for n in range(PASSWORDS_PER_LINK)]
    assert statuses == [401] * (PASSWORDS_PER_LINK - 1) + [429]
    assert ask(client, f"{link.slug}:right", site.domain)[0] == 200


def test_lapsed_and_deleted_links_are_unknown(client: Client, site: Site) -> None:
    link = make_link(site, expires_at=clock.now() + timedelta(hours=1))
    assert ask(client, link.slug, site.domain)[0] == 200
    SharedLink.objects.update(expires_at=clock.now())
    lapsed = ask(client, link.slug, site.domain)
    assert lapsed[0] == 401
    link.delete()
    assert ask(client, link.slug, site.domain) == lapsed


def test_requests_count_on_the_team_that_owns_the_site(client: Client, site: Site) -> None:
    site.team.hourly_limit_override = 1
    site.team.save()
    link = make_link(site)
    assert [ask(client, link.slug, site.domain)[0] for _ in range(2)] == [200, 429]


def test_locked_team_and_plan_without_statistics_are_402(client: Client) -> None:
    locked = make_site(make_team(is_locked=True))
    assert ask(client, make_link(locked).slug, locked.domain)[0] == 402
    poor = make_site(make_team(features=[Feature.SHARED_LINKS]))
    assert ask(client, make_link(poor).slug, poor.domain)[0] == 402


@pytest.mark.parametrize(
    "bearer", ["x" * 21, "é" * 21, "a" * 20 + ":", "x" * 21 + ":" + "p" * 5000, "\u202e" * 21, "\0" * 21]
)
def test_text_that_is_no_link_is_401(client: Client, site: Site, bearer: str) -> None:
    make_link(site, "secret")
    assert ask(client, bearer, site.domain)[0] == 401
