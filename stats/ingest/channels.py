"""The acquisition channel of a visit (event contract 2.6): one ordered list of rules, the first hit wins."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_DATA = Path(__file__).parent / "data"

AI_ASSISTANTS: Final = "AI Assistants"

_DISPLAY_MEDIA = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
_SOCIAL_MEDIA = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})
_REFERRAL_MEDIA = frozenset({"referral", "app", "link"})
_SHOPPING_CAMPAIGN = re.compile(r"(?:[^a-df-z]|^)shop|shopping")
_MAIL = re.compile(r"e[-_ ]?mail|newsletter")
_AD_CLICKS = frozenset({("google", "gclid"), ("bing", "msclkid")})


@cache
def _categories(ai_assistants: bool) -> Mapping[str, str]:
    """Map lower-cased sources to their category; the assistants win over search, or are left out altogether."""
    lists: dict[str, list[str]] = json.loads((_DATA / "source_categories.json").read_text())
    assistants = lists.pop("ai")
    table = {source: category for category, sources in lists.items() for source in sources}
    if ai_assistants:
        table.update(dict.fromkeys(assistants, "ai"))
    return table


@cache
def _paid_tags() -> frozenset[str]:
    """Return the tags that name an advertising account: the aliases ending in `ad` or `ads`, and `adwords`."""
    aliases: dict[str, list[str]] = json.loads((_DATA / "source_aliases.json").read_text())
    return frozenset(
        alias for names in aliases.values() for alias in names if alias.endswith(("ad", "ads")) or alias == "adwords"
    )


def source_category(source: str, *, ai_assistants: bool = True) -> str:
    """Return `search`, `shopping`, `video`, `social`, `email`, `ai` or nothing for a stored source, in any case."""
    return _categories(ai_assistants).get(source.lower(), "")


def _is_paid(medium: str) -> bool:
    return "cp" in medium or medium.startswith("paid") or medium in {"ppc", "retargeting"}


def channel_of(
    source: str,
    utm_medium: str,
    utm_campaign: str,
    utm_source: str,
    click_id_param: str,
    *,
    ai_assistants: bool = True,
) -> str:
    """Return a visit's channel from its stored acquisition; every text may be empty and in any case.

    With `ai_assistants` off there is no such channel, and their sources are what they were in January 2026.
    Source: event contract 2.6, whose order of rules is kept.
    """
    source, medium, campaign, tag = source.lower(), utm_medium.lower(), utm_campaign.lower(), utm_source.lower()
    category = _categories(ai_assistants).get(source, "")
    shopping = category == "shopping" or _SHOPPING_CAMPAIGN.search(campaign) is not None
    if "cross-network" in campaign:
        return "Cross-network"
    if medium in _DISPLAY_MEDIA:
        return "Display"
    ad_click = (source, click_id_param) in _AD_CLICKS
    if paid := _paid_channel(category, _is_paid(medium), tag in _paid_tags(), ad_click, shopping):
        return paid
    if shopping:
        return "Organic Shopping"
    if category == "social" or medium in _SOCIAL_MEDIA:
        return "Organic Social"
    if category == "video" or "video" in medium:
        return "Organic Video"
    if category == "ai":
        return AI_ASSISTANTS
    if category == "search":
        return "Organic Search"
    if category == "email" or _MAIL.search(tag) or _MAIL.search(medium):
        return "Email"
    return _remaining_channel(source, medium, tag)


def _paid_channel(category: str, paid_medium: bool, paid_tag: bool, ad_click: bool, shopping: bool) -> str:
    if paid_medium and shopping:
        return "Paid Shopping"
    paid = paid_medium or paid_tag
    if (paid and category == "search") or ad_click:
        return "Paid Search"
    if paid and category == "social":
        return "Paid Social"
    if paid and category == "video":
        return "Paid Video"
    return "Paid Other" if paid_medium else ""


def _remaining_channel(source: str, medium: str, tag: str) -> str:
    if medium == "affiliate":
        return "Affiliates"
    if medium == "audio":
        return "Audio"
    if "sms" in {tag, medium}:
        return "SMS"
    if medium.endswith("push") or "mobile" in medium or "notification" in medium or source == "firebase":
        return "Mobile Push Notifications"
    if medium in _REFERRAL_MEDIA or source:
        return "Referral"
    return "Direct"
