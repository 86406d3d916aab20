"""What each dimension is of an event or a visit, and how its absence looks (stats contract 1.4)."""

from collections.abc import Mapping

from stats.query.types import Value
from tests.stats.query.reference.visits import Event, Visit

GOAL = "event:goal"
PAGE = "event:page"
HOSTNAME = "event:hostname"
PROPERTY = "event:props:"
ENTRY_PAGE = "visit:entry_page"

# Attributes of a visit, by the column that holds them: both tables know these.
ATTRIBUTES: Mapping[str, str] = {
    **{
        f"visit:{name}": name
        for name in (
            *("source", "referrer", "channel", "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
            *("device", "browser", "browser_version", "os", "os_version"),
        )
    },
    "visit:screen": "device",
    "visit:country": "country_code",
    "visit:country_name": "country_code",
    "visit:region": "subdivision1_code",
    "visit:region_name": "subdivision1_code",
    "visit:city": "city_geoname_id",
    "visit:city_name": "city_geoname_id",
}
# What only the finished visit knows.
ENDS: Mapping[str, str] = {
    f"visit:{name}": name for name in ("entry_page", "exit_page", "entry_page_hostname", "exit_page_hostname")
}
PLACE_NAMES = {"EE": "Estonia", "DE": "Germany", "US": "United States", "US-MD": "Maryland", "DE-BE": "Berlin"}
# Two cities share a name; of 4347778 none is known.
CITY_NAMES = {2950159: "Berlin", 5083330: "Berlin", 7: "Køge, Sjælland"}

TEXT_OF_ABSENCE: Mapping[str, str] = {
    **dict.fromkeys(("visit:source", "visit:referrer"), "Direct / None"),
    "visit:channel": "Direct",
    **dict.fromkeys((f"visit:utm_{name}" for name in ("source", "medium", "campaign", "content", "term")), "(not set)"),
    **dict.fromkeys(
        (f"visit:{name}" for name in ("device", "screen", "browser", "browser_version", "os", "os_version")),
        "(not set)",
    ),
}


def is_time(name: str) -> bool:
    return name == "time" or name.startswith("time:")


def is_of_events(name: str) -> bool:
    """Tell whether only the table of events knows a dimension."""
    return name.startswith("event:")


def is_of_sessions(name: str) -> bool:
    """Tell whether only the table of sessions knows a dimension."""
    return name in ENDS


def value_of_event(name: str, event: Event) -> str | int:
    """Return what filters compare: empty text, or 0 for a city, where the event has none."""
    hit = event.hit
    if name.startswith(PROPERTY):
        return hit.props.get(name.removeprefix(PROPERTY), "")
    own = {"event:name": hit.name, PAGE: hit.pathname, HOSTNAME: hit.hostname}
    return own[name] if name in own else value_of_visit(name, event.visit)


def value_of_visit(name: str, visit: Visit) -> str | int:
    """Return what filters compare: empty text, or 0 for a city, where the visit has none."""
    if name in ENDS:
        text: str = getattr(visit, ENDS[name])
        return text
    if name == "visit:city_name":
        return city_name(visit.attributes.get("city_geoname_id", 0))
    value: str | int = visit.attributes.get(ATTRIBUTES[name], 0 if name == "visit:city" else "")
    return PLACE_NAMES.get(str(value), value) if name in {"visit:country_name", "visit:region_name"} else value


def city_name(number: int) -> str:
    """Return what a city is called, its number where no name is known; nothing for no city."""
    return CITY_NAMES.get(number, str(number)) if number else ""


def shown(name: str, value: str | int) -> Value:
    """Return a value as a group's label."""
    if value == "":
        return "(none)" if name.startswith(PROPERTY) else TEXT_OF_ABSENCE.get(name, "")
    return value
