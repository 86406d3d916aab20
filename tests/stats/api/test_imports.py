"""The import endpoint: who may use it, what it answers, and that a cut or zipped body is what it claims to be."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.http.response import HttpResponseBase
from django.test import Client

from accounts.models import Site
from accounts.types import Feature, Role, Scope
from stats.store.client import EventStore
from tests.factories import make_key, make_member, make_site, make_team, owner_of

pytestmark = pytest.mark.django_db

LINES = (
    b'{"timestamp":"2026-03-01T12:00:00Z","visitor_id":"v_00000000000000aa","pathname":"/a"}\n'
    b'{"timestamp":"2026-03-01T12:00:30Z","visitor_id":"v_00000000000000aa","pathname":"/b"}\n'
)
PING = b'{"timestamp":"2026-03-01T12:00:00Z","name":"engagement","scroll_depth":5}\n'

Send = Callable[..., HttpResponseBase]


@pytest.fixture
def site(store: EventStore) -> Site:
    return make_site()


@pytest.fixture
def send(client: Client, site: Site) -> Send:
    key = make_key(team=site.team, scopes=[Scope.SITES_PROVISION]).text

    def post(body: bytes = LINES, *, site_id: str = site.domain, key: str = key, **headers: str) -> HttpResponseBase:
        return client.generic(
            "POST",
            f"/api/v1/sites/{site_id}/events/import",
            body,
            content_type="application/x-ndjson",
            headers={"Authorization": f"Bearer {key}", **headers},
        )

    return post


def stored(store: EventStore, site: Site) -> int:
    rows = store.read_rows("SELECT count() AS n FROM events WHERE site_id = {id:UInt32}", {"id": site.pk}, tag="test")
    return int(rows[0]["n"])


def answer(response: HttpResponseBase) -> tuple[int, Any]:
    return response.status_code, json.loads(b"".join(response))


def test_answer_says_how_many_events_can_be_queried(send: Send, store: EventStore, site: Site) -> None:
    assert answer(send()) == (200, {"imported": 2})
    assert stored(store, site) == 2


def test_body_sent_again_is_told_apart_and_counted_once(send: Send, store: EventStore, site: Site) -> None:
    send()
    assert answer(send()) == (200, {"imported": 2, "repeated": True})
    assert stored(store, site) == 2


def test_batch_named_by_the_client_counts_once_whatever_its_bytes(send: Send, store: EventStore, site: Site) -> None:
    send(LINES, **{"Idempotency-Key": "march"})
    assert answer(send(LINES[:87], **{"Idempotency-Key": "march"})) == (200, {"imported": 2, "repeated": True})
    assert answer(send(LINES, **{"Idempotency-Key": "x" * 201}))[0] == 400
    assert stored(store, site) == 2


def test_pings_without_a_visit_are_counted_as_dropped(send: Send) -> None:
    assert answer(send(LINES + PING)) == (200, {"imported": 2, "dropped": 1})


def test_empty_body_imports_nothing(send: Send) -> None:
    assert answer(send(b"")) == (200, {"imported": 0})


def test_site_is_named_by_its_public_id_too(send: Send, store: EventStore, site: Site) -> None:
    assert send(site_id=site.public_id).status_code == 200
    assert stored(store, site) == 2


def test_bad_line_is_answered_with_its_number_and_field(send: Send, store: EventStore, site: Site) -> None:
    status, body = answer(send(LINES + b'{"timestamp":"2026-03-01T12:00:30Z","country_code":"Germany"}'))
    assert status == 422
    assert body["line"] == 3
    assert "country_code" in body["error"]
    assert '"Germany"' in body["error"]
    assert stored(store, site) == 0


def test_gzip_body_is_unzipped(send: Send) -> None:
    assert answer(send(gzip.compress(LINES), **{"Content-Encoding": "gzip"})) == (200, {"imported": 2})


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(LINES, "gzip"), (gzip.compress(LINES)[:-12], "gzip"), (LINES, "br")],
    ids=["not gzip", "cut gzip", "other encoding"],
)
def test_body_that_is_not_what_its_encoding_says_is_refused(
    send: Send, store: EventStore, site: Site, body: bytes, encoding: str
) -> None:
    status, answered = answer(send(body, **{"Content-Encoding": encoding}))
    assert status == 400
    assert set(answered) == {"error"}
    assert stored(store, site) == 0


class CutStream:
    """A connection that ends, or breaks, after some bytes."""

    def __init__(self, data: bytes, breaks: bool) -> None:
        self._data, self._breaks = data, breaks

    def read(self, size: int = -1) -> bytes:
        data, self._data = self._data, b""
        if not data and self._breaks:
            raise ConnectionResetError
        return data

    def readline(self, size: int = -1) -> bytes:
        return self.read(size)


def send_stream(client: Client, site: Site, stream: CutStream, **environ: Any) -> HttpResponseBase:
    key = make_key(team=site.team, scopes=[Scope.SITES_PROVISION]).text
    headers: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {key}", "wsgi.input": stream, **environ}
    return client.generic("POST", f"/api/v1/sites/{site.public_id}/events/import", b"", **headers)


@pytest.mark.parametrize("breaks", [False, True], ids=["ends", "breaks"])
def test_body_shorter_than_announced_is_refused(client: Client, store: EventStore, site: Site, breaks: bool) -> None:
    response = send_stream(client, site, CutStream(LINES, breaks), CONTENT_LENGTH=len(LINES) + 10)
    assert response.status_code == 400
    assert stored(store, site) == 0


def test_body_is_read_to_its_end_before_a_refusal(client: Client, site: Site) -> None:
    """Else the connection closes on a client that is still sending, and it never sees which line is bad."""

    class CountingStream(CutStream):
        left = 3_000_000

        def read(self, size: int = -1) -> bytes:
            taken = min(self.left, size)
            self.left -= taken
            return b" " * taken

    stream = CountingStream(b"", breaks=False)
    with pytest.MonkeyPatch.context() as small:
        small.setattr("stats.ingest.bulk.CHUNK_BYTES", 1_500_000)
        response = send_stream(client, site, stream, CONTENT_LENGTH=3_000_000)
    assert response.status_code == 422
    assert stream.left == 0


def test_body_in_chunks_is_read_to_its_end(client: Client, store: EventStore, site: Site) -> None:
    stream = CutStream(LINES, breaks=False)
    response = send_stream(client, site, stream, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    assert answer(response) == (200, {"imported": 2})


def test_statistics_key_is_refused(send: Send, store: EventStore, site: Site) -> None:
    key = make_key(team=site.team, scopes=[Scope.STATS_READ]).text
    assert send(key=key).status_code == 401
    assert stored(store, site) == 0


def test_key_of_another_team_is_refused_like_an_unknown_one(send: Send, store: EventStore, site: Site) -> None:
    foreign = send(key=make_key(team=make_team(), scopes=[Scope.SITES_PROVISION]).text)
    unknown = send(key="no such key")
    assert answer(foreign) == answer(unknown)
    assert foreign.status_code == 401
    assert stored(store, site) == 0


def test_viewer_may_not_import(send: Send, site: Site) -> None:
    viewer = make_member(site.team, role=Role.VIEWER)
    key = make_key(viewer, site.team, scopes=[Scope.SITES_PROVISION]).text
    assert send(key=key).status_code == 404


def test_read_only_key_may_not_import(send: Send, site: Site) -> None:
    key = make_key(owner_of(site.team), site.team, scopes=[Scope.SITES_PROVISION], read_only=True).text
    assert send(key=key).status_code == 403


def test_plan_without_the_sites_api_is_told(send: Send) -> None:
    site = make_site(make_team(features=[Feature.STATS_API]))
    key = make_key(team=site.team, scopes=[Scope.SITES_PROVISION]).text
    assert send(site_id=site.domain, key=key).status_code == 402


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(client: Client, site: Site, method: str) -> None:
    key = make_key(team=site.team, scopes=[Scope.SITES_PROVISION]).text
    response = client.generic(
        method, f"/api/v1/sites/{site.public_id}/events/import", headers={"Authorization": f"Bearer {key}"}
    )
    assert response.status_code == 405
