"""Servers that say which user a visitor is: what is kept, what is refused."""

from typing import Any

import pytest

from accounts.models import ApiKey
from accounts.selectors import caller_id_secret, site_ref
from accounts.types import Scope
from stats.ingest.visitor import caller_visitor_id, parse_visitor_text
from stats.models import NamedVisitor
from stats.query.identities import has_identities, identified_users, visitors_sharing
from stats.services import event_store, wait_for_accepted
from tests.factories import make_key, make_site
from tests.revenue.api.conftest import MoneyClient

V1, V2 = "v_00000000000000a1", "v_00000000000000a2"


def post(money: MoneyClient, visitor: str, body: object, *, key: str | None = None, query: str = "") -> tuple[int, Any]:
    return money.send("POST", f"visitors/{visitor}/identify", query, body, key)


def number(money: MoneyClient, text: str) -> int:
    found = parse_visitor_text(text)
    return caller_visitor_id(caller_id_secret(site_ref(money.site).id), text) if found is None else found


def identities(money: MoneyClient) -> dict[int, int]:
    wait_for_accepted(money.site.pk)
    sql = "SELECT visitor_id, user_id FROM identities FINAL WHERE site_id = {site:UInt32}"
    rows = event_store().read_rows(sql, {"site": money.site.pk}, tag="test")
    return {row["visitor_id"]: row["user_id"] for row in rows}


def test_visitors_who_are_one_user_are_known_to_share_its_number(money: MoneyClient) -> None:
    user, store, site = number(money, "u42"), event_store(), money.site.pk
    assert not has_identities(store, site)
    answer = {"results": {"identified": True, "visitor_id": V1}, "meta": {"site_id": money.site.public_id}}
    for _ in range(2):
        assert post(money, V1, {"user_id": " u42 "}) == (200, answer)
    post(money, V2, {"user_id": "u42", "ignored": 1})
    post(money, "cart-7%2F8", {"user_id": "u43"})

    assert identities(money) == {0xA1: user, 0xA2: user, number(money, "cart-7/8"): number(money, "u43")}
    assert has_identities(store, site)
    assert identified_users(store, site, [user, 0xA1, 7]) == {user}
    expected = tuple(sorted((0xA1, 0xA2, user)))
    assert [visitors_sharing(store, site, one) for one in (0xA1, user, 7)] == [expected, expected, (7,)]
    assert NamedVisitor.objects.count() == 0  # no text is kept


def test_latest_word_counts_also_for_a_visitor_as_its_own_user(money: MoneyClient) -> None:
    for user in ("u42", "u43"):
        post(money, V1, {"user_id": user})
    assert identities(money) == {0xA1: number(money, "u43")}
    post(money, V1, {"user_id": V1.upper().replace("V_", "v_")})
    assert identities(money) == {0xA1: 0xA1}
    assert visitors_sharing(event_store(), money.site.pk, 0xA1) == (0xA1,)


def test_number_of_a_user_is_another_one_on_every_site(money: MoneyClient) -> None:
    other = make_site(money.site.team)
    post(money, V1, {"user_id": "u42"})
    post(money, V1, {"user_id": "u42"}, query=f"site_id={other.domain}")
    wait_for_accepted(other.pk)

    assert identities(money) == {0xA1: number(money, "u42")}
    assert identified_users(event_store(), other.pk, [number(money, "u42")]) == frozenset()
    assert has_identities(event_store(), other.pk)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "is required"),
        ({"user_id": None}, "is required"),
        ({"user_id": "  "}, "must be a string of 1 to 200 characters"),
        ({"user_id": 42}, "must be a string of 1 to 200 characters"),
        ({"user_id": ["u42"]}, "must be a string of 1 to 200 characters"),
        ({"user_id": "x" * 201}, "must be a string of 1 to 200 characters"),
        ({"user_id": "ä" * 101}, "must be a string of 1 to 200 bytes"),
        ({"user_id": "a\x00b"}, "must not contain control characters"),
        (b'{"user_id": "\\ud800"}', "must not contain control characters"),
    ],
)
def test_user_that_can_be_none_is_refused_by_name(money: MoneyClient, body: object, said: str) -> None:
    assert post(money, V1, body) == (400, {"error": f"user_id {said}", "errors": {"user_id": [said]}})
    assert identities(money) == {}


@pytest.mark.parametrize("visitor", ["x" * 129, "a%20b", "a%00b", "%20"])
def test_visitor_that_can_be_none_is_refused_by_name(money: MoneyClient, visitor: str) -> None:
    status, body = post(money, visitor, {"user_id": "u42"})
    assert (status, list(body["errors"])) == (400, ["visitor_id"])
    assert identities(money) == {}


@pytest.mark.parametrize("body", [b"", b"[]", b"not json", b'"u42"'])
def test_body_that_is_no_object_is_refused(money: MoneyClient, body: bytes) -> None:
    assert post(money, V1, body)[0] == 400


def test_nobody_else_says_who_a_visitor_is(money: MoneyClient) -> None:
    issued = make_key(team=money.site.team, scopes=[Scope.SITES_PROVISION])
    ApiKey.objects.filter(pk=issued.record.pk).update(is_read_only=True)
    reading = issued.text
    assert post(money, V1, b"not json", key=reading)[0] == 403
    assert post(money, V1, {"user_id": "u42"}, query=f"site_id={make_site().domain}")[0] == 404
    assert post(money, V1, {"user_id": "u42"}, query="site_id=")[0] == 400
    assert post(money, V1, {"user_id": "u42"}, key="ff_unknown")[0] == 401
    assert identities(money) == {}


def test_identity_that_cannot_be_kept_is_503(money: MoneyClient) -> None:
    money.live.intake.spool._max_bytes = 0
    assert post(money, V1, {"user_id": "u42"})[0] == 503
    money.live.intake.spool._max_bytes = 1_000_000
    assert identities(money) == {}
