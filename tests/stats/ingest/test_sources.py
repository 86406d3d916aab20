import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stats.ingest
from stats.ingest.sources import acquisition_of, is_spam_referrer
from stats.management.commands.build_referrer_table import referrer_rows
from stats.types import Acquisition

DATA = Path(stats.ingest.__file__).parent / "data"


def came(query: str = "", referrer: str = "") -> Acquisition:
    return acquisition_of(query, "shop.example", referrer)


@pytest.mark.parametrize(
    ("query", "source", "tag", "channel"),
    [
        ("utm_source=FB-Ads", "Facebook", "FB-Ads", "Paid Social"),
        ("source=a&ref=b", "a", "a", "Referral"),
        ("ref=b&source=a&utm_source=c", "c", "c", "Referral"),
        ("utm_source=a&utm_source=b", "b", "b", "Referral"),
        ("UTM_SOURCE=a", "", "", "Direct"),
        ("utm_source=google&utm_medium=display&gclid=1", "Google", "google", "Display"),
        ("utm_source=facebook&utm_medium=cpm", "Facebook", "facebook", "Display"),
        ("utm_source=youtube&utm_medium=paid_social", "Youtube", "youtube", "Paid Video"),
        ("utm_medium=cpc", "", "", "Paid Other"),
        ("utm_campaign=eshop", "", "", "Organic Shopping"),
        ("utm_campaign=eshop&utm_medium=cpc", "", "", "Paid Shopping"),
        ("utm_campaign=workshop-2026&utm_medium=cpc", "", "", "Paid Other"),
        ("utm_campaign=photoshop", "", "", "Direct"),
        ("utm_source=newsletter&utm_medium=push", "newsletter", "newsletter", "Email"),
        ("utm_source=google_ads&utm_medium=email", "Google", "google_ads", "Paid Search"),
        ("utm_source=foo&utm_medium=organic", "foo", "foo", "Referral"),
        ("utm_medium=podcast", "", "", "Direct"),
        ("ref=Hacker+News", "Hacker News", "Hacker News", "Organic Social"),
        ("ref=news.ycombinator.com", "news.ycombinator.com", "news.ycombinator.com", "Organic Social"),
        ("utm_source=t.me", "Telegram", "t.me", "Organic Social"),
        ("utm_source=facebook.com", "facebook.com", "facebook.com", "Organic Social"),
        ("utm_source=FACEBOOK", "Facebook", "FACEBOOK", "Organic Social"),
        ("utm_source=caf%C3%A9+1%2B1", "café 1+1", "café 1+1", "Referral"),
        ("utm_source=100%&x", "100%", "100%", "Referral"),
        ("utm%5Fsource=a", "a", "a", "Referral"),
    ],
)
def test_tags_decide_source_and_channel(query: str, source: str, tag: str, channel: str) -> None:
    found = came(query)

    assert (found.source, found.utm_source, found.channel, found.referrer) == (source, tag, channel, "")


def test_campaign_parameters_are_kept_raw() -> None:
    found = came("utm_source=A%20b&utm_medium=Email&utm_campaign=Spring+%F0%9F%8C%B1&utm_content=C&utm_term=%20t")

    assert (found.utm_source, found.utm_medium, found.utm_campaign, found.utm_content, found.utm_term) == (
        "A b",
        "Email",
        "Spring 🌱",
        "C",
        " t",
    )


@pytest.mark.parametrize(
    "referrer",
    [
        "https://checkout.stripe.com/c/pay/cs_live_1",
        "https://www.paypal.com/checkoutnow",
        "https://sandbox-checkout.paddle.com/",
        "https://käse.lemonsqueezy.com/checkout",
        "https://polar.sh/checkout/1",
        "https://pay.klarna.com/",
        "https://shop.app/checkout",
        "https://Pay.Bank.example:8443/3ds",
    ],
)
def test_payment_page_is_no_source_but_hides_no_tag(referrer: str) -> None:
    own = frozenset({"bank.example"})
    found = acquisition_of("", "shop.example", referrer, True, own)
    tagged = acquisition_of("utm_source=newsletter", "shop.example", referrer, True, own)
    assert (found.source, found.referrer, found.channel) == ("", "", "Direct")
    assert (tagged.source, tagged.referrer, tagged.channel) == ("newsletter", "", "Email")


