-- One row per bulk import whose rows are being written (state 1) or are all there (state 2), by the digest of its body:
-- a batch sent again is recognised for ever, and one interrupted by a crash is finished at the next start.
CREATE TABLE IF NOT EXISTS imports$on_cluster
(
    site_id UInt32,
    digest String,
    state UInt8,
    name String,
    timezone String,
    lines UInt64,
    imported UInt64,
    visits UInt64,
    changed_at DateTime('UTC') DEFAULT now()
)
ENGINE = ${replicated}ReplacingMergeTree(${everywhere}state)
ORDER BY (site_id, digest);
