"""Random imported totals, written as the files that they come in, and into the store by the import's own reader."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import strategies as st

from accounts.types import ImportRef
from stats.ingest.totals_files import check_totals
from stats.store.client import EventStore
from stats.store.imported_rows import insert_imported_rows
from tests.stats.query.reference.totals import COLUMNS, COUNTS, LINKS, PATHS, Total

# Of each column; some values are those of our own visits, some of nobody's, some blank.
CELLS = {
    **{"source": ("Google", "google", "Bing", ""), "referrer": ("google.com", ""), "utm_source": ("News", "")},
    **{"channel": ("Direct", "Organic Search", "Paid Search", ""), "utm_medium": ("cpc", "")},
    **{"utm_campaign": ("Spring", ""), "utm_content": ("a", ""), "utm_term": ("tea", "")},
    **{
        "page": ("/", "/a", "/blog/x", "/blog/y/post", "/elsewhere", ""),
        "hostname": ("shop.example", "blog.example", ""),
    },
    **{"entry_page": ("/", "/a", "/blog/x", ""), "exit_page": ("/", "/a", "/elsewhere", "")},
    **{
        "country": ("EE", "DE", "US", "ZZ"),
        "region": ("US-MD", "DE-BE", ""),
        "city": ("4347778", "7", "2950159", "5083330", "0", ""),
    },
    **{
        "device": ("Desktop", "Mobile", ""),
        "browser": ("Chrome", "Firefox", ""),
        "browser_version": ("128.0", "9", ""),
    },
    **{"operating_system": ("Mac", "Windows", ""), "operating_system_version": ("14", "")},
    **{"name": ("Signup", "Purchase", "Donation", "other", LINKS[0], LINKS[2], PATHS[0])},
    **{"link_url": ("https://a.example/", "https://b.example/", ""), "path": ("/gone", "/a", "")},
}
NUMBERS = (0, 0, 1, 1, 2, 3, 7, 100)
DAYS_AROUND = (-20, -3, -1, 0, 0, 0, 1, 1, 2, 2, 30)
UNCOUNTED = 9  # the number of an import that was never completed


@st.composite
def totals(draw: st.DrawFn, first: date) -> tuple[tuple[Total, ...], tuple[ImportRef, ...]]:
    """Draw lines of all ten files around a day, brought by two imports that count and one that does not."""
    found = []
    for table, columns in COLUMNS.items():
        for _ in range(draw(st.integers(0, 6))):
            cells = {name: draw(st.sampled_from(CELLS[name])) for name in dict.fromkeys(columns.values())}
            counts = {name: draw(st.sampled_from(NUMBERS)) for name in COUNTS[table]}
            day = first + timedelta(days=draw(st.sampled_from(DAYS_AROUND)))
            found.append(Total(table, day, cells, counts, draw(st.sampled_from((1, 1, 2, UNCOUNTED)))))
    imports = []
    for number in (1, 2):
        days = [one.day for one in found if one.import_id == number]
        if days:
            imports.append(ImportRef(number, min(days), max(days)))
    return tuple(found), tuple(imports)


def bring_totals(store: EventStore, site_id: int, found: Sequence[Total]) -> None:
    """Write totals into the store, as the import reads them from files."""
    by_file = defaultdict(list)
    for one in found:
        by_file[one.table, one.import_id].append(one)
    for (table, number), ones in by_file.items():
        name = f"{table}_{min(one.day for one in ones):%Y%m%d}_{max(one.day for one in ones):%Y%m%d}.csv"
        with check_totals([(name, io.BytesIO(text_of(ones)))]) as checked:
            assert checked.refused == []
            for batch in checked.batches():
                prefix = b'{"site_id":%d,"import_id":%d,' % (site_id, number)
                body = b"".join(prefix + row[1:] for _, _, row in batch)
                insert_imported_rows(store, body, token="")


def text_of(ones: Sequence[Total]) -> bytes:
    """Return lines as the file that holds them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["date", *ones[0].cells, *ones[0].counts])
    writer.writeheader()
    writer.writerows({"date": str(one.day), **one.cells, **one.counts} for one in ones)
    return text.getvalue().encode()
