"""The OpenAPI document: valid, complete, in two formats; the reference page: whole without the Internet."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import yaml
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.validation import validate_schema
from rest_framework.schemas.generators import EndpointEnumerator

from analytics_project.documentation import Answer, Example, operation
from analytics_project.openapi import document
from stats.store.import_tables import FIELDS

CLIENT_PATHS = ("/api/", "/js/", "/webhooks/")
CATCH_ALL = "^api/"
OWN_DOCUMENT = "/api/plugins/v1/"  # held against it in tests/goals/api/plugins/test_specification.py
IN_ASGI = {("/api/event", "post"), ("/api/error", "get")}  # answered before Django, see `analytics_project.asgi`


def routed(patterns: list[Any] | None = None, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and method of every route to clients; a view outside REST framework stands as the method `any`."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        regex = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routed(pattern.url_patterns, regex)
            continue
        assert isinstance(pattern, URLPattern)
        path = EndpointEnumerator().get_path_from_regex(regex).rstrip("/")
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path).replace("\\.", ".")
        if not f"{path}/".startswith(CLIENT_PATHS) or regex == CATCH_ALL or path.startswith(OWN_DOCUMENT):
            continue
        view = getattr(pattern.callback, "cls", None)
        methods = ["any"] if view is None else [name for name in view.http_method_names if hasattr(view, name)]
        yield from ((path, method) for method in methods if method not in {"options", "head"})


def documented() -> set[tuple[str, str]]:
    """Return path and method of every operation."""
    return {(path, method) for path, methods in document()["paths"].items() for method in methods}


def test_every_routed_endpoint_is_documented_and_nothing_else() -> None:
    paths = {path for path, _ in documented()}
    expected = {(path, method) for path, method in routed() if method != "any"}
    assert expected - documented() == set()
    assert {path for path, _ in routed()} - paths == set()
    assert documented() - set(routed()) - IN_ASGI == {("/api/health", "get"), ("/js/{file_name}", "get")}


def test_every_operation_says_what_it_is_and_how_it_answers() -> None:
    for path, method in documented():
        described = document()["paths"][path][method]
        assert described["summary"], (path, method)
        assert described["description"], (path, method)
        assert described["tags"], (path, method)
        assert {"200", "202"} & set(described["responses"]), (path, method)
        for parameter in described["parameters"]:
            assert parameter["description"], (path, parameter["name"])


def test_document_is_valid_openapi_31_and_names_each_operation_once() -> None:
    assert document()["openapi"] == "3.1.0"
    validate_schema(document())  # type: ignore[no-untyped-call]
    names = [described["operationId"] for methods in document()["paths"].values() for described in methods.values()]
    assert len(set(names)) == len(names)


def test_references_all_lead_somewhere() -> None:
    for reference in re.findall(rb'"\$ref":"#/([^"]+)"', orjson.dumps(document())):
        found: Any = document()
        for step in reference.decode().split("/"):
            found = found[step]


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("", "*/*", "application/json"),
        ("?format=json", "application/yaml", "application/json"),
        ("?format=yaml", "*/*", "application/yaml"),
        ("", "application/yaml", "application/yaml"),
        ("", "text/html,*/*;q=0.8", "application/json"),
    ],
)
def test_document_comes_in_two_formats_without_a_key(query: str, accept: str, media_type: str) -> None:
    answer = Client().get(f"/api/schema{query}", headers={"accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, media_type)
    read = orjson.loads(answer.content) if media_type == "application/json" else yaml.safe_load(answer.content)
    assert read == orjson.loads(orjson.dumps(document()))


def test_unknown_format_is_400_and_an_impossible_wish_406() -> None:
    unknown = Client().get("/api/schema?format=xml")
    assert (unknown.status_code, "format: 'xml'" in unknown.json()["error"]) == (400, True)
    assert Client().get("/api/schema", headers={"accept": "image/png"}).status_code == 406
    assert Client().post("/api/schema").status_code == 405


def test_page_and_all_that_it_loads_come_from_this_server() -> None:
    page = Client().get("/api/docs")
    assert page.status_code == 200
    text = page.content.decode()
    loaded = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(loaded) == 4
    for address in loaded:
        asset = Client().get(address)
        assert (address[:8], asset.status_code) == ("/static/", 200)
        assert b"".join(asset)
    assert 'url: "/api/schema"' in text
    assert "://" not in re.sub(r"https?://www\.w3\.org/\S+", "", text)
    assert '"validatorUrl": null' in text  # else the page would ask one on the Internet


def test_lines_of_an_import_have_the_fields_that_the_store_takes() -> None:
    assert sorted(document()["components"]["schemas"]["ImportedEvent"]["properties"]) == sorted(FIELDS)


# The Goals & Revenue API asks for the key first: tests/goals/api/test_requests.py.
OF_THE_FAMILY = ("customers", "goals", "payments", "products", "revenue", "visitors")
AFTER_THE_KEY = tuple(f"/api/v1/{name}" for name in OF_THE_FAMILY)
WRONG_METHODS = sorted(
    (path, method)
    for path in document()["paths"]
    for method in ("get", "post", "put", "patch", "delete", "options", "trace", "query")
    if (path, method) not in documented() and path not in {path for path, _ in IN_ASGI}
    if not path.startswith(AFTER_THE_KEY)
)


@pytest.mark.parametrize(("path", "method"), WRONG_METHODS, ids=str)
def test_other_methods_are_405_before_anything_else_is_asked(path: str, method: str) -> None:
    answer = Client().generic(method.upper(), re.sub(r"{\w+}", "7", path))
    allowed = {one.upper() for one in document()["paths"][path]}
    assert (answer.status_code, set(answer.headers["Allow"].split(", ")) - {"HEAD"}) == (405, allowed)


def test_example_of_a_status_without_an_answer_is_refused() -> None:
    with pytest.raises(KeyError):
        operation(
            operation_id="x",
            tag="x",
            summary="x",
            description="x",
            answers={200: Answer("fine", {"application/json": {}})},
            examples=[Example("lost", "An answer that nobody documented", {}, 418)],
        )
