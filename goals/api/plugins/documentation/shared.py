"""What several operations of the Plugins API say in the same words: refusals, parameters, pieces of examples."""

from collections.abc import Mapping
from typing import Any, Final

from analytics_project.documentation import JSON, Answer, Parameter, Schema
from goals.api.plugins.documentation.schemas import refer

SECURITY: Final[tuple[Mapping[str, list[str]], ...]] = ({"basic_auth": []}, {"bearer_auth": []})
ID_IN_PATH: Final[Schema] = {"type": "integer"}
PAGING: Final = (
    Parameter("limit", "query", {"type": "integer"}, "Records on a page, 1 to 100; another number means 10."),
    Parameter("after", "query", {"type": "string"}, "The cursor in the address of the next page."),
    Parameter("before", "query", {"type": "string"}, "The cursor in the address of the previous page."),
)
PAGINATION: Final = {"pagination": {"has_next_page": False, "has_prev_page": False, "links": {}}}
LOCATION: Final[Mapping[str, Schema]] = {
    "Location": {"description": "The record's address; one line for each record.", "schema": {"type": "string"}}
}
GONE: Final = Answer("It is gone, or was not there.")
UPGRADE: Final = " is part of the Plausible Business plan. To get access to this feature, please upgrade your account."


def answer(description: str, schema: str, headers: Mapping[str, Schema] | None = None) -> Answer:
    """Return an answer of a named schema."""
    return Answer(description, {JSON: refer(schema)}, headers or {})


BAD_REQUEST: Final = answer("A body that is no JSON object, or a cursor that this list did not give out.", "Error")
NOT_ACCEPTABLE: Final = answer("`Accept` excludes JSON.", "Error")
METHOD_NOT_ALLOWED: Final = answer("The path does not take this method; `Allow` names those that it takes.", "Error")
UNAUTHORIZED: Final = answer(
    "The token is missing or unknown.",
    "UnauthorizedError",
    {"WWW-Authenticate": {"description": "How to ask again.", "schema": {"type": "string"}}},
)
NOT_FOUND: Final = answer("The token's site has no such record.", "NotFoundError")
PAYMENT_REQUIRED: Final = answer("The plan lacks the feature that the sentence names.", "PaymentRequiredError")
UNPROCESSABLE: Final = answer("What is wrong, with its field.", "UnprocessableEntityError")
ALWAYS: Final[Mapping[int, Answer]] = {401: UNAUTHORIZED, 405: METHOD_NOT_ALLOWED, 406: NOT_ACCEPTABLE}
READS: Final[Mapping[int, Answer]] = {**ALWAYS, 422: UNPROCESSABLE}
WRITES: Final[Mapping[int, Answer]] = {**READS, 400: BAD_REQUEST}


def refused(sentence: str) -> dict[str, Any]:
    """Return the native body of a refusal of one sentence."""
    return {"errors": [{"detail": sentence}]}


def misshapen(pointer: str, sentence: str) -> dict[str, Any]:
    """Return the native body of a refusal of a request's shape."""
    return {"errors": [{"title": "Invalid value", "source": {"pointer": pointer}, "detail": sentence}]}


def id_in(name: str, record: str) -> Parameter:
    """Return the parameter that names a record in the path."""
    return Parameter(name, "path", ID_IN_PATH, f"The number of the {record}.")
