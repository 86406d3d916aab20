import logging
import os
from pathlib import Path

import pytest

from analytics_project.env import BadSetting
from stats.ingest import geo
from stats.ingest.geo import open_places
from stats.types import Place
from tests.place_files import write_database

LONDON = {
    "country": {"iso_code": "GB"},
    "subdivisions": [{"iso_code": "ENG"}, {"iso_code": "WBK"}],
    "city": {"geoname_id": 2643743, "names": {"en": "London", "fr": "Londres"}},
}
HERNALS = {
    "country": {"iso_code": "AT"},
    "subdivisions": [{"iso_code": "9"}],
    "city": {"geoname_id": 2776488, "names": {"en": "Hernals"}},
}
LITE_BERLIN = {
    "country": {"iso_code": "DE"},
    "subdivisions": [{"names": {"en": "Berlin"}}],
    "city": {"names": {"en": "B"}},
}
NOWHERE_WITH_CITY = {"country": {"iso_code": "ZZ"}, "subdivisions": [{"iso_code": "X"}], "city": {"geoname_id": 1}}


@pytest.fixture
def city_file(tmp_path: Path) -> Path:
    return write_database(
        tmp_path / "city.mmdb",
        {
            "81.2.69.0/24": LONDON,
            "2a02:8388::/32": HERNALS,
            "85.214.0.0/16": LITE_BERLIN,
            "9.9.9.0/24": NOWHERE_WITH_CITY,
            "10.0.0.0/8": LONDON,
            "192.168.0.0/16": LONDON,
            "2001:db8::/32": LONDON,
            "203.0.113.0/24": LONDON,
            "5.5.5.0/24": {"continent": {"code": "EU"}},
        },
    )


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("81.2.69.142", Place("GB", "GB-ENG", "GB-WBK", 2643743)),
        ("2a02:8388::1", Place("AT", "AT-9", "", 2761369)),
        ("85.214.1.1", Place("DE")),
        ("9.9.9.9", Place()),
        ("5.5.5.5", Place()),
        ("8.8.8.8", Place()),
        ("10.1.2.3", Place()),
        ("192.168.1.1", Place()),
        ("203.0.113.9", Place()),
        ("2001:db8::5", Place()),
        ("::1", Place()),
        ("", Place()),
        ("no address", Place()),
        ("81.2.69.142.x", Place()),
    ],
)
def test_place_of_an_address(city_file: Path, address: str, place: Place) -> None:
    assert open_places(city_file).find(address) == place


@pytest.mark.parametrize(
    ("database_type", "record", "place"),
    [
        ("country ipvAll", {"country_code": "FR"}, Place("FR")),
        ("ipinfo generic_country.mmdb", {"country": "FR", "country_name": "France"}, Place("FR")),
        ("DBIP-City-Lite", LITE_BERLIN, Place("DE")),
        ("GeoLite2-Country", {"country": {"iso_code": "FR"}}, Place("FR")),
        ("country ipvAll", {"country_code": "T1"}, Place()),
    ],
)
def test_shape_follows_the_database_type(tmp_path: Path, database_type: str, record: object, place: Place) -> None:
    file = write_database(tmp_path / "places.mmdb", {"81.2.69.0/24": record}, database_type)

    assert open_places(file).find("81.2.69.142") == place


def test_names_of_cities_are_noted_once_and_again_when_a_newer_file_changes_them(city_file: Path) -> None:
    places = open_places(city_file)
    for address in ("81.2.69.142", "81.2.69.143", "2a02:8388::1", "85.214.1.1", "9.9.9.9", "10.1.2.3", "8.8.8.8"):
        places.find(address)
    assert places.city_names.take_unsaved() == {2643743: "London", 2761369: "Vienna"}
    places.find("81.2.69.144")
    assert places.city_names.take_unsaved() == {}

    write_database(
        city_file, {"81.2.69.0/24": {**LONDON, "city": {"geoname_id": 2643743, "names": {"en": "Londinium"}}}}
    )
    assert places.refresh()
    places.find("81.2.69.142")

    assert places.city_names.take_unsaved() == {2643743: "Londinium"}
    assert places.city_names.named([2643743, 2761369, 1]) == {2643743: "Londinium", 2761369: "Vienna"}


@pytest.mark.parametrize(
    ("names", "noted"),
    [
        ({"en": " New \n York\u00a0City "}, "New York City"),
        ({"en": "S\u00e3o Paulo's {x:String}"}, "S\u00e3o Paulo's {x:String}"),
        ({"en": "Nul\0"}, None),
        ({"en": "x" * 201}, None),
        ({"en": " "}, None),
        ({"de": "K\u00f6ln"}, None),
        ({}, None),
    ],
    ids=["blanks", "signs", "null", "long", "blank", "other language", "none"],
)
def test_a_name_is_one_line_that_can_be_kept(tmp_path: Path, names: dict[str, str], noted: str | None) -> None:
    record = {"country": {"iso_code": "US"}, "city": {"geoname_id": 7, "names": names}}
    places = open_places(write_database(tmp_path / "city.mmdb", {"8.8.8.0/24": record}))

    assert places.find("8.8.8.8").city_geoname_id == 7
    assert places.city_names.take_unsaved() == ({} if noted is None else {7: noted})


@pytest.mark.parametrize(("address", "country"), [
    ("194.25.134.80", "DE"),
    ("212.58.244.20", "GB"),
    ("200.160.2.3", "BR"),
    ("2a02:8070:1::1", "DE"),
    ("2001:448a::1", "ID"),
    ("203.0.113.9", ""),
])  # fmt: skip
def test_shipped_data_knows_countries(address: str, country: str) -> None:
    assert open_places(None).find(address) == Place(country)


def test_a_changed_file_is_read_again(city_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [1000.0]
    monkeypatch.setattr(geo, "monotonic_seconds", lambda: seconds[0])
    places = open_places(city_file)
    assert places.find("8.8.8.8") == Place()

    write_database(city_file, {"8.8.8.0/24": {"country": {"iso_code": "US"}}})
    seconds[0] += 29
    assert places.find("8.8.4.4") == Place()
    assert places.find("8.8.8.9") == Place()
    seconds[0] += 1
    places.find("8.8.4.5")

    assert places.find("8.8.8.9") == Place("US")
    assert places.find("8.8.8.8") == Place("US")
    assert places.find("81.2.69.142") == Place()


def test_a_bad_new_file_leaves_the_old_one_in_use(city_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    places = open_places(city_file)
    broken = city_file.with_suffix(".broken")
    broken.write_bytes(b"no database")
    broken.replace(city_file)

    with caplog.at_level(logging.WARNING):
        assert not places.refresh()

    assert places.find("81.2.69.142").country_code == "GB"
    assert "cannot be used" in caplog.text
    assert "81.2.69" not in caplog.text


def test_a_file_that_goes_away_leaves_the_old_one_in_use(city_file: Path) -> None:
    places = open_places(city_file)
    city_file.unlink()

    assert not places.refresh()
    assert places.find("81.2.69.142").country_code == "GB"


@pytest.mark.parametrize("kind", ["missing", "garbage", "folder", "asn"])
def test_a_useless_file_stops_the_start(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "places.mmdb"
    if kind == "garbage":
        file.write_bytes(os.urandom(1000))
    elif kind == "folder":
        file.mkdir()
    elif kind == "asn":
        write_database(file, {"81.2.69.0/24": {"autonomous_system_number": 1}}, "GeoLite2-ASN")

    with pytest.raises(BadSetting, match="GEOIP_CITY_DB names"):
        open_places(file)
