"""Rows of imported daily totals: written by import, and which days of which report are there already."""

from collections.abc import Collection

from stats.store.client import EventStore

TABLE = "imported_aggregates"
COLUMNS: tuple[str, ...] = (
    "site_id",
    "report",
    "day",
    "import_id",
    "name",
    "hostname",
    "pathname",
    "prop_keys",
    "prop_values",
    "entry_page",
    "exit_page",
    "referrer",
    "source",
    "channel",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
    "country_code",
    "subdivision1_code",
    "city_geoname_id",
    "device",
    "browser",
    "browser_version",
    "os",
    "os_version",
    "visitors",
    "visits",
    "pageviews",
    "events",
    "bounces",
    "duration",
    "scroll_depth",
    "scroll_visits",
    "engagement_seconds",
    "engaged_visits",
)


def insert_imported_rows(store: EventStore, body: bytes, *, token: str) -> None:
    """Insert rows, one JSON object a line, members named as the columns; once per token. Raises: StoreUnavailable."""
    store.insert_lines(TABLE, COLUMNS, body, token=token, format_name="JSONEachRow")


def imported_days(store: EventStore, site_id: int, import_ids: Collection[int]) -> set[tuple[str, str]]:
    """Return report and date (ISO) of every day that these imports of a site have rows of. Raises: StoreUnavailable."""
    if not import_ids:
        return set()
    rows = store.read_rows(
        f"SELECT DISTINCT report, toString(day) AS day FROM {TABLE} "
        "WHERE site_id = {site:UInt32} AND import_id IN {imports:Array(UInt64)}",
        {"site": site_id, "imports": list(import_ids)},
        tag="imported days",
    )
    return {(row["report"], row["day"]) for row in rows}
