from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.server import ServerProcess


@dataclass(frozen=True)
class Served:
    """A running server with one site and a key that reads its numbers."""

    server: ServerProcess
    domain: str
    key: str
    team: str


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """Start a real server on the embedded stores and provision a site through the command line.

    A parameter is its further environment variables.
    """
    server = ServerProcess(tmp_path, getattr(request, "param", {}))
    server.command("migrate", "--verbosity", "0")
    email = "ann@shop.example"
    server.provision("user", "--email", email)
    team = str(server.provision("team", "--name", "Shop", "--owner", email)["team_id"])
    site = server.provision("site", "--domain", "shop.example", "--team", team)
    key = server.provision("key", "--email", email, "--team", team)["api_key"]
    server.start()
    yield Served(server, site["domain"], key, team)
    server.stop()
