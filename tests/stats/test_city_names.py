"""Names of cities: saved as intake meets them, shown by the Stats API, by number where nobody knows one."""

from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError

from accounts.models import Site
from accounts.selectors import site_ref
from stats import services
from stats.city_services import known_city_names, save_city_names
from stats.housekeeping import Housekeeping
from stats.ingest.city_names import CityNames
from stats.models import CityName
from stats.store.client import EventStore
from stats.types import IntakeSite
from tests.live_path import LivePath
from tests.stats.query.asking import Asker, new_asker, with_goals
from tests.stats.query.imported import with_totals
from tests.stats.query.recorded import pageview

pytestmark = pytest.mark.django_db

IN_BERLIN: dict[str, Any] = {"country_code": "DE", "city_geoname_id": 2950159}
IN_OTHER_BERLIN: dict[str, Any] = {"country_code": "US", "city_geoname_id": 5083330}
IN_ODD_PLACE: dict[str, Any] = {"country_code": "US", "city_geoname_id": 7}
NAMELESS: dict[str, Any] = {"country_code": "US", "city_geoname_id": 8}
ODD = "Ø') OR 1=1 {x:String} %s \\' -- 東京"


@pytest.fixture
def asker(store: EventStore) -> Asker:
    """A site with visitors in two cities of one name, in one of an odd name, in a nameless one and in none."""
    CityName.objects.create(geoname_id=2950159, name="Berlin")
    CityName.objects.create(geoname_id=5083330, name="Berlin")
    CityName.objects.create(geoname_id=7, name=ODD)
    asker = new_asker(store)
    asker.record(
        pageview("09:00", "u1", **IN_BERLIN),
        pageview("09:05", "u1", "/pricing", **IN_BERLIN),
        pageview("10:00", "u2", "/pricing", **IN_OTHER_BERLIN),
        pageview("11:00", "u3", **IN_BERLIN),
        pageview("12:00", "u4", **IN_ODD_PLACE),
        pageview("13:00", "u5", **NAMELESS),
        pageview("14:00", "u6"),
    )
    return asker


def met(**names: str) -> CityNames:
    found = CityNames()
    for number, name in names.items():
        found.note(int(number[1:]), name)
    return found


def saved() -> dict[int, str]:
    return dict(CityName.objects.values_list("geoname_id", "name"))


def test_new_names_are_saved_and_changed_ones_win() -> None:
    names = met(n1="Tartu", n2="Pärnu")
    save_city_names(names)
    assert saved() == {1: "Tartu", 2: "Pärnu"}
    names.note(2, "Pernau")
    names.note(3, "Narva")
    save_city_names(names)
    save_city_names(met(n1="Tartu"))  # of another process
    assert saved() == {1: "Tartu", 2: "Pernau", 3: "Narva"}


