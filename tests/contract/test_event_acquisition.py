"""Worked cases 17 to 29 of the event contract, through the live path: source, channel, spam."""

import pytest

from stats.types import IntakeSite
from tests.live_path import LivePath, intake_site


@pytest.mark.parametrize(
    ("query", "referrer", "expected"),
    [
        ("?utm_source=FB-Ads", "", {"source": "Facebook", "utm_source": "FB-Ads", "channel": "Paid Social"}),
        ("?source=a&ref=b", "", {"source": "a", "utm_source": "a", "channel": "Referral"}),
        ("?utm_source=", "https://www.google.com/", {"source": "", "referrer": "google.com", "channel": "Direct"}),
        ("?gclid=1", "https://www.google.de/", {"source": "Google", "utm_medium": "(gclid)", "channel": "Paid Search"}),
        ("?msclkid=2&gclid=1", "https://www.bing.com/search", {"click_id_param": "gclid", "channel": "Organic Search"}),
        ("?utm_source=youtube&utm_medium=paid_social", "", {"source": "Youtube", "channel": "Paid Video"}),
        ("?utm_campaign=workshop-2026&utm_medium=cpc", "", {"channel": "Paid Other"}),
        ("", "https://www.shop.example/cart", {"referrer": "", "source": ""}),
        ("", "https://forum.example:8443/t/9//?p=2#x", {"referrer": "forum.example/t/9", "source": "forum.example"}),
        ("", "android-app://com.google.android.gm/", {"source": "Gmail", "channel": "Email"}),
        ("", "https://en.wikipedia.org/wiki/Tea", {"source": "Wikipedia", "channel": "Referral"}),
        ("", "https://t.co/x", {"source": "Twitter", "channel": "Organic Social"}),
        ("?ref=Hacker+News", "", {"source": "Hacker News", "channel": "Organic Social"}),
    ],
)
def test_cases_17_to_28(live: LivePath, shop: IntakeSite, query: str, referrer: str, expected: dict[str, str]) -> None:
    live.post({"n": "pageview", "u": f"https://shop.example/{query}", "r": referrer})
    [event], [visit] = live.events(shop), live.visits(shop)
    assert {name: event[name] for name in expected} == expected
    assert {name: visit[name] for name in expected} == expected


def test_case_29_spam_drops_every_domain(live: LivePath, shop: IntakeSite) -> None:
    body = {
        "n": "pageview",
        "u": "https://shop.example/",
        "d": "shop.example,nosuch.example",
        "r": "https://www.semalt.com/x",
    }
    answer = live.post(body)
    assert (answer.status, answer.headers["x-plausible-dropped"]) == (202, "2")
    assert answer.headers["x-dropped-reasons"] == "spam_referrer,spam_referrer"
    assert live.events(shop) == []
    assert [(count.site_id, count.outcome, count.events) for count in live.intake.counters.take()] == [
        (0, "dropped_spam_referrer", 1),
        (shop.ref.id, "dropped_spam_referrer", 1),
    ]


@pytest.mark.parametrize("referrer", [None, 7, ["x"], {"a": 1}, "", "x" * 100_000, "http://", "::::"])
def test_unusable_referrer_is_ignored(live: LivePath, shop: IntakeSite, referrer: object) -> None:
    assert live.post({"n": "pageview", "u": "https://shop.example/", "r": referrer}).status == 202
    assert [event["source"] for event in live.events(shop)] == [""]


def test_long_referrer_is_cut_not_refused(live: LivePath) -> None:
    site = intake_site("cut.example")
    live.add(site)
    live.post({"n": "pageview", "u": "https://cut.example/", "r": "https://forum.example/" + "a" * 5_000})
    [event] = live.events(site)
    assert event["referrer"] == "forum.example/" + "a" * (2_000 - len("https://forum.example/"))
