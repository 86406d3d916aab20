"""What joins visitors in a statement reads the one site that is asked about."""

from datetime import UTC, datetime

import pytest

from accounts.types import SiteId, SiteRef
from goals.types import GoalKind, GoalSpec
from stats.query.build import build_query
from stats.query.dimensions import ENTRY_PAGE, GOAL, ORIGIN
from stats.query.identities import has_identities, identified_users, sharing, visitors_sharing, with_canonical
from stats.query.money.attribution import PRODUCT, Crediting, Model, Renewals
from stats.query.money.compile_attribution import compile_breakdown, compile_purchase_paths
from stats.query.money.types import Span
from stats.query.types import InstantPair, QueryParams
from stats.store.client import EventStore
from stats.store.schema import IDENTITY_COLUMNS
from tests.stats.query.table_reads import table_reads

SITE, OTHER = 920_001, 920_002
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)


def identify(store: EventStore, *rows: tuple[int, int, int]) -> None:
    """Write (site, visitor, user)."""
    body = b"\n".join(b'[%d,%d,%d,"1700000000.%06d"]' % (*row, number) for number, row in enumerate(rows))
    store.insert_lines("identities", IDENTITY_COLUMNS, body, token="")


@pytest.mark.parametrize("dimension", [ORIGIN, ENTRY_PAGE, GOAL, PRODUCT])
@pytest.mark.parametrize("model", [Model.FIRST_TOUCH, Model.LINEAR])
def test_every_table_is_read_for_the_site_alone(store: EventStore, dimension: str, model: Model) -> None:
    ref = SiteRef(id=SiteId(SITE), domain="a.example", public_id="ds_a", timezone="Etc/UTC", currency="EUR")
    goals = (GoalSpec(id=1, display_name="Trial", kind=GoalKind.EVENT, event_name="Trial"),)
    dimensions = () if dimension == PRODUCT else (dimension,)
    params = QueryParams(("visitors",), InstantPair(START, END), dimensions=dimensions)
    query = build_query(params, ref, END, goals=goals if dimension == GOAL else ())
    span = Span(SITE, int(START.timestamp()), int(END.timestamp()))
    for renewals in Renewals:
        asked = Crediting(span, model=model, renewals=renewals, joins_visitors=True)
        made = [compile_breakdown(asked, query, dimension, 10, 0)]
        if dimension in {ORIGIN, ENTRY_PAGE}:
            made.append(compile_purchase_paths(asked, query, dimension, 10, 0))
        for statement in made:
            reads = table_reads(store, statement.sql, statement.params)
            assert {one.sites for one in reads} == {frozenset({SITE})}
            assert "identities" in {one.table for one in reads} or dimension == PRODUCT


def test_path_is_shared_by_a_user_and_all_who_were_last_identified_as_it(store: EventStore) -> None:
    identify(store, (SITE, 1, 9), (SITE, 2, 8), (SITE, 2, 9), (SITE, 3, 9), (SITE, 3, 8), (OTHER, 4, 9), (OTHER, 1, 8))

    assert [visitors_sharing(store, SITE, one) for one in (1, 9, 3, 4)] == [(1, 2, 9), (1, 2, 9), (3, 8), (4,)]
    assert identified_users(store, SITE, [9, 1, 7]) == {9}
    assert identified_users(store, SITE, []) == frozenset()
    assert [has_identities(store, one) for one in (SITE, OTHER, 920_003)] == [True, True, False]

    numbers = "SELECT arrayJoin([toUInt64(1), 4, 8, 9]) AS visitor, 'x' AS kept"
    sql = f"SELECT visitor, count() AS n FROM ({with_canonical(numbers, 'visitor')}) GROUP BY visitor ORDER BY visitor"
    rows = store.read_rows(sql, {"site": SITE}, tag="test")
    assert [(row["visitor"], row["n"]) for row in rows] == [(4, 1), (8, 1), (9, 2)]
    among = f"SELECT number FROM numbers(12) WHERE number IN ({sharing('SELECT toUInt64(1)')}) ORDER BY number"
    assert [row["number"] for row in store.read_rows(among, {"site": SITE}, tag="test")] == [1, 2, 9]
