"""How operations of the Goals & Revenue API are described: each names what is its own, the rest stands here."""

from collections.abc import Iterable, Mapping

from analytics_project.documentation import JSON, Answer, Example, Operation, Parameter, Refusal, Schema, operation
from goals.api.documentation.shared import (
    NO_SITE,
    ONLY_READS,
    READ,
    SITE,
    TAG,
    TEXT,
    WITHOUT_EVENTS,
    WRITE,
    WRONG,
    object_of,
)


def answered(
    description: str,
    results: Schema,
    meta: Mapping[str, Schema] | None = None,
    *,
    optional_meta: Mapping[str, Schema] | None = None,
    beside: Mapping[str, Schema] | None = None,
) -> Answer:
    """Return an answer in the family's envelope; `meta` always has the site, `beside` are members besides the two."""
    shown = object_of({"site_id": TEXT, **(meta or {})}, optional_meta)
    return Answer(description, {JSON: object_of({"results": results, "meta": shown}, beside)})


def read_operation(
    *,
    operation_id: str,
    summary: str,
    description: str,
    answer: Answer,
    parameters: Iterable[Parameter] = (),
    wrong: Answer = WRONG,
    not_found: Answer = NO_SITE,
    refusals: Iterable[Refusal] = READ,
    examples: Iterable[Example] = (),
) -> Operation:
    """Return the operation that asks something about a site; `parameters` are those besides the site."""
    return operation(
        operation_id=operation_id,
        tag=TAG,
        summary=summary,
        description=description,
        parameters=_with_site(parameters),
        answers={200: answer, 400: wrong, 404: not_found},
        refusals=refusals,
        examples=examples,
    )


def write_operation(
    *,
    operation_id: str,
    summary: str,
    description: str,
    answers: Mapping[int, Answer],
    parameters: Iterable[Parameter] = (),
    body: Schema | None = None,
    examples: Iterable[Example] = (),
) -> Operation:
    """Return the operation that changes something of a site; `parameters` are those besides the site."""
    return operation(
        operation_id=operation_id,
        tag=TAG,
        summary=summary,
        description=description,
        parameters=_with_site(parameters),
        body=None if body is None else {JSON: body},
        answers={403: ONLY_READS, 404: NO_SITE, **answers},
        refusals=WITHOUT_EVENTS if body is None else WRITE,
        examples=examples,
    )


def _with_site(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """Put the site behind what stands in the path."""
    return tuple(sorted((SITE, *parameters), key=lambda parameter: parameter.place != "path"))
