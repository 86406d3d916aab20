"""Columns of the tables that intake writes, in row order; the migrations create what stands here and give the types.

Why this shape: a visit's rows are neighbours under the sort key, so its repeated attributes compress to runs, and both
tables carry the visit's attributes, so most filters read one table. `day` is the date in the site's zone when the row
was written, so it is exact until that zone changes, and a key-range hint ever after.

Why LowCardinality text throughout, measured with a generator of 4 M events in 1.2 M visits, half of them on one site (2
cores, embedded, best of 15; ratios are what counts):
- 5,000 paths: 37 bytes an event, its share of the visit row included; with paths as plain ZSTD strings 8 % more disk,
  and the page report and a path filter take 1.8 and 2.1 times as long. All text as plain strings: 25 % more disk.
- 1.07 M distinct paths on one site, nearly every view its own: 46 bytes an event against 44, the page report 1.3 times
  and the entry page report 1.9 times as long (192 and 112 ms over 30 days), the path filter the same. Nothing breaks
  down, and such sites are the exception, so paths stay LowCardinality.
- ZSTD for the visitor and session numbers saves 4 % and speeds nothing up: left at LZ4.
"""

VISIT_ATTRIBUTE_COLUMNS: tuple[str, ...] = (
    "referrer",
    "source",
    "channel",
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_content",
    "utm_term",
    "click_id_param",
    "country_code",
    "subdivision1_code",
    "subdivision2_code",
    "city_geoname_id",
    "device",
    "browser",
    "browser_version",
    "os",
    "os_version",
)

EVENT_COLUMNS: tuple[str, ...] = (
    "site_id",
    "day",
    "visitor_id",
    "session_id",
    "timestamp",
    "name",
    "hostname",
    "pathname",
    "prop_keys",
    "prop_values",
    "revenue_source_amount",
    "revenue_source_currency",
    "revenue_reporting_amount",
    "revenue_reporting_currency",
    "scroll_depth",
    "engagement_time",
    *VISIT_ATTRIBUTE_COLUMNS,
)

# Of `sessions`; the migration 0005 says what for.
CARRIED_COLUMNS: tuple[str, ...] = ("is_visit", "visit_day", "carried_pageviews", "carried_events")

IDENTITY_COLUMNS: tuple[str, ...] = ("site_id", "visitor_id", "user_id", "identified_at")

SESSION_COLUMNS: tuple[str, ...] = (
    "site_id",
    "day",
    "visitor_id",
    "session_id",
    "sign",
    "start",
    "timestamp",
    "duration",
    "events",
    "pageviews",
    "is_bounce",
    "entry_page",
    "hostname",
    "exit_page",
    "exit_page_hostname",
    "prop_keys",
    "prop_values",
    *VISIT_ATTRIBUTE_COLUMNS,
    *CARRIED_COLUMNS,
)

# Of both tables, after all others: what the store makes of a row's columns while it writes them; 0009 says what for.
COMPUTED_COLUMNS: tuple[str, ...] = ("origin",)
