"""Gate 4: who a request counts on, when it counts, and what is said of a limit (key contract, sections 5 and 7)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts.api.authentication import site_id_text
from accounts.api.permissions import KeyMayWrite
from accounts.models import Team, User
from accounts.request_counters import RequestCounters
from accounts.selectors import site_for
from accounts.types import Actor, Role, Scope
from tests.factories import make_guest, make_key, make_member, make_plan, make_site, make_team, make_user, owner_of

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REQUESTS = APIRequestFactory()


@pytest.fixture(autouse=True)
def counters_of_this_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Count from nothing, in memory, at a quarter past twelve."""
    counters = RequestCounters()
    monkeypatch.setattr("accounts.api.throttles.request_counters", lambda: counters)
    with time_machine.travel(NOON + timedelta(minutes=15), tick=False):
        yield


class AnyView(APIView):
    """Needs no site, and says nothing about limits."""

    permission_classes = [KeyMayWrite]

    def get(self, request: Request, site_id: str = "") -> Response:
        return Response({})

    post = get


class SiteView(APIView):
    """Looks up the site that the request has to name."""

    requires_site_id = True

    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Actor)
        return Response({"domain": site_for(request.auth, site_id_text(request), Scope.STATS_READ).domain})


def ask(key: str, view: type[APIView] = AnyView, **query: str) -> Response:
    return _answered(view, REQUESTS.get("/", query, headers={"Authorization": f"Bearer {key}"}))


def post(key: str, body: Any, *, path: str = "/", **kwargs: str) -> Response:
    headers = {"Authorization": f"Bearer {key}"}
    return _answered(AnyView, REQUESTS.generic("POST", path, body, "application/json", headers=headers), **kwargs)


def _answered(view: type[APIView], request: Any, **kwargs: str) -> Response:
    answer = view.as_view()(request, **kwargs)
    assert isinstance(answer, Response)
    answer.render()
    return answer


def team_with(hourly_limit: int, **fields: Any) -> Team:
    return make_team(hourly_limit_override=hourly_limit, **fields)


def legacy(user: User) -> str:
    return make_key(user, None).text


def test_team_limit_is_shared_by_all_keys_and_members_and_by_nobody_else() -> None:
    team = team_with(2)
    owner, member = make_key(team=team).text, make_key(make_member(team), team).text
    assert [ask(key).status_code for key in (owner, member, owner, member)] == [200, 200, 429, 429]
    assert ask(make_key(team=team_with(1)).text).status_code == 200


def test_refusal_names_the_limit_and_its_period_and_when_to_come_again() -> None:
    answer = ask(make_key(team=team_with(0)).text)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "2700"
    assert answer.data == {"error": "Rate limit exceeded: 0 requests per hour for this team. Retry in 2700 seconds."}


def test_window_is_the_hour_of_the_clock() -> None:
    key = make_key(team=team_with(1)).text
    statuses = []
    for minute in (15, 59, 60, 61):
        with time_machine.travel(NOON + timedelta(minutes=minute), tick=False):
            statuses.append(ask(key).status_code)
    assert statuses == [200, 429, 200, 429]


def test_limit_is_that_of_the_plan_unless_the_team_has_its_own() -> None:
    plan = make_plan(hourly_limit=1)
    of_plan, own = make_team(plan=plan), make_team(plan=plan, hourly_limit_override=2)
    for team, admitted in ((of_plan, 1), (own, 2)):
        key = make_key(team=team).text
        assert [ask(key).status_code for _ in range(3)].count(200) == admitted


def test_refused_requests_keep_counting() -> None:
    team = team_with(1)
    key = make_key(team=team).text
    assert [ask(key).status_code for _ in range(3)] == [200, 429, 429]
    Team.objects.filter(pk=team.pk).update(hourly_limit_override=3)
    assert ask(key).status_code == 429
    Team.objects.filter(pk=team.pk).update(hourly_limit_override=5)
    assert ask(key).status_code == 200


def test_legacy_keys_of_a_user_share_a_limit_that_team_keys_do_not_touch(settings: LazySettings) -> None:
    settings.API_USER_HOURLY_LIMIT = 1
    team = team_with(1)
    user = owner_of(team)
    one, other, of_team = legacy(user), legacy(user), make_key(team=team).text
    answers = [ask(key) for key in (one, other, of_team, of_team)]
    assert [answer.status_code for answer in answers] == [200, 429, 200, 429]
    assert "1 request per hour for this user" in answers[1].data["error"]
    assert ask(legacy(make_user())).status_code == 200


def test_legacy_call_on_a_site_uses_up_the_quota_of_the_team_that_owns_it() -> None:
    site = make_site(team_with(2))
    guest = legacy(make_guest(site))
    assert [ask(guest, SiteView, site_id=name).status_code for name in (site.domain, site.public_id)] == [200, 200]
    assert ask(make_key(team=site.team).text).status_code == 429
    refused = ask(guest, SiteView, site_id=site.domain)
    assert (refused.status_code, "for this team" in refused.data["error"]) == (429, True)
    assert ask(guest).status_code == 200


