"""Worked cases W19 to W37 of the revenue contract, over HTTP."""

from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.api.throttles import request_counters
from revenue.models import Payment
from tests.revenue.api.conftest import MoneyClient, quote

MARCH = "start=2026-03-01&end=2026-03-26"
ZERO = Decimal(0)


def meta(money: MoneyClient, start: str, end: str, **more: object) -> dict[str, object]:
    return {"site_id": money.site.public_id, "start": start, "end": end, **more}


def summary(total: str, mrr: str, rate: str) -> dict[str, Decimal]:
    return {"total_revenue": Decimal(total), "mrr": Decimal(mrr), "conversion_rate": Decimal(rate)}


def series(*rows: tuple[str, str, str]) -> list[dict[str, object]]:
    return [
        {"period": period, "new_revenue": Decimal(new), "refund_revenue": Decimal(refunded)}
        for period, new, refunded in rows
    ]


def day(on: str) -> str:
    return f"start={on}&end={on}"


def test_w19_revenue_of_a_window(fixture_f: MoneyClient) -> None:
    assert fixture_f.get("revenue", MARCH) == {
        "results": summary("182.50", "82.50", "0.75"),
        "meta": meta(fixture_f, "2026-03-01T00:00:00Z", "2026-03-26T23:59:59Z", timezone="UTC"),
    }
    site = fixture_f.site.public_id.encode()
    assert fixture_f.raw("revenue", MARCH) == (
        b'{"results":{"total_revenue":182.50,"mrr":82.50,"conversion_rate":0.75},"meta":{"site_id":"%s",'
        b'"start":"2026-03-01T00:00:00Z","end":"2026-03-26T23:59:59Z","timezone":"UTC"}}' % site
    )


def test_w20_where_nothing_happened(fixture_f: MoneyClient) -> None:
    assert b'"total_revenue":0.00,"mrr":0.00,"conversion_rate":0.0}' in fixture_f.raw(
        "revenue", "start=2025-01-01&end=2025-01-31"
    )


def test_w21_more_refunded_than_earned(fixture_f: MoneyClient) -> None:
    assert fixture_f.get("revenue", day("2026-03-10")) == {
        "results": summary("-20.00", "82.50", "0.0"),
        "meta": meta(fixture_f, "2026-03-10T00:00:00Z", "2026-03-10T23:59:59Z", timezone="UTC"),
    }


@pytest.mark.parametrize(
    ("query", "window", "rows"),
    [
        pytest.param(
            "start=2026-03-02&end=2026-03-05",
            ("2026-03-02T00:00:00Z", "2026-03-05T23:59:59Z", "day"),
            [
                ("2026-03-02", "120", "0"),
                ("2026-03-03", "49", "0"),
                ("2026-03-04", "33.5", "0"),
                ("2026-03-05", "0", "0"),
            ],
            id="W22-days",
        ),
        pytest.param(
            "start=2026-03-02&end=2026-03-04&timezone=America/Los_Angeles",
            ("2026-03-02T08:00:00Z", "2026-03-05T07:59:59Z", "day"),
            [("2026-03-02", "120", "0"), ("2026-03-03", "82.5", "0"), ("2026-03-04", "0", "0")],
            id="W23-zone",
        ),
        pytest.param(
            "start=2026-03-01&end=2026-03-10&granularity=week",
            ("2026-03-01T00:00:00Z", "2026-03-10T23:59:59Z", "week"),
            [("2026-02-23", "0", "0"), ("2026-03-02", "202.5", "0"), ("2026-03-09", "0", "20")],
            id="W24-weeks",
        ),
        pytest.param(
            "start=2026-02-15&end=2026-04-15&granularity=month",
            ("2026-02-15T00:00:00Z", "2026-04-15T23:59:59Z", "month"),
            [("2026-02-01", "0", "0"), ("2026-03-01", "202.5", "20"), ("2026-04-01", "0", "0")],
            id="W25-months",
        ),
    ],
)
def test_w22_to_w25_series(
    query: str, window: tuple[str, str, str], rows: list[tuple[str, str, str]], fixture_f: MoneyClient
) -> None:
    start, end, granularity = window
    assert fixture_f.get("revenue/timeseries", query) == {
        "results": series(*rows),
        "meta": meta(fixture_f, start, end, granularity=granularity),
    }


