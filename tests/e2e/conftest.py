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
def served(tmp_path: Path) -> Iterator[Served]:
    """Start a real server on the embedded stores and provision a site through the command line."""
    server = ServerProcess(tmp_path)
    server.command("migrate", "--verbosity", "0")
    email = "ann@shop.example"
    server.provision("user", "--email", email)
    team = str(server.provision("team", "--name", "Shop", "--owner", email)["team_id"])
    site = server.provision("site", "--domain", "shop.example", "--team", team)
    key = server.provision("key", "--email", email, "--team", team)["api_key"]
    server.start()
    yield Served(server, site["domain"], key, team)
    server.stop()
