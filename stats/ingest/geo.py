"""Where a client's address is (event contract 2.8), from a place database in MaxMind's file format.

Out of the box: the country file that ships in data/. Operators name a city file with GEOIP_CITY_DB. What a file can
tell depends on its maker: GeoLite2 and GeoIP2 files give country, regions and city; DB-IP's Lite files give the country
only, because they carry names instead of ISO codes and GeoNames numbers. Addresses are never logged.
"""

import json
import logging
import lzma
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import maxminddb

from analytics_project.clock import monotonic_seconds
from analytics_project.env import BadSetting
from stats.ingest.city_names import CityNames
from stats.types import MAX_CITY_NAME_CHARACTERS, Place

logger = logging.getLogger(__name__)

_DATA = Path(__file__).parent / "data"
_CHECK_EVERY_S = 30.0
_UNKNOWN_COUNTRIES = frozenset({"", "ZZ", "XX", "T1"})

NOWHERE: Final = Place()

SHIPPED_DATA_ATTRIBUTION: Final = ("IP Geolocation by DB-IP", "https://db-ip.com")
"""Link text and address that a page showing countries from the shipped file must carry (CC BY 4.0)."""

_Record = Mapping[str, Any]
_Adapter = Callable[[_Record], Place]


@dataclass(frozen=True, slots=True)
class _FoldedCities:
    """Cities that their districts are counted under, by GeoNames number."""

    city_of: Mapping[int, int]
    names: Mapping[int, str]


@cache
def _folded_cities() -> _FoldedCities:
    cities: dict[str, dict[str, Any]] = json.loads((_DATA / "district_cities.json").read_text())
    return _FoldedCities(
        city_of={district: int(city) for city, one in cities.items() for district in one["districts"]},
        names={int(city): one["name"] for city, one in cities.items()},
    )


@cache
def _country_place(country_code: str) -> Place:
    return NOWHERE if country_code in _UNKNOWN_COUNTRIES else Place(country_code=country_code)


def _flat_place(record: _Record) -> Place:
    """Read `{"country_code": "DE"}`; IPinfo's older files call the same code `country`."""
    code = record.get("country_code") or record.get("country")
    return _country_place(code if isinstance(code, str) and len(code) == 2 else "")


def _nested_place(record: _Record) -> Place:
    """Read MaxMind's shape; parts that a file leaves out, or gives only as names, stay empty."""
    country = _country_place(record.get("country", {}).get("iso_code", ""))
    if country is NOWHERE:
        return NOWHERE
    regions = [region.get("iso_code", "") for region in record.get("subdivisions", ())[:2]]
    codes = [f"{country.country_code}-{region}" if region else "" for region in regions] + ["", ""]
    city = record.get("city", {}).get("geoname_id", 0)
    if not city and not any(codes):
        return country
    return Place(country.country_code, codes[0], codes[1], _folded_cities().city_of.get(city, city))


def _city_name(record: _Record, number: int) -> str:
    """Return the English name of the city that a record is counted under, empty where the file gives none to keep.

    A district's name is not that of its city.
    """
    city = record["city"]
    text = city.get("names", {}).get("en", "") if city["geoname_id"] == number else _folded_cities().names[number]
    name = " ".join(str(text).split())
    return name if name.isprintable() and len(name) <= MAX_CITY_NAME_CHARACTERS else ""


def _adapter_for(database_type: str) -> _Adapter | None:
    kind = database_type.lower()
    if kind.startswith(("country ip", "city ip", "ipinfo")):
        return _flat_place
    if any(word in kind for word in ("city", "country", "enterprise", "location")):
        return _nested_place
    return None


def _open(file: Path) -> tuple[maxminddb.Reader, _Adapter]:
    """Open a database. Raises: OSError, ValueError (not such a file, or not about places)."""
    try:
        reader = maxminddb.open_database(file)
    except maxminddb.InvalidDatabaseError as problem:
        raise ValueError("is not a database in MaxMind's format") from problem
    database_type = reader.metadata().database_type
    adapter = _adapter_for(database_type)
    if adapter is None:
        reader.close()
        raise ValueError(f"holds {database_type!r}, not countries or cities")
    return reader, adapter


