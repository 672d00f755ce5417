-- What one unit of a currency was worth in USD, by day. A day without a rate has none: what is paid in
-- that currency on that day is refused, never guessed.
CREATE TABLE IF NOT EXISTS currency_rates/*{local}*/ /*{on_cluster}*/
(
    id          String                  COMMENT 'Currency and first day, such as EUR:2026-10-01.' CODEC(ZSTD(1)),
    content     String                  COMMENT 'Hash of what was posted, 32 hex digits: another rate for the same days is refused.' CODEC(ZSTD(1)),
    recorded_ns DateTime64(9, 'UTC')    COMMENT 'When it was written.' CODEC(Delta, ZSTD(1)),
    currency    LowCardinality(String)  COMMENT 'ISO 4217 code in capitals.' CODEC(ZSTD(1)),
    first_day   Date                    COMMENT 'First day that it holds for.' CODEC(ZSTD(1)),
    last_day    Date                    COMMENT 'Last day that it holds for.' CODEC(ZSTD(1)),
    usd         Decimal(38, 12)         COMMENT 'USD for one unit of the currency.' CODEC(ZSTD(1)),
    source      String                  COMMENT 'Who says so.' CODEC(ZSTD(1))
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (currency, first_day)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Currencies in USD by day'
