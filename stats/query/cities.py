"""Which cities a query that mentions names of cities is about; what they are called is asked of others.

The event store knows cities by their GeoNames numbers. A server may have met fifty thousand of them, a site a few
hundred: only those that the query's range may hold are named to the statement.
"""

from stats.query.build import Query
from stats.query.compile import Statement
from stats.query.compile_filters import LONGEST_VISIT, Scope, day_sql
from stats.query.dimensions import CITY_NAME
from stats.query.filters import leaves
from stats.query.types import Report
from stats.store.client import EventStore


def is_about_city_names(query: Query) -> bool:
    """Tell whether a query groups or filters by names of cities."""
    filtered = (leaf.dimension for node in query.filters for leaf in leaves(node))
    return CITY_NAME in query.dimensions or CITY_NAME in filtered


def cities_in_range(store: EventStore, query: Query) -> frozenset[int]:
    """Return the numbers of all cities that rows of a query may have, and maybe of others. Raises: StoreUnavailable."""
    statement = compile_cities(query)
    return frozenset(row["city"] for row in store.read_rows(statement.sql, statement.params, tag="query"))


def compile_cities(query: Query) -> Statement:
    """Return the statement for them: one column, `city`.

    Visits have the city of all of their events. An event is in the range at most as long after the start of its visit
    as visits last; pings do not move the end of a visit, so that is no condition here.
    """
    scope = Scope(query)
    days = day_sql(query.counted_from - LONGEST_VISIT, query.dates.last_at, scope)
    known = "city_geoname_id != 0"
    sql = f"SELECT DISTINCT city_geoname_id AS city FROM sessions WHERE {scope.site_sql()} AND {days} AND {known}"
    if query.imports is not None:
        first, last = scope.day(query.imports.days.first), scope.day(query.imports.days.last)
        sql += (
            f" UNION ALL SELECT DISTINCT city_geoname_id AS city FROM imported_aggregates "
            f"WHERE site_id = {scope['site']} AND report = {scope.bind(str(Report.LOCATIONS), 'String')} "
            f"AND day BETWEEN {first} AND {last} AND {known}"
        )
    return Statement(sql, scope.params)
