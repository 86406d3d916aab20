"""Who visitors are, for whatever sees the visits of a person as one (revenue contract, 3.2).

The canonical number of a visitor is that of the user whom it was last identified as, else its own. A user is a number
like a visitor's and may have events and payments of its own, so it is canonical itself. Counts of visitors know nothing
of this.
"""

from collections.abc import Collection
from typing import Any, Final

from stats.query.compile import Statement
from stats.store.client import EventStore

_OF_SITE: Final = "FROM identities FINAL WHERE site_id = {site:UInt32}"
_IDENTIFIED: Final = f"SELECT visitor_id AS identified_visitor, user_id, 1 AS is_identified {_OF_SITE}"


def with_canonical(rows: str, column: str) -> str:
    """Return the text of a sub-query's rows, visitors in a column of it replaced by their canonical numbers.

    The statement binds `site`.
    """
    return f"""
        SELECT one.* EXCEPT ({column}), if(is_identified, user_id, one.{column}) AS {column}
        FROM ({rows}) AS one LEFT ANY JOIN ({_IDENTIFIED}) AS identity ON one.{column} = identity.identified_visitor
    """


def sharing(visitors: str) -> str:
    """Return the text of a sub-query of all visitors whose canonical number is that of one of some visitors.

    `visitors` is a sub-query of one column; the statement binds `site`. Shape: one column; numbers may repeat, and some
    may be of nobody.
    """
    users = f"SELECT user_id {_OF_SITE} AND visitor_id IN ({visitors})"
    return (
        f"SELECT arrayJoin([visitor_id, user_id]) {_OF_SITE} AND (user_id IN ({users}) OR user_id IN ({visitors})) "
        f"UNION ALL {visitors}"
    )


def has_identities(store: EventStore, site_id: int) -> bool:
    """Tell whether any visitor of a site is a known user. Raises: StoreUnavailable."""
    sql = "SELECT 1 AS found FROM identities WHERE site_id = {site:UInt32} LIMIT 1"
    return bool(_rows(store, Statement(sql, {"site": site_id})))


def identified_users(store: EventStore, site_id: int, users: Collection[int]) -> frozenset[int]:
    """Return which of some users any visitor of a site is. Raises: StoreUnavailable."""
    sql = f"SELECT DISTINCT user_id {_OF_SITE} AND user_id IN ({{users:Array(UInt64)}})"
    return frozenset(
        int(row["user_id"]) for row in _rows(store, Statement(sql, {"site": site_id, "users": list(users)}))
    )


def visitors_who_are(store: EventStore, site_id: int, user: int) -> tuple[int, ...]:
    """Return the visitors of a site who were last identified as a user, in rising order. Raises: StoreUnavailable."""
    sql = f"SELECT visitor_id {_OF_SITE} AND user_id = {{user:UInt64}} ORDER BY visitor_id"
    return tuple(int(row["visitor_id"]) for row in _rows(store, Statement(sql, {"site": site_id, "user": user})))


def visitors_sharing(store: EventStore, site_id: int, visitor: int) -> tuple[int, ...]:
    """Return all numbers whose visits are one path with a visitor's: its user's, and those of all who are that user.

    The visitor's own stands among them, and alone where nobody said who that is. In rising order.
    Raises: StoreUnavailable.
    """
    of_visitor = f"SELECT user_id {_OF_SITE} AND visitor_id = {{visitor:UInt64}}"
    named = _rows(store, Statement(of_visitor, {"site": site_id, "visitor": visitor}))
    canonical = int(named[0]["user_id"]) if named else visitor
    return tuple(sorted({canonical, *visitors_who_are(store, site_id, canonical)}))


def _rows(store: EventStore, statement: Statement) -> list[dict[str, Any]]:
    return store.read_rows(statement.sql, statement.params, tag="identities")
