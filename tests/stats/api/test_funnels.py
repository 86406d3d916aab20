"""Funnels over HTTP: cases that a reader can count, rules of order, and what is refused."""

from collections.abc import Sequence
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import Site
from accounts.types import Feature
from stats.store.client import EventStore
from tests.factories import make_funnel, make_goal, make_key, make_segment, make_site, make_team
from tests.stats.api.test_v2 import HOSTILE
from tests.stats.query.asking import Asker, new_asker, with_goals
from tests.stats.query.recorded import Hit, custom, engagement, pageview

CART, PAY, THANKS = (["is", "event:page", [path]] for path in ("/cart", "/pay", "/thanks"))
ORDER = [CART, PAY, "Purchase"]


@pytest.fixture
def asker(store: EventStore, db: None) -> Asker:
    return with_goals(new_asker(store), {"event_name": "Purchase"}, {"page_path": "/blog/*"})


def reached(asker: Asker, steps: Sequence[Any] = ORDER, **more: Any) -> list[int]:
    """Return how many visitors, or visits, took each step."""
    (row,) = asker.analysed("funnel", steps=list(steps), **more)
    return [step[more.get("unit", "visitors")] for step in row["steps"]]


# Four enter: ann buys, ben pays, cas and dan leave; dan pays before he fills his cart; eve only buys.
SHOP = (
    pageview("09:00", "ann", "/cart", source="News"),
    pageview("09:01", "ann", "/help"),
    pageview("09:02", "ann", "/pay"),
    custom("09:03", "ann", "Purchase", "/pay"),
    pageview("10:00", "ben", "/cart"),
    pageview("10:05", "ben", "/pay"),
    pageview("11:00", "cas", "/cart", source="News"),
    pageview("12:00", "dan", "/pay"),
    pageview("12:01", "dan", "/cart"),
    custom("13:00", "eve", "Purchase", "/pay"),
)


def test_funnel_counts_who_takes_the_steps_in_order(asker: Asker) -> None:
    asker.record(*SHOP)
    status, body = asker.analyse("funnel", steps=[{"filter": CART, "label": "Cart"}, PAY, "Purchase"])
    assert status == 200
    names = ("label", "visitors", "conversion_rate", "step_conversion_rate", "drop_off", "drop_off_rate")
    assert body["results"] == [
        {
            "dimensions": [],
            "entering": 4,
            "completing": 1,
            "conversion_rate": 25.0,
            "steps": [
                dict(zip(names, ("Cart", 4, 100.0, 100.0, 0, 0.0), strict=True)),
                dict(zip(names, ('["is", "event:page", ["/pay"]]', 2, 50.0, 50.0, 2, 50.0), strict=True)),
                dict(zip(names, ("Purchase", 1, 25.0, 50.0, 1, 50.0), strict=True)),
            ],
        }
    ]
    assert body["meta"] == {}
    assert list(body) == ["results", "meta", "query"]


def test_echo_posted_back_gives_the_same_answer(asker: Asker) -> None:
    asker.record(*SHOP)
    asked: dict[str, Any] = {
        "steps": [CART, {"filter": ["not", ["contains", "event:page", ["cart"]]], "label": "Away"}, "Purchase"],
        "filters": [["is", "visit:source", ["News"]]],
        "within": "1h",
        "unit": "visits",
        "dimensions": ["visit:source"],
        "include": {"total_rows": True},
        "pagination": {"limit": 5},
    }
    status, first = asker.analyse("funnel", **asked)
    assert status == 200
    assert first["query"]["within"] == 3600
    assert first["query"]["steps"][1:] == [asked["steps"][1], "Purchase"]
    assert asker.analyse("funnel", **first["query"]) == (200, first)


