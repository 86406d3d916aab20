import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
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


@pytest.fixture(scope="session")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Provision a site through the command line, once: that takes five processes."""
    server = ServerProcess(tmp_path_factory.mktemp("provisioned"))
    server.command("migrate", "--verbosity", "0")
    email = "ann@shop.example"
    server.provision("user", "--email", email)
    team = str(server.provision("team", "--name", "Shop", "--owner", email)["team_id"])
    site = server.provision("site", "--domain", "shop.example", "--team", team)
    key = server.provision("key", "--email", email, "--team", team)["api_key"]
    return Served(server, site["domain"], key, team)


@pytest.fixture
def served(provisioned: Served, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    """Start a real server on embedded stores of its own, which begin as copies of the provisioned ones.

    A parameter is its further environment variables.
    """
    shutil.copytree(provisioned.server.directory, tmp_path, dirs_exist_ok=True)
    server = ServerProcess(tmp_path, getattr(request, "param", {}), minted=[*provisioned.server.minted])
    server.start()
    yield replace(provisioned, server=server)
    server.stop()
