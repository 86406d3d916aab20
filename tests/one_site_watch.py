"""A watch over the statements that tests make: each reads its tables for one site."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from accounts.models import Team
from stats.store.client import EventStore, Limits
from tests.stats.query.table_reads import WATCHED_TAGS, table_reads

CONSTANTS = re.compile(r"'\d{4}-\d\d-\d\d[^']*'|(?<=LIMIT )\d+|(?<=OFFSET )\d+")
LONGEST_TEXT = 50_000  # the engine takes seconds to explain a thousand goals, which shorter texts have the like of
_known_texts: set[str] = set()


@pytest.fixture(autouse=True)
def queries_read_one_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which a query's statement reads a table without a condition on its site; each text once."""
    with watching_sites(monkeypatch, _known_texts):
        yield


@contextmanager
def watching_sites(monkeypatch: pytest.MonkeyPatch, known: set[str]) -> Iterator[None]:
    """Look, at the end, at the statements that were read within, but for known texts; those that pass become known.

    Texts are known whatever their dates and page. A consolidated view names several sites, which have to be of one
    team. Raises: AssertionError for a statement that reads a table for no site, or for another than the rest of it.
    """
    new: dict[str, tuple[EventStore, str, Mapping[str, object] | None]] = {}
    read = EventStore.read_rows

    def watch(store: EventStore, sql: str, parameters: Mapping[str, object] | None = None, **more: Any) -> Any:
        if isinstance(several := (parameters or {}).get("site"), list):
            assert Team.objects.filter(sites__in=several).distinct().count() == 1, several
        text = CONSTANTS.sub("?", sql)
        is_new = text not in known and len(sql) < LONGEST_TEXT
        if more["tag"] in WATCHED_TAGS and is_new and store.read_limits == Limits():
            new.setdefault(text, (store, sql, parameters))
        return read(store, sql, parameters, **more)

    monkeypatch.setattr(EventStore, "read_rows", watch)
    yield
    monkeypatch.undo()
    for text, (store, sql, parameters) in new.items():
        found = table_reads(store, sql, parameters)
        named = (parameters or {}).get("site")
        assert {len(one.sites) for one in found} == {len(named) if isinstance(named, list) else 1}, sql
        assert len({one.sites for one in found}) == 1, sql
        known.add(text)
