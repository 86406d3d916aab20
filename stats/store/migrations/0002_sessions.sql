-- One visit, written anew as it grows: the old state with sign -1 and the new one with sign +1, collapsed by merges.
--
-- Sums over `sign` are right before and after a merge. Every column of the key is fixed when the visit starts, so all
-- of its rows lie in one partition and meet; `day` is the site-local date of its start.
CREATE TABLE IF NOT EXISTS sessions$local$on_cluster
(
    site_id UInt32,
    day Date,
    visitor_id UInt64,
    session_id UInt64,
    sign Int8,
    start DateTime('UTC') CODEC(Delta(4), LZ4),
    timestamp DateTime('UTC') CODEC(Delta(4), LZ4),
    duration UInt32,
    events UInt32,
    pageviews UInt32,
    is_bounce UInt8,
    entry_page LowCardinality(String),
    hostname LowCardinality(String),
    exit_page LowCardinality(String),
    exit_page_hostname LowCardinality(String),
    prop_keys Array(LowCardinality(String)),
    prop_values Array(String) CODEC(ZSTD(1)),
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
ENGINE = ${replicated}VersionedCollapsingMergeTree(sign, events)
PARTITION BY toYYYYMM(day)
ORDER BY (site_id, day, visitor_id, session_id)
SETTINGS $window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- @cluster
CREATE TABLE IF NOT EXISTS sessions$on_cluster AS sessions_local
ENGINE = Distributed('$cluster', currentDatabase(), sessions_local, cityHash64(visitor_id));
