"""Attribution over HTTP: the worked table of the revenue contract, part 3, and what it leaves to be asked."""

from decimal import Decimal
from typing import Any

import pytest

from revenue.api.attribution_filters import DIMENSIONS
from stats.models import CityName
from tests.factories import make_goal
from tests.revenue.api.conftest import MoneyClient

TOUCHES: tuple[dict[str, object], ...] = (
    {"timestamp": "2026-03-01T10:00:00Z", "visitor_id": "vera", "referrer": "google.com"},
    {"timestamp": "2026-03-05T10:00:00Z", "visitor_id": "vera"},
    {
        "timestamp": "2026-03-09T10:00:00Z",
        "visitor_id": "vera",
        "utm_source": "newsletter",
        "utm_campaign": "spring",
        "pathname": "/offer",
    },
    {"timestamp": "2026-03-12T10:00:00Z", "visitor_id": "vera"},
    {"timestamp": "2026-04-12T10:00:00Z", "visitor_id": "vera"},
)
MARCH_12 = "start=2026-03-12&end=2026-03-12"
APRIL_12 = "start=2026-04-12&end=2026-04-12"


def pay(money: MoneyClient, at: str, amount: object = 100.00, visitor: str = "vera", **fields: object) -> None:
    sent = {
        "transaction_id": f"{visitor} {at}",
        "visitor_id": visitor,
        "amount": amount,
        "currency": "USD",
        "paid_at": at,
        **fields,
    }
    money.pay(**sent)


@pytest.fixture
def vera(money: MoneyClient) -> MoneyClient:
    """The visitor of the worked table, with a payment and its renewal."""
    money.clock.move_to("2026-05-01T12:00:00Z")
    money.bring(*TOUCHES)
    for on in ("2026-03-12T11:00:00Z", "2026-04-12T11:00:00Z"):
        pay(money, on, payment_type="recurring", product_name="Pro")
    return money


def rows(money: MoneyClient, query: str, dimension: str = "source") -> dict[Any, str]:
    body = money.get("revenue/breakdown", f"dimension={dimension}&{query}")
    return {row[dimension]: f"{row['revenue'] - row['refunds']:.2f}" for row in body["results"]}


WORKED = {
    "first_touch": {"google.com": "100.00"},
    "last_touch": {"Direct": "100.00"},
    "last_non_direct": {"newsletter": "100.00"},
    "linear": {"Direct": "50.00", "google.com": "25.00", "newsletter": "25.00"},
    "position": {"Direct": "50.00", "google.com": "40.00", "newsletter": "10.00"},
}


def test_worked_table(vera: MoneyClient) -> None:
    for model, expected in WORKED.items():
        for day in (MARCH_12, APRIL_12):
            assert rows(vera, f"model={model}&{day}") == expected
        assert rows(vera, f"renewals=exclude&model={model}&{APRIL_12}") == {}
    assert rows(vera, f"renewals=own&{APRIL_12}") == {"newsletter": "100.00"}


def test_worked_answer(vera: MoneyClient) -> None:
    site = vera.site.public_id
    assert (
        vera.raw("revenue/breakdown", f"dimension=source&model=linear&{MARCH_12}")
        == (
            '{"results":[{"source":"Direct","revenue":50.00,"refunds":0.00,"payments":0.5,"customers":1,"visitors":1,'
            '"revenue_per_visitor":50.00},{"source":"google.com","revenue":25.00,"refunds":0.00,"payments":0.25,'
            '"customers":1,"visitors":0,"revenue_per_visitor":null},{"source":"newsletter","revenue":25.00,"refunds":0.00,'
            '"payments":0.25,"customers":1,"visitors":0,"revenue_per_visitor":null}],"meta":{"site_id":"' + site + '",'
            '"start":"2026-03-12T00:00:00Z","end":"2026-03-12T23:59:59Z","timezone":"UTC","currency":"USD",'
            '"dimension":"source","model":"linear","lookback_days":90,"total":3,"limit":100,"offset":0}}'
        ).encode()
    )


DEVICES = ("phone", "laptop", "phone", "tablet", "laptop")