def test_legacy_call_on_a_site_counts_on_the_user_too(settings: LazySettings) -> None:
    settings.API_USER_HOURLY_LIMIT = 2
    site = make_site()
    key = legacy(owner_of(site.team))
    assert ask(key, SiteView, site_id=site.domain).status_code == 200
    assert [ask(key).status_code for _ in range(2)] == [200, 429]


def test_legacy_call_without_a_site_never_touches_a_team() -> None:
    team = team_with(1)
    key = legacy(owner_of(team))
    assert [ask(key, team_id=str(team.identifier)).status_code for _ in range(3)] == [200] * 3
    assert ask(make_key(team=team).text).status_code == 200


def test_stranger_over_the_own_limit_uses_up_nothing_more_of_a_team(settings: LazySettings) -> None:
    settings.API_USER_HOURLY_LIMIT = 1
    site = make_site(team_with(2))
    stranger = legacy(make_user())
    assert [ask(stranger, SiteView, site_id=site.domain).status_code for _ in range(5)] == [401, 429, 429, 429, 429]
    assert ask(make_key(team=site.team).text).status_code == 200


def test_site_is_named_by_path_body_or_query() -> None:
    site = make_site(team_with(3))
    key = legacy(owner_of(site.team))
    assert post(key, b"{}", path=f"/?site_id={site.public_id}").status_code == 200
    assert post(key, f'{{"site_id": "{site.domain}"}}'.encode()).status_code == 200
    assert post(key, b"not read", site_id=site.domain).status_code == 200
    assert ask(make_key(team=site.team).text).status_code == 429


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 200),
        (b'{"site_id": 5}', 200),
        (b'{"site_id": "a\\u0000b"}', 200),
        (b"{", 400),
        (b'{"site_id": "\\ud800"}', 400),
        (b"\xff", 400),
    ],
)
def test_request_that_names_no_site_in_readable_words_counts_on_the_user(
    settings: LazySettings, body: bytes, status: int
) -> None:
    settings.API_USER_HOURLY_LIMIT = 1
    key = legacy(make_user())
    answers = [post(key, body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, 429]
    assert ("JSON" in str(answers[0].data)) is (status == 400)


def test_requests_that_later_gates_refuse_count_and_are_told_nothing_else_once_over_the_limit() -> None:
    foreign = make_site()
    team = team_with(3)
    text = make_key(team=team, read_only=True).text
    before = [
        ask(text, SiteView, site_id=foreign.domain),
        ask(text, SiteView, site_id="nowhere.example"),
        post(text, b""),
    ]
    assert [answer.status_code for answer in before] == [401, 401, 403]
    after = [
        ask(text, SiteView, site_id=foreign.domain),
        ask(text, SiteView, site_id="nowhere.example"),
        post(text, b"{"),
        ask(text),
    ]
    assert {answer.status_code for answer in after} == {429}
    assert len({answer.data["error"] for answer in after}) == 1


def test_requests_that_gates_before_the_key_refuse_do_not_count() -> None:
    team = team_with(1)
    issued = make_key(team=team)
    assert [ask(issued.text, SiteView).status_code, ask("nothing").status_code, ask("").status_code] == [400, 401, 401]
    assert ask(issued.text).status_code == 200
    assert ask(issued.text, SiteView).status_code == 400  # before the limit, as before the key


def test_burst_limit_is_asked_after_the_hourly_one_on_the_same_counters(settings: LazySettings) -> None:
    settings.API_BURST_REQUESTS, settings.API_BURST_SECONDS = 2, 10
    team = team_with(4)
    keys = [make_key(team=team).text, make_key(make_member(team, role=Role.ADMIN), team).text]
    answers = [ask(keys[number % 2]) for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "2 requests per 10 seconds for this team" in answers[2].data["error"]
    assert answers[2].headers["Retry-After"] == "10"
    with time_machine.travel(NOON + timedelta(minutes=15, seconds=10), tick=False):
        assert ask(keys[0]).status_code == 200
        assert "4 requests per hour" in ask(keys[0]).data["error"]


def test_burst_limit_counts_a_legacy_call_on_user_and_team(settings: LazySettings) -> None:
    settings.API_BURST_REQUESTS = 1
    site = make_site()
    key = legacy(owner_of(site.team))
    assert ask(key, SiteView, site_id=site.domain).status_code == 200
    refused = [ask(key), ask(make_key(team=site.team).text)]
    assert ["user" in refused[0].data["error"], "team" in refused[1].data["error"]] == [True, True]


def test_no_burst_limit_on_a_self_hosted_instance(settings: LazySettings) -> None:
    assert settings.SELF_HOSTED
    assert settings.API_BURST_REQUESTS == 0
    assert settings.API_USER_HOURLY_LIMIT == 1_000_000
    assert make_team().hourly_limit == 1_000_000
