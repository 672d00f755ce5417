-- What was sent to webhooks: each thing once for each of them, restarts included.
CREATE TABLE IF NOT EXISTS notifications/*{local}*/ /*{on_cluster}*/
(
    id          String                 COMMENT 'Hash of what it is about and of the address, 32 hex digits; sent along as X-Costattr-Delivery.' CODEC(ZSTD(1)),
    content     String                 COMMENT 'Hash of what was sent, 32 hex digits.' CODEC(ZSTD(1)),
    recorded_ns DateTime64(9, 'UTC')   COMMENT 'When it had been accepted.' CODEC(Delta, ZSTD(1)),
    kind        LowCardinality(String) COMMENT 'budget or anomaly.' CODEC(ZSTD(1)),
    subject     String                 COMMENT 'Budget, period and threshold, or the finding.' CODEC(ZSTD(1)),
    text        String                 COMMENT 'What it said.' CODEC(ZSTD(1))
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY id
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'What was sent to webhooks'