@pytest.mark.parametrize(
    ("hits", "steps", "expected"),
    [
        pytest.param([pageview("09:00", "u", "/cart")], [CART, CART], [1, 0], id="one event takes one step"),
        pytest.param([pageview("09:00", "u", "/cart")] * 2, [CART, CART], [1, 0], id="twins of a second are one"),
        pytest.param(
            [pageview("09:00", "u", "/cart"), pageview("09:00:01", "u", "/cart")],
            [CART, CART],
            [1, 1],
            id="a step may be repeated",
        ),
        pytest.param(
            [pageview("09:00", "u", "/blog/a"), pageview("09:01", "u", "/blog/b")],
            ["Visit /blog/*", ["is", "event:page", ["/blog/a"]]],
            [1, 0],
            id="a view that fits two steps takes the first",
        ),
        pytest.param(
            [custom("09:00", "u", "Purchase", "/x"), pageview("09:00", "u", "/thanks")],
            ["Purchase", THANKS],
            [1, 1],
            id="within one second",
        ),
        pytest.param(
            [custom("09:00", "u", "Purchase", "/x"), pageview("09:00", "u", "/thanks")],
            [THANKS, "Purchase"],
            [1, 1],
            id="within one second, the other way round",
        ),
        pytest.param(
            [pageview("09:00", "u", "/pay"), pageview("09:00", "u", "/cart")],
            [CART, PAY, CART],
            [1, 1, 0],
            id="within one second, the first fitting step decides",
        ),
        pytest.param(
            [pageview("09:00", "u", "/blog/a"), pageview("09:00", "u", "/blog/b")],
            ["Visit /blog/*", ["is", "event:page", ["/blog/a"]]],
            [1, 1],
            id="within one second, then the last",
        ),
        pytest.param(
            [
                pageview("09:00", "u", "/cart"),
                custom("09:01", "u", "Purchase"),
                engagement("09:02", "u", "/cart", 50, 60),
            ],
            ["Purchase", CART],
            [1, 0],
            id="leaving a page is no visit of it",
        ),
        pytest.param(
            [pageview("09:00", "u", "/cart"), engagement("09:02", "u", "/cart", 50, 60)],
            [CART, ["is", "event:name", ["engagement"]]],
            [1, 1],
            id="engagement where it is asked for",
        ),
        pytest.param(
            [pageview("09:00", "u", "/pay"), pageview("09:01", "u", "/cart"), pageview("09:02", "u", "/pay")],
            [CART, PAY],
            [1, 1],
            id="what came too soon may come again",
        ),
    ],
)
def test_order_rules(asker: Asker, hits: list[Hit], steps: list[Any], expected: list[int]) -> None:
    asker.record(*hits)
    assert reached(asker, steps) == expected


@pytest.mark.parametrize(
    ("within", "expected"), [(600, [1, 1, 1]), (599, [1, 1, 0]), ("10m", [1, 1, 1]), (1, [1, 0, 0])]
)
def test_window_runs_from_the_first_step_to_the_last(asker: Asker, within: Any, expected: list[int]) -> None:
    asker.record(pageview("09:00", "u", "/cart"), pageview("09:05", "u", "/pay"), custom("09:10", "u", "Purchase"))
    assert reached(asker, within=within) == expected


def test_who_begins_anew_within_the_window_counts(asker: Asker) -> None:
    asker.record(
        pageview("09:00", "u", "/cart"),
        pageview("09:20", "u", "/cart"),
        pageview("09:21", "u", "/pay"),
        custom("09:25", "u", "Purchase"),
    )
    assert reached(asker, within="6m") == [1, 1, 1]
    assert reached(asker, within="3m") == [1, 1, 0]


def test_visits_go_through_by_themselves(asker: Asker) -> None:
    asker.record(pageview("09:00", "u", "/cart"), pageview("15:00", "u", "/cart"), pageview("15:01", "u", "/pay"))
    asker.record(pageview("09:00", "v", "/cart"), pageview("20:00", "v", "/pay"))
    assert reached(asker, [CART, PAY]) == [2, 2]
    assert reached(asker, [CART, PAY], unit="visits") == [3, 1]


def test_dimension_gives_the_funnel_of_each_value(asker: Asker) -> None:
    asker.record(*SHOP)
    status, body = asker.analyse("funnel", steps=ORDER, dimensions=["visit:source"], include={"total_rows": True})
    assert status == 200
    assert body["meta"] == {"total_rows": 2}
    found = {row["dimensions"][0]: [step["visitors"] for step in row["steps"]] for row in body["results"]}
    assert list(found.items()) == [("Direct / None", [2, 1, 0]), ("News", [2, 1, 1])]
    for source, counts in found.items():
        assert reached(asker, filters=[["is", "visit:source", [source]]]) == counts
    by_entry = asker.analysed("funnel", steps=[PAY, CART], dimensions=["visit:entry_page"])
    assert [(row["dimensions"][0], row["entering"]) for row in by_entry] == [("/cart", 2), ("", 1), ("/pay", 1)]
    page = {"limit": 1, "offset": 2}
    assert asker.analysed("funnel", steps=[PAY, CART], dimensions=["visit:entry_page"], pagination=page) == by_entry[2:]


def test_filters_segments_and_behaviour_choose_events(asker: Asker) -> None:
    asker.record(*SHOP)
    segment = make_segment(Site.objects.get(pk=asker.site.id), ["is", "visit:source", ["News"]])
    assert reached(asker, filters=[["is", "segment", [segment.pk]]]) == [2, 1, 1]
    assert reached(asker, filters=[["has_done", ["is", "event:goal", ["Purchase"]]]]) == [1, 1, 1]
    assert reached(asker, filters=[["is", "event:page", ["/pay"]]]) == [0, 0, 0]
    assert reached(asker, [PAY, "Purchase"], filters=[["is", "event:page", ["/pay"]]]) == [4, 1]
    assert reached(asker, filters=[["is", "event:goal", ["Purchase"]]]) == [0, 0, 0]


