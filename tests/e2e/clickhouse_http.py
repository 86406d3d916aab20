"""A ClickHouse engine behind the HTTP protocol that the official client speaks, in a process of its own.

Run as `python clickhouse_http.py DIRECTORY PORT`. It stands in for a server: same engine, same statements, parameters
and settings in the URL, data in the body. Not for anything but tests: no users, one statement at a time.
"""

import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import chdb

DIRECTORY, PORT = sys.argv[1], int(sys.argv[2])
TRANSPORT = {
    "query", "database", "default_format", "compress", "decompress", "session_id", "session_timeout", "query_id",
    "client_protocol_version", "send_progress_in_http_headers", "wait_end_of_query", "buffer_size",
    "http_headers_progress_interval_ms", "enable_http_compression",
}  # fmt: skip
ONE_AT_A_TIME = threading.Lock()
KEEPER = chdb.connect(DIRECTORY)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _serve(self, body: bytes) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if not asked and not body:
            self._answer(200, b"Ok.\n")
            return
        statement = asked["query"].encode() + b"\n" + body if "query" in asked else body
        parameters = {name.removeprefix("param_"): text for name, text in asked.items() if name.startswith("param_")}
        settings = {name: text for name, text in asked.items() if name not in TRANSPORT and name[:6] != "param_"}
        try:
            with ONE_AT_A_TIME:
                result = self._run(statement, parameters, settings, asked.get("default_format", "TabSeparated"))
        except RuntimeError as problem:
            code = re.search(r"Code: (\d+)", str(problem))
            self._answer(500, str(problem).encode(), {"X-ClickHouse-Exception-Code": code[1] if code else "0"})
        else:
            self._answer(200, result, {"X-ClickHouse-Format": asked.get("default_format", "TabSeparated")})

    def _run(self, statement: bytes, parameters: dict[str, str], settings: dict[str, str], form: str) -> bytes:
        connection = chdb.connect(DIRECTORY)
        try:
            for name, text in settings.items():
                connection.query(f"SET {name} = '{text}'", "TabSeparated")
            data: bytes = connection.query(statement.decode(), form, params=parameters).bytes() or b""
            return data
        finally:
            connection.close()

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