def _open_shipped() -> tuple[maxminddb.Reader, _Adapter]:
    """Unpack the shipped file (8 MB, 0.3 s) and map it; the name is gone at once, the mapping holds the bytes."""
    with tempfile.NamedTemporaryFile(prefix="footfall-", suffix=".mmdb") as unpacked:
        unpacked.write(lzma.decompress((_DATA / "countries.mmdb.xz").read_bytes()))
        unpacked.flush()
        return _open(Path(unpacked.name))


# First parts under which some addresses are not global. Any other IPv4 address, and any other IPv6 address of 2000::/4,
# needs no closer look, which takes 10 us for IPv6.
_MIXED_IPV4 = frozenset(map(str, (0, 10, 100, 127, 169, 172, 192, 198, 203, *range(224, 256))))
_MIXED_IPV6 = frozenset({"2001", "2002"})


def _is_global(address: str) -> bool:
    """Tell whether an address is one of the public Internet; text that is no address is not."""
    head, colon, _ = address.partition(":")
    if colon:
        if len(head) == 4 and head[0] == "2" and head not in _MIXED_IPV6:
            return True
    elif address.partition(".")[0] not in _MIXED_IPV4 and "." in address:
        return True
    try:
        return ip_address(address).is_global
    except ValueError:
        return False


class Places:
    """A place database that is read again when its file changes; safe to share between threads."""

    def __init__(self, file: Path | None) -> None:
        """Open the file, or the shipped one for None. Raises: OSError, ValueError."""
        self.city_names = CityNames()
        self._file = file
        self._version = _version_of(file)
        self._reader, self._adapter = _open(file) if file else _open_shipped()
        self._checked_s = monotonic_seconds()
        self._find = lru_cache(maxsize=20_000)(self._look_up)

    def find(self, address: str) -> Place:
        """Return the place of an address in canonical text; all parts empty when unknown or not global."""
        return self._find(address)

    def _look_up(self, address: str) -> Place:
        if self._file is not None and monotonic_seconds() - self._checked_s >= _CHECK_EVERY_S:
            self.refresh()
        if not _is_global(address):
            return NOWHERE
        try:
            record = self._reader.get(address)
        except ValueError:  # text that is no address, or IPv6 in a file that holds IPv4 only
            return NOWHERE
        if not isinstance(record, dict):
            return NOWHERE
        place = self._adapter(record)
        if place.city_geoname_id and (name := _city_name(record, place.city_geoname_id)):
            self.city_names.note(place.city_geoname_id, name)
        return place

    def refresh(self) -> bool:
        """Read the file again if it has changed, and tell whether it was; a bad new file leaves the old one in use."""
        self._checked_s = monotonic_seconds()
        version = _version_of(self._file)
        if self._file is None or version is None or version == self._version:
            return False
        self._version = version
        try:
            # The old mapping is closed with its last user: another thread may be reading it now.
            self._reader, self._adapter = _open(self._file)
        except (OSError, ValueError) as problem:
            logger.warning("place database %s was changed and cannot be used: %s", self._file, problem)
            return False
        self._find.cache_clear()
        logger.info("place database %s was read again", self._file)
        return True


def _version_of(file: Path | None) -> tuple[int, int, int] | None:
    try:
        status = file.stat() if file else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino) if status else None


def open_places(city_db: Path | None) -> Places:
    """Return the place database that the operator names, or the shipped country file for None.

    Raises: BadSetting when the named file is missing or of no use.
    """
    try:
        return Places(city_db)
    except (OSError, ValueError) as problem:
        raise BadSetting("GEOIP_CITY_DB", f"names {city_db}, which cannot be used: {problem}") from problem