def test_range_is_of_the_site_s_zone_and_ends_what_counts(store: EventStore, db: None) -> None:
    asker = with_goals(new_asker(store, "America/New_York"), {"event_name": "Purchase"})
    asker.record(
        pageview("2025-03-11 03:30", "u", "/cart"),
        pageview("2025-03-11 03:59:59", "u", "/pay"),
        custom("2025-03-11 04:00", "u", "Purchase"),
    )
    assert reached(asker) == [1, 1, 0]
    status, body = asker.analyse("funnel", steps=ORDER, date_range=["2025-03-10", "2025-03-11"])
    assert status == 200
    assert [step["visitors"] for step in body["results"][0]["steps"]] == [1, 1, 1]
    assert [one["code"] for one in body["meta"]["warnings"]] == ["visitor_ids_last_one_day"]
    Site.objects.filter(pk=asker.site.id).update(visitor_ids="persistent")
    assert asker.analyse("funnel", steps=ORDER, date_range=["2025-03-10", "2025-03-11"])[1]["meta"] == {}
    assert reached(asker, date_range=["2025-03-10T23:30:00-04:00", "2025-03-10T23:30:00-04:00"]) == [1, 0, 0]
    with time_machine.travel("2025-03-12T12:00:00Z", tick=False):
        assert reached(asker, date_range="all") == [1, 1, 1]


def test_defined_funnel_by_id_and_by_name(asker: Asker) -> None:
    asker.record(*SHOP)
    site = Site.objects.get(pk=asker.site.id)
    funnel = make_funnel(
        site, "Zum Käse ☃", make_goal(site, page_path="/cart"), make_goal(site, page_path="/pay", display_name="Paid")
    )
    listed = Client().get(
        "/api/v2/funnels", {"site_id": asker.site.domain}, headers={"authorization": f"Bearer {asker.key}"}
    )
    assert listed.json()["funnels"] == [{"id": funnel.pk, "name": "Zum Käse ☃", "steps": ["Visit /cart", "Paid"]}]
    for name in (funnel.pk, "Zum Käse ☃"):
        (row,) = asker.analysed("funnel", funnel=name)
        assert [(step["label"], step["visitors"]) for step in row["steps"]] == [("Visit /cart", 4), ("Paid", 2)]
    other = make_funnel(make_site(site.team), "Of another site")
    for unknown in (other.pk, other.name, "zum käse ☃", *HOSTILE):
        status, body = asker.analyse("funnel", funnel=unknown)
        assert (status, body["error"]) == (400, f"funnel: {unknown!r} is not a funnel of this site")


def test_list_takes_pages_and_refuses_foreign_cursors(asker: Asker) -> None:
    site = Site.objects.get(pk=asker.site.id)
    ids = [make_funnel(site, f"F{number}").pk for number in range(3)]

    def listed(**more: Any) -> Any:
        return (
            Client()
            .get("/api/v2/funnels", {"site_id": site.domain, **more}, headers={"authorization": f"Bearer {asker.key}"})
            .json()
        )

    first = listed(limit=2)
    assert [one["id"] for one in first["funnels"]] == ids[:0:-1]
    assert [one["id"] for one in listed(limit=2, after=first["meta"]["after"])["funnels"]] == ids[:1]
    assert listed(after="x\0") == {"error": "after: is not a cursor of this list"}


