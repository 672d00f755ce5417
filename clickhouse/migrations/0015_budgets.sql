-- Budgets: what may be spent in each day, week or month. A budget never changes: another one
-- replaces it, or a record ends it.
CREATE TABLE IF NOT EXISTS budgets/*{local}*/ /*{on_cluster}*/
(
    id          String               COMMENT 'Identity that the sender gave; end:ID ends the budget ID.' CODEC(ZSTD(1)),
    content     String               COMMENT 'Hash of what was posted, 32 hex digits: other content under the same id is refused.' CODEC(ZSTD(1)),
    recorded_ns DateTime64(9, 'UTC') COMMENT 'When it was written.' CODEC(Delta, ZSTD(1)),
    document    String               COMMENT 'The budget as JSON; empty where a record only ends others.' CODEC(ZSTD(1)),
    ends        Array(String)        COMMENT 'Budgets that are not in force any more since this one is.' CODEC(ZSTD(1))
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY id
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'What may be spent'
