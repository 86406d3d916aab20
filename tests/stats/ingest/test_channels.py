import json
from pathlib import Path

import pytest

import stats.ingest
from stats.ingest.channels import channel_of, source_category

CATEGORIES = Path(stats.ingest.__file__).parent / "data" / "source_categories.json"


@pytest.mark.parametrize(
    ("texts", "channel"),
    [
        (("Google", "cpc", "Spring Cross-Network", "", ""), "Cross-network"),
        (("Google", "CPM", "", "", "gclid"), "Display"),
        (("facebook", "banner", "", "", ""), "Display"),
        (("Amazon", "paid_social", "", "", ""), "Paid Shopping"),
        (("", "cpc", "e-shop", "", ""), "Paid Shopping"),
        (("Google", "", "", "", "gclid"), "Paid Search"),
        (("Google", "", "", "", "msclkid"), "Organic Search"),
        (("Bing", "", "", "", "msclkid"), "Paid Search"),
        (("Bing", "", "", "", "gclid"), "Organic Search"),
        (("DuckDuckGo", "ppc", "", "", ""), "Paid Search"),
        (("Google", "email", "", "adwords", ""), "Paid Search"),
        (("Facebook", "retargeting", "", "", ""), "Paid Social"),
        (("Facebook", "", "", "FB-Ads", ""), "Paid Social"),
        (("Facebook", "", "", "fb", ""), "Organic Social"),
        (("Youtube", "", "", "yt-ads", ""), "Paid Video"),
        (("shop.example", "xcpy", "", "", ""), "Paid Other"),
        (("", "paid", "", "", ""), "Paid Other"),
        (("", "unpaid", "", "", ""), "Direct"),
        (("temu.com", "", "", "", ""), "Organic Shopping"),
        (("", "", "2shop", "", ""), "Organic Shopping"),
        (("", "", "bishop", "", ""), "Direct"),
        (("", "", "online-shopping", "", ""), "Organic Shopping"),
        (("forum.example", "social-media", "", "", ""), "Organic Social"),
        (("forum.example", "my-video-ad", "", "", ""), "Organic Video"),
        (("Yahoo!", "", "", "", ""), "Organic Search"),
        (("Gmail", "", "", "", ""), "Email"),
        (("x", "", "", "weekly e_mail", ""), "Email"),
        (("x", "e mail", "", "", ""), "Email"),
        (("x", "affiliate", "", "", ""), "Affiliates"),
        (("x", "audio", "", "", ""), "Audio"),
        (("x", "", "", "SMS", ""), "SMS"),
        (("x", "sms", "", "", ""), "SMS"),
        (("x", "web-push", "", "", ""), "Mobile Push Notifications"),
        (("x", "mobile", "", "", ""), "Mobile Push Notifications"),
        (("firebase", "", "", "", ""), "Mobile Push Notifications"),
        (("", "app", "", "", ""), "Referral"),
        (("x.com", "", "", "", ""), "Referral"),
        (("x", "organic", "", "", ""), "Referral"),
        (("", "organic", "", "", ""), "Direct"),
        (("", "", "", "", ""), "Direct"),
    ],
)
def test_channel_rules(texts: tuple[str, str, str, str, str], channel: str) -> None:
    source, utm_medium, utm_campaign, utm_source, click_id_param = texts

    assert channel_of(source, utm_medium, utm_campaign, utm_source, click_id_param) == channel


@pytest.mark.parametrize("source", ["ChatGPT", "chatgpt.com", "Perplexity", "claude.ai", "gemini.google.com"])
def test_assistants_have_a_channel_of_their_own(source: str) -> None:
    assert channel_of(source, "", "", "", "") == "AI Assistants"
    assert channel_of(source, "cpc", "", "", "") == "Paid Other"
    assert channel_of(source, "social", "", "", "") == "Organic Social"


@pytest.mark.parametrize(
    ("source", "channel"),
    [("chatgpt.com", "Organic Search"), ("Perplexity", "Organic Search"), ("claude.ai", "Referral")],
)
def test_without_the_assistants_channel_sources_are_what_they_were(source: str, channel: str) -> None:
    assert channel_of(source, "", "", "", "", ai_assistants=False) == channel
    assert channel_of("chatgpt.com", "cpc", "", "", "", ai_assistants=False) == "Paid Search"


def test_every_category_is_complete_and_found_in_any_case() -> None:
    lists: dict[str, list[str]] = json.loads(CATEGORIES.read_text())

    assert {name: len(entries) for name, entries in lists.items()} == {
        "search": 129 + 5,  # the public list counts 129, 50, 46, 590; the rest is added in appendix A
        "shopping": 50 + 1,
        "video": 46,
        "social": 590 + 11,
        "email": 1,
        "ai": 25,
    }
    for name in ("shopping", "video", "social", "email", "ai"):
        assert {source_category(entry.upper()) for entry in lists[name]} == {name}
    assert source_category("x.com") == ""
