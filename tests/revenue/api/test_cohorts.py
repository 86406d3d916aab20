"""Cohorts over HTTP, worked by hand: three customers of a winter, and what is asked of them."""

from typing import Any

import pytest

from revenue.api.attribution_filters import OF_TOUCHES
from tests.revenue.api.conftest import MoneyClient, quote
from tests.revenue.api.test_attribution import pay

WINTER = "start=2026-01-01&end=2026-02-28"


@pytest.fixture
def winter(money: MoneyClient) -> MoneyClient:
    """On 10 April: ann pays monthly from January, bob once and again in March, cid on the last evening of February.

    Bob is known by a customer id, and pays from two devices; half of his first payment goes back in April.
    """
    money.clock.move_to("2026-04-10T12:00:00Z")
    money.bring(
        {"timestamp": "2026-01-09T10:00:00Z", "visitor_id": "ann", "referrer": "google.com"},
        {"timestamp": "2026-02-09T10:00:00Z", "visitor_id": "ann", "referrer": "late.example"},
        {"timestamp": "2026-01-19T10:00:00Z", "visitor_id": "bob1", "utm_source": "newsletter", "pathname": "/offer"},
        {"timestamp": "2026-01-19T12:00:00Z", "visitor_id": "bob1"},
        {"timestamp": "2026-02-28T10:00:00Z", "visitor_id": "cid", "referrer": "google.com"},
    )
    for month in ("01", "02", "03"):
        pay(money, f"2026-{month}-10T10:00:00Z", 10, "ann", payment_type="recurring", product_name="Pro")
    pay(money, "2026-01-20T10:00:00Z", 100, "bob1", customer_id="bob", transaction_id="bob_1")
    pay(money, "2026-03-20T10:00:00Z", 60, "bob2", customer_id="bob")
    pay(money, "2026-04-02T10:00:00Z", 50, "bob2", payment_type="refund", refund_of="bob_1")
    pay(money, "2026-02-28T23:30:00Z", 30, "cid")
    return money


def told(row: dict[str, Any]) -> list[str | None]:
    """Return the months of a cohort in short: customers, who paid, their revenue, by customer; `…` while in course."""
    return [
        None
        if month["cumulative_revenue"] is None
        else f"{month['customers']} {month['paying_customers']} {month['cumulative_revenue']} "
        f"{month['revenue_per_customer']}{'' if month['is_complete'] else ' …'}"
        for month in row["months"]
    ]


def rows(money: MoneyClient, query: str) -> dict[Any, list[str | None]]:
    return {row["cohort"]: told(row) for row in money.get("revenue/cohorts", query)["results"]}


def test_by_month(winter: MoneyClient) -> None:
    assert rows(winter, f"{WINTER}&periods=4") == {
        "2026-01-01": ["2 2 110.00 55.00", "2 1 120.00 60.00", "2 2 190.00 95.00", "2 0 140.00 70.00 …", None],
        "2026-02-01": ["1 1 30.00 30.00", "1 0 30.00 30.00", "1 0 30.00 30.00 …", None, None],
    }
    site = winter.site.public_id
    assert (
        winter.raw("revenue/cohorts", "start=2026-02-01&end=2026-02-28&periods=3")
        == (
            '{"results":[{"cohort":"2026-02-01","customers":1,"total_revenue":30.00,"revenue_per_customer":30.00,"months":['
            '{"month":0,"period":"2026-02-01","is_complete":true,"customers":1,"paying_customers":1,"retention_rate":1.0,'
            '"cumulative_revenue":30.00,"revenue_per_customer":30.00},'
            '{"month":1,"period":"2026-03-01","is_complete":true,"customers":1,"paying_customers":0,"retention_rate":0.0,'
            '"cumulative_revenue":30.00,"revenue_per_customer":30.00},'
            '{"month":2,"period":"2026-04-01","is_complete":false,"customers":1,"paying_customers":0,"retention_rate":0.0,'
            '"cumulative_revenue":30.00,"revenue_per_customer":30.00},'
            '{"month":3,"period":"2026-05-01","is_complete":false,"customers":null,"paying_customers":null,'
            '"retention_rate":null,"cumulative_revenue":null,"revenue_per_customer":null}]}],"meta":{"site_id":"'
            + site
            + '","start":"2026-02-01T00:00:00Z","end":"2026-02-28T23:59:59Z","timezone":"UTC","currency":"USD",'
            '"by":"month","model":"last_non_direct","lookback_days":90,"periods":3,"total":1,"limit":100,"offset":0}}'
        ).encode()
    )


