"""Annotations over the Sites API."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEntry, Site
from accounts.types import Role, Scope
from stats.models import Annotation
from stats.types import MAX_ANNOTATION_CHARACTERS
from tests.accounts.api.conftest import Caller
from tests.factories import make_annotation, make_key, make_member, make_site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def call(client: Client, site: Site) -> Caller:
    return caller(client, site, Role.EDITOR)


def caller(client: Client, site: Site, role: Role) -> Caller:
    return Caller(client, make_key(make_member(site.team, role=role), site.team, [Scope.SITES_PROVISION]).text)


def write(call: Caller, site: Site, **fields: Any) -> tuple[int, Any]:
    return call("PUT", "/sites/annotations", {"site_id": site.domain, "date": "2025-03-10", "text": "Fête", **fields})


def texts(call: Caller, site: Site, query: str = "") -> list[str]:
    return [one["text"] for one in call("GET", f"/sites/annotations?site_id={site.domain}{query}")[1]["annotations"]]


def test_same_words_on_the_same_day_are_one_annotation(call: Caller, site: Site) -> None:
    first = write(call, site)
    assert first == (200, {"id": first[1]["id"], "date": "2025-03-10", "text": "Fête"})
    assert write(call, site, text=" Fête ") == first
    assert write(call, site, date="2025-03-11")[1]["id"] != first[1]["id"]
    assert AuditEntry.objects.filter(action="annotation.create").count() == 2


def test_list_is_of_the_site_and_narrowed_by_days_and_words(call: Caller, site: Site) -> None:
    for day, text in (("2025-03-01", "Start"), ("2025-03-10", "Neuer Preis"), ("2025-03-20", "Ende")):
        write(call, site, date=day, text=text)
    make_annotation(make_site(site.team), text="Fremd")
    assert texts(call, site) == ["Ende", "Neuer Preis", "Start"]
    assert texts(call, site, "&start=2025-03-10") == ["Ende", "Neuer Preis"]
    assert texts(call, site, "&start=2025-03-02&end=2025-03-10") == ["Neuer Preis"]
    assert texts(call, site, "&text=PREIS") == ["Neuer Preis"]
    assert call("GET", f"/sites/annotations?site_id={site.domain}&end=soon")[0] == 400


def test_day_and_words_are_changed_and_taken_off(call: Caller, site: Site) -> None:
    number = write(call, site)[1]["id"]
    path = f"/sites/annotations/{number}"
    changed = call("PUT", path, {"site_id": site.domain, "date": "2025-04-01", "text": None})
    assert changed == (200, {"id": number, "date": "2025-04-01", "text": "Fête"})
    assert call("PUT", path, {"site_id": site.domain})[0] == 400
    write(call, site, date="2025-04-01", text="Autre")
    assert call("PUT", path, {"site_id": site.domain, "text": "Autre"})[0] == 400
    assert call("DELETE", f"{path}?site_id={make_site(site.team).domain}")[0] == 404
    assert call("DELETE", f"{path}?site_id={site.domain}") == (200, {"deleted": True})
    assert call("DELETE", f"{path}?site_id={site.domain}")[0] == 404


def test_viewers_read_only(client: Client, site: Site) -> None:
    viewer = caller(client, site, Role.VIEWER)
    make_annotation(site, text="Lu")
    assert texts(viewer, site) == ["Lu"]
    assert write(viewer, site)[0] == 404


@pytest.mark.parametrize(
    "fields",
    [
        {"date": "2025-02-30"},
        {"date": "2025-W10-1"},
        {"date": "20250310"},
        {"date": "٢٠٢٥-٠٣-١٠"},
        {"date": 20250310},
        {"date": None},
        {"text": " "},
        {"text": 7},
        {"text": "a\0b"},
        {"text": "é" * (MAX_ANNOTATION_CHARACTERS + 1)},
    ],
)
def test_what_is_no_date_or_no_text_is_refused_by_its_name(call: Caller, site: Site, fields: dict[str, Any]) -> None:
    status, body = write(call, site, **fields)
    assert (status, Annotation.objects.count()) == (400, 0), body
    assert next(iter(fields)) in body["error"]
