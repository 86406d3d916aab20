import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.ingest.shields import compile_shields, compile_wildcard, shield_reason
from stats.types import DropReason, Shields


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("/blog/*", "/blog/a/b", True),
        ("/blog/*", "/blog/", True),
        ("/blog/*", "/blog", False),
        ("/blog/**", "/blog/a/b", True),
        ("/blog", "/blog", True),
        ("/blog", "/blog/", False),
        ("/*/edit", "/a/b/edit", True),
        ("/*/edit", "/edit", False),
        ("/a*a", "/a", False),
        ("/a*a", "/aa", True),
        ("/a*b*c", "/abbc", True),
        ("/a*bc*c", "/abc", False),
        ("/a.c", "/abc", False),
        ("/Blog", "/blog", False),
        ("*", "", True),
        ("/app#/*", "/app#/orders", True),
    ],
)
def test_wildcards_are_anchored_and_cross_slashes(pattern: str, text: str, matches: bool) -> None:
    assert compile_wildcard(pattern).matches(text) is matches


@given(st.text(alphabet="ab*", max_size=12), st.text(alphabet="ab", max_size=12))
def test_wildcards_agree_with_a_step_by_step_reading(pattern: str, text: str) -> None:
    def reads(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return reads(rest[1:], left) or (bool(left) and reads(rest, left[1:]))
        return bool(left) and left[0] == rest[0] and reads(rest[1:], left[1:])

    assert compile_wildcard(pattern).matches(text) is reads(pattern, text)


def test_a_pattern_of_many_stars_does_not_hang() -> None:
    hostile = compile_wildcard("/" + "*a" * 124 + "*b")
    text = "/" + "a" * 100_000

    started = time.perf_counter()
    assert not hostile.matches(text)
    assert time.perf_counter() - started < 0.5


SHIELDS = compile_shields(["203.0.113.9", "2001:0DB8::0:5", "junk"], ["de", "FR"], ["/blog/*"], ["*.shop.example"])


@pytest.mark.parametrize(
    ("hostname", "pathname", "address", "reason"),
    [
        ("app.shop.example", "/blog/a/b", "192.0.2.1", DropReason.SITE_PAGE_BLOCKLIST),
        ("app.shop.example", "/blog", "192.0.2.1", None),
        ("shop.example", "/blog", "192.0.2.1", DropReason.SITE_HOSTNAME_ALLOWLIST),
        ("(none)", "/blog", "192.0.2.1", DropReason.SITE_HOSTNAME_ALLOWLIST),
        ("app.shop.example", "/", "203.0.113.9", DropReason.SITE_IP_BLOCKLIST),
        ("app.shop.example", "/", "2001:db8::5", DropReason.SITE_IP_BLOCKLIST),
        ("(none)", "/blog/a", "203.0.113.9", DropReason.SITE_HOSTNAME_ALLOWLIST),
        ("app.shop.example", "/blog/a", "203.0.113.9", DropReason.SITE_PAGE_BLOCKLIST),
    ],
)
def test_shields_fire_in_order(hostname: str, pathname: str, address: str, reason: DropReason | None) -> None:
    assert shield_reason(SHIELDS, hostname, pathname, address) is reason


def test_star_before_the_domain_decides_about_the_bare_one() -> None:
    shields = compile_shields([], [], [], ["*Shop.example"])

    assert shield_reason(shields, "shop.example", "/", "") is None
    assert shield_reason(shields, "myshop.example", "/", "") is None


def test_no_rules_drop_nothing() -> None:
    assert shield_reason(Shields(), "(none)", "/", "") is None
    assert shield_reason(SHIELDS, "app.shop.example", "/", "") is None


def test_countries_are_compared_in_upper_case() -> None:
    assert SHIELDS.countries == {"DE", "FR"}
