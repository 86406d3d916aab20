-- A mirror of the payments in the relational store, which is the truth: written again whenever a payment changes, under
-- a higher `version`, and read with FINAL. Amounts have six decimals; `converted` is in the site's reporting currency,
-- NULL without an exchange rate. `covered_until` is `paid_at` where a payment does not count in recurring revenue, and
-- `monthly_term` what it adds to it while it does. `visitor_id` is that of the visitor's events.
CREATE TABLE IF NOT EXISTS payments$local$on_cluster
(
    site_id UInt32,
    paid_at DateTime('UTC') CODEC(Delta(4), LZ4),
    payment_id UInt64,
    version UInt64,
    is_refund UInt8,
    is_recurring UInt8,
    is_voided UInt8,
    visitor_id UInt64,
    customer_id UInt64,
    amount Decimal(18, 6),
    currency LowCardinality(String),
    converted Nullable(Decimal(38, 6)),
    monthly_term Decimal(38, 6),
    covered_until DateTime('UTC'),
    interval LowCardinality(String),
    product_name LowCardinality(String),
    refunded_payment_id UInt64
)
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY (site_id, paid_at, payment_id)
SETTINGS $window = 0, fsync_after_insert = 1, fsync_part_directory = 1;

-- @cluster
CREATE TABLE IF NOT EXISTS payments$on_cluster AS payments_local
ENGINE = Distributed('$cluster', currentDatabase(), payments_local, cityHash64(visitor_id));
