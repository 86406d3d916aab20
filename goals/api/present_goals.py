"""Conversions and completions in the shape of the Goals & Revenue API (revenue contract, 1.7, 1.9)."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from goals.api.windows import instant_text
from goals.conversion_services import Completions, Conversion
from stats.query.completions import CompletionSession
from stats.query.places import country_names

DIRECT: Final = "Direct"
_DEVICES: Final = {"desktop": "desktop", "laptop": "desktop", "mobile": "mobile", "tablet": "tablet"}
_ABSENT: Final = ("source", "country", "city", "browser", "os", "device_type")
_APP: Final = "android-app://"


def goal_rows(rows: Iterable[Conversion]) -> list[dict[str, object]]:
    """Return a row a goal."""
    return [
        {
            "goal_name": row.name,
            "unique_visitors": row.visitors,
            "completion_count": row.completions,
            "conversion_rate": row.rate,
        }
        for row in rows
    ]


def breakdown_rows(dimension: str, rows: Iterable[Conversion]) -> list[dict[str, object]]:
    """Return a row a value of the dimension."""
    return [
        {
            dimension: row.name,
            "unique_visitors": row.visitors,
            "completion_count": row.completions,
            "conversion_rate": row.rate,
        }
        for row in rows
    ]


def completion_rows(page: Completions) -> list[dict[str, object]]:
    """Return a row a completion; without a session nothing is known but whose it was and when."""
    return [
        {
            "visitor_id": page.visitor_of(row),
            "completed_at": instant_text(row.completed_at),
            **(dict.fromkeys(_ABSENT) if row.session is None else session_shown(row.session, page.city_names)),
        }
        for row in page.rows
    ]


def session_shown(session: CompletionSession, city_names: Mapping[int, str]) -> dict[str, object]:
    """Return what is shown of a session; a city that only its number is known of is null."""
    return {
        "source": source_of(session),
        "country": _country(session.country_code),
        "city": city_names.get(session.city_geoname_id),
        "browser": session.browser or None,
        "os": session.os or None,
        "device_type": device_type_of(session.device),
    }


def source_of(session: CompletionSession) -> str:
    """Return the campaign's source, else the referrer's host, else what an import called the source, else Direct."""
    referrer = session.referrer.removeprefix(_APP).partition("/")[0]
    return session.utm_source or referrer or session.source or DIRECT


def device_type_of(device: str) -> str | None:
    """Return the contract's word for a kind of device as it is stored, None for an unknown one."""
    return _DEVICES.get(device.lower(), "other") if device else None


def _country(code: str) -> str | None:
    return _names_of_countries().get(code, code) or None


@lru_cache(maxsize=1)
def _names_of_countries() -> dict[str, str]:
    return dict(zip(*country_names(), strict=True))
