"""Worked cases W01 to W18 of the revenue contract, over HTTP."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import Site
from analytics_project.clock import now
from stats import services
from stats.city_services import save_met_city_names
from stats.models import CityName
from tests.factories import make_goal, make_key, make_site, make_team
from tests.goals.api.conftest import AFTERWARDS, NOW, GoalsClient
from tests.place_files import PlacesOfFile, write_database

MARCH = "start=2026-03-01&end=2026-03-26"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
CHROME = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36"
)
SIGNUP = {"goal_name": "signup", "unique_visitors": 2, "completion_count": 3, "conversion_rate": 0.5}


def meta(goals: GoalsClient, start: str, end: str, **more: object) -> dict[str, object]:
    return {"site_id": goals.site.public_id, "start": start, "end": end, **more}


def write_city_file(file: Path) -> Path:
    """Write a place file that knows two cities by name, and of a third only the country."""
    networks = {
        "8.8.8.0/24": ("US", {"city": {"geoname_id": 5391959, "names": {"en": "San Francisco", "de": "Sankt Franz"}}}),
        "85.214.0.0/16": ("DE", {"city": {"geoname_id": 2950159, "names": {"en": "Berlin"}}}),
        "81.2.69.0/24": ("GB", {}),
    }
    return write_database(
        file, {net: {"country": {"iso_code": code}, **city} for net, (code, city) in networks.items()}
    )


def seen(goals: GoalsClient, at: str, address: str, referrer: str, agent: str) -> str:
    """Send a pageview as a browser does; return the id of its visitor."""
    goals.clock.move_to(at)
    goals.live.intake.salts.refresh(now())
    event = {"n": "pageview", "u": f"https://{goals.site.domain}/", "d": goals.site.domain, "r": referrer}
    answer = goals.live.post(event, {"X-Forwarded-For": address, "User-Agent": agent}, query="return=visitor")
    assert answer.status == 202
    return str(answer.json["visitor_id"])


def test_w01_goals_of_a_month(fixture_f: GoalsClient) -> None:
    assert fixture_f.get("", MARCH) == {
        "results": [SIGNUP],
        "meta": meta(fixture_f, "2026-03-01T00:00:00Z", "2026-03-26T23:59:59Z"),
    }


def test_w02_day_in_a_local_zone(fixture_f: GoalsClient) -> None:
    day = "start=2026-03-31&end=2026-03-31"
    assert fixture_f.get("", f"{day}&timezone=America/New_York") == {
        "results": [{"goal_name": "signup", "unique_visitors": 1, "completion_count": 1, "conversion_rate": 1.0}],
        "meta": meta(fixture_f, "2026-03-31T04:00:00Z", "2026-04-01T03:59:59Z"),
    }
    assert fixture_f.get("", day)["results"] == [
        {"goal_name": "signup", "unique_visitors": 0, "completion_count": 0, "conversion_rate": 0.0}
    ]


def test_w03_w04_defaults_goal_without_completions_and_limit(fixture_f: GoalsClient) -> None:
    make_goal(fixture_f.site, event_name="purchase")
    nobody = {"goal_name": "purchase", "unique_visitors": 0, "completion_count": 0, "conversion_rate": 0.0}
    window = meta(fixture_f, "2026-02-25T00:00:00Z", "2026-03-27T08:30:15Z")
    assert fixture_f.get() == {"results": [SIGNUP, nobody], "meta": window}
    assert fixture_f.get("", "limit=1") == {"results": [SIGNUP], "meta": window}
    assert fixture_f.get("", "limit=1&offset=1") == {"results": [nobody], "meta": window}


def test_w05_site_without_data(goals: GoalsClient) -> None:
    window = meta(goals, "2026-03-01T00:00:00Z", "2026-03-26T23:59:59Z")
    assert goals.get("", MARCH) == {"results": [], "meta": window}


def test_w06_rates_are_rounded_half_up_to_three_decimals(goals: GoalsClient) -> None:
    make_goal(goals.site, event_name="rare")
    make_goal(goals.site, event_name="third")
    at = {"timestamp": "2026-05-01T10:00:00Z"}
    goals.clock.move_to("2026-05-01T12:00:00Z")
    goals.bring(
        *({"visitor_id": str(number), **at} for number in range(2000)),
        *({"visitor_id": str(number), "name": "third", **at} for number in range(667)),
        {"visitor_id": "0", "name": "rare", **at},
    )
    assert goals.get("", "start=2026-05-01&end=2026-05-01")["results"] == [
        {"goal_name": "third", "unique_visitors": 667, "completion_count": 667, "conversion_rate": 0.334},
        {"goal_name": "rare", "unique_visitors": 1, "completion_count": 1, "conversion_rate": 0.001},
    ]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        *((f"limit={one}", "limit must be an integer from 1 to 1000") for one in ("0", "1001", "-1", "10.5", "ten")),
        ("start=2026-03-27&end=2026-03-26", "start must not be after end"),
        *(
            (f"timezone={one}", "timezone must be an IANA time zone name, for example Europe/Paris")
            for one in ("Mars/Olympus", "%2B02:00", "CEST")
        ),
        ("start=2026-02-30", "start must be an ISO 8601 date or date-time"),
    ],
)
def test_w07_to_w10_parameters_that_are_refused(query: str, error: str, goals: GoalsClient) -> None:
    assert goals.send("GET", "", query) == (400, {"error": error})
    assert goals.send("GET", "/signup/completions", query) == (400, {"error": error})


def test_w11_site_missing_not_yours_and_no_key(goals: GoalsClient) -> None:
    others = make_site()
    assert goals.send("GET", "", "site_id=") == (400, {"error": "site_id is required"})
    for name in (others.public_id, others.domain, "ds_nothing", "%00", "x" * 400):
        assert goals.send("GET", "", f"site_id={name}") == (404, {"error": "Site not found"})
    assert goals.send("GET", "", "site_id=&limit=x", key="ff_x") == (401, {"error": "Missing or invalid API key"})


def test_w12_server_side_goal(fixture_f: GoalsClient) -> None:
    body = {
        "name": " signup ",
        "visitor_id": "v_8f3a2b1c",
        "url": "https://app.example.com/welcome",
        "metadata": {"plan": "pro", "seats": 3},
    }
    done = {"created": True, "goal_name": "signup"}
    assert fixture_f.send("POST", "", body=body) == (
        201,
        {"results": done, "meta": {"site_id": fixture_f.site.public_id}},
    )
    filters = "period=day&date=2026-03-27&filters=event:props:seats%3D%3D3;event:page%3D%3D/welcome"
    assert fixture_f.stats("visitors,events", filters) == {"visitors": 1, "events": 1}


def test_w13_read_only_key(goals: GoalsClient) -> None:
    key = make_key(team=make_team(), read_only=True).text
    answer = goals.send("POST", "", "site_id=ds_of_someone_else", b"not even json", key)
    assert answer == (403, {"error": "This API key is read-only"})


def test_w14_goal_without_a_visitor(goals: GoalsClient) -> None:
    assert goals.send("POST", "", body={"name": "signup"}) == (
        400,
        {"error": "visitor_id is required", "errors": {"visitor_id": ["is required"]}},
    )


def test_w15_completions_newest_first(fixture_f: GoalsClient) -> None:
    def row(visitor: str, at: str, *session: str | None) -> dict[str, Any]:
        names = ("source", "country", "city", "browser", "os", "device_type")
        return {"visitor_id": visitor, "completed_at": at, **dict(zip(names, session, strict=True))}

    found = fixture_f.get("/signup/completions", f"{MARCH}&limit=2")
    assert found == {
        "results": [
            row(
                "v_ana",
                "2026-03-20T08:00:00Z",
                "google.com",
                "United States",
                "San Francisco",
                "Chrome",
                "macOS",
                "desktop",
            ),
            row("v_ben", "2026-03-03T09:10:00Z", "twitter.com", "Germany", "Berlin", "Firefox", "Linux", "desktop"),
        ],
        "meta": {
            "site_id": fixture_f.site.public_id,
            "goal_name": "signup",
            "start": "2026-03-01T00:00:00Z",
            "end": "2026-03-26T23:59:59Z",
            "limit": 2,
        },
    }
    assert list(found["meta"]) == ["site_id", "goal_name", "start", "end", "limit"]
    rest = fixture_f.get("/signup/completions", f"{MARCH}&limit=2&offset=2")
    assert [one["completed_at"] for one in rest["results"]] == ["2026-03-02T10:05:00Z"]
    assert list(rest["meta"])[-2:] == ["limit", "offset"]
    april = fixture_f.get("/signup/completions", "start=2026-04-01&end=2026-04-01")["results"]
    assert [(one["visitor_id"], one["source"]) for one in april] == [("v_dee", "newsletter")]


def test_w15_names_of_cities_from_the_place_file(
    goals: GoalsClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goals.live.places = PlacesOfFile(write_city_file(tmp_path / "city.mmdb"))
    goals.live.restart()
    monkeypatch.setattr(services, "_intake", goals.live.intake)
    ana = seen(goals, "2026-03-02T10:00:00Z", "8.8.8.8", "https://www.google.com/", CHROME)
    ben = seen(goals, "2026-03-03T09:00:00Z", "85.214.1.1", "https://twitter.com/", FIREFOX)
    goals.clock.move_to("2026-03-03T09:10:00Z")
    goals.complete("signup", ben)  # within his visit
    cho = seen(goals, "2026-03-03T23:30:00Z", "81.2.69.1", "", FIREFOX)
    goals.clock.move_to(AFTERWARDS)
    goals.complete("signup", cho, timestamp="2026-03-03T23:40:00Z")
    goals.complete("signup", ana, timestamp="2026-03-20T08:00:00Z")
    goals.clock.move_to(NOW)

    rows = goals.get("/signup/completions", MARCH)["results"]
    assert [(row["visitor_id"], row["source"], row["country"], row["city"], row["browser"]) for row in rows] == [
        (ana, "google.com", "United States", "San Francisco", "Chrome"),
        (cho, "Direct", "United Kingdom", None, "Firefox"),
        (ben, "twitter.com", "Germany", "Berlin", "Firefox"),
    ]
    assert CityName.objects.count() == 0  # nobody had to wait for the names to be saved
    save_met_city_names()
    goals.live.restart()
    monkeypatch.setattr(services, "_intake", goals.live.intake)
    assert goals.get("/signup/completions", MARCH)["results"] == rows

    split = goals.get("/signup/breakdown", f"{MARCH}&dimension=city")["results"]
    assert [(row["city"], row["completion_count"], row["conversion_rate"]) for row in split] == [
        ("", 2, 1.0),
        ("Berlin", 1, 1.0),
    ]
    kept = goals.get("/signup/completions", f"{MARCH}&city[is]=berlin")["results"]
    assert [row["visitor_id"] for row in kept] == [ben]
    (counted,) = goals.get("", f"{MARCH}&city[contains]=San")["results"]
    assert (counted["unique_visitors"], counted["conversion_rate"]) == (0, 0.0)
    assert goals.cities() == [["", 1], ["Berlin", 1], ["San Francisco", 1]]


def test_w16_visitor_never_seen_in_a_browser(goals: GoalsClient) -> None:
    goals.clock.move_to("2026-03-26T15:00:00Z")
    goals.complete("signup", "v_8f3a2b1c")
    nothing = dict.fromkeys(("source", "country", "city", "browser", "os", "device_type"))
    assert goals.get("/signup/completions", "start=2026-03-26&end=2026-03-26")["results"] == [
        {"visitor_id": "v_8f3a2b1c", "completed_at": "2026-03-26T15:00:00Z", **nothing}
    ]


def test_w17_name_with_a_slash_and_a_space_in_the_path(goals: GoalsClient) -> None:
    make_goal(goals.site, page_path="/thank-you")
    found = goals.get("/Visit%20%2Fthank-you/completions", "start=2026-03-01&end=2026-03-01")
    assert (found["results"], found["meta"]["goal_name"]) == ([], "Visit /thank-you")


def test_w18_goal_that_the_site_never_had(goals: GoalsClient) -> None:
    make_goal(Site.objects.get(pk=make_site().pk), event_name="no-such-goal")
    assert goals.send("GET", "/no-such-goal/completions") == (404, {"error": "Goal not found"})