def test_plan_without_funnels_is_402_and_without_properties_400(store: EventStore, db: None) -> None:
    features = [one for one in Feature if one is not Feature.FUNNELS]
    team = make_team(features=features)
    site = make_site(team)
    headers = {"authorization": f"Bearer {make_key(team=team).text}"}
    for name in ("funnel", "retention", "journeys"):
        answer = Client().post(
            f"/api/v2/{name}", {"site_id": site.domain}, content_type="application/json", headers=headers
        )
        assert (answer.status_code, "funnels" in answer.json()["error"]) == (402, True)
    assert Client().get("/api/v2/funnels", {"site_id": site.domain}, headers=headers).status_code == 402
    team.feature_override = [one.value for one in Feature if one is not Feature.PROPS]
    team.save()
    step = ["is", "event:props:plan", ["pro"]]
    body = {"site_id": site.domain, "date_range": "day"}
    for name, more in (("funnel", {"steps": [step, step]}), ("retention", {"first": step})):
        answer = Client().post(f"/api/v2/{name}", {**body, **more}, content_type="application/json", headers=headers)
        assert (answer.status_code, answer.json()["error"].split(":")[:3]) == (400, ["event", "props", "plan"])


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no steps": ({}, "steps"),
    "both": ({"steps": [CART, PAY], "funnel": 1}, "steps"),
    "one step": ({"steps": [CART]}, "steps"),
    "nine steps": ({"steps": [CART] * 9}, "steps"),
    "steps of no list": ({"steps": {"0": CART}}, "steps"),
    "empty name": ({"steps": [CART, ""]}, "steps[1]"),
    "number": ({"steps": [7, CART]}, "steps[0]"),
    "unknown goal": ({"steps": [CART, "Nope"]}, "steps[1]"),
    "operator": ({"steps": [CART, ["likes", "event:page", ["/"]]]}, "steps[1][0]"),
    "clauses": ({"steps": [CART, ["is", "event:page", "/"]]}, "steps[1][2]"),
    "nested clauses": ({"steps": [CART, {"filter": ["is", "event:page", "/"]}]}, "steps[1].filter[2]"),
    "no filter": ({"steps": [CART, {"label": "x"}]}, "steps[1].filter"),
    "label of no text": ({"steps": [CART, {"filter": CART, "label": 7}]}, "steps[1].label"),
    "blank label": ({"steps": [CART, {"filter": CART, "label": " "}]}, "steps[1].label"),
    "long label": ({"steps": [CART, {"filter": CART, "label": "x" * 256}]}, "steps[1].label"),
    "unknown member of a step": ({"steps": [CART, {"filter": CART, "goal": "x"}]}, "steps[1].goal"),
    "visit in a step": ({"steps": [CART, ["is", "visit:source", ["Google"]]]}, "steps[1]"),
    "behaviour in a step": ({"steps": [CART, ["has_done", CART]]}, "steps[1]"),
    "segment in a step": ({"steps": [CART, ["is", "segment", [1]]]}, "steps[1]"),
    "unknown dimension in a step": ({"steps": [CART, ["is", "event:colour", ["red"]]]}, "steps[1]"),
    "time in a step": ({"steps": [CART, ["is", "time:day", ["2025-03-10"]]]}, "steps[1]"),
    "bad expression": ({"steps": [CART, ["matches", "event:page", ["("]]]}, ""),
    "expressions without end": ({"steps": [["matches", "event:page", ["x" * 2600]]] * 2}, "filters"),
    "unit": ({"steps": ORDER, "unit": "people"}, "unit"),
    "unit of no text": ({"steps": ORDER, "unit": ["visits"]}, "unit"),
    "window of nothing": ({"steps": ORDER, "within": 0}, "within"),
    "window of truth": ({"steps": ORDER, "within": True}, "within"),
    "window of weeks": ({"steps": ORDER, "within": "2w"}, "within"),
    "window too long": ({"steps": ORDER, "within": "5001d"}, "within"),
    "window beyond words": ({"steps": ORDER, "within": "9" * 5000 + "d"}, "within"),
    "funnel of no kind": ({"funnel": True}, "funnel"),
    "funnel too large": ({"funnel": 2**63}, "funnel"),
    "blank funnel": ({"funnel": " "}, "funnel"),
    "unknown member": ({"steps": ORDER, "metrics": ["visitors"]}, "metrics"),
    "two dimensions": ({"steps": ORDER, "dimensions": ["visit:source", "visit:os"]}, "dimensions"),
    "event dimension": ({"steps": ORDER, "dimensions": ["event:page"]}, "dimensions"),
    "unknown dimension": ({"steps": ORDER, "dimensions": ["visit:mood"]}, "dimensions"),
    "time labels": ({"steps": ORDER, "include": {"time_labels": True}}, "include.time_labels"),
    "page": ({"steps": ORDER, "pagination": {"limit": 0}}, "pagination.limit"),
    "range": ({"steps": ORDER, "date_range": "0d"}, "date_range"),
    "filter": ({"steps": ORDER, "filters": [["is", "event:goal", ["Nope"]]]}, "filters[0]"),
    "unknown segment": ({"steps": ORDER, "filters": [["is", "segment", [10**9]]]}, "filters[0]"),
}


@pytest.mark.parametrize(("change", "path"), REFUSED.values(), ids=REFUSED.keys())
def test_faults_are_400_and_name_their_place(asker: Asker, change: dict[str, Any], path: str) -> None:
    status, body = asker.analyse("funnel", **change)
    assert (status, list(body)) == (400, ["error"])
    assert body["error"].startswith(f"{path}: " if path else "")


def test_values_are_never_read_as_anything_else(asker: Asker) -> None:
    for text in HOSTILE:
        asker.record(pageview("09:00", f"u{text}", text), pageview("09:01", f"u{text}", "/pay"))
    for text in HOSTILE:
        assert reached(asker, [["is", "event:page", [text]], {"filter": PAY, "label": f"x{text}"}]) == [1, 1]
        status, body = asker.analyse("funnel", steps=[text, PAY])
        assert (status, body["error"]) == (400, f"steps[0]: event:goal {text!r} is not a goal of this site")
