"""Payments as they are listed, read, voided and sent together; what a stranger's input meets."""

from typing import Any

import pytest

from accounts.models import AuditEntry
from accounts.types import Feature, Role
from revenue.models import Payment
from tests.factories import make_key, make_member, make_site, make_team
from tests.revenue.api.conftest import PAYMENTS, MoneyClient


def ids(money: MoneyClient, query: str = "") -> list[str]:
    return [one["transaction_id"] for one in money.get("payments", query)["results"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["txn_4", "txn_3", "txn_2", "txn_1"]),
        ("payment_type=recurring", ["txn_3", "txn_2"]),
        ("payment_type=recurring&currency=usd", ["txn_2"]),
        ("product_name=Pro", ["txn_3", "txn_2"]),
        ("product_name=pro", []),
        ("visitor_id=v_ana", ["txn_4", "txn_1"]),
        ("refund_of=txn_1", ["txn_4"]),
        ("amount_min=49", ["txn_3", "txn_2", "txn_1"]),
        ("amount_max=49.00", ["txn_4", "txn_2"]),
        ("origin=import", []),
        ("voided=true", []),
        ("voided=false&transaction_id=txn_1", ["txn_1"]),
        ("start=2026-03-03&end=2026-03-04", ["txn_3", "txn_2"]),
        ("end=2026-03-03T09:30:00Z&start=2026-03-03T09:30:00Z", ["txn_2"]),
        ("unknown=1&payment_type=", ["txn_4", "txn_3", "txn_2", "txn_1"]),
    ],
)
def test_list_is_narrowed_by_its_filters(query: str, expected: list[str], fixture_f: MoneyClient) -> None:
    assert ids(fixture_f, query) == expected


def test_cursor_leads_through_all_and_survives_new_payments(fixture_f: MoneyClient) -> None:
    page = fixture_f.get("payments", "limit=2")
    assert [one["transaction_id"] for one in page["results"]] == ["txn_4", "txn_3"]
    fixture_f.pay(**{**PAYMENTS[0], "transaction_id": "txn_9", "paid_at": "2026-03-25T00:00:00Z"})
    rest = fixture_f.get("payments", f"limit=2&cursor={page['meta']['cursor']}")
    assert ([one["transaction_id"] for one in rest["results"]], rest["meta"]["cursor"]) == (["txn_2", "txn_1"], None)


@pytest.mark.parametrize(
    "query",
    [
        "payment_type=gift",
        "payment_type=refund&payment_type=recurring",
        "voided=yes",
        "origin=mars",
        "amount_min=many",
        "amount_min=NaN",
        "amount_max=-1",
        "amount_max=1e999",
        "limit=0",
        "cursor=%00",
        "cursor=bm90aGluZw",
        "cursor=cGF5bWVudDo5OTk5OTk5OTk5OTk5OTk5OTk6MQ",
        "start=yesterday",
        "visitor_id=%00",
    ],
)
def test_wrong_parameter_is_named(query: str, money: MoneyClient) -> None:
    status, body = money.send("GET", "payments", query)
    assert (status, list(body)) == (400, ["error"])
    assert query.partition("=")[0] in body["error"]


def test_one_payment_shows_what_was_derived(fixture_f: MoneyClient) -> None:
    shown = fixture_f.get("payments/txn_3")["results"]
    assert {name: str(shown[name]) for name in ("amount", "converted_amount", "exchange_rate", "exchange_rate_on")} == {
        "amount": "5000",
        "converted_amount": "33.500000",
        "exchange_rate": "0.0067",
        "exchange_rate_on": "2026-03-04",
    }
    assert (shown["counts_as"], shown["counts_until"]) == ("month", "2026-04-07T00:10:00Z")


def test_void_counts_nowhere_and_replay_is_409(fixture_f: MoneyClient) -> None:
    done = {"results": {"voided": True, "transaction_id": "txn_2"}, "meta": {"site_id": fixture_f.site.public_id}}
    for _ in range(2):
        assert fixture_f.send("DELETE", "payments/txn_2") == (200, done)
    assert fixture_f.send("POST", "payments", body=PAYMENTS[1]) == (
        409,
        {"error": "transaction_id 'txn_2' is already recorded and was voided"},
    )
    summary = fixture_f.get("revenue", "start=2026-03-01&end=2026-03-26")["results"]
    assert [summary["total_revenue"], summary["mrr"]] == [133.5, 33.5]
    assert ids(fixture_f, "voided=true") == ["txn_2"]
    assert AuditEntry.objects.filter(action="payment.void", target__endswith="txn_2").count() == 1


