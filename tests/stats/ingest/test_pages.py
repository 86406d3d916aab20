import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.ingest.pages import parse_page, split_url


@pytest.mark.parametrize(
    ("url", "hash_mode", "pathname"),
    [
        ("https://shop.example/app?x=1#/orders/7?tab=a", True, "/app#/orders/7?tab=a"),
        ("https://shop.example/app?x=1#/orders/7?tab=a", False, "/app"),
        ("https://shop.example/caf%C3%A9%20", False, "/café"),
        ("https://shop.example/a%2Fb", False, "/a/b"),
        ("https://shop.example/a+b", False, "/a+b"),
        ("https://shop.example/100%", False, "/100%"),
        ("https://shop.example/100%zz%4", False, "/100%zz%4"),
        ("https://shop.example", False, "/"),
        ("https://shop.example?a=1", False, "/"),
        ("https://shop.example/blog/", False, "/blog/"),
        ("https://shop.example/blog", False, "/blog"),
        ("https://shop.example/Tea/?x=1#top", False, "/Tea/"),
        ("https://shop.example/caf%E9-%C3%A9", False, "/caf%E9-é"),
        ("https://shop.example/%ed%a0%80", False, "/%ed%a0%80"),
        ("https://shop.example/a%00b", False, "/ab"),
        ("https://shop.example/a #%20b ", True, "/a# b "),
        ("https://shop.example/a", True, "/a"),
    ],
)
def test_pathname_of_a_url(url: str, hash_mode: bool, pathname: str) -> None:
    assert parse_page(url, hash_mode).pathname == pathname


@pytest.mark.parametrize(
    ("url", "hostname", "pathname"),
    [
        ("https://www.shop.example/Tea/?x=1#top", "shop.example", "/Tea/"),
        ("app://localhost/login", "localhost", "/login"),
        ("/pricing?utm_source=x", "(none)", "/pricing"),
        ("about:config", "(none)", "config"),
        ("", "(none)", "/"),
        ("https://SHOP.example.:8443/", "shop.example", "/"),
        ("https://user:pass@www.shop.example:1/", "shop.example", "/"),
        ("https://www.www.shop.example/", "www.shop.example", "/"),
        ("chrome-extension://abcdefgh/popup.html", "abcdefgh", "/popup.html"),
        ("file:///home/a/b.html", "(none)", "/home/a/b.html"),
        ("//shop.example/x", "shop.example", "/x"),
        ("https://[2001:DB8::5]:8080/x", "2001:db8::5", "/x"),
        ("https://[::1/x", "::1", "/x"),
        ("https:://a.example", "(none)", "://a.example"),
        ("https://:80/x", "(none)", "/x"),
        ("https://bücher.example/straße", "bücher.example", "/straße"),
    ],
)
def test_hostname_of_a_url(url: str, hostname: str, pathname: str) -> None:
    page = parse_page(url, False)

    assert (page.hostname, page.pathname) == (hostname, pathname)


def test_page_keeps_the_host_as_it_stood_and_the_raw_query() -> None:
    page = parse_page("HTTPS://WWW.Shop.example/a?utm_source=A%20b#c", False)

    assert (page.scheme, page.url_host, page.query) == ("https", "www.shop.example", "utm_source=A%20b")


@given(st.text(max_size=200) | st.text(alphabet="https:/?#[]@%w.\0 \n", max_size=200))
def test_any_text_is_a_page(url: str) -> None:
    page = parse_page(url, True)

    assert page.hostname
    assert page.pathname
    assert "\0" not in page.pathname.partition("#")[0]


@pytest.mark.parametrize(
    "make", [lambda n: "%" * n, lambda n: "%ff" * n, lambda n: "a:" * n, lambda n: "//" * n, lambda n: "[@:" * n]
)
def test_hostile_urls_take_linear_time(make: Callable[[int], str]) -> None:
    started = time.perf_counter()
    split_url(make(300_000))
    parse_page(make(20_000), True)

    assert time.perf_counter() - started < 2
