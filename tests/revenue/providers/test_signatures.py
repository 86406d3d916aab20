"""Which bodies are genuine: each provider's scheme, and what it refuses."""

import base64

import pytest

from revenue.providers.signatures import is_genuine
from revenue.providers.types import Provider
from tests.revenue.provider_events import NOW, SECRET, headers_for, signature

BODY = b'{"id": "evt_1", "amount": 100}'
TIMED = (Provider.STRIPE, Provider.PADDLE, Provider.POLAR)
HEADER = {
    Provider.STRIPE: "stripe-signature",
    Provider.PADDLE: "paddle-signature",
    Provider.LEMON_SQUEEZY: "x-signature",
    Provider.POLAR: "webhook-signature",
    Provider.SHOPIFY: "x-shopify-hmac-sha256",
}
each_provider = pytest.mark.parametrize("provider", list(Provider))


@each_provider
def test_signed_body_is_genuine_and_nothing_near_it(provider: Provider) -> None:
    headers = headers_for(provider, BODY)
    name = HEADER[provider]
    assert is_genuine(provider, headers, BODY, [SECRET], now=NOW)
    assert not is_genuine(provider, headers, BODY + b" ", [SECRET], now=NOW)
    assert not is_genuine(provider, headers, BODY, ["whsec_another"], now=NOW)
    assert not is_genuine(provider, headers, BODY, [], now=NOW)
    for value in ("", ",", "t=", "v1=,h1=;", headers[name][:-2], headers[name] * 200, "\xff", "v1,é"):
        assert not is_genuine(provider, {**headers, name: value}, BODY, [SECRET], now=NOW), value
    assert not is_genuine(provider, {}, BODY, [SECRET], now=NOW)


@each_provider
def test_any_of_several_secrets_will_do_while_one_is_being_changed(provider: Provider) -> None:
    headers = headers_for(provider, BODY)
    assert is_genuine(provider, headers, BODY, ["the new secret", SECRET], now=NOW)
    assert is_genuine(provider, headers, BODY, [SECRET, "the old secret"], now=NOW)


@pytest.mark.parametrize("provider", TIMED)
@pytest.mark.parametrize(("age", "genuine"), [(300, True), (301, False), (-300, True), (-301, False)])
def test_time_may_be_five_minutes_off_either_way(provider: Provider, age: int, genuine: bool) -> None:
    headers = headers_for(provider, BODY, at=NOW - age)
    assert is_genuine(provider, headers, BODY, [SECRET], now=NOW) is genuine


@pytest.mark.parametrize("provider", TIMED)
def test_time_is_part_of_what_is_signed(provider: Provider) -> None:
    headers = headers_for(provider, BODY, at=NOW - 1000)
    moved = {name: value.replace(str(NOW - 1000), str(NOW)) for name, value in headers.items()}
    assert not is_genuine(provider, moved, BODY, [SECRET], now=NOW)


def test_all_signatures_of_a_header_are_tried() -> None:
    good = headers_for(Provider.STRIPE, BODY)["stripe-signature"].split(",")[2]
    header = {"stripe-signature": f"t={NOW}, v1={'0' * 64}, {good}"}
    assert is_genuine(Provider.STRIPE, header, BODY, [SECRET], now=NOW)
    headers = headers_for(Provider.POLAR, BODY)
    several = {**headers, "webhook-signature": f"v1,AAAA v2,BBBB {headers['webhook-signature']}"}
    assert is_genuine(Provider.POLAR, several, BODY, [SECRET], now=NOW)
    paddle = headers_for(Provider.PADDLE, BODY)["paddle-signature"]
    doubled = {"paddle-signature": paddle.replace(";", f";h1={'0' * 64};")}
    assert is_genuine(Provider.PADDLE, doubled, BODY, [SECRET], now=NOW)


def test_signature_of_another_version_is_none() -> None:
    headers = headers_for(Provider.STRIPE, BODY)
    renamed = {"stripe-signature": headers["stripe-signature"].replace("v1=", "v0=")}
    assert not is_genuine(Provider.STRIPE, renamed, BODY, [SECRET], now=NOW)
    twice = {"stripe-signature": f"t={NOW},{headers['stripe-signature']}"}
    assert not is_genuine(Provider.STRIPE, twice, BODY, [SECRET], now=NOW)


def test_marked_secret_of_standard_webhooks_may_be_base64() -> None:
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = base64.b64encode(signature(key, f"msg_1.{NOW}.".encode() + BODY)).decode()
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(NOW), "webhook-signature": f"v1,{signed}"}
    assert is_genuine(Provider.POLAR, headers, BODY, [SECRET], now=NOW)
    assert not is_genuine(Provider.POLAR, headers, BODY, ["whsec_no base64!"], now=NOW)
