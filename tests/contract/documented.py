"""Every example of an OpenAPI document as an exchange that can be sent, found by following the document alone."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs

from analytics_project import openapi

Document = Callable[[], Mapping[str, Any]]
JSON = "application/json"


@dataclass(frozen=True)
class Exchange:
    """What an example says is sent, and what it says comes back.

    `has_request` is False where the example stands at the answer alone: something beside the request brings it about,
    and what is sent is the request of the operation's first success.
    """

    path: str
    method: str
    name: str
    has_request: bool
    parameters: Mapping[str, Mapping[str, Any]]
    body: Any
    sent_as: str
    status: int
    media_type: str
    answer: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.name}"


def resolved(value: Any, document: Document = openapi.document) -> Any:
    """Return what a `$ref` points to; anything else as it is."""
    if isinstance(value, dict) and "$ref" in value:
        found: Any = document()
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return found
    return value


def operations(document: Document = openapi.document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation."""
    for path, methods in document()["paths"].items():
        for method, described in methods.items():
            yield path, method, described


def exchanges(document: Document = openapi.document) -> Iterator[Exchange]:
    """Yield one exchange for each example of an answer; without a request of its own it takes the first success's."""
    for path, method, described in operations(document):
        answers = list(_answers(described, document))
        requests = _requests(described)
        first = next((name for name, status, _, _ in answers if status < 300 and name in requests), None)
        for name, status, media_type, answer in answers:
            sent = requests.get(name) or requests.get(first or "") or _request()
            yield Exchange(
                path,
                method,
                name,
                name in requests or first is None,
                sent["parameters"],
                sent["body"],
                sent["sent_as"],
                status,
                media_type,
                answer,
            )


def _answers(described: Mapping[str, Any], document: Document) -> Iterator[tuple[str, int, str, Any]]:
    for status, response in described["responses"].items():
        for media_type, content in resolved(response, document).get("content", {}).items():
            for name, example in content.get("examples", {}).items():
                yield name, int(status), media_type, example["value"]


def _request() -> dict[str, Any]:
    return {"parameters": {"query": {}, "path": {}, "header": {}}, "body": None, "sent_as": ""}


def _requests(described: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for parameter in described["parameters"]:
        for name, example in parameter.get("examples", {}).items():
            value = example["value"]
            text = ",".join(value) if isinstance(value, list) else str(value)
            found.setdefault(name, _request())["parameters"][parameter["in"]][parameter["name"]] = text
    for media_type, content in described.get("requestBody", {}).get("content", {}).items():
        for name, example in content.get("examples", {}).items():
            found.setdefault(name, _request()).update(body=example["value"], sent_as=media_type)
    return found


@lru_cache(maxsize=256)
def validator(
    path: str, method: str, status: int, media_type: str, document: Document = openapi.document
) -> jsonschema_rs.Validator:
    """Return the validator of a documented answer. Raises: KeyError for an answer that is not documented."""
    described = document()["paths"][path][method]
    schema = resolved(described["responses"][str(status)], document)["content"][media_type]["schema"]
    components = {"components": document()["components"]}
    return jsonschema_rs.Draft202012Validator({**schema, **components})
