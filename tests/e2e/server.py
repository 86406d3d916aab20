"""A real Footfall process on a free port with a data directory of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 60


@dataclass
class ServerProcess:
    """`manage.py serve` with everything in `directory`; other variables are passed on to it."""

    directory: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    minted: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the server's address without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the environment of the server and of the commands beside it."""
        dropped = {"DATABASE_URL", "EVENTS_URL", "REDIS_URL"}
        inherited = {name: value for name, value in os.environ.items() if name not in dropped}
        return {**inherited, "DATA_DIR": str(self.directory), **self.variables}

    def command(self, *words: str) -> str:
        """Run a management command and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=REPOSITORY,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def provision(self, *words: str) -> dict[str, Any]:
        """Run `provision … --json` and return its object."""
        result: dict[str, Any] = json.loads(self.command("provision", *words, "--json"))
        self.minted += [result[name] for name in ("api_key", "token") if name in result]
        return result

    def start(self) -> None:
        """Start and wait until the health check is green."""
        self.port = self.port or free_port()
        log = (self.directory / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(self.port)],
            cwd=REPOSITORY,
            env=self.environment(),
            stdout=log,
            stderr=log,
        )
        log.close()
        deadline = time.monotonic() + START_SECONDS
        while not self._is_well():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError((self.directory / "server.log").read_text())
            threading.Event().wait(0.05)

    def _is_well(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/health", timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def kill(self) -> None:
        """End the process as a power switch would: SIGKILL, no farewell."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End the process politely and wait for it; its log holds no key that it was made for."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
            log = self.directory / "server.log"  # a test that starts the process itself has none
            shown = log.read_text() if log.exists() else ""
            assert [text for text in self.minted if text in shown] == []

    def get(self, path: str, key: str) -> Any:
        """Return the JSON answer of a GET with an API key."""
        return self.exchange(urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {key}"}))

    def post(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer of a POST with a JSON body."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self.exchange(urllib.request.Request(self.url + path, data=data, headers=sent))

    def exchange(self, request: urllib.request.Request) -> Any:
        """Send one request; return its JSON answer, or its text when it is no JSON."""
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text.decode()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
