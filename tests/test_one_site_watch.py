"""The watch over statements refuses one that forgets its site, shown of what reads money and who visitors are."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.types import SiteId, SiteRef
from stats.query.build import build_query
from stats.query.compile import Statement
from stats.query.dimensions import ORIGIN
from stats.query.identities import sharing
from stats.query.money.attribution import Crediting
from stats.query.money.compile import compile_payers_with_events
from stats.query.money.compile_customers import compile_first_touches
from stats.query.money.types import Span
from stats.query.types import InstantPair, QueryParams
from stats.store.client import EventStore
from tests.one_site_watch import watching_sites

SITE = 920_101
SITE_CONDITION = re.compile(r"site_id = \{site:UInt32\}")
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)


def statements() -> dict[str, tuple[Statement, str]]:
    """Return statements of several sub-queries with the tag of each, by name."""
    ref = SiteRef(id=SiteId(SITE), domain="a.example", public_id="ds_a", timezone="Etc/UTC", currency="EUR")
    query = build_query(QueryParams(("visitors",), InstantPair(START, END), dimensions=(ORIGIN,)), ref, END)
    span = Span(SITE, int(START.timestamp()), int(END.timestamp()))
    touches = compile_first_touches(Crediting(span, joins_visitors=True), query, [(7, span.start)])
    return {
        "payers": (compile_payers_with_events(span, span.start), "money"),
        "first touches": (touches, "money"),
        "identities": (Statement(sharing("SELECT toUInt64(7)"), {"site": SITE}), "identities"),
    }


STATEMENTS = statements()
each_statement = pytest.mark.parametrize(("statement", "tag"), STATEMENTS.values(), ids=STATEMENTS.keys())


def watched(store: EventStore, sql: str, parameters: Any, tag: str) -> set[str]:
    """Read a statement under the watch; return the texts that it looked at and let pass."""
    known: set[str] = set()
    with pytest.MonkeyPatch.context() as monkeypatch, watching_sites(monkeypatch, known):
        store.read_rows(sql, parameters, tag=tag)
    return known


@each_statement
def test_statement_of_one_site_passes(store: EventStore, statement: Statement, tag: str) -> None:
    assert len(watched(store, statement.sql, statement.params, tag)) == 1


@each_statement
@pytest.mark.parametrize("broken", ["1", "site_id > {site:UInt32}", f"site_id = {SITE + 1}"])
def test_statement_that_forgets_its_site_in_one_place_is_refused(
    store: EventStore, statement: Statement, tag: str, broken: str
) -> None:
    places = list(SITE_CONDITION.finditer(statement.sql))
    assert len(places) > 1
    for place in places:
        text = statement.sql[: place.start()] + broken + statement.sql[place.end() :]
        with pytest.raises(AssertionError, match=re.escape(text)):
            watched(store, text, statement.params, tag)