@pytest.mark.parametrize(
    ("referrer", "source"),
    [
        ("https://stripe.com/partners", "stripe.com"),
        ("https://notpaypal.com/", "notpaypal.com"),
        ("https://paypal.com.evil.example/", "paypal.com.evil.example"),
        ("https://pay.bank.example/", "pay.bank.example"),
    ],
)
def test_host_that_is_no_payment_page_stays_a_source(referrer: str, source: str) -> None:
    assert came(referrer=referrer).source == source


@pytest.mark.parametrize("query", ["utm_source=", "utm_source", "ref", "ref=&utm_medium="])
def test_an_empty_tag_hides_the_referrer(query: str) -> None:
    found = came(query, "https://www.google.com/")

    assert (found.source, found.referrer, found.channel) == ("", "google.com", "Direct")


@pytest.mark.parametrize(
    ("query", "referrer", "stored"),
    [
        ("gclid=1", "https://www.google.de/", ("Google", "gclid", "(gclid)", "Paid Search")),
        ("utm_medium=&gclid=1", "https://www.google.de/", ("Google", "gclid", "", "Paid Search")),
        ("gbraid=1", "https://www.google.de/", ("Google", "gbraid", "", "Organic Search")),
        ("gclid=1", "https://duckduckgo.com/", ("DuckDuckGo", "gclid", "", "Organic Search")),
        ("msclkid=2&gclid=1", "https://www.bing.com/search", ("Bing", "gclid", "", "Organic Search")),
        ("msclkid=2", "https://www.bing.com/search", ("Bing", "msclkid", "(msclkid)", "Paid Search")),
        ("twclid=1&fbclid=2", "https://t.co/x", ("Twitter", "fbclid", "", "Organic Social")),
        ("gclid", "https://www.google.de/", ("Google", "gclid", "(gclid)", "Paid Search")),
        ("dclid=1", "https://www.google.de/", ("Google", "", "", "Organic Search")),
    ],
)
def test_click_ids(query: str, referrer: str, stored: tuple[str, str, str, str]) -> None:
    found = came(query, referrer)

    assert (found.source, found.click_id_param, found.utm_medium, found.channel) == stored


@pytest.mark.parametrize(
    "referrer",
    [
        "https://www.shop.example/cart",
        "https://SHOP.example./",
        "http://localhost:3000/",
        "ftp://a.example/",
        "https:://a.example",
        "https:///path",
        "a.example/page",
        "about:blank",
        "",
        "\0",
        "https://",
    ],
)
def test_referrers_that_do_not_count(referrer: str) -> None:
    found = came("", referrer)

    assert (found.referrer, found.source, found.channel) == ("", "", "Direct")


