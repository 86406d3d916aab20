"""Names of cities: kept as place files tell them, and handed to queries that are about them."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from django.db import connection

from stats.ingest.city_names import CityNames
from stats.models import CityName
from stats.query.build import Query
from stats.query.cities import cities_in_range, is_about_city_names
from stats.selectors import city_names
from stats.services import city_names_met, event_store

_ROWS_AT_ONCE: Final = 1000


def save_city_names(met: CityNames) -> None:
    """Save the names that are new or have changed; where that fails they wait for the next call.

    Processes that save the same city at once do not disturb each other; the last one's name stays.
    """
    names = met.take_unsaved()
    if not names:
        return
    is_done = False
    try:
        known = city_names(names)
        CityName.objects.bulk_create(
            [
                CityName(geoname_id=number, name=name)
                for number, name in sorted(names.items())  # in one order, so that two processes never wait in a circle
                if known.get(number) != name
            ],
            batch_size=_ROWS_AT_ONCE,
            update_conflicts=True,
            unique_fields=["geoname_id"],
            update_fields=["name"],
        )
        is_done = True
    finally:
        if not is_done:
            met.give_back(names)


def keeps_city_names() -> bool:
    """Tell whether there is a table for names here; a machine that only sends logs to a server elsewhere has none."""
    return CityName._meta.db_table in connection.introspection.table_names()


def save_met_city_names() -> None:
    """Save the names that this process's intake has met since the last call."""
    save_city_names(city_names_met())


def known_city_names(numbers: Collection[int]) -> dict[int, str]:
    """Return the names of cities by GeoNames number, those among them that intake has met and not saved yet."""
    return {**city_names(numbers), **city_names_met().named(numbers)} if numbers else {}


def with_city_names(query: Query) -> Query:
    """Return the query with the names of its cities, where it groups or filters by them.

    Raises: StoreUnavailable.
    """
    if not is_about_city_names(query):
        return query
    names = known_city_names(cities_in_range(event_store(), query))
    return replace(query, city_names=tuple(sorted(names.items())))