def on_devices(money: MoneyClient) -> None:
    """The visits of the worked table, by three visitors."""
    money.clock.move_to("2026-05-01T12:00:00Z")
    money.bring(*({**touch, "visitor_id": device} for touch, device in zip(TOUCHES, DEVICES, strict=True)))


@pytest.mark.parametrize("payer", ["tablet", "vera"])
def test_visitors_who_are_one_user_share_the_path_of_the_worked_table(money: MoneyClient, payer: str) -> None:
    on_devices(money)
    for on in ("2026-03-12T11:00:00Z", "2026-04-12T11:00:00Z"):
        pay(money, on, visitor=payer, payment_type="recurring", product_name="Pro")
    alone = {"tablet": {"Direct": "100.00"}, "vera": {None: "100.00"}}
    assert rows(money, f"model=first_touch&{MARCH_12}") == alone[payer]
    before = money.get("revenue", MARCH_12)["results"]
    for device in set(DEVICES):
        money.identify(device, "vera")

    for model, expected in WORKED.items():
        for day in (MARCH_12, APRIL_12):
            assert rows(money, f"model={model}&{day}") == expected
    assert rows(money, f"renewals=own&{APRIL_12}") == {"newsletter": "100.00"}
    path = money.get("revenue/paths", MARCH_12)["results"][0]
    assert (path["path"], path["average_visits"]) == (["google.com", "Direct", "newsletter", "Direct"], 4.0)
    assert money.get("revenue", MARCH_12)["results"] == before  # visitors are counted as before
    money.identify("phone", "somebody else")
    assert rows(money, f"model=first_touch&{MARCH_12}") == {"Direct": "100.00"}


def test_goals_of_a_user_are_credited_whoever_reached_them(money: MoneyClient) -> None:
    on_devices(money)
    money.bring({"timestamp": "2026-03-10T10:00:00Z", "visitor_id": "phone", "name": "Trial"})
    make_goal(money.site, event_name="Trial")
    pay(money, "2026-03-12T11:00:00Z", visitor="laptop")
    assert rows(money, MARCH_12, "goal") == {None: "100.00"}
    for device in ("phone", "laptop"):
        money.identify(device, "vera")
    assert rows(money, MARCH_12, "goal") == {"Trial": "100.00"}


def test_cents_are_cut_by_the_largest_remainder_and_earlier_touches_first(money: MoneyClient) -> None:
    money.clock.move_to("2026-05-01T12:00:00Z")
    for day, source in enumerate(("c.example", "a.example", "b.example"), 1):
        money.bring({"timestamp": f"2026-03-0{day}T10:00:00Z", "visitor_id": "vera", "referrer": source})
    pay(money, "2026-03-12T11:00:00Z")
    expected = {"c.example": "33.34", "a.example": "33.33", "b.example": "33.33"}
    assert rows(money, f"model=linear&{MARCH_12}") == expected
    body = money.get("revenue/breakdown", f"model=linear&{MARCH_12}&limit=1&offset=1")
    assert [row["source"] for row in body["results"]] == ["a.example"]
    assert body["results"][0]["payments"] == Decimal("0.333333")
    assert (body["meta"]["total"], body["meta"]["limit"], body["meta"]["offset"]) == (3, 1, 1)
    beyond = money.get("revenue/breakdown", f"model=linear&{MARCH_12}&offset=3")
    assert (beyond["results"], beyond["meta"]["total"]) == ([], 3)


def test_time_decay_halves_every_seven_days(money: MoneyClient) -> None:
    money.clock.move_to("2026-05-01T12:00:00Z")
    for day, source in (("01", "old.example"), ("08", "new.example")):
        money.bring({"timestamp": f"2026-03-{day}T10:00:00Z", "visitor_id": "vera", "referrer": source})
    pay(money, "2026-03-12T11:00:00Z", 90)
    assert rows(money, f"model=time_decay&{MARCH_12}") == {"new.example": "60.00", "old.example": "30.00"}
    assert rows(money, f"model=time_decay&lookback=5&{MARCH_12}") == {"new.example": "90.00"}
    assert rows(money, f"lookback=3&{MARCH_12}") == {None: "90.00"}


