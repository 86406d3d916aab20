-- Who a visitor is, as a page or a server said it: the number of a user in the visitors' own id space, the hash of a text
-- that is kept nowhere. The latest word counts, so what comes twice changes nothing; read with FINAL. Few rows beside
-- events (one for each visit of somebody who is known, one for each visitor once merged), so every shard has them all.
CREATE TABLE IF NOT EXISTS identities$on_cluster
(
    site_id UInt32,
    visitor_id UInt64,
    user_id UInt64,
    identified_at DateTime64(6, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree(${everywhere}identified_at)
ORDER BY (site_id, visitor_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
