-- One row per pageview, custom event or engagement ping.
--
-- The sort key puts a visit's rows side by side, so its eighteen attributes, repeated on each row, compress to runs.
-- `day` is the date in the site's zone when the row was written: a key-range hint; queries are right by `timestamp`.
-- An insert waits for the disk (about 5 ms), since the spool forgets what an insert has returned for.
-- All text but property values is LowCardinality, one dictionary a part: measured in stats/store/schema.py.
CREATE TABLE IF NOT EXISTS events$local$on_cluster
(
    site_id UInt32,
    day Date,
    visitor_id UInt64,
    session_id UInt64,
    timestamp DateTime('UTC') CODEC(Delta(4), LZ4),
    name LowCardinality(String),
    hostname LowCardinality(String),
    pathname LowCardinality(String),
    prop_keys Array(LowCardinality(String)),
    prop_values Array(String) CODEC(ZSTD(1)),
    revenue_source_amount Nullable(Decimal(18, 3)),
    revenue_source_currency LowCardinality(String),
    revenue_reporting_amount Nullable(Decimal(18, 3)),
    revenue_reporting_currency LowCardinality(String),
    scroll_depth UInt8,
    engagement_time UInt32,
    referrer LowCardinality(String),
    source LowCardinality(String),
    channel LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_content LowCardinality(String),
    utm_term LowCardinality(String),
    click_id_param LowCardinality(String),
    country_code LowCardinality(String),
    subdivision1_code LowCardinality(String),
    subdivision2_code LowCardinality(String),
    city_geoname_id UInt32,
    device LowCardinality(String),
    browser LowCardinality(String),
    browser_version LowCardinality(String),
    os LowCardinality(String),
    os_version LowCardinality(String)
)
ENGINE = ${replicated}MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site_id, day, visitor_id, session_id, timestamp)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- @cluster
CREATE TABLE IF NOT EXISTS events$on_cluster AS events_local
ENGINE = Distributed('$cluster', currentDatabase(), events_local, cityHash64(visitor_id));
