"""The Plugins API's own OpenAPI document: valid, whole, and true, example by example."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from django.conf import LazySettings
from django.test import Client
from drf_spectacular.validation import validate_schema
from rest_framework.schemas.generators import EndpointEnumerator

from accounts.types import Feature
from analytics_project import openapi
from goals.api.plugins import urls
from goals.api.plugins.specification import document
from tests.contract.documented import JSON, Exchange, exchanges, operations, validator
from tests.factories import make_goal, make_site, make_team
from tests.goals.api.plugins.conftest import ROOT, Plugin, make_plugin

pytestmark = pytest.mark.django_db

EXCHANGES = list(exchanges(document))
OPERATIONS = [(path, method) for path, method, _ in operations(document)]
FREE = {"id", "href"}  # numbers and slugs that no example can fix
# fmt: off
TITLES = [
    "Capabilities", "Goal", "Goal.Type", "Goal.CustomEvent", "Goal.Pageview", "Goal.Revenue", "Goal.ListResponse",
    "Goal.DeleteBulkRequest", "Goal.CreateRequest", "Goal.CreateRequest.CustomEvent", "Goal.CreateRequest.Pageview",
    "Goal.CreateRequest.Revenue", "Goal.CreateRequest.BulkGetOrCreate", "Funnel", "Funnel.CreateRequest",
    "Funnel.ListResponse", "CustomProp", "CustomProp.ListResponse", "CustomProp.EnableRequest",
    "CustomProp.EnableRequest.BulkEnable", "CustomProp.DisableRequest", "CustomProp.DisableRequest.BulkDisable",
    "SharedLink", "SharedLink.CreateRequest", "SharedLink.ListResponse", "TrackerScriptConfiguration",
    "TrackerScriptConfiguration.UpdateRequest", "PaginationMetadata", "Link", "Error", "NotFoundError",
    "UnauthorizedError", "PaymentRequiredError", "UnprocessableEntityError",
]
# fmt: on


def routed() -> Iterator[tuple[str, str]]:
    """Yield path and method of every route under the API's root."""
    for pattern in urls.urlpatterns:
        path = EndpointEnumerator().get_path_from_regex("^api/plugins/" + str(pattern.pattern)).rstrip("/")
        if path.startswith(f"{ROOT}/"):
            view = getattr(pattern.callback, "cls", None)
            yield from ((path, name) for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name))


def test_document_holds_exactly_what_is_routed_and_the_main_one_none_of_it() -> None:
    assert set(OPERATIONS) == set(routed())
    assert len(OPERATIONS) == 16
    assert not [path for path in openapi.document()["paths"] if path.startswith(ROOT)]


def test_document_is_valid_openapi_with_the_names_that_clients_know() -> None:
    whole = document()
    validate_schema(whole)  # type: ignore[no-untyped-call]
    assert whole["info"]["version"] == "1.0-rc"
    assert sorted(whole["components"]["schemas"]) == sorted(TITLES)
    assert {name: schema["title"] for name, schema in whole["components"]["schemas"].items()} == {
        name: name for name in TITLES
    }
    assert [*whole["components"]["securitySchemes"]] == ["basic_auth", "bearer_auth"]
    assert whole["components"]["schemas"]["Goal"]["discriminator"]["propertyName"] == "goal_type"
    names = [described["operationId"] for _, _, described in operations(document)]
    assert len(set(names)) == len(names)
    known = {"Goal.GetOrCreate", "Goal.DeleteBulk", "Funnel.GetOrCreate", "CustomProp.GetOrEnable"}
    assert {*known, "CustomProp.DisableBulk"} <= set(names)
    for reference in re.findall(rb'"\$ref":"#/([^"]+)"', orjson.dumps(whole)):
        found: Any = whole
        for step in reference.decode().split("/"):
            found = found[step]


def test_document_and_page_come_without_a_token_from_this_server(settings: LazySettings) -> None:
    settings.BASE_URL = "https://stats.example.org"
    answer = Client().get("/api/plugins/spec/openapi")
    assert answer.json() == {**document(), "servers": [{"url": "https://stats.example.org"}]}
    page = Client().get("/api/plugins/spec/swagger-ui").content.decode()
    assert 'url: "/api/plugins/spec/openapi"' in page
    assert {address[:8] for address in re.findall(r'(?:src|href)="([^"]+)"', page)} == {"/static/"}
    assert Client().get("/api/plugins/spec/openapi", headers={"accept": "image/png"}).status_code == 406
    assert Client().post("/api/plugins/spec/swagger-ui").status_code == 405


@pytest.mark.parametrize("path", sorted({path for path, _ in OPERATIONS}))
def test_other_methods_are_405_before_the_token_is_looked_at(path: str) -> None:
    allowed = {method for one, method in OPERATIONS if one == path}
    for method in {"get", "post", "put", "patch", "delete", "options"} - allowed:
        answer = Client().generic(method.upper(), re.sub(r"{\w+}", "7", path))
        assert answer.status_code == 405
        assert {one.lower() for one in answer.headers["Allow"].split(", ")} - {"head"} == allowed


def shop(exchange: Exchange) -> Plugin:
    """Return a plugin of the documented site, on the plan that the example is about."""
    features = None if not exchange.name.startswith("planWithout") else [Feature.GOALS]
    site = make_site(make_team(features=features), domain="shop.example")
    make_goal(site, event_name="Signup", pk=7_000_001)
    return make_plugin(site)


def comparable(value: Any) -> Any:
    if isinstance(value, list):
        return [comparable(one) for one in value]
    if isinstance(value, dict):
        return {key: "free" if key in FREE else comparable(one) for key, one in value.items()}
    return value


@pytest.mark.parametrize("exchange", EXCHANGES, ids=str)
def test_example_is_what_the_server_answers(exchange: Exchange) -> None:
    assert exchange.has_request, "no request goes with this example"
    call = shop(exchange)
    path = exchange.path.removeprefix(ROOT).format(**exchange.parameters["path"])
    query = urlencode(exchange.parameters["query"])
    status, body = call(exchange.method.upper(), f"{path}?{query}", exchange.body)
    assert status == exchange.status, body
    check = validator(exchange.path, exchange.method, status, JSON, document)
    check.validate(body)
    check.validate(exchange.answer)
    assert comparable(body) == comparable(exchange.answer)
    call.scheme = "Bearer"
    status, body = call(exchange.method.upper(), f"{path}?{query}", exchange.body)
    assert status == exchange.status
    check.validate(body)


def test_every_operation_that_answers_a_body_has_examples() -> None:
    silent = {(f"{ROOT}/goals/{{goal_id}}", "delete"), (f"{ROOT}/custom_props", "delete")}
    assert set(OPERATIONS) - {(exchange.path, exchange.method) for exchange in EXCHANGES} == silent
