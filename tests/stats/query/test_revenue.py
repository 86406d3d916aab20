"""Revenue of goals: the contract's worked cases, currencies in play and their warnings, over HTTP."""

from typing import Any

import pytest

from accounts.selectors import site_ref
from accounts.types import Feature
from stats.api.money import present_amount
from tests.factories import make_key, make_site, make_team
from tests.stats.query.asking import Asker, with_goals
from tests.stats.query.recorded import custom, engagement, pageview

BOTH = "average_revenue total_revenue"


def usd(short: str, long: str, value: float) -> dict[str, Any]:
    return {"short": short, "long": long, "value": value, "currency": "USD"}


def goal(*names: str) -> dict[str, Any]:
    return {"filters": [["is", "event:goal", list(names)]]}


@pytest.fixture
def shop(asker: Asker) -> Asker:
    """The contract's case C65: two revenue goals in two currencies, one goal without."""
    asker.record(
        custom("09:00", "u1", "Purchase", "/buy", amount="20.00", source="Google"),
        custom("09:01", "u2", "Purchase", "/buy", amount="10.50"),
        custom("09:02", "u2", "Purchase", "/buy"),
        custom("09:03", "u3", "Donation", "/give", amount="5"),
        custom("09:04", "u4", "Signup", "/"),
    )
    return with_goals(
        asker,
        {"event_name": "Purchase", "currency": "USD"},
        {"event_name": "Donation", "currency": "EUR"},
        {"event_name": "Signup"},
    )


def test_c65_amounts_of_the_one_currency_in_play(shop: Asker) -> None:
    body = shop.ask(["events", "average_revenue", "total_revenue"], **goal("Purchase", "Signup"))
    assert body["results"][0]["metrics"] == [4, usd("$15.2", "$15.25", 15.25), usd("$30.5", "$30.50", 30.5)]
    assert body["meta"] == {}


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        (goal("Purchase", "Donation"), "no_single_revenue_currency"),
        ({"filters": [["has_done", goal("Purchase")["filters"][0]]]}, "no_single_revenue_currency"),
        (goal("Signup"), "no_revenue_goals_matching"),
        ({}, "no_revenue_goals_matching"),
    ],
)
def test_c66_without_a_single_currency_revenue_is_null_and_says_why(
    shop: Asker, filters: dict[str, Any], code: str
) -> None:
    body = shop.ask(["total_revenue", "visitors", "average_revenue"], **filters)
    (row,) = body["results"]
    assert (row["metrics"][0], row["metrics"][2]) == (None, None)
    warnings = body["meta"]["metric_warnings"]
    assert {name: warning["code"] for name, warning in warnings.items()} == dict.fromkeys(BOTH.split(), code)
    assert all(warning["warning"] for warning in warnings.values())


def test_c66_goals_have_rows_in_their_own_currency(shop: Asker) -> None:
    body = shop.ask(["total_revenue"], ["event:goal"])
    assert [(row["dimensions"], row["metrics"]) for row in body["results"]] == [
        (["Purchase"], [usd("$30.5", "$30.50", 30.5)]),
        (["Donation"], [{"short": "€5.0", "long": "€5.00", "value": 5.0, "currency": "EUR"}]),
        (["Signup"], [None]),
    ]
    assert body["meta"] == {}
    only = shop.ask(["total_revenue"], ["event:goal"], **goal("Signup"))
    assert only["results"] == [{"dimensions": ["Signup"], "metrics": [None]}]
    assert only["meta"]["metric_warnings"]["total_revenue"]["code"] == "no_revenue_goals_matching"
    one = shop.rows("total_revenue", "event:goal", **goal("Purchase", "Signup"))
    assert one == [("Purchase", [usd("$30.5", "$30.50", 30.5)]), ("Signup", [None])]


def test_c67_means_are_cut_and_nothing_is_a_zero_amount(asker: Asker) -> None:
    with_goals(asker, {"event_name": "Purchase", "currency": "USD"})
    zero = usd("$0.0", "$0.00", 0.0)
    assert asker.total(BOTH, **goal("Purchase")) == [zero, zero]
    asker.record(*(custom("09:00", f"u{n}", "Purchase", amount="67.066") for n in range(2)))
    asker.record(custom("09:00", "u3", "Purchase", amount="67.068"))
    assert asker.total("average_revenue", **goal("Purchase")) == [usd("$67.1", "$67.07", 67.066)]
    asker.record(custom("09:00", "u4", "Purchase", amount="-201.2"))
    assert asker.total("total_revenue", **goal("Purchase")) == [usd("$0.0", "$0.00", 0.0)]


