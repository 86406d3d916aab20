import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.test.client import encode_multipart

from accounts.models import Team
from accounts.request_counters import RequestCounters
from accounts.services import IssuedKey
from accounts.types import Scope
from tests.factories import make_key, make_team

BOUNDARY = "seam"
Answer = tuple[int, Any]


@dataclass
class Caller:
    """Speaks to `/api/v1` with a key; every answer is (status, decoded body)."""

    client: Client
    key: str

    def __call__(self, method: str, path: str, body: object = None, *, kind: str = "json") -> Answer:
        """Send a request; `body` as JSON, or as a `form` or `multipart` of texts."""
        data: bytes | str = b""
        content_type = "application/json"
        if isinstance(body, bytes):
            data = body
        elif kind == "multipart":
            assert isinstance(body, dict)
            data, content_type = encode_multipart(BOUNDARY, body), f"multipart/form-data; boundary={BOUNDARY}"
        elif kind == "form":
            data, content_type = str(body), "application/x-www-form-urlencoded"
        elif body is not None:
            data = json.dumps(body)
        response = self.client.generic(
            method, f"/api/v1{path}", data, content_type, headers={"Authorization": f"Bearer {self.key}"}
        )
        return response.status_code, json.loads(response.content)


CallerOf = Callable[[str | IssuedKey], Caller]


@pytest.fixture(autouse=True)
def _requests_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count requests from nothing: numbers of teams repeat from test to test, and some plans admit 600 an hour."""
    counters = RequestCounters()
    monkeypatch.setattr("accounts.api.throttles.request_counters", lambda: counters)


@pytest.fixture
def caller_of(client: Client) -> CallerOf:
    """Make a caller of a key."""
    return lambda key: Caller(client, key if isinstance(key, str) else key.text)


@pytest.fixture
def team() -> Team:
    """A team with every feature."""
    return make_team()


@pytest.fixture
def call(caller_of: CallerOf, team: Team) -> Caller:
    """The owner of `team`, with a provisioning key of it."""
    return caller_of(make_key(team=team, scopes=[Scope.SITES_PROVISION]))


@pytest.fixture
def legacy(caller_of: CallerOf, team: Team) -> Caller:
    """The owner of `team`, with a provisioning key for whatever they reach."""
    return caller_of(make_key(user=team.members.get(), scopes=[Scope.SITES_PROVISION]))