def sale(at: str, amount: object, visitor: str = "v_a", **fields: object) -> dict[str, object]:
    return {
        "transaction_id": f"{visitor} {at}",
        "visitor_id": visitor,
        "amount": amount,
        "currency": "USD",
        "paid_at": at,
        **fields,
    }


def test_w26_hours_across_the_spring_change(money: MoneyClient) -> None:
    money.pay(**sale("2026-03-08T06:59:59Z", 10.00))
    money.pay(**sale("2026-03-08T07:00:00Z", 7.50))
    zone = "timezone=America/New_York&granularity=hour"
    assert money.get("revenue/timeseries", f"start=2026-03-08T00:00:00&end=2026-03-08T03:59:59&{zone}") == {
        "results": series(
            ("2026-03-08T00:00:00-05:00", "0", "0"),
            ("2026-03-08T01:00:00-05:00", "10", "0"),
            ("2026-03-08T03:00:00-04:00", "7.5", "0"),
        ),
        "meta": meta(money, "2026-03-08T05:00:00Z", "2026-03-08T07:59:59Z", granularity="hour"),
    }
    assert len(money.get("revenue/timeseries", f"{day('2026-03-08')}&{zone}")["results"]) == 23


def test_w27_hours_across_the_autumn_change(money: MoneyClient) -> None:
    money.clock.move_to("2026-11-02T00:00:00Z")
    money.pay(**sale("2026-11-01T05:30:00Z", 10.00))
    money.pay(**sale("2026-11-01T06:30:00Z", 7.50))
    zone = "timezone=America/New_York&granularity=hour"
    assert money.get("revenue/timeseries", f"start=2026-11-01T00:00:00&end=2026-11-01T02:59:59&{zone}") == {
        "results": series(
            ("2026-11-01T00:00:00-04:00", "0", "0"),
            ("2026-11-01T01:00:00-04:00", "10", "0"),
            ("2026-11-01T01:00:00-05:00", "7.5", "0"),
            ("2026-11-01T02:00:00-05:00", "0", "0"),
        ),
        "meta": meta(money, "2026-11-01T04:00:00Z", "2026-11-01T07:59:59Z", granularity="hour"),
    }
    assert len(money.get("revenue/timeseries", f"{day('2026-11-01')}&{zone}")["results"]) == 25


@pytest.mark.parametrize("granularity", ["quarter", "Day", "day,week", "%00"])
def test_w28_unknown_granularity(granularity: str, money: MoneyClient) -> None:
    expected = (400, {"error": "granularity must be one of hour, day, week, month"})
    assert money.send("GET", "revenue/timeseries", f"granularity={granularity}") == expected


W29: dict[str, Any] = {
    "visitor_id": "v_8f3a2b1c",
    "amount": 99.00,
    "currency": "usd",
    "transaction_id": "txn_abc123",
    "payment_type": "recurring",
    "product_name": "Pro Plan",
}


def recorded(money: MoneyClient, *, created: bool) -> dict[str, object]:
    return {
        "results": {"created": created, "transaction_id": "txn_abc123"},
        "meta": {"site_id": money.site.public_id},
    }


def test_w29_to_w32_payment_repeat_conflict_and_refund_under_its_id(money: MoneyClient) -> None:
    money.clock.move_to("2026-03-26T12:00:00Z")
    assert money.send("POST", "payments", body=W29) == (201, recorded(money, created=True))
    for again in (W29, {**W29, "amount": 99, "currency": "USD"}):
        assert money.send("POST", "payments", body=again) == (200, recorded(money, created=False))
    assert money.send("POST", "payments", body={**W29, "amount": 79.00}) == (
        409,
        {"error": "transaction_id 'txn_abc123' is already recorded with a different amount"},
    )
    today = day("2026-03-26")
    assert money.get("revenue", today)["results"] == summary("99", "99", "1.0")
    refund = {**W29, "currency": "USD", "payment_type": "refund"}
    del refund["product_name"]
    assert money.send("POST", "payments", body=refund) == (201, recorded(money, created=True))
    assert money.get("revenue", today)["results"] == summary("0", "0", "1.0")
    assert money.get("revenue/timeseries", today)["results"] == series(("2026-03-26", "99", "99"))