def test_payment_and_refund_of_one_id_are_told_apart_by_direction(money: MoneyClient) -> None:
    sale = {**PAYMENTS[0], "transaction_id": "a/b c"}
    money.pay(**sale)
    money.pay(**{**sale, "payment_type": "refund", "amount": 20})
    assert money.get("payments/a%2Fb%20c")["results"]["payment_type"] == "one_time"
    assert money.get("payments/a/b%20c", "direction=refund")["results"]["payment_type"] == "refund"
    assert money.send("DELETE", "payments/a/b%20c", "direction=refund")[0] == 200
    assert Payment.objects.get(site=money.site, voided_at__isnull=False).is_refund
    assert money.send("GET", "payments/a/b%20c", "direction=up")[0] == 400
    for name in ("nothing", "%00", "%FF", "x" * 3000, "'; DROP TABLE revenue_payment; --"):
        assert money.send("GET", f"payments/{name}")[0] in {400, 404}
        assert money.send("DELETE", f"payments/{name}")[0] in {400, 404}


@pytest.mark.parametrize("name", ["txn_9", "a/b"])
def test_slash_at_the_end_of_a_path_is_none_of_the_id(name: str, money: MoneyClient) -> None:
    money.pay(**{**PAYMENTS[0], "transaction_id": name})
    without = money.get(f"payments/{name}")
    assert without["results"]["transaction_id"] == name
    assert money.get(f"payments/{name}/") == without
    assert money.send("GET", "payments/nothing/") == (404, {"error": "Payment not found"})
    voided = (200, {"results": {"voided": True, "transaction_id": name}, "meta": {"site_id": money.site.public_id}})
    assert money.send("DELETE", f"payments/{name}/") == voided
    assert money.send("POST", "payments/batch/", body={"payments": []})[0] == 400


def test_batch_answers_each_with_its_own_status(money: MoneyClient) -> None:
    sale = dict(PAYMENTS[0])
    sent = [sale, sale, {**sale, "amount": 1}, {**sale, "amount": "1"}, 7, {}, {**sale, "transaction_id": "other"}]
    status, body = money.send("POST", "payments/batch", body={"payments": sent})
    assert status == 200
    assert [one["status"] for one in body["results"]] == [201, 200, 409, 400, 400, 400, 201]
    assert body["meta"] == {"site_id": money.site.public_id, "created": 2, "repeated": 1, "refused": 4}
    assert list(body["results"][3]["errors"]) == ["amount"]


@pytest.mark.parametrize("sent", [None, {}, [], "x", [{}] * 1001])
def test_batch_that_is_none_is_refused(sent: Any, money: MoneyClient) -> None:
    status, body = money.send("POST", "payments/batch", body={"payments": sent})
    assert (status, list(body["errors"])) == (400, ["payments"])


def test_batch_may_be_larger_than_one_payment_but_not_endless(money: MoneyClient) -> None:
    padded = [{**PAYMENTS[0], "transaction_id": str(n), "product_name": "p" * 200} for n in range(300)]
    assert money.send("POST", "payments/batch", body={"payments": padded})[0] == 200
    assert money.send("POST", "payments", body=b" " * 70_000)[0] == 413
    assert money.send("POST", "payments/batch", body=b" " * 4_200_000)[0] == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"product_name": "Pro", "interval": "year"}, 200),
        ({"product_name": " Pro ", "interval": None}, 200),
        ({"product_name": "Pro"}, 400),
        ({"product_name": "", "interval": "year"}, 400),
        ({"product_name": "Pro", "interval": "Year"}, 400),
        ({"product_name": ["Pro"], "interval": {"a": 1}}, 400),
        ([], 400),
    ],
)
def test_products_take_an_interval(body: object, status: int, fixture_f: MoneyClient) -> None:
    found, answer = fixture_f.send("PUT", "products", body=body)
    assert found == status, answer
    if status == 200:
        assert answer["results"]["product_name"] == "Pro"