def test_what_another_process_saved_meanwhile_does_not_disturb(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(numbers: object) -> dict[int, str]:
        CityName.objects.create(geoname_id=1, name="Dorpat")
        return {}

    monkeypatch.setattr("stats.city_services.city_names", look)
    save_city_names(met(n1="Tartu", n2="Pärnu"))
    assert saved() == {1: "Tartu", 2: "Pärnu"}


def test_names_that_could_not_be_saved_are_saved_later(monkeypatch: pytest.MonkeyPatch) -> None:
    names = met(n1="Tartu", n2="Pärnu")

    def fail(numbers: object) -> dict[int, str]:
        names.note(2, "Pernau")
        raise DatabaseError

    with monkeypatch.context() as patch, pytest.raises(DatabaseError):
        patch.setattr("stats.city_services.city_names", fail)
        save_city_names(names)
    save_city_names(names)
    assert saved() == {1: "Tartu", 2: "Pernau"}


def test_clean_stop_saves_and_queries_do_not_wait_for_it(
    asker: Asker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LivePath(asker.store, tmp_path / "spool")
    live.add(IntakeSite(ref=site_ref(Site.objects.get(pk=asker.site.id))))
    monkeypatch.setattr(services, "_intake", live.intake)
    live.places.city_names.note(8, "Sausalito")
    assert known_city_names([7, 8, 9]) == {7: ODD, 8: "Sausalito"}
    assert ("Sausalito", [1]) in asker.rows("visitors", "visit:city_name")
    assert 8 not in saved()

    keeper = Housekeeping(live.intake)
    keeper.start()
    keeper.stop()
    live.stop()
    assert saved()[8] == "Sausalito"


def test_cities_are_shown_by_name_and_cities_of_one_name_together(asker: Asker) -> None:
    assert asker.rows("visitors pageviews", "visit:city_name") == [
        ("Berlin", [3, 4]),
        ("", [1, 1]),
        ("8", [1, 1]),
        (ODD, [1, 1]),
    ]
    assert asker.rows("visitors", "visit:city visit:city_name", pagination={"limit": 1}) == [(2950159, "Berlin", [2])]
    paged = asker.ask(
        ["visitors"], ["visit:city_name"], order_by=[["visit:city_name", "desc"]], include={"total_rows": True}
    )
    assert [row["dimensions"][0] for row in paged["results"]] == [ODD, "Berlin", "8", ""]
    assert paged["meta"]["total_rows"] == 4
    assert asker.rows(
        "events bounce_rate", "event:page visit:city_name", filters=[["is", "event:page", ["/pricing"]]]
    ) == [("/pricing", "Berlin", [2, 100])]


@pytest.mark.parametrize(
    ("filters", "visitors"),
    [
        ([["is", "visit:city_name", ["Berlin"]]], 3),
        ([["is", "visit:city_name", ["bERLIN"], {"case_sensitive": False}]], 3),
        ([["is", "visit:city_name", ["2950159"]]], 0),
        ([["is", "visit:city_name", ["8", ODD]]], 2),
        ([["is", "visit:city_name", ["(not set)"]]], 1),
        ([["is_not", "visit:city_name", ["Berlin"]]], 3),
        ([["contains", "visit:city_name", ["OR 1=1", "erl"]]], 4),
        ([["contains_not", "visit:city_name", ["erl"]]], 3),
        ([["matches", "visit:city_name", ["^B.*n$"]]], 3),
        ([["not", ["or", [["is", "visit:city_name", ["Berlin"]], ["is", "visit:city", [7]]]]]], 2),
        ([["and", [["contains", "visit:city_name", ["B"]], ["is", "event:page", ["/pricing"]]]]], 2),
    ],
    ids=str,
)
def test_filters_compare_names(asker: Asker, filters: list[Any], visitors: int) -> None:
    assert asker.total("visitors", filters=filters) == [visitors]


def test_goals_funnels_retention_and_journeys_know_names(asker: Asker) -> None:
    with_goals(asker, {"page_path": "/pricing"})
    berlin = [["is", "visit:city_name", ["Berlin"]]]
    assert asker.rows("visitors", "event:goal", filters=berlin) == [("Visit /pricing", [2])]
    steps = [["is", "event:page", ["/"]], ["is", "event:page", ["/pricing"]]]
    (funnel,) = asker.analysed("funnel", steps=steps, dimensions=["visit:city_name"], filters=berlin)
    assert funnel["dimensions"] == ["Berlin"]
    (cohort,) = asker.analysed("retention", interval="day", filters=berlin)
    assert cohort["visitors"] == 3
    assert asker.analysed("journeys", filters=berlin)
    assert not asker.analysed("journeys", filters=[["is", "visit:city_name", ["2950159"]]])


def test_imported_totals_have_the_same_names(asker: Asker) -> None:
    asker = with_totals(asker, locations="country,city,visitors\nDE,2950159,10\nUS,8,4\nUS,9,2\nUS,,1")
    CityName.objects.create(geoname_id=9, name="Salem")
    imports = {"include": {"imports": True}}
    assert asker.rows("visitors", "visit:city_name", **imports) == [
        ("Berlin", [13]),
        ("8", [5]),
        ("Salem", [2]),
        ("", [1]),
        (ODD, [1]),
    ]
    assert asker.total("visitors", filters=[["is", "visit:city_name", ["Salem", "Berlin"]]], **imports) == [15]


def test_other_queries_look_for_no_names(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    read = EventStore.read_rows

    def watch(store: EventStore, sql: str, *args: Any, **more: Any) -> Any:
        statements.append(sql)
        return read(store, sql, *args, **more)

    monkeypatch.setattr(EventStore, "read_rows", watch)
    asker.rows("visitors", "visit:city")
    assert len(statements) == 1
    asker.rows("visitors", "visit:city_name")
    assert len(statements) == 3
    assert "Berlin" not in statements[-1]
