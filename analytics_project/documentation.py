"""How an endpoint is documented: its operation in the OpenAPI document, made from values that stand beside the view.

Every example is one exchange. It appears at the parameters, the body and the answer under one name, by which the tests
replay it; an example that the server does not answer in this way fails the suite.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from drf_spectacular.utils import extend_schema

Schema = Mapping[str, Any]
Operation = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])

JSON: Final = "application/json"
TEXT: Final = "text/plain"
BEARER: Final[tuple[Mapping[str, list[str]], ...]] = ({"key": []},)
SESSION: Final[tuple[Mapping[str, list[str]], ...]] = ({"session": [], "csrf": []},)
PUBLIC: Final[tuple[Mapping[str, list[str]], ...]] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation; `schema` of an array is sent as a list with commas."""

    name: str
    place: Literal["query", "path", "header"]
    schema: Schema
    description: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a status means, and the schema of its body by media type; no body without one."""

    description: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """One exchange: parameters by name and a body go out, `answer` comes back; `name` is one word, once an operation.

    `media_type` is the answer's, `sent_as` the body's.
    """

    name: str
    summary: str
    answer: object
    status: int = 200
    parameters: Mapping[str, object] = field(default_factory=dict)
    body: object = None
    sent_as: str = JSON
    media_type: str = JSON


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that several operations share: it becomes a component and is referred to by its name.

    `examples` are summary and sentence by name.
    """

    status: int
    name: str
    description: str
    examples: Mapping[str, tuple[str, str]]
    headers: Mapping[str, Schema] = field(default_factory=dict)


ERROR: Final[Schema] = {
    "type": "object",
    "description": "What is wrong, in a sentence that names the parameter or member; its wording may change.",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
    "additionalProperties": False,
}
ERROR_REFERENCE: Final[Schema] = {"$ref": "#/components/schemas/Error"}
RETRY_AFTER: Final[Mapping[str, Schema]] = {
    "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "string"}}
}

NOT_AUTHENTICATED: Final = Refusal(
    401,
    "NotAuthenticated",
    "The key is missing, unknown, revoked or expired, lacks the scope, or has no access to the site. Whether the site "
    "exists is not told.",
    {"keyMissing": ("Without a key", "An API key is missing: send it as 'Authorization: Bearer <key>'")},
)
PAYMENT_REQUIRED: Final = Refusal(
    402,
    "PaymentRequired",
    "The team that owns the site is locked, or its plan lacks the feature.",
    {
        "teamLocked": (
            "A locked team",
            "The team that owns this site is locked; its owner has to renew the subscription",
        )
    },
)
METHOD_NOT_ALLOWED: Final = Refusal(
    405, "MethodNotAllowed", "The path does not take this method; `Allow` names those that it takes.", {}
)
UNSUPPORTED_TYPE: Final = Refusal(
    415,
    "UnsupportedMediaType",
    "The body is of another type than JSON.",
    {"bodyNotJson": ("A body of type text/csv", 'Unsupported media type "text/csv" in request.')},
)
RATE_LIMITED: Final = Refusal(
    429,
    "RateLimited",
    "Over a limit of requests: the hourly one of the team or the person, or the one against bursts. Requests with a "
    "known key count, refused ones too.",
    {
        "limitExceeded": (
            "The second request of an hour that admits one",
            "Rate limit exceeded: 1 request per hour for this team. Retry in 1620 seconds.",
        )
    },
    RETRY_AFTER,
)
STORE_UNAVAILABLE: Final = Refusal(
    503,
    "StoreUnavailable",
    "The event store does not answer, or not in time; nothing was changed. The same request may be sent again.",
    {"storeAway": ("The event store is away", "the event store cannot be reached")},
    RETRY_AFTER,
)
REFUSALS: Final = (
    NOT_AUTHENTICATED,
    PAYMENT_REQUIRED,
    METHOD_NOT_ALLOWED,
    UNSUPPORTED_TYPE,
    RATE_LIMITED,
    STORE_UNAVAILABLE,
)
WITHOUT_JSON: Final = tuple(one for one in REFUSALS if one is not UNSUPPORTED_TYPE)  # of what takes no body in JSON