def test_refunds_are_cut_towards_zero(asker: Asker) -> None:
    with_goals(asker, {"event_name": "Refund", "currency": "USD"})
    asker.record(
        *(custom("09:00", f"u{n}", "Refund", amount="-0.005") for n in range(2)), custom("09:00", "v", "Refund")
    )
    asker.record(custom("09:00", "w", "Refund", amount="-0.001"))
    assert asker.total(BOTH, **goal("Refund")) == [usd("-$0.0", "-$0.00", -0.003), usd("-$0.0", "-$0.01", -0.011)]


def test_large_amounts_stay_exact(asker: Asker) -> None:
    with_goals(asker, {"event_name": "Purchase", "currency": "USD"})
    asker.record(*(custom("09:00", f"u{n}", "Purchase", amount="999999999999.999") for n in range(3)))
    (average,) = asker.total("average_revenue", **goal("Purchase"))
    assert average["value"] == 999999999999.999


def test_revenue_splits_and_orders_by_amount(shop: Asker) -> None:
    rows = shop.rows("total_revenue", "visit:source", order_by=[["total_revenue", "asc"]], **goal("Purchase"))
    assert rows == [("Direct / None", [usd("$10.5", "$10.50", 10.5)]), ("Google", [usd("$20.0", "$20.00", 20.0)])]
    assert shop.rows("total_revenue", "visit:source", filters=[["is", "event:page", ["/buy"]]]) == [
        ("Direct / None", [None]),
        ("Google", [None]),
    ]


def test_revenue_stands_beside_metrics_of_visits_and_pages(shop: Asker) -> None:
    shop.record(pageview("10:00", "u9", "/buy"), engagement("10:01", "u9", "/buy", 50, 9))
    shop.record(custom("10:02", "u9", "Purchase", "/buy", amount="1"))
    rows = shop.rows("visitors total_revenue time_on_page bounce_rate", "event:page", **goal("Purchase"))
    assert rows == [("/buy", [3, usd("$31.5", "$31.50", 31.5), None, 0])]


@pytest.mark.parametrize(
    ("value", "currency", "short", "long"),
    [
        (1234.5, "USD", "$1.2K", "$1,234.50"),
        (999.94, "USD", "$999.9", "$999.94"),
        (999.95, "USD", "$1.0K", "$999.95"),
        (999_950.0, "GBP", "£1.0M", "£999,950.00"),
        (2_500_000_000.0, "EUR", "€2.5B", "€2,500,000,000.00"),
        (0.25, "USD", "$0.2", "$0.25"),
        (0.35, "USD", "$0.4", "$0.35"),
        (1500.0, "JPY", "¥1.5K", "¥1,500"),
        (1.2345, "KWD", "KWD\u00a01.2", "KWD\u00a01.234"),
        (-15.25, "USD", "-$15.2", "-$15.25"),
    ],
)
def test_amounts_are_written_short_and_long(value: float, currency: str, short: str, long: str) -> None:
    assert present_amount(value, currency) == {"short": short, "long": long, "value": value, "currency": currency}


def test_plans_without_revenue_goals_refuse_it(asker: Asker) -> None:
    team = make_team(features=[Feature.STATS_API, Feature.GOALS])
    poor = Asker(site_ref(make_site(team)), make_key(team=team).text, asker.store)
    status, body = poor.post({"metrics": ["total_revenue"]})
    assert (status, "total_revenue" in body["error"]) == (400, True)
    assert poor.post({"metrics": ["visitors"]})[0] == 200


@pytest.mark.parametrize("change", [{"dimensions": ["visit:entry_page"]}, {"dimensions": ["visit:exit_page"]}])
def test_revenue_belongs_to_events(asker: Asker, change: dict[str, Any]) -> None:
    status, body = asker.post({"metrics": ["average_revenue"], **change})
    assert (status, "average_revenue" in body["error"]) == (400, True)


def test_v1_knows_no_revenue(asker: Asker) -> None:
    status, body = asker.get("aggregate", metrics="total_revenue")
    assert (status, "total_revenue" in body["error"]) == (400, True)
