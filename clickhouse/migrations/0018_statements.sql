-- What customers were billed: each statement once, in a chain in which each digest covers the one
-- before it, so that none can be changed, left out or put in between unseen.
CREATE TABLE IF NOT EXISTS statements/*{local}*/ /*{on_cluster}*/
(
    sequence    UInt64                 COMMENT 'Place in the chain, from 1.' CODEC(ZSTD(1)),
    sha256      String                 COMMENT 'Digest of the former digest, the place, the revision and the content, 64 hex digits.' CODEC(ZSTD(1)),
    previous    String                 COMMENT 'Digest of the former statement; empty for the first one.' CODEC(ZSTD(1)),
    recorded_ns DateTime64(9, 'UTC')   COMMENT 'When it was written.' CODEC(ZSTD(1)),
    customer    LowCardinality(String) COMMENT 'Tenant that is billed.' CODEC(ZSTD(1)),
    period      LowCardinality(String) COMMENT 'Month, such as 2026-10.' CODEC(ZSTD(1)),
    revision    UInt64                 COMMENT 'Number among the statements of customer and period, from 1.' CODEC(ZSTD(1)),
    supersedes  String                 COMMENT 'Digest of the former revision, or empty.' CODEC(ZSTD(1)),
    state       LowCardinality(String) COMMENT 'final, or provisional where a quality gate fails or the month is not over.' CODEC(ZSTD(1)),
    content     String                 COMMENT 'The statement as JSON, keys in order.' CODEC(ZSTD(1))
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (sequence)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'What customers were billed'