def test_refunds_take_credit_back_where_their_payment_gave_it(vera: MoneyClient) -> None:
    first = {"refund_of": "vera 2026-03-12T11:00:00Z", "payment_type": "refund"}
    pay(vera, "2026-04-20T10:00:00Z", 40, transaction_id="r1", **first)
    pay(vera, "2026-04-21T10:00:00Z", 10, transaction_id="r2", payment_type="refund")
    pay(vera, "2026-04-21T11:00:00Z", 7, visitor="nobody", transaction_id="r3", payment_type="refund")
    april = "start=2026-04-20&end=2026-04-21"
    assert rows(vera, april) == {"newsletter": "-50.00", None: "-7.00"}
    assert rows(vera, f"model=linear&{april}") == {
        "Direct": "-25.00",
        "google.com": "-12.50",
        "newsletter": "-12.50",
        None: "-7.00",
    }
    assert rows(vera, april, "product") == {"Pro": "-50.00", None: "-7.00"}
    assert rows(vera, april, "payment_type") == {"recurring": "-50.00", None: "-7.00"}
    assert vera.get("revenue", april)["results"]["total_revenue"] == Decimal("-57.00")


def test_payment_of_a_visitor_who_turns_up_later(money: MoneyClient) -> None:
    money.clock.move_to("2026-05-01T12:00:00Z")
    pay(money, "2026-03-12T11:00:00Z")
    assert rows(money, MARCH_12) == {None: "100.00"}
    money.bring({"timestamp": "2026-03-12T11:00:01Z", "visitor_id": "vera", "referrer": "late.example"})
    assert rows(money, MARCH_12) == {None: "100.00"}
    money.bring({"timestamp": "2026-03-12T09:00:00Z", "visitor_id": "vera", "referrer": "early.example"})
    assert rows(money, MARCH_12) == {"early.example": "100.00"}


def test_payment_pages_and_the_site_itself_are_no_touches(money: MoneyClient) -> None:
    money.clock.move_to("2026-05-01T12:00:00Z")
    for minute, referrer in enumerate(("news.example", "checkout.stripe.com/c/pay", f"app.{money.site.domain}/x")):
        at = f"2026-03-12T0{minute}:00:00Z"
        money.bring({"timestamp": at, "visitor_id": "vera", "referrer": referrer})
    pay(money, "2026-03-12T11:00:00Z")
    for model in ("last_touch", "linear"):
        assert rows(money, f"model={model}&{MARCH_12}") == {"news.example": "100.00"}


def test_dimensions(vera: MoneyClient) -> None:
    known = {
        "campaign": "spring",
        "referrer": "Direct / None",
        "landing_page": "/offer",
        "product": "Pro",
        "payment_type": "recurring",
        "currency": "USD",
        "goal": None,
    }
    for dimension in DIMENSIONS:
        value = "newsletter" if dimension == "source" else known.get(dimension, "(not set)")
        expected = rows(vera, MARCH_12, dimension)
        if dimension == "channel":  # the rules of channels are tested with intake
            assert list(expected.values()) == ["100.00"]
        else:
            assert expected == {value: "100.00"}, dimension


def test_filters(vera: MoneyClient) -> None:
    newsletter = {"newsletter": "25.00"}
    for query, expected in {
        "source[is]=NEWSLETTER": newsletter,
        "source[is_not]=newsletter": {"Direct": "50.00", "google.com": "25.00"},
        "source[contains]=o": {"google.com": "25.00"},
        "source[is]=Direct": {"Direct": "50.00"},
        "landing_page[is]=/offer": newsletter,
        "pathname[contains]=/off&product[is]=pro": newsletter,
        "product[contains_not]=pro": {},
        "payment_type[is]=one_time": {},
        "currency[is_not]=EUR&campaign[is]=spring": newsletter,
        "country[is]=%27%20OR%201=1--": {},
    }.items():
        assert rows(vera, f"model=linear&{MARCH_12}&{query}") == expected, query