ALLOWED_TYPES = "payment_type must be one of one_time, recurring, refund"
NO_ID = "transaction_id must be a string of 1 to 255 characters"
NO_CODE = "currency must be an ISO 4217 code"
NEGATIVE = "amount must not be negative; record a refund with payment_type refund"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ('"amount": -5', NEGATIVE),
        ('"amount": -5, "payment_type": "refund"', NEGATIVE),
        ('"amount": 0, "payment_type": "refund"', "amount must be above 0: a refund needs an amount above 0"),
        ('"amount": NaN', "Request body is not valid JSON"),
        ('"amount": Infinity', "Request body is not valid JSON"),
        ('"amount": 1e999', "amount is too large"),
        ('"amount": 1e99999999999999999999', "Request body is not valid JSON"),
        ('"amount": "99.00"', "amount must be a number"),
        ('"amount": true', "amount must be a number"),
        ('"amount": null', "amount must be a number"),
        ('"amount": []', "amount must be a number"),
        ('"amount": 59.975', "amount has more decimals than USD allows (2)"),
        ('"amount": 59.97000101', "amount has more decimals than USD allows (2)"),
        ('"amount": 500.5, "currency": "JPY"', "amount has more decimals than JPY allows (0)"),
        ('"amount": 1000000000000', "amount is too large"),
        ('"amount": 999999999999.99999999999', "amount is too large"),
        *((f'"currency": {code}', NO_CODE) for code in ('"ZZZ"', '"XAU"', '"BTC"', '"US"', "840", '"ＵＳＤ"', "{}")),
        ('"payment_type": "subscription"', ALLOWED_TYPES),
        ('"payment_type": "Refund"', ALLOWED_TYPES),
        ('"payment_type": ["refund"]', ALLOWED_TYPES),
        *((f'"transaction_id": {one}', NO_ID) for one in ('""', '"   "', f'"{"x" * 256}"', "17", "[]")),
        ('"transaction_id": "a\\u0000b"', "transaction_id must not contain control characters"),
        ('"transaction_id": "a\\ud800b"', "transaction_id must not contain control characters"),
        ('"paid_at": "yesterday"', "paid_at must be an ISO 8601 date or date-time"),
        ('"paid_at": 1772000000', "paid_at must be an ISO 8601 date or date-time"),
        ('"paid_at": "1969-12-31"', "paid_at must be an ISO 8601 date or date-time"),
        ('"paid_at": "2026-03-28T08:30:16Z"', "paid_at lies in the future"),
        (
            '"interval": "decade", "payment_type": "recurring"',
            "interval must be one of day, week, month, quarter, half_year, year",
        ),
        ('"interval": "month"', "interval is for recurring payments only"),
        ('"refund_of": "x"', "refund_of is for refunds only"),
        ('"visitor_id": ""', "visitor_id must be a string of 1 to 128 characters"),
        ('"product_name": 7', "product_name must be a string of 1 to 255 characters"),
        ('"metadata": []', "metadata must be an object"),
    ],
)
def test_w33_what_is_refused(change: str, error: str, money: MoneyClient) -> None:
    good = '"visitor_id": "v_a", "amount": 5, "currency": "USD", "transaction_id": "t"'
    status, body = money.send("POST", "payments", body=f"{{{good}, {change}}}".encode())
    assert (status, body["error"]) == (400, error)
    if error != "Request body is not valid JSON":
        assert list(body["errors"]) == [error.split(maxsplit=1)[0]]
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("change", "amount"),
    [
        ('"amount": 0', "0.00"),
        ('"amount": 1e2', "100.00"),
        ('"amount": 59.97000000000001', "59.97"),
        ('"amount": 59.97000099', "59.97"),
        ('"amount": 59.96999999999999', "59.97"),
        ('"amount": 59.970', "59.97"),
        ('"amount": 0.1', "0.10"),
        ('"amount": 1.234, "currency": "KWD"', "1.234"),
        ('"amount": 1.2345, "currency": "CLF"', "1.2345"),
        ('"amount": 500.0, "currency": "JPY"', "500"),
        ('"amount": 999999999999.99', "999999999999.99"),
        ('"amount": 999999999999.9999, "currency": "UYW"', "999999999999.9999"),
        ('"currency": "dem"', "5.00"),
        ('"paid_at": "1970-01-01"', "5.00"),
        ('"paid_at": "2026-03-28T08:30:15Z"', "5.00"),
        ('"amount": 1e-400', "0.00"),
    ],
)
def test_w33_what_is_taken(change: str, amount: str, money: MoneyClient) -> None:
    good = '"visitor_id": "v_a", "amount": 5, "currency": "USD", "transaction_id": "t"'
    status, body = money.send("POST", "payments", body=f"{{{good}, {change}}}".encode())
    assert status == 201, body
    assert str(money.get("payments/t")["results"]["amount"]) == amount


