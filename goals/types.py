"""Plain values of goals, as the query engine reads them."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

NO_SCROLL_THRESHOLD: Final = -1
MAX_CUSTOM_PROPS: Final = 3
MAX_PROP_NAME_CHARACTERS: Final = 300
MAX_PROP_VALUE_CHARACTERS: Final = 2000
MIN_FUNNEL_STEPS: Final = 2
MAX_FUNNEL_STEPS: Final = 8


class GoalKind(StrEnum):
    """What a goal looks at (Stats API contract, section 0)."""

    EVENT = "event"
    PAGE = "page"
    SCROLL = "scroll"


@dataclass(frozen=True, slots=True)
class GoalSpec:
    """One goal of a site.

    An event goal has `event_name`; a page or scroll goal has `page_path`, in which `*` and `**` stand for any text and
    `|` separates alternatives. `scroll_threshold` is a percentage, -1 for other kinds. `custom_props` are up to three
    pairs, sorted by name, which must all hold. `currency` is empty unless the goal counts revenue.
    """

    id: int
    display_name: str
    kind: GoalKind
    event_name: str = ""
    page_path: str = ""
    scroll_threshold: int = NO_SCROLL_THRESHOLD
    custom_props: tuple[tuple[str, str], ...] = ()
    currency: str = ""


IDEMPOTENCY_KEYS_HOLD: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class GoalFields:
    """A goal as APIs show it; parts that its kind does not have are empty, custom properties a dict in no order."""

    id: int
    display_name: str
    kind: GoalKind
    event_name: str
    page_path: str
    currency: str
    custom_props: dict[str, str]


@dataclass(frozen=True, slots=True)
class FunnelFields:
    """A funnel as APIs show it; its goals in the order of its steps."""

    id: int
    name: str
    steps: tuple[GoalFields, ...]
