-- Tokens that metrics report (gen_ai.client.token.usage), by day: how much of them do calls explain?
-- Only ever compared with the ledger, never added to it.
CREATE TABLE IF NOT EXISTS token_metrics/*{local}*/ /*{on_cluster}*/
(
    day          Date                                COMMENT 'Day of the measurement in the reporting time zone.' CODEC(Delta, ZSTD(1)),
    tenant       LowCardinality(String)              COMMENT 'Tenant that the key of the sender proves, or empty.' CODEC(ZSTD(1)),
    service_name LowCardinality(String)              COMMENT 'Resource attribute service.name, or empty.' CODEC(ZSTD(1)),
    provider     LowCardinality(String)              COMMENT 'Provider as the metric names it.' CODEC(ZSTD(1)),
    model        LowCardinality(String)              COMMENT 'Model that was asked for as the metric names it, else the one that answered.' CODEC(ZSTD(1)),
    token_type   LowCardinality(String)              COMMENT 'input or output.' CODEC(ZSTD(1)),
    series       String                              COMMENT 'A running total: hash of its attributes, its resource and its start, 16 hex digits. Empty for sums of differences (delta temporality).' CODEC(ZSTD(1)),
    started      Date                                COMMENT 'Day on which that total began; the day itself for differences.' CODEC(Delta, ZSTD(1)),
    added        SimpleAggregateFunction(sum, Int64) COMMENT 'Tokens of differences.' CODEC(T64, ZSTD(1)),
    first_total  SimpleAggregateFunction(min, Int64) COMMENT 'Least that the running total was on this day.' CODEC(T64, ZSTD(1)),
    last_total   SimpleAggregateFunction(max, Int64) COMMENT 'Most that it was.' CODEC(T64, ZSTD(1))
)
ENGINE = /*{engine}*/ AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, tenant, service_name, model, provider, token_type, series, started)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Tokens that metrics report, by day'
