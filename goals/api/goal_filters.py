"""Filters in a query string, `country[is]=Germany`, as the query engine's own (revenue contract, 3.3)."""

import re
from collections.abc import Mapping
from typing import Final

from analytics_project.errors import InvalidRequest
from goals.api.requests import Parameters
from stats.query.dimensions import CITY_NAME, ORIGIN
from stats.query.types import Leaf, Operator

MAX_FILTERS: Final = 50
_FORM: Final = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")
# What a client calls a dimension, and what the query engine calls it.
DIMENSIONS: Final[Mapping[str, str]] = {
    "source": ORIGIN,
    "referrer": "visit:referrer",
    "channel": "visit:channel",
    "medium": "visit:utm_medium",
    "campaign": "visit:utm_campaign",
    "term": "visit:utm_term",
    "content": "visit:utm_content",
    "country": "visit:country_name",
    "region": "visit:region_name",
    "city": CITY_NAME,
    "browser": "visit:browser",
    "os": "visit:os",
    "device_type": "visit:device",
    "pathname": "event:page",
    "hostname": "event:hostname",
    "landing_page": "visit:entry_page",
}
# By landing pages single events cannot be split, only visits.
SPLIT_BY: Final[Mapping[str, str]] = {name: known for name, known in DIMENSIONS.items() if name != "landing_page"}
OPERATORS: Final = (Operator.IS, Operator.IS_NOT, Operator.CONTAINS, Operator.CONTAINS_NOT)


def filters_in(parameters: Parameters, dimensions: Mapping[str, str] = DIMENSIONS) -> tuple[Leaf, ...]:
    """Return the filters of a request, joined by AND; other parameters with brackets are refused.

    `dimensions` are those that can be filtered by, and what the query engine calls them. Values are compared in any
    case. Raises: InvalidRequest for an unknown dimension or operator, and above 50 filters.
    """
    found: list[Leaf] = []
    for name in parameters.names:
        form = _FORM.fullmatch(name)
        if form is None:
            continue
        dimension, operator = form.groups()
        if dimension not in dimensions:
            raise InvalidRequest(f"{name}: {dimension} is not a dimension; use {', '.join(dimensions)}")
        if operator not in OPERATORS:
            raise InvalidRequest(f"{name}: {operator} is not an operator; use {', '.join(OPERATORS)}")
        value = parameters.text(name)
        if value is not None:
            found.append(Leaf(Operator(operator), dimensions[dimension], (value,), case_sensitive=False))
    if len(found) > MAX_FILTERS:
        raise InvalidRequest(f"at most {MAX_FILTERS} filters are taken")
    return tuple(found)