def error(description: str) -> Answer:
    """Return an answer of the shape `{"error": text}`."""
    return Answer(description, {JSON: ERROR_REFERENCE})


def operation(
    *,
    operation_id: str,
    tag: str,
    summary: str,
    description: str,
    answers: Mapping[int, Answer],
    refusals: Iterable[Refusal] = (),
    parameters: Iterable[Parameter] = (),
    body: Mapping[str, Schema] | None = None,
    examples: Iterable[Example] = (),
    security: Iterable[Mapping[str, list[str]]] = BEARER,
) -> Operation:
    """Return the operation object of OpenAPI 3.1. Raises: KeyError for an example of a status that has no answer."""
    shown = tuple(examples)
    responses: dict[str, Any] = {str(status): _response(answer) for status, answer in answers.items()}
    for example in shown:
        content = responses[str(example.status)]["content"][example.media_type]
        content.setdefault("examples", {})[example.name] = {"summary": example.summary, "value": example.answer}
    for refusal in refusals:
        responses[str(refusal.status)] = {"$ref": f"#/components/responses/{refusal.name}"}
    made: Operation = {
        "operationId": operation_id,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": [_parameter(parameter, shown) for parameter in parameters],
        "responses": dict(sorted(responses.items())),
        "security": [dict(one) for one in security],
    }
    if body is not None:
        made["requestBody"] = {
            "required": True,
            "content": {kind: _body(kind, schema, shown) for kind, schema in body.items()},
        }
    return made


def documented(described: Operation) -> Callable[[View], View]:
    """Return the decorator that gives a method of a REST framework view its operation."""
    return extend_schema(operation=described)


def shared_components(more: Iterable[Refusal] = ()) -> dict[str, dict[str, Any]]:
    """Return what operations refer to: the error body, shared refusals and more of them, the ways to say who asks."""
    return {
        "schemas": {"Error": dict(ERROR)},
        "responses": {refusal.name: _shared(refusal) for refusal in (*REFUSALS, *more)},
        "securitySchemes": {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": "`Authorization: Bearer <key>`. Every key reads statistics; `provision key` makes one.",
            },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "sessionid",
                "description": "The session of a person who logged in to the admin.",
            },
            "csrf": {
                "type": "apiKey",
                "in": "header",
                "name": "X-CSRFToken",
                "description": "The value of the cookie `csrftoken`; the reference page sends it by itself.",
            },
        },
    }


def _response(answer: Answer) -> dict[str, Any]:
    made: dict[str, Any] = {"description": answer.description}
    if answer.content:
        made["content"] = {kind: {"schema": dict(schema)} for kind, schema in answer.content.items()}
    if answer.headers:
        made["headers"] = {name: dict(header) for name, header in answer.headers.items()}
    return made


def _shared(refusal: Refusal) -> dict[str, Any]:
    made = _response(Answer(refusal.description, {JSON: ERROR_REFERENCE}, refusal.headers))
    if refusal.examples:
        made["content"][JSON]["examples"] = {
            name: {"summary": summary, "value": {"error": text}} for name, (summary, text) in refusal.examples.items()
        }
    return made


def _parameter(parameter: Parameter, examples: Iterable[Example]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.required or parameter.place == "path",
        "schema": dict(parameter.schema),
    }
    if parameter.schema.get("type") == "array":
        made |= {"style": "form", "explode": False}
    if sent := {
        one.name: {"value": one.parameters[parameter.name]} for one in examples if parameter.name in one.parameters
    }:
        made["examples"] = sent
    return made


def _body(kind: str, schema: Schema, examples: Iterable[Example]) -> dict[str, Any]:
    made: dict[str, Any] = {"schema": dict(schema)}
    sent = {
        one.name: {"summary": one.summary, "value": one.body}
        for one in examples
        if one.body is not None and one.sent_as == kind
    }
    return {**made, "examples": sent} if sent else made
