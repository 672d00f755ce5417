-- Days on which a tenant, a feature or a model cost far more or less than it used to: findings, as
-- they were when the day was looked at.
CREATE TABLE IF NOT EXISTS anomalies/*{local}*/ /*{on_cluster}*/
(
    id          String                 COMMENT 'Dimension, value and day.' CODEC(ZSTD(1)),
    content     String                 COMMENT 'Hash of the identity: a finding is kept as it was first.' CODEC(ZSTD(1)),
    recorded_ns DateTime64(9, 'UTC')   COMMENT 'When it was found.' CODEC(Delta, ZSTD(1)),
    day         Date                   COMMENT 'Day of the reporting time zone.' CODEC(ZSTD(1)),
    dimension   LowCardinality(String) COMMENT 'tenant, feature or model.' CODEC(ZSTD(1)),
    value       String                 COMMENT 'Which one; empty for what nobody owns.' CODEC(ZSTD(1)),
    cost        Decimal(38, 12)        COMMENT 'What it cost on that day, USD.' CODEC(ZSTD(1)),
    expected    Decimal(38, 12)        COMMENT 'Median of the days that it was compared with, USD.' CODEC(ZSTD(1)),
    spread      Decimal(38, 12)        COMMENT 'How far they lie from it: 1.4826 times the median distance, or the least that counts, USD.' CODEC(ZSTD(1)),
    score       Decimal(38, 12)        COMMENT 'Distance from expected in spreads; negative if it cost less.' CODEC(ZSTD(1)),
    basis       LowCardinality(String) COMMENT 'What it was compared with: weekday or days.' CODEC(ZSTD(1)),
    days        Int64                  COMMENT 'How many days that were.' CODEC(ZSTD(1))
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (day, dimension, value)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Days out of the ordinary'
