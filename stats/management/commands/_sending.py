"""How commands send files to a running server, which alone may write to the embedded event store."""

import http.client
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import orjson
from django.core.management.base import CommandError


def post_to_server(
    url: str, site: str, route: str, body: BinaryIO, headers: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    """Send a body to a route of a site and return status and answer. Raises: CommandError, OSError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CommandError(f"--url is {url!r}; it must be like http://localhost:8000")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port)
    try:
        path = f"{parts.path.rstrip('/')}/api/v1/sites/{quote(site, safe='')}/{route}"
        connection.request("POST", path, body=body, headers=headers)
        response = connection.getresponse()
        text = response.read()
    except http.client.HTTPException as problem:
        raise CommandError(f"{url} does not answer like a Footfall server: {problem}") from problem
    finally:
        connection.close()
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        answer = {}
    return response.status, answer if isinstance(answer, dict) else {}
