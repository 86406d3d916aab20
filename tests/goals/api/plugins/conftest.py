import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from accounts.models import Site
from accounts.services import issue_plugins_token
from tests.factories import make_site

ROOT = "/api/plugins/v1"


@dataclass
class Plugin:
    """Speaks to the Plugins API with a token, as native clients do unless told otherwise."""

    client: Client
    site: Site
    token: str
    scheme: str = "Basic"

    @property
    def authorization(self) -> str:
        """Return the header."""
        if self.scheme == "Basic":
            return "Basic " + base64.b64encode(f"anything:{self.token}".encode()).decode()
        return f"{self.scheme} {self.token}"

    def send(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """Return Django's answer to a request with a JSON body, or with the bytes given."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"Authorization": self.authorization, **(headers or {})}
        return self.client.generic(method, ROOT + path, data, "application/json", headers=sent)

    def __call__(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and decoded body, None for none."""
        answer = self.send(method, path, body)
        return answer.status_code, json.loads(answer.content) if answer.content else None


def make_plugin(site: Site, scheme: str = "Basic") -> Plugin:
    """Issue a token of a site and return a plugin that holds it."""
    return Plugin(Client(enforce_csrf_checks=True), site, issue_plugins_token(site, description="Prüfung").text, scheme)


@pytest.fixture
def site() -> Site:
    """A site of a team with every feature."""
    return make_site()


@pytest.fixture
def call(site: Site) -> Plugin:
    """A plugin of `site` that speaks natively."""
    return make_plugin(site)


@pytest.fixture
def bearer(site: Site) -> Plugin:
    """A plugin of `site` written from the reference."""
    return make_plugin(site, "Bearer")


def event(name: str, **more: Any) -> dict[str, Any]:
    """Return the wire form of a custom event goal, of a revenue goal when a currency is given."""
    kind = "Goal.Revenue" if "currency" in more else "Goal.CustomEvent"
    return {"goal_type": kind, "goal": {"event_name": name, **more}}


def pageview(path: str, **more: Any) -> dict[str, Any]:
    """Return the wire form of a pageview goal."""
    return {"goal_type": "Goal.Pageview", "goal": {"path": path, **more}}


def ids(answer: tuple[int, Any]) -> list[int]:
    """Return the numbers of the goals in a successful answer."""
    assert answer[0] in {200, 201}, answer
    return [one["goal"]["id"] for one in answer[1]["goals"]]


def details(answer: tuple[int, Any]) -> list[str]:
    """Return the sentences of a refusal in the native shape."""
    return [one["detail"] for one in answer[1]["errors"]]