def test_by_source_tells_a_month_of_those_for_whom_it_has_begun(winter: MoneyClient) -> None:
    body = winter.get("revenue/cohorts", f"{WINTER}&by=source&periods=3")
    assert {row["cohort"]: told(row) for row in body["results"]} == {
        "newsletter": ["1 1 100.00 100.00", "1 0 100.00 100.00", "1 1 160.00 160.00", "1 0 110.00 110.00 …"],
        "google.com": ["2 2 40.00 20.00", "2 1 50.00 25.00", "2 1 60.00 30.00 …", "1 0 30.00 30.00 …"],
    }
    totals = [(row["customers"], row["total_revenue"], row["revenue_per_customer"]) for row in body["results"]]
    assert totals == [(1, 110, 110), (2, 60, 30)]
    assert {month["period"] for row in body["results"] for month in row["months"]} == {None}
    page = winter.get("revenue/cohorts", f"{WINTER}&by=source&periods=0&limit=1&offset=1")
    assert [row["cohort"] for row in page["results"]] == ["google.com"]
    assert page["meta"]["total"] == 2
    beyond = winter.get("revenue/cohorts", f"{WINTER}&by=source&offset=2")
    assert (beyond["results"], beyond["meta"]["total"]) == ([], 2)
    assert rows(winter, f"{WINTER}&by=source&periods=0&model=last_touch") == {
        "Direct": ["1 1 100.00 100.00"],
        "google.com": ["2 2 40.00 20.00"],
    }
    assert rows(winter, f"{WINTER}&by=source&periods=0&lookback=1") == {
        "newsletter": ["1 1 100.00 100.00"],
        "google.com": ["2 2 40.00 20.00"],
    }


def test_by_other_dimensions(winter: MoneyClient) -> None:
    for by in OF_TOUCHES:
        body = winter.get("revenue/cohorts", f"{WINTER}&by={by}")
        assert sum(row["total_revenue"] for row in body["results"]) == 170, by
    assert list(rows(winter, f"{WINTER}&by=landing_page")) == ["/offer", "/"]
    pay(winter, "2026-02-01T10:00:00Z", 5, "nobody")
    assert rows(winter, f"{WINTER}&by=campaign&periods=0")[None] == ["1 1 5.00 5.00"]


def test_filters_choose_customers_by_the_touch_of_their_first_payment(winter: MoneyClient) -> None:
    assert rows(winter, f"{WINTER}&periods=0&source[is]=GOOGLE.com") == {
        "2026-01-01": ["1 1 10.00 10.00"],
        "2026-02-01": ["1 1 30.00 30.00"],
    }
    assert rows(winter, f"{WINTER}&periods=0&by=source&landing_page[contains]=off") == {
        "newsletter": ["1 1 100.00 100.00"]
    }
    hostile = rows(winter, f"{WINTER}&by=source&country[is]=%27%20OR%201=1--%00%F0%9F%98%80")
    assert hostile == {}


def test_months_are_those_of_the_zone(winter: MoneyClient) -> None:
    tokyo = rows(winter, f"{WINTER}&timezone=Asia/Tokyo&periods=1")
    assert list(tokyo.values()) == [["2 2 110.00 55.00", "2 1 120.00 60.00"], ["0 0 0.00 None", "0 0 0.00 None"]]
    march = rows(winter, "start=2026-03-01&end=2026-03-31&timezone=Asia/Tokyo&periods=1")
    assert march == {"2026-03-01": ["1 1 30.00 30.00", "1 0 30.00 30.00 …"]}


