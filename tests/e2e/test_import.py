"""Bulk import into a real server: whole or not at all, also when the client goes away."""

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Served

LINES = [
    json.dumps({"timestamp": f"2026-03-10T12:00:{second:02}Z", "visitor_id": "ann", "pathname": f"/p{second}"}).encode()
    for second in range(60)
]


def pageviews(served: Served) -> int:
    query = {"site_id": served.domain, "metrics": ["pageviews"], "date_range": ["2026-03-10", "2026-03-10"]}
    answer = served.server.post("/api/v2/query", query, {"Authorization": f"Bearer {served.key}"})
    number: int = answer["results"][0]["metrics"][0]
    return number


@pytest.mark.process
def test_broken_off_upload_leaves_nothing_and_the_repeat_counts_once(served: Served) -> None:
    key = served.server.provision("key", "--email", "ann@shop.example", "--scope", "sites:provision:*", "--legacy")
    path = f"/api/v1/sites/{served.domain}/events/import"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key['api_key']}\r\nExpect: 100-continue\r\n"
    for framing in ("Transfer-Encoding: chunked", "Content-Length: 100000"):
        with socket.create_connection(("127.0.0.1", served.server.port)) as connection:
            connection.sendall(f"{head}{framing}\r\n\r\n".encode())
            assert b"100 Continue" in connection.recv(4_096)  # the import has begun to read
            part = b"\n".join(LINES[:30]) + b"\n"
            connection.sendall(b"%x\r\n%b\r\n" % (len(part), part) if "chunked" in framing else part)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4_096):
                pass

    def chunks() -> Iterator[bytes]:
        for line in LINES:
            yield line + b"\n"

    for _ in range(2):
        client = http.client.HTTPConnection("127.0.0.1", served.server.port)
        client.request("POST", path, chunks(), {"Authorization": f"Bearer {key['api_key']}"}, encode_chunked=True)
        answer = client.getresponse()
        assert (answer.status, json.loads(answer.read())["imported"]) == (200, 60)
        client.close()
    assert pageviews(served) == 60
