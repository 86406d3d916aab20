-- Daily totals that other products counted: ten reports in one table, told apart by `report`, each filling the columns
-- that it knows. A column that events or visits have too has their name and their spelling, so that conditions and
-- groups of a query read the same here. `events` are pageviews but in custom events, `visits` entrances of entry pages
-- and exits of exit pages; `name` is `pageview` in pages. Scroll depth and time are sums over the visits beside them.
CREATE TABLE IF NOT EXISTS imported_aggregates$local$on_cluster
(
    site_id UInt32,
    report LowCardinality(String),
    day Date,
    import_id UInt64,
    name LowCardinality(String),
    hostname LowCardinality(String),
    pathname LowCardinality(String),
    prop_keys Array(LowCardinality(String)),
    prop_values Array(String) CODEC(ZSTD(1)),
    entry_page LowCardinality(String),
    exit_page LowCardinality(String),
    referrer LowCardinality(String),
    source LowCardinality(String),
    channel LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_content LowCardinality(String),
    utm_term LowCardinality(String),
    country_code LowCardinality(String),
    subdivision1_code LowCardinality(String),
    city_geoname_id UInt32,
    device LowCardinality(String),
    browser LowCardinality(String),
    browser_version LowCardinality(String),
    os LowCardinality(String),
    os_version LowCardinality(String),
    visitors UInt64,
    visits UInt64,
    pageviews UInt64,
    events UInt64,
    bounces UInt64,
    duration UInt64,
    scroll_depth UInt64,
    scroll_visits UInt64,
    engagement_seconds UInt64,
    engaged_visits UInt64
)
ENGINE = ${replicated}MergeTree
ORDER BY (site_id, report, day, import_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- @cluster
CREATE TABLE IF NOT EXISTS imported_aggregates$on_cluster AS imported_aggregates_local
ENGINE = Distributed('$cluster', currentDatabase(), imported_aggregates_local, cityHash64(site_id));
