"""How operations of the Sites API are described: each names what is its own, the rest stands here."""

from collections.abc import Iterable

from accounts.api.documentation.shared import NO_SITE, ONLY_READS, READ, TAG, WRITE, WRONG
from analytics_project.documentation import JSON, Answer, Example, Operation, Parameter, Schema, operation


def read_operation(
    *,
    operation_id: str,
    summary: str,
    description: str,
    answer: Answer,
    parameters: Iterable[Parameter] = (),
    not_found: Answer | None = NO_SITE,
    examples: Iterable[Example] = (),
) -> Operation:
    """Return the operation that asks something; without `not_found` it is about all that its caller reaches."""
    answers = {200: answer, 400: WRONG}
    return operation(
        operation_id=operation_id,
        tag=TAG,
        summary=summary,
        description=description,
        parameters=parameters,
        answers=answers if not_found is None else {**answers, 404: not_found},
        refusals=READ,
        examples=examples,
    )


def write_operation(
    *,
    operation_id: str,
    summary: str,
    description: str,
    answer: Answer,
    parameters: Iterable[Parameter] = (),
    body: Schema | None = None,
    not_allowed: Answer = ONLY_READS,
    not_found: Answer = NO_SITE,
    examples: Iterable[Example] = (),
) -> Operation:
    """Return the operation that changes something."""
    return operation(
        operation_id=operation_id,
        tag=TAG,
        summary=summary,
        description=description,
        parameters=parameters,
        body=None if body is None else {JSON: body},
        answers={200: answer, 400: WRONG, 403: not_allowed, 404: not_found},
        refusals=WRITE,
        examples=examples,
    )
