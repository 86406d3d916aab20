"""Imported daily totals for tests of queries: written as files, brought in through the import itself."""

import io
from collections.abc import Mapping
from dataclasses import replace

from accounts.models import Site
from accounts.selectors import site_ref
from stats.ingest.totals_files import check_totals
from stats.totals_services import TotalsSummary, import_totals
from tests.stats.query.asking import Asker
from tests.stats.query.recorded import DAY


def totals_file(table: str, text: str, first: str = DAY, last: str = DAY) -> tuple[str, bytes]:
    """Return a file's name and content; blanks around lines do not count."""
    lines = "\n".join(line.strip() for line in text.strip().splitlines())
    return f"imported_{table}_{first.replace('-', '')}_{last.replace('-', '')}.csv", lines.encode()


def bring(asker: Asker, files: Mapping[str, bytes]) -> TotalsSummary:
    """Import files into the asker's site."""
    with check_totals([(name, io.BytesIO(content)) for name, content in files.items()]) as totals:
        return import_totals(asker.store, asker.site, totals)


def with_totals(asker: Asker, *, first: str = DAY, last: str = DAY, **tables: str) -> Asker:
    """Return the asker, its site with the totals of tables: their columns, then a line for each row.

    A line without a date is one of the fixtures' day.
    """
    files = {}
    for table, text in tables.items():
        head, *rows = text.strip().splitlines()
        dated = [row.strip() if row.strip()[4:5] == "-" else f"{DAY},{row.strip()}" for row in rows]
        name, content = totals_file(table, "\n".join([f"date,{head.strip()}", *dated]), first, last)
        files[name] = content
    bring(asker, files)
    return replace(asker, site=site_ref(Site.objects.get(pk=asker.site.id)))
