"""What comes before the site: gates 1 to 3 of the key contract, and what a key leaves behind."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponseBase
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts import services
from accounts.api.authentication import actor_of, site_id_text
from accounts.api.permissions import KeyMayWrite
from accounts.models import ApiKey
from accounts.types import Scope, Surface
from analytics_project import clock
from tests.factories import make_key, make_site, make_team, make_user

pytestmark = pytest.mark.django_db

REQUESTS = APIRequestFactory()


class Echo(APIView):
    """Answers with who asks."""

    def get(self, request: Request) -> Response:
        actor = actor_of(request)
        email = request.user.get_username()
        return Response({"email": email, "team_id": actor.team_id, "scopes": actor.scopes})


class SiteEcho(APIView):
    """Answers with the site that is asked for; refuses read-only keys where it writes."""

    requires_site_id = True
    surface = Surface.SITES
    permission_classes = [KeyMayWrite]

    def get(self, request: Request, site_id: str = "") -> Response:
        return Response({"site_id": site_id_text(request)})

    post = get


def ask(view: type[APIView], key: str | None, **query: Any) -> Response:
    headers = {} if key is None else {"Authorization": key}
    return _rendered(view.as_view()(REQUESTS.get("/", query, headers=headers)))


def _rendered(answer: HttpResponseBase) -> Response:
    assert isinstance(answer, Response)
    answer.render()
    return answer


def post(key: str, body: Any, path: str = "/", **kwargs: str) -> Response:
    request = REQUESTS.generic("POST", path, body, "application/json", headers={"Authorization": f"Bearer {key}"})
    return _rendered(SiteEcho.as_view()(request, **kwargs))


def test_bearer_key_tells_user_team_and_scopes() -> None:
    team = make_team(make_user("ada@shop.example"))
    issued = make_key(team=team, scopes=[Scope.SITES_PROVISION])
    answer = ask(Echo, f"Bearer {issued.text}")
    assert answer.status_code == 200
    assert answer.data == {"email": "ada@shop.example", "team_id": team.pk, "scopes": ("sites:provision:*",)}


@pytest.mark.parametrize("form", ["Bearer   {}  ", "bearer {}", " Bearer {}"])
def test_bearer_key_may_have_blanks_and_any_case_of_the_scheme(form: str) -> None:
    assert ask(Echo, form.format(make_key().text)).status_code == 200


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer  ", "Basic {}", "{}", "Token {}"])
def test_request_without_a_bearer_key_is_401(header: str | None) -> None:
    answer = ask(Echo, header and header.format(make_key().text))
    assert answer.status_code == 401
    assert "Bearer" in answer.data["error"]
    assert "WWW-Authenticate" not in answer


@pytest.mark.parametrize("text", ["ff_nothing", "é" * 64, "x" * 100_000, "null\x00", "a b c"])
def test_unknown_key_is_401_without_a_word_about_the_reason(text: str) -> None:
    answer = ask(Echo, f"Bearer {text}")
    assert answer.status_code == 401
    assert set(answer.data) == {"error"}
    assert "WWW-Authenticate" not in answer


def test_key_in_the_query_string_is_not_looked_at() -> None:
    assert ask(Echo, None, api_key=make_key().text, token=make_key().text).status_code == 401


def test_hash_of_a_key_is_no_key() -> None:
    assert ask(Echo, f"Bearer {make_key().record.hash}").status_code == 401


def test_revoked_key_is_refused_at_the_next_request() -> None:
    issued = make_key()
    assert ask(Echo, f"Bearer {issued.text}").status_code == 200
    services.revoke_key(issued.record)
    revoked, unknown = ask(Echo, f"Bearer {issued.text}"), ask(Echo, "Bearer nothing")
    assert (revoked.status_code, revoked.data) == (401, unknown.data)


def test_expired_key_and_key_of_an_inactive_person_are_refused() -> None:
    now = clock.now()
    issued = make_key(expires_at=now + timedelta(seconds=1))
    with time_machine.travel(now, tick=False):
        assert ask(Echo, f"Bearer {issued.text}").status_code == 200
    with time_machine.travel(now + timedelta(seconds=1), tick=False):
        assert ask(Echo, f"Bearer {issued.text}").status_code == 401
    person = make_user()
    text = make_key(person).text
    person.is_active = False
    person.save()
    assert ask(Echo, f"Bearer {text}").status_code == 401


def test_deleted_team_and_person_take_their_keys_along() -> None:
    team = make_team()
    of_team, of_person = make_key(team=team), make_key()
    team.delete()
    of_person.record.user.delete()
    assert not ApiKey.objects.filter(pk__in=[of_team.record.pk, of_person.record.pk]).exists()


def test_last_use_is_noted_at_most_once_a_minute(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    issued = make_key()
    start = clock.now().replace(microsecond=0)
    for seconds, noted_at, queries in ((0, 0, 2), (59, 0, 1), (60, 60, 2)):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            with django_assert_num_queries(queries):
                ask(Echo, f"Bearer {issued.text}")
        issued.record.refresh_from_db()
        assert issued.record.last_used_at == start + timedelta(seconds=noted_at)


@pytest.mark.parametrize("query", [{}, {"site_id": ""}, {"site_id": "  "}])
def test_missing_site_id_is_400_before_the_key_is_looked_at(query: dict[str, str]) -> None:
    answer = ask(SiteEcho, "Bearer nothing", **query)
    assert answer.status_code == 400
    assert "site_id" in answer.data["error"]


def test_missing_header_is_401_before_the_site_id_is_missed() -> None:
    assert ask(SiteEcho, None).status_code == 401


def test_unknown_key_with_a_site_id_is_401_in_the_words_of_its_surface() -> None:
    site, resource = ask(Echo, "Bearer nothing"), ask(SiteEcho, "Bearer nothing", site_id="shop.example")
    assert (site.status_code, resource.status_code) == (401, 401)
    assert "site" in site.data["error"]
    assert "resource" in resource.data["error"]


@pytest.mark.parametrize(
    ("body", "path", "kwargs", "found"),
    [
        (b'{"site_id": " a.example "}', "/", {}, "a.example"),
        (b"{}", "/?site_id=b.example", {}, "b.example"),
        (b'{"site_id": "a.example"}', "/?site_id=b.example", {}, "a.example"),
        (b'{"site_id": "a.example"}', "/", {"site_id": "c.example"}, "c.example"),
        (b"not read at all", "/", {"site_id": "c.example"}, "c.example"),
        (b'["site_id"]', "/?site_id=b.example", {}, "b.example"),
    ],
    ids=["body", "query", "body-over-query", "path-over-body", "path-leaves-body-alone", "list"],
)
def test_site_id_comes_from_path_then_body_then_query(
    body: bytes, path: str, kwargs: dict[str, str], found: str
) -> None:
    answer = post(make_key().text, body, path, **kwargs)
    assert (answer.status_code, answer.data) == (200, {"site_id": found})


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"site_id": null}', b'{"site_id": 5}', b'{"site_id": ["a"]}', b"5", b"[" * 100_000],
)
def test_body_without_a_usable_site_id_is_400(body: bytes) -> None:
    answer = post("nothing", body)
    assert answer.status_code == 400
    assert isinstance(answer.data["error"], str)


def test_read_only_key_reads_and_is_403_where_something_is_written() -> None:
    site = make_site()
    text = make_key(team=site.team, read_only=True).text
    assert ask(SiteEcho, f"Bearer {text}", site_id=site.domain).status_code == 200
    answer = post(text, b"{}", "/?site_id=x")
    assert (answer.status_code, answer.data) == (403, {"error": "This API key is read-only"})