def test_declared_interval_moves_mrr(fixture_f: MoneyClient) -> None:
    status, body = fixture_f.send("PUT", "products", body={"product_name": "Pro", "interval": "quarter"})
    assert (status, body["results"]["changed_payments"]) == (200, 2)
    assert fixture_f.get("revenue", "start=2026-03-01&end=2026-03-26")["results"]["mrr"] == 27.5


def test_others_payments_are_not_found_and_viewers_may_not_write(fixture_f: MoneyClient) -> None:
    stranger = make_key(team=make_team()).text
    for method, path in (
        ("GET", "payments"),
        ("GET", "payments/txn_1"),
        ("DELETE", "payments/txn_1"),
        ("GET", "revenue"),
    ):
        assert fixture_f.send(method, path, key=stranger) == (404, {"error": "Site not found"})
    viewer = make_key(make_member(fixture_f.site.team, role=Role.VIEWER), fixture_f.site.team).text
    assert fixture_f.send("GET", "payments", key=viewer)[0] == 200
    assert fixture_f.send("DELETE", "payments/txn_1", key=viewer)[0] == 404
    assert not Payment.objects.filter(voided_at__isnull=False).exists()


def test_plan_without_revenue_is_402(money: MoneyClient) -> None:
    team = make_team(features=[one for one in Feature if one is not Feature.REVENUE_GOALS])
    site, key = make_site(team), make_key(team=team).text
    for path in ("revenue", "revenue/mrr", "payments"):
        assert money.send("GET", path, f"site_id={site.domain}", key=key)[0] == 402


def test_overview_mrr_and_the_window_before(fixture_f: MoneyClient) -> None:
    query = "start=2026-03-04&end=2026-03-10&include=meta,previous"
    found = fixture_f.get("revenue/overview", query)
    assert (found["results"]["gross_revenue"], found["results"]["net_revenue"]) == (33.5, 13.5)
    assert (found["results"]["mrr"], found["results"]["arpa"], found["results"]["new_customers"]) == (82.5, 41.25, 1)
    assert (found["previous"]["gross_revenue"], found["previous"]["mrr"]) == (169, 49)
    assert found["meta"]["currency"] == "USD"
    moved = fixture_f.get("revenue/mrr", "start=2026-03-03&end=2026-03-04&include=previous")
    assert [(one["period"], one["mrr"], one["new"]) for one in moved["results"]] == [
        ("2026-03-03", 49, 49),
        ("2026-03-04", 82.5, 33.5),
    ]
    assert [one["mrr"] for one in moved["previous"]] == [0, 0]


def test_denominator_is_what_the_stats_api_says(fixture_f: MoneyClient) -> None:
    said = fixture_f.get("stats/aggregate", "metrics=visitors&period=custom&date=2026-03-01,2026-03-26")
    told = fixture_f.get("revenue", "start=2026-03-01&end=2026-03-26&include=meta")["meta"]["unique_visitors"]
    assert told == said["results"]["visitors"]["value"] == 4


@pytest.mark.parametrize(
    "query",
    ["granularity=hour", "start=1970-01-01&end=2105-12-31", "include=split,nothing", "start=2026-03-27&end=2026-03-26"],
)
def test_reports_refuse_what_has_no_meaning(query: str, money: MoneyClient) -> None:
    status, body = money.send("GET", "revenue/mrr", query)
    assert (status, list(body)) == (400, ["error"])


def test_ends_of_time_are_answered(money: MoneyClient) -> None:
    for window in (
        "start=1970-01-01&end=1970-01-01",
        "start=2105-12-31&end=2105-12-31",
        "start=1970-01-01&end=2105-12-31",
    ):
        assert money.get("revenue", window)["results"]["total_revenue"] == 0
        assert money.get("revenue/timeseries", f"{window}&granularity=month")["results"]
        for zone in ("Pacific/Kiritimati", "Etc/GMT%2B12"):
            money.get("revenue/overview", f"{window}&timezone={zone}&include=meta")