@pytest.mark.parametrize("body", [b"[]", b"", b"not json", b'"x"', b"\xff", b"[" * 100_00])
def test_w33_body_that_is_no_object(body: bytes, money: MoneyClient) -> None:
    assert money.send("POST", "payments", body=body)[0] == 400


def test_w34_conversion_is_rounded_once_at_the_end(money: MoneyClient) -> None:
    sales = [sale("2026-03-06T10:00:00Z", 0.10, f"v_{number}", currency="EUR") for number in range(50)]
    status, body = money.send("POST", "payments/batch", body={"payments": sales})
    assert (status, body["meta"]["created"]) == (200, 50)
    assert money.get("revenue", day("2026-03-06")) == {
        "results": summary("5.52", "0", "1.0"),
        "meta": meta(money, "2026-03-06T00:00:00Z", "2026-03-06T23:59:59Z", timezone="UTC"),
    }


def test_w35_currency_without_a_rate(money: MoneyClient) -> None:
    money.pay(**sale("2026-03-06T10:00:00Z", 10.00, "v_a"))
    money.pay(**sale("2026-03-06T11:00:00Z", 1.234, "v_b", currency="KWD"))
    found = money.get("revenue", day("2026-03-06"))
    warning = "1 payment(s) in KWD left out: no KWD to USD exchange rate"
    assert found == {
        "results": summary("10.00", "0", "1.0"),
        "meta": meta(money, "2026-03-06T00:00:00Z", "2026-03-06T23:59:59Z", timezone="UTC"),
        "warning": warning,
    }
    for path in ("revenue/timeseries", "revenue/overview", "revenue/mrr"):
        assert money.get(path, day("2026-03-06"))["warning"] == warning
    assert "warning" not in money.get("revenue", day("2026-03-07"))


def test_w36_site_that_reports_in_yen(money: MoneyClient) -> None:
    money.site.currency = "JPY"
    money.site.save()
    quote("USD", "JPY", "2026-03-04", "149.255")
    money.pay(**sale("2026-03-04T10:00:00Z", 5000, "v_a", currency="JPY"))
    money.pay(**sale("2026-03-04T11:00:00Z", 10.00, "v_b"))
    assert b'"total_revenue":6493,"mrr":0,"conversion_rate":1.0}' in money.raw("revenue", day("2026-03-04"))


def test_w37_too_many_requests(money: MoneyClient, settings: LazySettings) -> None:
    settings.API_KEY_MINUTE_LIMIT = 1
    request_counters.cache_clear()
    money.clock.move_to("2026-03-27T08:30:48Z")
    headers = {"Authorization": f"Bearer {money.key}"}
    path = f"/api/v1/revenue?site_id={money.site.public_id}"
    assert Client().get(path, headers=headers).status_code == 200
    refused = Client().get(path, headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "12")
    assert "Retry in 12 seconds" in refused.json()["error"]
    request_counters.cache_clear()
