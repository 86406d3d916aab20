"""What revenue is broken down and filtered by, and the rules of attribution, as requests name them (3.2 to 3.4)."""

from collections.abc import Collection, Mapping
from typing import Final

from analytics_project.errors import InvalidRequest
from goals.api.goal_filters import DIMENSIONS as OF_VISITS
from goals.api.goal_filters import filters_in
from goals.api.requests import Parameters
from revenue.attribution_services import DEFAULT_LOOKBACK_DAYS, Rules
from stats.query.dimensions import ENTRY_PAGE, GOAL
from stats.query.money.attribution import CURRENCY, PAYMENT_TYPE, PRODUCT, SINGLE_TOUCH, Model, Renewals, is_of_visits

MAX_LOOKBACK_DAYS: Final = 365
_OF_EVENTS: Final = ("pathname", "hostname")
# What a client calls a dimension, and what the query engine calls it.
DIMENSIONS: Final[Mapping[str, str]] = {
    **{name: known for name, known in OF_VISITS.items() if name not in _OF_EVENTS},
    "city": "visit:city_name",
    "product": PRODUCT,
    "payment_type": PAYMENT_TYPE,
    "currency": CURRENCY,
    "goal": GOAL,
}
# Of a touch the page and the host are those that it landed on.
_FILTERS: Final[Mapping[str, str]] = {
    **DIMENSIONS,
    "pathname": ENTRY_PAGE,
    "hostname": "visit:entry_page_hostname",
}
TOUCH_FILTERS: Final[Mapping[str, str]] = {name: known for name, known in _FILTERS.items() if is_of_visits(known)}
OF_TOUCHES: Final = tuple(name for name, known in DIMENSIONS.items() if is_of_visits(known))
SINGLE_TOUCH_MODELS: Final = tuple(model.value for model in Model if model in SINGLE_TOUCH)


def dimension_in(parameters: Parameters, words: Collection[str] = tuple(DIMENSIONS)) -> str:
    """Return the client's name of the dimension asked for. Raises: InvalidRequest."""
    return parameters.one_of("dimension", "source", words)


def touch_rules_in(parameters: Parameters) -> Rules:
    """Return the rules by which one touch gets all the credit, and filters of touches. Raises: InvalidRequest."""
    return Rules(
        model=Model(parameters.one_of("model", Model.LAST_NON_DIRECT, SINGLE_TOUCH_MODELS)),
        lookback_days=parameters.whole_number("lookback", DEFAULT_LOOKBACK_DAYS, 1, MAX_LOOKBACK_DAYS),
        filters=filters_in(parameters, TOUCH_FILTERS),
    )


def rules_in(parameters: Parameters, dimension: str) -> Rules:
    """Return the rules of attribution asked for, `dimension` in the client's word. Raises: InvalidRequest."""
    filters = filters_in(parameters, _FILTERS)
    named = {leaf.dimension for leaf in filters}
    if GOAL in named and dimension != "goal":
        raise InvalidRequest("goal filters are taken with dimension=goal only")
    if dimension == "goal" and named & {ENTRY_PAGE, _FILTERS["hostname"]}:
        raise InvalidRequest("landing_page, pathname and hostname filters are not taken with dimension=goal")
    return Rules(
        model=Model(parameters.one_of("model", Model.LAST_NON_DIRECT, tuple(Model))),
        lookback_days=parameters.whole_number("lookback", DEFAULT_LOOKBACK_DAYS, 1, MAX_LOOKBACK_DAYS),
        renewals=Renewals(parameters.one_of("renewals", Renewals.FIRST, tuple(Renewals))),
        filters=filters,
    )
