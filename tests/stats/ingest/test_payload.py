import random
from decimal import Decimal
from typing import Any

import orjson
import pytest

from analytics_project.errors import InvalidPayload
from stats.ingest.payload import EventRequest, parse_payload

FORM = "multipart/form-data; boundary=b"


def parse(**fields: Any) -> EventRequest:
    body = {"n": "Order", "u": "https://shop.example/", "d": "shop.example", **fields}
    return parse_payload(orjson.dumps(body), "text/plain")


def part(head: bytes, content: bytes) -> bytes:
    return b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n"


@pytest.mark.parametrize("depth", [400, 600, 1_000])
def test_deep_nesting_beside_a_nul_is_no_matter(depth: int) -> None:
    deep = b'{"n":"Order\\u0000","u":"https://shop.example/","x":%b1%b}' % (b"[" * depth, b"]" * depth)
    assert parse_payload(deep, "text/plain").name == "Order"


def test_nul_inside_properties_that_are_sent_as_text_is_removed() -> None:
    request = parse(p='{"a\\u0000b":"x\\u0000y"}')
    assert (request.prop_keys, request.prop_values) == (["ab"], ["xy"])


@pytest.mark.parametrize(
    "amount",
    ["1e9999999", "-1e999999999999", "1e15", "1_000", "１２", "sNaN", "Infinity", "1,5", "12 EUR", "", True, None],
)
def test_amount_that_is_no_storable_decimal_is_ignored(amount: object) -> None:
    assert parse(revenue={"currency": "EUR", "amount": amount}).revenue is None


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(10, "10.000"), (-0.5, "-0.500"), (" 10.29 ", "10.290"), ("1e3", "1000.000"), ("1e-9999999", "0.000")],
)
def test_amount_is_kept_with_three_decimals(amount: object, expected: str) -> None:
    revenue = parse(revenue={"currency": "EUR", "amount": amount}).revenue
    assert revenue is not None
    assert str(revenue.amount) == expected == str(Decimal(expected))


def test_form_in_parts_gives_its_named_fields() -> None:
    body = (
        part(b'name="n"', b"Sign up")
        + part(b"NAME=u; x=y", "https://shop.example/é".encode())
        + part(b'filename="name=d"; name="p"', b'{"a":\r\n1}')
        + part(b"x=y", b"nameless")
        + b"--b--\r\n"
    )
    request = parse_payload(b"preamble\r\n" + body, 'multipart/form-data; charset=utf-8; boundary="b"')
    assert (request.name, request.page.pathname, request.prop_values) == ("Sign up", "/é", ["1"])


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", FORM),
        (b"--c\r\n\r\n", FORM),
        (part(b'name="n"', b"\xff"), FORM),
        (part(b'name="\xff"', b"x"), FORM),
        (part(b'name="n"', b"x"), "multipart/form-data"),
        (part(b'name="n"', b"x"), "multipart/form-data; boundary="),
        (part(b'name="n"', b"x"), "multipart/form-data; boundary=\xe9"),
        (b"n=%ff", "application/x-www-form-urlencoded"),
        (b"a=1&" * 1_001, "application/x-www-form-urlencoded"),
    ],
)
def test_unreadable_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(InvalidPayload) as refusal:
        parse_payload(body, content_type)
    assert refusal.value.errors == {"request": ["Unable to parse request body as json"]}


def test_form_of_hostile_headers_is_read_or_refused() -> None:
    fields = part(b'name="u"', b"https://shop.example/") + part(b'name="n"; ' + b"(" * 100_000, b"A") + b"--b--"
    assert parse_payload(fields, FORM).name == "A"
    assert parse_payload(fields, f"{FORM}; {'(' * 10_000}").name == "A"


def test_more_domains_than_one_page_can_mean_are_refused() -> None:
    assert len(parse(d=",".join(f"{number}.example" for number in range(100))).domains) == 100
    with pytest.raises(InvalidPayload) as refusal:
        parse(d=",".join(f"{number}.example" for number in range(101)))
    assert refusal.value.errors == {"domain": ["should be at most 100 domains"]}


_KEYS = [
    *("n", "name", "u", "url", "d", "domain", "r", "referrer", "p", "m", "meta", "props", "$", "revenue"),
    *("i", "interactive", "h", "hashMode", "sd", "e", "v", "vid", "visitor_id"),
    *("uid", "user_id"),
]
_LEAVES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**63 - 1,
    1.5,
    1e308,
    -0.0,
    "",
    " ",
    "\x00",
    "1",
    "pageview",
    "engagement",
]
_LEAVES += [
    "404",
    "a" * 121,
    "é" * 1_001,
    "https://shop.example/",
    "https://[",
    "data:x",
    "//",
    "%",
    "EUR",
    "1e999999999",
]
_LEAVES += [
    "[" * 500,
    '{"currency":"EUR","amount":"1e99999"}',
    "{",
    "a,b,,",
    "\U0001f600" * 700,
    "https://a\tb\n/",
    "?utm_source",
]


def _value(source: random.Random, depth: int = 0) -> Any:
    kind = source.random()
    if depth < 3 and kind < 0.15:
        return [_value(source, depth + 1) for _ in range(source.randrange(4))]
    if depth < 3 and kind < 0.4:
        keys = ["currency", "amount", "path", " ", "\x00", "k" * 301, "a", "b"]
        return {source.choice(keys): _value(source, depth + 1) for _ in range(source.randrange(5))}
    return source.choice(_LEAVES)


def test_any_object_is_read_or_refused_with_named_fields() -> None:
    source, read = random.Random(20_260_310), 0
    for _ in range(4_000):
        fields = {source.choice(_KEYS): _value(source) for _ in range(source.randrange(8))}
        if source.random() < 0.6:
            fields = {"n": "A", "u": "https://shop.example/", **fields}
        try:
            request = parse_payload(orjson.dumps(fields), "application/json")
        except InvalidPayload as refusal:
            assert refusal.errors.keys() <= {"url", "domain", "event_name", "hash_mode", "props"}
            assert refusal.errors
            continue
        read += 1
        orjson.dumps([request.name, request.page, request.referrer, request.prop_keys, request.prop_values])
        assert "\x00" not in "".join([request.name, *request.prop_keys, *request.prop_values])
        assert len(request.prop_keys) == len(request.prop_values) <= 30
        assert request.domains
    assert read > 500
