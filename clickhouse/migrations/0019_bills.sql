-- Bills of providers, as they were posted, to compare the ledger with; never part of it.
CREATE TABLE IF NOT EXISTS bills/*{local}*/ /*{on_cluster}*/
(
    id          String                 COMMENT 'Identity that the sender gave; posting it twice changes nothing.' CODEC(ZSTD(1)),
    content     String                 COMMENT 'Hash of what was posted, 32 hex digits: other content under the same id is refused.' CODEC(ZSTD(1)),
    recorded_ns DateTime64(9, 'UTC')   COMMENT 'When it was written.' CODEC(Delta, ZSTD(1)),
    provider    LowCardinality(String) COMMENT 'Who bills, as the ledger names it.' CODEC(ZSTD(1)),
    first_day   Date                   COMMENT 'First day that a line of it is about.' CODEC(ZSTD(1)),
    last_day    Date                   COMMENT 'Last day that a line of it is about.' CODEC(ZSTD(1)),
    total_usd   Decimal(38, 12)        COMMENT 'Sum of its lines, USD.' CODEC(ZSTD(1)),
    lines       String                 COMMENT 'Its lines as JSON: day, model, project, kind, tier, amount_usd, tokens, description.' CODEC(ZSTD(1))
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (provider, first_day)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Bills of providers'
