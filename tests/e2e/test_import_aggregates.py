"""Daily totals through the command into a real server, which alone writes to its embedded store; kept when killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Served
from tests.e2e.server import REPOSITORY

NAME = "imported_visitors_20240101_20240131.csv"


def visitors(served: Served) -> list[object]:
    query = {
        **{"site_id": served.domain, "metrics": ["visitors"], "date_range": ["2024-01-01", "2024-01-31"]},
        **{"include": {"imports": True}},
    }
    answer = served.server.post("/api/v2/query", query, {"Authorization": f"Bearer {served.key}"})
    return [answer["results"][0]["metrics"][0], answer["meta"]["imports_included"]]


@pytest.mark.process
def test_totals_sent_to_a_server_survive_its_end(served: Served, tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_text("date,visitors\n2024-01-01,3\n2024-01-02,4\n")
    words = ("import_aggregates", str(file), "--site", served.domain)
    held = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=REPOSITORY,
        env=served.server.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (held.returncode, "--url and --key" in held.stderr) == (1, True)
    key = served.server.provision("key", "--email", "ann@shop.example", "--scope", "sites:provision:*", "--legacy")
    said = served.server.command(*words, "--url", served.server.url, "--key", key["api_key"])
    assert "Imported 2 rows, 2024-01-01 to 2024-01-02" in said
    served.server.kill()
    served.server.start()
    assert visitors(served) == [7, True]
    again = served.server.command(*words, "--url", served.server.url, "--key", key["api_key"])
    assert "nothing was added" in again
