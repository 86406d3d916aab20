"""Every error that a client may see, and the one function that turns it into a body.

    AppError
    ├── InvalidRequest      400
    │   ├── InvalidPayload  400  the event endpoint; carries messages by field
    │   ├── InvalidFields   400  values of a record; carries messages by field
    │   └── InvalidQuery    400  the query engine and its parsers
    ├── NotAuthenticated    401
    ├── PaymentRequired     402
    ├── Forbidden           403
    ├── NotFound            404
    ├── Conflict            409
    ├── PayloadTooLarge     413
    ├── UnsupportedType     415  a body of another type than the endpoint reads
    ├── InvalidLine         422  one line of a bulk upload
    ├── RateLimited         429
    ├── InvalidRows         500  rows that do not fit the event store's columns; met by its writer, never by a client
    └── StoreUnavailable    503
        ├── StoreBusy       503
        └── StoreTimeout    503

The identity of an error is its `code`; the message names the value and what is allowed, and may change.
"""

from collections.abc import Mapping, Sequence


class AppError(Exception):
    """An answer that is not a success: code, message, HTTP status and extra headers."""

    status = 500
    code = "internal_error"

    def __init__(self, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.headers: Mapping[str, str] = headers or {}


class InvalidRequest(AppError):
    status = 400
    code = "invalid_request"


class InvalidPayload(InvalidRequest):
    """A refused event: messages by field, all failing fields together."""

    code = "invalid_payload"

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(f"{field}: {', '.join(texts)}" for field, texts in errors.items()))
        self.errors = errors


class InvalidFields(InvalidRequest):
    """Values that break a record's rules: messages by field, joined to one text for APIs that answer a text."""

    code = "invalid_fields"

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        super().__init__(", ".join(f"{field}: {text}" for field, texts in errors.items() for text in texts))
        self.errors = errors


class InvalidQuery(InvalidRequest):
    code = "invalid_query"


class NotAuthenticated(AppError):
    status = 401
    code = "not_authenticated"


class PaymentRequired(AppError):
    status = 402
    code = "payment_required"


class Forbidden(AppError):
    status = 403
    code = "forbidden"


class NotFound(AppError):
    status = 404
    code = "not_found"


class Conflict(AppError):
    status = 409
    code = "conflict"


class PayloadTooLarge(AppError):
    status = 413
    code = "payload_too_large"


class UnsupportedType(AppError):
    status = 415
    code = "unsupported_type"


class InvalidLine(AppError):
    """A line of a bulk upload that cannot be taken; `line` counts from 1."""

    status = 422
    code = "invalid_line"

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


class RateLimited(AppError):
    """Over a limit; `retry_after_s` is sent as Retry-After."""

    status = 429
    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_s)})


class InvalidRows(AppError):
    """Rows of an insert that do not fit their columns; trying again cannot help."""

    code = "invalid_rows"


class StoreUnavailable(AppError):
    """The event store, or the disk under it, cannot take or answer now."""

    status = 503
    code = "store_unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 5) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after_s)})


class StoreBusy(StoreUnavailable):
    code = "store_busy"


class StoreTimeout(StoreUnavailable):
    code = "store_timeout"


def error_body(error: AppError) -> dict[str, object]:
    """Render an error in the shape shared by the Stats and Sites APIs; the event endpoint keeps its field map."""
    if isinstance(error, InvalidPayload):
        return {"errors": {field: list(texts) for field, texts in error.errors.items()}}
    if isinstance(error, InvalidLine):
        return {"error": error.message, "line": error.line}
    return {"error": error.message}
