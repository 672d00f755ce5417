-- The contracts that `costattr reprice` was given, by the version of the book that they made.
-- A late copy of a call that was priced again is priced at the same contracts, not at others.
CREATE TABLE IF NOT EXISTS price_contracts/*{local}*/ /*{on_cluster}*/
(
    book        String                COMMENT 'Version of the book, as price_book of the lines that it priced.' CODEC(ZSTD(1)),
    contracts   String                COMMENT 'JSON: a list of [name, TOML], laid over the prices of the collector in this order.' CODEC(ZSTD(3)),
    recorded_ns DateTime64(9, 'UTC')  COMMENT 'When it was written.' CODEC(Delta, ZSTD(1))
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (book, recorded_ns)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Contracts that calls were priced again at'
