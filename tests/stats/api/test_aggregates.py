"""The route of daily totals: who may use it, what it answers, hostile bodies; nothing is kept of what is refused."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.http.response import HttpResponseBase
from django.test import Client

from accounts.models import Site
from accounts.types import Role, Scope
from stats.api import aggregates
from stats.models import TotalsImport
from stats.store.client import EventStore
from tests.factories import make_key, make_member, make_site, make_team, owner_of

pytestmark = pytest.mark.django_db

NAME = "imported_visitors_20240101_20240131.csv"
BODY = b"date,visitors,pageviews\n2024-01-01,3,5\n2024-01-02,4,4\n2024-02-01,1,1\n"
Send = Callable[..., tuple[int, Any]]


@pytest.fixture
def site(store: EventStore) -> Site:
    return make_site()


@pytest.fixture
def send(client: Client, site: Site) -> Send:
    key = make_key(team=site.team, scopes=[Scope.SITES_PROVISION, Scope.STATS_READ]).text

    def post(
        body: bytes = BODY, *, name: str | None = NAME, site_id: str = site.domain, key: str = key, **headers: str
    ) -> tuple[int, Any]:
        response: HttpResponseBase = client.generic(
            "POST",
            f"/api/v1/sites/{site_id}/aggregates/import",
            body,
            content_type="application/octet-stream",
            query_params={} if name is None else {"filename": name},
            headers={"Authorization": f"Bearer {key}", **headers},
        )
        return response.status_code, json.loads(b"".join(response))

    return post


def rows(store: EventStore, site: Site) -> int:
    sql = "SELECT count() AS n FROM imported_aggregates WHERE site_id = {id:UInt32}"
    return int(store.read_rows(sql, {"id": site.pk}, tag="test")[0]["n"])


def zipped(*names: str, content: bytes = BODY) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return packed.getvalue()


def test_answer_says_what_can_be_merged(send: Send, client: Client, site: Site) -> None:
    status, body = send()
    number = TotalsImport.objects.get().pk
    expected = {
        **{"import_id": number, "imported": 2, "cut": 1, "files": [NAME]},
        **{"first_date": "2024-01-01", "last_date": "2024-01-02"},
    }
    assert (status, body) == (200, expected)
    assert send() == (200, {**expected, "repeated": True})
    key = make_key(team=site.team).text
    query = {
        **{"site_id": site.domain, "metrics": ["visitors"], "date_range": ["2024-01-01", "2024-01-31"]},
        **{"include": {"imports": True}},
    }
    answer = client.post("/api/v2/query", query, "application/json", headers={"Authorization": f"Bearer {key}"})
    assert (answer.json()["results"][0]["metrics"], answer.json()["meta"]) == ([7], {"imports_included": True})
    record = TotalsImport.objects.get()
    assert record.requested_by == owner_of(site.team)


def test_zip_and_gzip_are_taken(send: Send, store: EventStore, site: Site) -> None:
    browsers = NAME.replace("visitors", "browsers")
    status, body = send(zipped(browsers, "readme.txt"), name=None)
    assert (status, body["files"], body["skipped_files"]) == (200, [browsers], ["readme.txt"])
    assert send(gzip.compress(BODY), **{"Content-Encoding": "gzip"})[0] == 200
    assert rows(store, site) == 4


def test_bad_line_is_answered_with_its_number_and_file(send: Send, store: EventStore, site: Site) -> None:
    status, body = send(BODY + b"2024-01-03,-1,0\n")
    assert (status, body["line"]) == (422, 5)
    assert body["error"].startswith("line 5: visitors must be a whole number")
    assert NAME in body["error"]
    assert (rows(store, site), TotalsImport.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("body", "name", "status"),
    [
        pytest.param(BODY, None, 400, id="no name"),
        pytest.param(BODY, "visitors.csv", 400, id="name without dates"),
        pytest.param(BODY, "imported_nothing_20240101_20240131.csv", 400, id="unknown table"),
        pytest.param(BODY, "\0\ud7ff" * 500, 400, id="odd name"),
        pytest.param(BODY, "x' OR 1=1; DROP TABLE events; --_20240101_20240131.csv", 400, id="injected name"),
        pytest.param(b"", NAME, 422, id="empty"),
        pytest.param(b"\0" * 100_000, NAME, 422, id="nulls"),
        pytest.param(b"[]", NAME, 422, id="json"),
        pytest.param(b"date,visitors\n", NAME, 400, id="no rows"),
        pytest.param(b"date,visitors\n2024-01-01,1' OR 1=1\n", NAME, 422, id="injected number"),
        pytest.param(b"date,visitors\n" + b"1" * 100_000, NAME, 422, id="long line"),
        pytest.param(b"PK\x03\x04", None, 400, id="cut zip"),
        pytest.param(zipped("a.txt"), None, 400, id="zip of something else"),
        pytest.param(zipped(NAME, NAME.replace("0101", "0115")), None, 400, id="dates twice"),
    ],
)
def test_hostile_bodies_are_refused_and_leave_nothing(
    send: Send, store: EventStore, site: Site, body: bytes, name: str | None, status: int
) -> None:
    found, answered = send(body, name=name)
    assert (found, "error" in answered) == (status, True), answered
    assert (rows(store, site), TotalsImport.objects.count()) == (0, 0)


def test_text_that_looks_like_sql_is_only_text(send: Send, client: Client, store: EventStore, site: Site) -> None:
    page = "/'; DROP TABLE events; -- {site:UInt32} \\"
    content = f'date,page,visitors,pageviews\n2024-01-01,"{page}",1,1\n'.encode()
    assert send(content, name="imported_pages_20240101_20240131.csv")[0] == 200
    sql = "SELECT pathname FROM imported_aggregates WHERE site_id = {id:UInt32}"
    assert store.read_rows(sql, {"id": site.pk}, tag="test") == [{"pathname": page}]


def test_large_bodies_and_crowds_are_refused(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as small:
        small.setattr(aggregates, "MAX_BODY_BYTES", 10)
        assert send()[0] == 400
        assert send(gzip.compress(b" " * 10_000), **{"Content-Encoding": "gzip"})[0] == 400
    for _ in range(aggregates.AT_ONCE):
        assert aggregates._places.acquire(blocking=False)
    status, body = send()
    assert (status, "again later" in body["error"]) == (503, True)
    for _ in range(aggregates.AT_ONCE):
        aggregates._places.release()
    assert send()[0] == 200


def test_only_writers_of_the_site_may_import(send: Send, store: EventStore, site: Site) -> None:
    viewer = make_member(site.team, role=Role.VIEWER)
    statuses = {
        "statistics": send(key=make_key(team=site.team, scopes=[Scope.STATS_READ]).text)[0],
        "other team": send(key=make_key(team=make_team(), scopes=[Scope.SITES_PROVISION]).text)[0],
        "viewer": send(key=make_key(viewer, site.team, scopes=[Scope.SITES_PROVISION]).text)[0],
        "read-only": send(
            key=make_key(owner_of(site.team), site.team, scopes=[Scope.SITES_PROVISION], read_only=True).text
        )[0],
        "other site": send(site_id=make_site().domain)[0],
    }
    assert statuses == {"statistics": 401, "other team": 401, "viewer": 404, "read-only": 403, "other site": 401}
    assert rows(store, site) == 0
