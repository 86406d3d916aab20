"""Place files in MaxMind's format, written by tests, and intake that looks into one."""

from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from stats.ingest.geo import open_places
from stats.types import Place
from tests.live_path import NoPlaces


def write_database(file: Path, networks: dict[str, Any], database_type: str = "GeoLite2-City") -> Path:
    """Write networks with their records, in place of what the file held; return it."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type=database_type)
    for network, record in networks.items():
        writer.insert_network(IPSet([network]), record)
    fresh = file.with_suffix(".new")
    writer.to_db_file(str(fresh))
    fresh.replace(file)
    return file


class PlacesOfFile(NoPlaces):
    """What a place file tells the live path."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = open_places(file)
        self.city_names = self._file.city_names

    def find(self, address: str) -> Place:
        """Return the place that the file knows."""
        return self._file.find(address)
