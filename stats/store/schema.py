"""Columns of the two event tables, in row order, and their types; the migrations create what stands here.

Why this shape: a visit's rows are neighbours under the sort key, so its repeated attributes compress to runs, and both
tables carry the visit's attributes, so most filters read one table. `day` is the date in the site's zone when the row
was written: a key-range hint, never the truth, which is `timestamp` (and `start`).
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
)