def test_goals_stand_in_the_place_of_touches(vera: MoneyClient) -> None:
    for name, at in (("demo", "2026-03-02T10:00:00Z"), ("trial", "2026-03-10T10:00:00Z")):
        body = {"name": name, "visitor_id": "vera", "timestamp": at}
        assert vera.send("POST", "goals", body=body)[0] == 201
    assert rows(vera, MARCH_12, "goal") == {"trial": "100.00"}
    assert rows(vera, f"model=linear&{MARCH_12}", "goal") == {"demo": "50.00", "trial": "50.00"}
    assert rows(vera, f"model=linear&goal[is_not]=demo&{MARCH_12}", "goal") == {"trial": "50.00"}
    assert rows(vera, MARCH_12) == {"newsletter": "100.00"}


def test_cities_have_names(money: MoneyClient) -> None:
    money.clock.move_to("2026-05-01T12:00:00Z")
    CityName.objects.create(geoname_id=2950159, name="Berlin")
    money.bring({"timestamp": "2026-03-12T10:00:00Z", "visitor_id": "vera", "city_geoname_id": 2950159})
    pay(money, "2026-03-12T11:00:00Z")
    body = money.get("revenue/breakdown", f"dimension=city&{MARCH_12}")
    assert [(row["city"], row["visitors"]) for row in body["results"]] == [("Berlin", 1)]
    assert rows(money, f"city[is]=berlin&{MARCH_12}") == {"Direct": "100.00"}
    assert rows(money, f"city[is_not]=berlin&{MARCH_12}") == {}


def test_paths_before_paying(vera: MoneyClient) -> None:
    pay(vera, "2026-03-12T11:30:00Z", 5, visitor="nobody")
    pay(vera, "2026-03-12T11:40:00Z", 2, visitor="nobody", payment_type="refund", transaction_id="back")
    body = vera.get("revenue/paths", MARCH_12)
    assert [(tuple(row["path"]), row["payments"], row["revenue"], row["refunds"]) for row in body["results"]] == [
        (("google.com", "Direct", "newsletter", "Direct"), 1, Decimal("100.00"), Decimal("0.00")),
        ((), 1, Decimal("5.00"), Decimal("2.00")),
    ]
    first, nobody = body["results"]
    assert (first["average_days"], first["average_visits"], first["customers"]) == (Decimal("11.0"), 4, 1)
    assert (nobody["average_days"], nobody["average_visits"]) == (0, 0)
    assert body["meta"]["total"] == 2
    both = vera.get("revenue/paths", "start=2026-03-12&end=2026-04-12&limit=1")["results"]
    assert [(row["payments"], row["revenue"]) for row in both] == [(2, Decimal("200.00"))]
    own = vera.get("revenue/paths", f"renewals=own&source[is]=newsletter&{APRIL_12}")["results"]
    assert [row["path"] for row in own] == [["google.com", "Direct", "newsletter", "Direct"]]
    assert vera.get("revenue/paths", f"source[is]=none&{MARCH_12}")["results"] == []
    assert vera.send("GET", "revenue/paths", "dimension=product")[0] == 400


WRONG = (
    "dimension=price",
    "dimension=visit:source",
    "model=Linear",
    "lookback=0",
    "lookback=366",
    "lookback=1.5",
    "renewals=maybe",
    "limit=1001",
    "offset=-1",
    "source[like]=x",
    "props[is]=x",
    "goal[is]=signup",
    "dimension=goal&pathname[is]=/",
    "model=linear&model=linear",
    "dimension=%00",
)


def test_wrong_parameters_are_refused_by_name(money: MoneyClient) -> None:
    for query in WRONG:
        status, body = money.send("GET", "revenue/breakdown", query)
        assert status == 400
        assert any(part.partition("=")[0].partition("[")[0] in body["error"] for part in query.split("&")), body


def test_hostile_values_of_filters_are_values(vera: MoneyClient) -> None:
    for text in ("%00", "%F0%9F%98%80", "%27%22%5C%7B%7D%29%28", "x" * 3000, "%25_*", "%EF%BF%BF"):
        for name, found in {"source[is]": 0, "product[contains_not]": 1, "landing_page[contains]": 0}.items():
            status, body = vera.send("GET", "revenue/breakdown", f"{name}={text}&{MARCH_12}")
            assert status == 200, body
            assert len(body["results"]) == found
