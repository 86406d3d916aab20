"""Names that stand in a path: goals, payments, customers, visitors (revenue contract, 1.9)."""

from urllib.parse import unquote_to_bytes

from rest_framework.request import Request

from analytics_project.errors import InvalidRequest, NotFound


def text_in_path(request: Request, routed: str, prefix: str, suffix: str = "", *, what: str) -> str:
    """Return what stands between two parts of the path, percent-decoded once and trimmed; `what` names it in errors.

    The server decodes the path before it is routed, so that `%252F` and `%2F` would look alike; what the client sent
    stands in the connection's own scope. Raises: InvalidRequest for what is not UTF-8, NotFound for a path of another
    form.
    """
    raw: bytes = request.META.get("asgi.scope", {}).get("raw_path") or b""
    if not raw:
        return routed.strip()
    path, start, end = raw.rstrip(b"/"), prefix.encode(), suffix.encode()
    if not (path.startswith(start) and path.endswith(end) and len(path) > len(start) + len(end)):
        raise NotFound(f"{what} not found")
    try:
        return unquote_to_bytes(path[len(start) : len(path) - len(end)]).decode().strip()
    except UnicodeDecodeError as problem:
        raise InvalidRequest(f"the {what.lower()} in the path is not UTF-8") from problem
