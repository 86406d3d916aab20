-- What became of the events that intake was sent, by minute: taken, or dropped and why. Kept for 90 days.
CREATE TABLE IF NOT EXISTS intake_counts$local$on_cluster
(
    site_id UInt32,
    minute DateTime('UTC') CODEC(Delta(4), LZ4),
    outcome LowCardinality(String),
    tracker_version UInt16,
    events UInt64
)
ENGINE = ${replicated}SummingMergeTree(events)
PARTITION BY toYYYYMM(minute)
ORDER BY (site_id, minute, outcome, tracker_version)
TTL minute + INTERVAL 90 DAY
SETTINGS $window = 10000;

-- @cluster
CREATE TABLE IF NOT EXISTS intake_counts$on_cluster AS intake_counts_local
ENGINE = Distributed('$cluster', currentDatabase(), intake_counts_local, cityHash64(site_id));
