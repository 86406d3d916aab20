"""Customers over HTTP: the fixture F worked by hand, names in paths, pages, and what a stranger's input meets."""

from decimal import Decimal
from typing import Any

from accounts.selectors import site_ref
from accounts.types import Feature
from stats.ingest.visitor import visitor_text
from stats.visitor_services import visitor_number
from tests.factories import make_key, make_site, make_team
from tests.revenue.api.conftest import PAYMENTS, MoneyClient


def ids(money: MoneyClient, query: str = "") -> list[str]:
    return [one["id"] for one in money.get("customers", query)["results"]]


def sale(transaction_id: str, visitor_id: str, paid_at: str, **fields: object) -> dict[str, object]:
    return {**PAYMENTS[0], "transaction_id": transaction_id, "visitor_id": visitor_id, "paid_at": paid_at, **fields}


def test_customers_of_the_fixture_are_worked_by_hand(fixture_f: MoneyClient) -> None:
    body = fixture_f.get("customers")
    assert [(one["id"], one["gross_revenue"], one["mrr"]) for one in body["results"]] == [
        ("v_cho", Decimal("33.50"), Decimal("33.50")),
        ("v_ben", 49, 49),
        ("v_ana", 120, 0),
    ]
    assert body["meta"] == {
        "site_id": fixture_f.site.public_id,
        "currency": "USD",
        "sort": "last_payment",
        "total": 3,
        "limit": 100,
        "cursor": None,
    }
    first = {
        "transaction_id": "txn_1",
        "paid_at": "2026-03-02T10:30:00Z",
        "amount": 120,
        "currency": "USD",
        "payment_type": "one_time",
        "product_name": None,
    }
    assert body["results"][2] == {
        "id": "v_ana",
        "customer_id": None,
        "visitor_ids": ["v_ana"],
        "gross_revenue": 120,
        "refund_revenue": 20,
        "net_revenue": 100,
        "payment_count": 1,
        "refund_count": 1,
        "mrr": 0,
        "first_payment": first,
        "last_payment": first,
        "first_touch": {
            "at": "2026-03-02T10:00:00Z",
            "source": "google.com",
            "medium": None,
            "campaign": None,
            "channel": body["results"][2]["first_touch"]["channel"],
            "landing_page": "/",
            "country": "United States",
            "device_type": "desktop",
        },
        "seconds_to_first_payment": 1800,
    }


def test_one_customer_has_payments_refunds_and_subscriptions(fixture_f: MoneyClient) -> None:
    ana = fixture_f.get("customers/v_ana")["results"]
    assert [one["transaction_id"] for one in ana["payments"]] == ["txn_4", "txn_1"]
    assert ana["subscriptions"] == []
    ben = fixture_f.get("customers/v_ben/")["results"]
    assert [(one["product_name"], one["interval"], one["mrr"]) for one in ben["subscriptions"]] == [
        ("Pro", "month", 49)
    ]
    page = fixture_f.get("customers/v_ana", "limit=1")
    rest = fixture_f.get("customers/v_ana", f"limit=1&cursor={page['meta']['cursor']}")
    assert [one["transaction_id"] for one in (*page["results"]["payments"], *rest["results"]["payments"])] == [
        "txn_4",
        "txn_1",
    ]
    assert rest["meta"]["cursor"] is None


def test_list_is_narrowed_by_its_filters(fixture_f: MoneyClient) -> None:
    cases: list[tuple[str, list[str]]] = [
        ("visitor_id=v_ana", ["v_ana"]),
        ("customer_id=v_ana", []),
        ("product_name=Pro", ["v_cho", "v_ben"]),
        ("product_name=pro", []),
        ("revenue_min=49", ["v_ben", "v_ana"]),
        ("revenue_min=-5&sort=revenue", ["v_ana", "v_ben", "v_cho"]),
        ("sort=mrr&limit=2", ["v_ben", "v_cho"]),
        ("start=2026-03-03&end=2026-03-03", ["v_ben"]),
        ("start=2026-03-10&end=2026-03-10&window_by=last_payment", []),
        ("country[is]=germany", ["v_ben"]),
        ("source[is_not]=direct&device_type[is]=desktop", ["v_ben", "v_ana"]),
        ("source[contains]=goo&landing_page[is]=/", ["v_ana"]),
        ("unknown=1&sort=", ["v_cho", "v_ben", "v_ana"]),
    ]
    for query, expected in cases:
        assert ids(fixture_f, query) == expected, query