def test_window_cuts_first_payments_and_nothing_else(winter: MoneyClient) -> None:
    assert rows(winter, "start=2026-01-15&end=2026-01-31&periods=3") == {
        "2026-01-01": ["1 1 100.00 100.00", "1 0 100.00 100.00", "1 1 160.00 160.00", "1 0 110.00 110.00 …"]
    }
    default = winter.get("revenue/cohorts")
    assert default["meta"]["start"] == "2025-05-01T00:00:00Z"
    assert [row["customers"] for row in default["results"]] == [0] * 8 + [2, 1, 0, 0]
    assert default["results"][-1]["months"][1]["customers"] is None
    ahead = rows(winter, "start=2026-04-01&end=2026-06-30&periods=0")
    assert list(ahead.values()) == [["0 0 0.00 None …"], [None], [None]]
    assert winter.get("revenue/cohorts", "end=1970-02-01")["meta"]["start"] == "1970-01-01T00:00:00Z"
    assert rows(winter, "start=2026-05-01&end=2026-05-31&by=source") == {}

    body = winter.get("revenue/cohorts", "start=2026-02-01&end=2026-02-28&periods=0&include=meta,previous")
    assert body["meta"]["unique_visitors"] == 2
    assert [told(row) for row in body["previous"]] == [["2 2 110.00 55.00"]]
    page = winter.get("revenue/cohorts", f"{WINTER}&limit=1&offset=1")
    assert [row["cohort"] for row in page["results"]] == ["2026-02-01"]
    assert page["meta"]["total"] == 2


def test_voided_and_future_payments_count_nowhere_and_refunds_find_their_customer(winter: MoneyClient) -> None:
    pay(winter, "2026-03-01T10:00:00Z", 7, "ann", payment_type="refund", transaction_id="own")
    pay(winter, "2026-04-03T10:00:00Z", 1, "bob2", payment_type="refund", transaction_id="of_the_latest")
    pay(winter, "2026-03-01T10:00:00Z", 500, "stranger", payment_type="refund", transaction_id="of_nobody")
    pay(winter, "2026-04-11T10:00:00Z", 900, "ann", transaction_id="tomorrow")
    pay(winter, "2026-02-11T10:00:00Z", 0, "trial")
    assert winter.send("DELETE", "payments/bob_1")[0] == 200
    assert rows(winter, "start=2026-01-01&end=2026-03-31&periods=3") == {
        "2026-01-01": ["1 1 10.00 10.00", "1 1 20.00 20.00", "1 1 23.00 23.00", "1 0 23.00 23.00 …"],
        "2026-02-01": ["1 1 30.00 30.00", "1 0 30.00 30.00", "1 0 30.00 30.00 …", None],
        "2026-03-01": ["1 1 60.00 60.00", "1 0 9.00 9.00 …", None, None],
    }


def test_payment_without_a_rate_makes_a_customer_and_is_announced(winter: MoneyClient) -> None:
    quote("EUR", "USD", "2026-02-14", "1.1049")
    winter.pay(transaction_id="k", visitor_id="kay", amount=1.234, currency="KWD", paid_at="2026-02-15T10:00:00Z")
    winter.pay(transaction_id="e", visitor_id="eve", amount=0.05, currency="EUR", paid_at="2026-02-15T10:00:00Z")
    winter.pay(transaction_id="later", visitor_id="eve", amount=3, currency="KWD", paid_at="2026-04-01T10:00:00Z")
    body = winter.get("revenue/cohorts", "start=2026-02-01&end=2026-02-28&periods=0")
    assert told(body["results"][0]) == ["3 3 30.06 10.02"]
    assert body["warning"] == "2 payment(s) in KWD left out: no KWD to USD exchange rate"
    assert "warning" not in winter.get("revenue/cohorts", "start=2026-01-01&end=2026-01-31")
    assert "warning" not in winter.get("revenue/cohorts", f"{WINTER}&source[is]=google.com")


WRONG = (
    "by=price",
    "by=product",
    "by=Month",
    "periods=-1",
    "periods=61",
    "periods=1.5",
    "model=linear",
    "lookback=366",
    "limit=0",
    "offset=x",
    "include=split",
    "source[like]=x",
    "product[is]=Pro",
    "by=%00",
    "by=source&by=channel",
    "periods=99999999999999999999",
)


def test_wrong_parameters_are_refused_by_name(money: MoneyClient) -> None:
    for query in WRONG:
        status, body = money.send("GET", "revenue/cohorts", query)
        assert status == 400, query
        assert query.partition("=")[0].partition("[")[0] in body["error"], body


def test_amounts_have_the_decimals_of_the_currency(winter: MoneyClient) -> None:
    for on in ("2026-01-10", "2026-01-20", "2026-02-10"):
        quote("USD", "TND", on, "3.03333")
    winter.site.currency = "TND"
    winter.site.save()
    body = winter.raw("revenue/cohorts", "start=2026-01-01&end=2026-01-31&periods=1")
    assert b'"cumulative_revenue":364.000,"revenue_per_customer":182.000}]' in body  # 363.9996 by two