@pytest.mark.parametrize(
    ("referrer", "stored", "source", "channel"),
    [
        ("https://blog.shop.example/x", "blog.shop.example/x", "blog.shop.example", "Referral"),
        ("https://forum.example:8443/t/9//?p=2#x", "forum.example/t/9", "forum.example", "Referral"),
        ("android-app://com.google.android.gm/", "android-app://com.google.android.gm", "Gmail", "Email"),
        ("android-app://org.unknown.app", "android-app://org.unknown.app", "android-app://org.unknown.app", "Referral"),
        ("android-app://com.reddit.frontpage/", "android-app://com.reddit.frontpage", "Reddit", "Organic Social"),
        ("https://gist.github.com/u/1/", "gist.github.com/u/1", "GitHub", "Organic Social"),
        ("https://en.wikipedia.org/wiki/Tea", "en.wikipedia.org/wiki/Tea", "Wikipedia", "Referral"),
        ("https://zh-min-nan.m.wikipedia.org/", "zh-min-nan.m.wikipedia.org", "Wikipedia", "Referral"),
        ("https://www.wikipedia.org/", "wikipedia.org", "wikipedia.org", "Referral"),
        ("https://images.google.com/imgres", "images.google.com/imgres", "Google Images", "Referral"),
        ("https://www.google.de/imgres", "google.de/imgres", "Google Images", "Referral"),
        ("https://www.google.de/imgres2", "google.de/imgres2", "Google", "Organic Search"),
        ("https://www.google.co.uk/search", "google.co.uk/search", "Google", "Organic Search"),
        ("https://news.google.com/", "news.google.com", "Google News", "Referral"),
        ("https://t.co/x", "t.co/x", "Twitter", "Organic Social"),
        ("https://x.com/x", "x.com/x", "x.com", "Referral"),
        ("https://not-t.co/x", "not-t.co/x", "not-t.co", "Referral"),
        ("https://old.reddit.com/r/a", "old.reddit.com/r/a", "Reddit", "Organic Social"),
        ("https://search.brave.com/search", "search.brave.com/search", "Brave", "Organic Search"),
        ("https://ya.ru/", "ya.ru", "Yandex", "Organic Search"),
        ("https://www.bing.com/images/search?q=x", "bing.com/images/search", "Bing Images", "Referral"),
        ("https://outlook.live.com/mail/0/", "outlook.live.com/mail/0", "Outlook.com", "Referral"),
        ("https://chatgpt.com/", "chatgpt.com", "chatgpt.com", "AI Assistants"),
        ("https://www.perplexity.ai/", "perplexity.ai", "Perplexity", "AI Assistants"),
        ("https://mail.yahoo.com/", "mail.yahoo.com", "Yahoo! Mail", "Referral"),
        ("https://de.search.yahoo.com/s", "de.search.yahoo.com/s", "Yahoo!", "Organic Search"),
        ("https://www.smartnews.com/a", "smartnews.com/a", "smartnews.com", "Organic Social"),
        ("HTTPS://WWW.Forum.Example/%C3%A9", "forum.example/%C3%A9", "forum.example", "Referral"),
        ("https://[2001:db8::5]:80/x", "2001:db8::5/x", "2001:db8::5", "Referral"),
    ],
)
def test_referrer_source_and_channel(referrer: str, stored: str, source: str, channel: str) -> None:
    found = came("", referrer)

    assert (found.referrer, found.source, found.channel) == (stored, source, channel)


def test_a_tag_wins_over_the_referrer_that_is_still_stored() -> None:
    found = came("utm_source=mail", "https://www.google.com/")

    assert (found.source, found.referrer) == ("mail", "google.com")


def test_without_the_assistants_channel_chatgpt_is_search() -> None:
    assert acquisition_of("", "shop.example", "https://chatgpt.com/", False).channel == "Organic Search"


def _row_cases() -> list[tuple[str, str]]:
    rows = re.findall(r'"([^"]+)": \[(.*?)\]', (DATA / "referrer_additions.json").read_text(), re.DOTALL)
    return [(row, name) for name, listed in rows for row in re.findall(r'"([^"]+)"', listed)]


def test_every_row_that_must_be_there_is_found() -> None:
    rows = _row_cases()

    assert len(rows) > 900
    assert [(row, name) for row, name in rows if came("", f"https://{row}").source != name] == []


@pytest.mark.parametrize(
    ("referrer", "spam"),
    [
        ("https://semalt.com/x", True),
        ("http://www.semalt.com/", True),
        ("https://sub.semalt.com/", False),
        ("https://semalt.com.example/", False),
        ("semalt.com", False),
        ("https://www.google.com/", False),
        ("", False),
    ],
)
def test_spam_hosts_are_matched_exactly(referrer: str, spam: bool) -> None:
    assert is_spam_referrer(referrer) is spam


@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=120))
def test_garbage_is_taken(query: str, hostname: str, referrer: str) -> None:
    assert acquisition_of(query, hostname, referrer).channel
    is_spam_referrer(referrer)


def test_table_of_a_package_is_cleaned() -> None:
    package = {
        "B.example": {"source": "B", "medium": "social"},
        "a.example/x/": {"source": "A", "medium": "search"},
        "bsky": {"source": "A", "medium": "social"},
        "x.com": {"source": "Twitter", "medium": "social"},
    }

    assert referrer_rows(package) == {"A": ["a.example/x"], "B": ["b.example"]}
