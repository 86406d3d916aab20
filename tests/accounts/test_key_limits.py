"""The limits of single keys that the Goals & Revenue API has, and the headers that tell of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import LazySettings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from accounts.api.key_limits import KeyLimited
from accounts.request_counters import RequestCounters
from analytics_project.errors import InvalidRequest
from tests.factories import make_key, make_team

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def counters_of_this_test(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Count from nothing, in memory, at twelve seconds before a full minute, two requests a minute."""
    settings.API_KEY_MINUTE_LIMIT = 2
    counters = RequestCounters()
    monkeypatch.setattr("accounts.api.key_limits.request_counters", lambda: counters)
    with time_machine.travel(NOON + timedelta(seconds=48), tick=False):
        yield


class Payments(KeyLimited):
    """Reads without fault, refuses whatever is written."""

    def get(self, request: Request) -> Response:
        return Response({})

    def post(self, request: Request) -> Response:
        raise InvalidRequest("amount: is missing")


def ask(key: str, method: str = "GET") -> Response:
    headers = {"Authorization": f"Bearer {key}"}
    answer = Payments.as_view()(APIRequestFactory().generic(method, "/", headers=headers))
    assert isinstance(answer, Response)
    answer.render()
    return answer


def told(answer: Response) -> tuple[int, ...]:
    """Return status, limit, remaining and reset of an answer."""
    return (
        answer.status_code,
        *(int(answer.headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")),
    )


def test_every_answer_tells_limit_remaining_and_reset() -> None:
    key = make_key().text
    assert [told(ask(key)) for _ in range(3)] == [(200, 2, 1, 12), (200, 2, 0, 12), (429, 2, 0, 12)]


def test_refusal_says_when_to_come_again() -> None:
    key = make_key().text
    ask(key), ask(key)
    answer = ask(key)
    assert answer.headers["Retry-After"] == "12"
    assert answer.data == {"error": "Rate limit exceeded: 2 requests per minute for this key. Retry in 12 seconds."}
    with time_machine.travel(NOON + timedelta(seconds=60), tick=False):
        assert told(ask(key)) == (200, 2, 1, 60)


def test_reads_and_writes_and_keys_are_counted_apart() -> None:
    team = make_team()
    one, other = make_key(team=team).text, make_key(team=team).text
    assert [told(ask(one))[2], told(ask(one, "HEAD"))[2], told(ask(one))[0]] == [1, 0, 429]
    assert [told(ask(one, "POST"))[:3], told(ask(one, "PUT"))[:3]] == [(400, 2, 1), (405, 2, 0)]
    assert told(ask(other))[2] == 1


def test_team_and_user_limits_do_not_touch_these_views(settings: LazySettings) -> None:
    settings.API_USER_HOURLY_LIMIT = 0
    assert ask(make_key().text).status_code == 200
    assert ask(make_key(team=make_team(hourly_limit_override=0)).text).status_code == 200


def test_zero_switches_the_limit_and_its_headers_off(settings: LazySettings) -> None:
    settings.API_KEY_MINUTE_LIMIT = 0
    key = make_key().text
    answers = [ask(key) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name in answers[0].headers if name.startswith("X-RateLimit")]


def test_nobody_is_told_a_budget_without_a_known_key() -> None:
    answer = ask("nothing")
    assert answer.status_code == 401
    assert not [name for name in answer.headers if name.startswith("X-RateLimit")]
