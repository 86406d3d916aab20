"""What the endpoints of the Goals & Revenue API share: order of checks, envelope, parameters, bodies (1.1 to 1.4)."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.types import Role, Scope
from analytics_project import clock
from goals.api.bodies import Fields, compact_json, json_object
from goals.api.requests import GoalsRevenueView, Parameters, enveloped, meta_of
from tests.factories import make_guest, make_key, make_member, make_site, make_team, owner_of

pytestmark = pytest.mark.django_db


class Probe(GoalsRevenueView):
    """Shows what it read."""

    def get(self, request: Request) -> Response:
        self.site(request)
        asked = Parameters(request)
        window = asked.window()
        shown = {"limit": asked.limit, "offset": asked.offset, "include": sorted(asked.include())}
        return Response(enveloped(shown, meta_of(request, window)))

    def post(self, request: Request) -> Response:
        self.site(request)
        body = json_object(request)
        fields = Fields(body)
        read = {
            "visitor_id": fields.visitor_id(),
            "metadata": fields.metadata(),
            "amount": fields.sent("amount"),
            "at": str(fields.moment("timestamp", clock.now())),
        }
        fields.check()
        return Response(enveloped(read, meta_of(request)), status=201)


def ask(
    key: str = "",
    query: str = "",
    method: str = "GET",
    body: bytes = b"",
    kind: str = "application/json",
    **headers: str,
) -> Response:
    """Send a request to the probe."""
    sent = {**headers, **({"Authorization": f"Bearer {key}"} if key else {})}
    answer = Probe.as_view()(RequestFactory().generic(method, f"/?{query}", body, kind, headers=sent))
    assert isinstance(answer, Response)
    answer.render()
    return answer


def said(answer: Response) -> tuple[int, Any]:
    return answer.status_code, json.loads(answer.content)


@pytest.fixture
def opened() -> tuple[str, str]:
    """A site's public id and its owner's key."""
    team = make_team()
    return make_site(team).public_id, make_key(team=team).text


def test_success_has_the_envelope_its_type_and_is_kept_by_nobody(opened: tuple[str, str]) -> None:
    site, key = opened
    with time_machine.travel("2026-03-27T08:30:15Z", tick=False):
        answer = ask(key, f"site_id={site}", Accept="text/html")
    assert answer.content == (
        b'{"results":{"limit":100,"offset":0,"include":[]},"meta":{"site_id":"%s","start":"2026-02-25T00:00:00Z",'
        b'"end":"2026-03-27T08:30:15Z"}}' % site.encode()
    )
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-RateLimit-Limit"] == "600"


def test_first_failing_check_decides(opened: tuple[str, str], settings: LazySettings) -> None:
    site, key = opened
    read_only = make_key(team=make_team(), read_only=True).text
    stranger = make_key(team=make_team()).text

    def bad(key: str, query: str = "") -> tuple[int, Any]:
        return said(ask(key, query, "POST", b"no json", "text/csv"))

    assert ask("", "limit=x", "PATCH").status_code == 401
    assert ask("ff_unknown", "limit=x", "PATCH").headers["WWW-Authenticate"] == "Bearer"
    assert ask(read_only, "", "PATCH").status_code == 405
    assert bad(read_only, "site_id=nobody") == (403, {"error": "This API key is read-only"})
    assert bad(stranger, "") == (400, {"error": "site_id is required"})
    assert bad(stranger, "site_id=a&site_id=b")[0] == 400
    assert bad(stranger, f"site_id={site}") == (404, {"error": "Site not found"})
    assert ask(stranger, f"site_id={site}").content == ask(stranger, "site_id=ds_nothing").content
    assert bad(key, f"site_id={site}&limit=x")[0] == 415
    assert said(ask(key, f"site_id={site}&limit=x", "POST", b" " * 65_537))[0] == 413
    settings.API_KEY_MINUTE_LIMIT = 1
    over = [ask(read_only, "", "PATCH") for _ in range(2)][-1]
    assert over.status_code == 429
    assert int(over.headers["Retry-After"]) > 0


def test_locked_team_is_402_after_404() -> None:
    team = make_team(is_locked=True)
    site = make_site(team)
    assert ask(make_key(team=team).text, f"site_id={site.public_id}").status_code == 402
    assert ask(make_key(team=make_team()).text, f"site_id={site.public_id}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_may_read_and_who_may_write(method: str) -> None:
    team = make_team()
    site = make_site(team)
    body = b'{"visitor_id": "ann"}'

    def status(key: str) -> int:
        return ask(key, f"site_id={site.public_id}", method, body).status_code

    done = 200 if method == "GET" else 201
    roles = {role: status(make_key(make_member(team, role=role), team).text) for role in Role if role != Role.OWNER}
    writers = {Role.ADMIN, Role.EDITOR}
    assert roles == {role: done if method == "GET" or role in writers else 404 for role in roles}
    assert status(make_key(owner_of(team), scopes=[Scope.SITES_PROVISION]).text) == done
    assert status(make_key(make_guest(site)).text) == (done if method == "GET" else 404)


def test_site_is_named_by_id_or_domain_and_shown_as_it_was_sent() -> None:
    team = make_team()
    make_site(team, domain="shop.example")
    key = make_key(team=team).text
    for name in ("shop.example", "SHOP.example"):
        assert said(ask(key, f"site_id={name}"))[1]["meta"]["site_id"] == name


@pytest.mark.parametrize(
    ("query", "text"),
    [
        *((f"limit={text}", "limit must be an integer from 1 to 1000") for text in ("0", "1001", "-1", "10.5", "ten")),
        *((f"limit={text}", "limit must be an integer from 1 to 1000") for text in ("%2B5", "1e2", "٣", "9" * 400)),
        ("offset=100001", "offset must be an integer from 0 to 100000"),
        ("limit=1&limit=1", "limit must be given once"),
        ("start=2026-03-27&end=2026-03-26", "start must not be after end"),
        ("include=meta,totals", "include must be a list of meta, previous, separated by commas"),
        ("include=Meta", "include must be a list of meta, previous, separated by commas"),
    ],
)
def test_parameter_that_is_refused(query: str, text: str, opened: tuple[str, str]) -> None:
    site, key = opened
    assert said(ask(key, f"site_id={site}&{query}")) == (400, {"error": text})


def test_parameters_unknown_empty_and_known(opened: tuple[str, str]) -> None:
    site, key = opened
    query = f"site_id={site}&start=&LIMIT=x&unknown=1&unknown=2&limit=007&offset=2&include=previous,meta"
    results = said(ask(key, query))[1]["results"]
    assert results == {"limit": 7, "offset": 2, "include": ["meta", "previous"]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        *((raw, "Request body is not valid JSON") for raw in (b"", b"{", b"\xff", b'{"a": NaN}', b'{"a": -Infinity}')),
        *((raw, "Request body is not valid JSON") for raw in (b'{"a": 1e99999999999999999999}', b"[" * 60_000)),
        (b'{"a": %s}' % (b"9" * 5_000), "Request body is not valid JSON"),
        *((raw, "Request body must be a JSON object") for raw in (b"[]", b"null", b"17", b'"text"')),
        (b'{"a": %s1%s}' % (b"[" * 40, b"]" * 40), "Request body is nested deeper than 32 levels"),
    ],
)
def test_body_that_is_refused(body: bytes, text: str, opened: tuple[str, str]) -> None:
    site, key = opened
    assert said(ask(key, f"site_id={site}", "POST", body)) == (400, {"error": text})


NO_TEXTS: tuple[object, ...] = ("", " ", 17, True, [], {}, "é" * 129)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({}, {"visitor_id": ["is required"]}),
        *(({"visitor_id": value}, {"visitor_id": ["must be a string of 1 to 128 characters"]}) for value in NO_TEXTS),
        ({"visitor_id": "a\0b"}, {"visitor_id": ["must not contain control characters"]}),
        ({"visitor_id": "a\ud800"}, {"visitor_id": ["must not contain control characters"]}),
        ({"visitor_id": "a b"}, {"visitor_id": ["must not contain whitespace"]}),
        (
            {"metadata": [], "timestamp": 5},
            {
                "visitor_id": ["is required"],
                "metadata": ["must be an object"],
                "timestamp": ["must be an ISO 8601 date or date-time"],
            },
        ),
        ({"visitor_id": "a", "timestamp": "2026-03-28T12:00:01Z"}, {"timestamp": ["lies in the future"]}),
        (
            {"visitor_id": "a", "timestamp": "1970-01-01T00:00:00+01:00"},
            {"timestamp": ["must not lie before 1970"]},
        ),
        (
            {"visitor_id": "a", "metadata": {str(number): 1 for number in range(31)}},
            {"metadata": ["may have at most 30 keys"]},
        ),
        ({"visitor_id": "a", "metadata": {"": 1}}, {"metadata": ["keys must have 1 to 300 characters"]}),
        ({"visitor_id": "a", "metadata": {"k" * 301: 1}}, {"metadata": ["keys must have 1 to 300 characters"]}),
        ({"visitor_id": "a", "metadata": {"k": "x" * 2001}}, {"metadata": ["values may have at most 2000 characters"]}),
        (
            {"visitor_id": "a", "metadata": {"k": ["x" * 2000]}},
            {"metadata": ["values may have at most 2000 characters"]},
        ),
        (
            {"visitor_id": "a", "metadata": {str(number): "é" * 1000 for number in range(5)}},
            {"metadata": ["must be at most 8192 bytes of JSON"]},
        ),
        (
            {"visitor_id": "a", "metadata": {"k": "a\0"}},
            {"metadata": ["must be valid Unicode without null characters"]},
        ),
        (
            {"visitor_id": "a", "metadata": {"\udc00": "a"}},
            {"metadata": ["must be valid Unicode without null characters"]},
        ),
    ],
)
def test_fields_that_are_refused(
    fields: Mapping[str, object], refused: Mapping[str, list[str]], opened: tuple[str, str]
) -> None:
    site, key = opened
    with time_machine.travel("2026-03-27T12:00:00Z", tick=False):
        status, body = said(ask(key, f"site_id={site}", "POST", json.dumps(fields).encode()))
    sentence = "; ".join(f"{name} {text}" for name, texts in refused.items() for text in texts)
    assert (status, body) == (400, {"error": sentence, "errors": refused})


def test_body_is_read_exactly_and_without_a_type_too(opened: tuple[str, str]) -> None:
    site, key = opened
    body = (
        b'{"visitor_id": " \xc3\xa4nn ", "amount": 24500.00, "timestamp": "2026-03-26T23:59:59.9-01:00", "metadata": '
        b'{"seats": 3, "ratio": 1.50, "big": 123456789012345678901234567890, "on": true, "gone": null, "empty": "",'
        b'"list": [1, 2.50, {"a": "\xc3\xa9\\u0001"}]}}'
    )
    for kind in ("application/json; charset=utf-8", "application/problem+json", ""):
        answer = ask(key, f"site_id={site}", "POST", body, kind)
        assert answer.status_code == 201
    assert b'"amount":24500.00' in answer.content
    results = json.loads(answer.content, parse_float=Decimal)["results"]
    assert results["visitor_id"] == "änn"
    assert results["at"] == "2026-03-27 00:59:59+00:00"
    assert results["metadata"] == {
        "seats": "3",
        "ratio": "1.50",
        "big": "123456789012345678901234567890",
        "on": "true",
        "empty": "",
        "list": '[1,2.50,{"a":"é\\u0001"}]',
    }


def test_compact_json_is_json_again() -> None:
    value: dict[str, Any] = {"a": [None, True, 'ä\n"', {"b": []}], "": -1}
    assert json.loads(compact_json(value)) == value
