-- Which months were closed and opened again, by whom and why; the last record of a month decides.
-- What is learned of a closed month is booked with a later date, so that its sums stay as they are.
CREATE TABLE IF NOT EXISTS closed_months/*{local}*/ /*{on_cluster}*/
(
    month       LowCardinality(String)    COMMENT 'Month, such as 2026-10.' CODEC(ZSTD(1)),
    action      LowCardinality(String)    COMMENT 'close or reopen.' CODEC(ZSTD(1)),
    who         LowCardinality(String)    COMMENT 'Who did it: as given, else the name of the key.' CODEC(ZSTD(1)),
    note        String                    COMMENT 'Why.' CODEC(ZSTD(1)),
    time_zone   LowCardinality(String)    COMMENT 'Time zone whose month it is.' CODEC(ZSTD(1)),
    lines       Int64                     COMMENT 'Lines of the month then, reversals taken off.' CODEC(ZSTD(1)),
    calls       Int64                     COMMENT 'Model calls of the month then.' CODEC(ZSTD(1)),
    amount_usd  Nullable(Decimal(38, 12)) COMMENT 'What the month cost then, USD; NULL where nothing had a price.' CODEC(ZSTD(1)),
    recorded_ns DateTime64(9, 'UTC')      COMMENT 'When it was written.' CODEC(Delta, ZSTD(1))
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (month, recorded_ns)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Months that were closed or opened again'