def test_cursor_leads_through_all_and_only_its_own_order(fixture_f: MoneyClient) -> None:
    for order in ("last_payment", "first_payment", "revenue", "mrr"):
        query, found = f"sort={order}&limit=1", []
        for number in range(3):
            page = fixture_f.get("customers", query)
            found += [one["id"] for one in page["results"]]
            assert page["meta"]["total"] == 3
            assert (page["meta"]["cursor"] is None) == (number == 2)
            query = f"sort={order}&limit=1&cursor={page['meta']['cursor']}"
        assert found == ids(fixture_f, f"sort={order}")
    last = fixture_f.get("customers", "limit=1")["meta"]["cursor"]
    assert fixture_f.send("GET", "customers", f"sort=revenue&cursor={last}")[0] == 400


def test_several_visitors_are_one_customer_and_names_come_as_sent(fixture_f: MoneyClient) -> None:
    own = visitor_text(visitor_number(site_ref(fixture_f.site), "v_ben"))
    fixture_f.pay(**sale("t1", own, "2026-03-20T00:00:00Z"))
    assert fixture_f.get("customers/v_ben")["results"]["payment_count"] == 2
    fixture_f.pay(**sale("t2", "v_cho", "2026-03-21T00:00:00Z", customer_id="Añ/ x%2F"))
    fixture_f.pay(**sale("t3", "phone", "2026-03-22T00:00:00Z", customer_id="Añ/ x%2F"))
    fixture_f.pay(**sale("t4", "phone", "2026-03-23T00:00:00Z", payment_type="refund", amount=70))
    found: Any = fixture_f.get("customers/A%C3%B1%2F%20x%252F")["results"]
    assert (found["id"], found["visitor_ids"], found["net_revenue"]) == ("Añ/ x%2F", ["phone", "v_cho"], 170)
    assert fixture_f.send("GET", "customers/phone")[0] == 404
    assert ids(fixture_f, "visitor_id=v_cho") == ["Añ/ x%2F", "v_cho"]


def test_payments_of_nothing_and_refunds_make_no_customer(money: MoneyClient) -> None:
    money.pay(**sale("t1", "trial", "2026-03-20T00:00:00Z", amount=0))
    money.pay(**sale("t2", "returner", "2026-03-20T00:00:00Z", payment_type="refund"))
    body = money.get("customers")
    assert (body["results"], body["meta"]["total"]) == ([], 0)
    assert [money.send("GET", f"customers/{name}")[0] for name in ("trial", "returner")] == [404, 404]


def test_payment_without_a_rate_is_announced(money: MoneyClient) -> None:
    money.pay(**sale("t1", "ann", "2026-03-06T00:00:00Z", currency="KWD", amount=5))
    body = money.get("customers/ann")
    assert (body["results"]["gross_revenue"], body["results"]["payment_count"]) == (0, 1)
    assert body["warning"] == "1 payment(s) in KWD left out: no KWD to USD exchange rate"


def test_wrong_parameter_is_named(money: MoneyClient) -> None:
    for query in (
        "sort=name",
        "window_by=month",
        "limit=1001",
        "lookback=0",
        "revenue_min=much",
        "revenue_min=1e5",
        "revenue_min=0.0000001",
        "customer_id=%00",
        f"visitor_id={'x' * 129}",
        "product_name=a&product_name=b",
        "start=yesterday",
        "nothing[is]=1",
        "goal[is]=signup",
        "source[like]=x",
        "cursor=%00",
        "cursor=bm90aGluZw",
        "cursor=Y3VzdG9tZXIgbGFzdF9wYXltZW50OjE6Mjo5OTk5OTk5OTk5OTox",
    ):
        status, body = money.send("GET", "customers", query)
        assert (status, list(body)) == (400, ["error"]), query
        assert query.partition("=")[0].partition("[")[0] in body["error"]


def test_path_of_nobody_is_refused(money: MoneyClient) -> None:
    for name in ("nobody", "%00", "%FF", "x" * 3000, "'; DROP TABLE payments; --", "%20", "a/b"):
        assert money.send("GET", f"customers/{name}")[0] in {400, 404}


def test_plan_without_revenue_answers_402_and_other_sites_404(money: MoneyClient) -> None:
    team = make_team(features=[one for one in Feature if one is not Feature.REVENUE_GOALS])
    site, key = make_site(team), make_key(team=team).text
    for path in ("customers", "customers/ann"):
        assert money.send("GET", path, f"site_id={site.public_id}", key=key)[0] == 402
        assert money.send("GET", path, f"site_id={site.public_id}")[0] == 404
