-- What customers pay, by period: posted by billing, never part of the ledger. A correction is a record
-- of its own, with a negative amount.
CREATE TABLE IF NOT EXISTS revenue/*{local}*/ /*{on_cluster}*/
(
    id          String                  COMMENT 'Identity that the sender gave; posting it twice changes nothing.' CODEC(ZSTD(1)),
    content     String                  COMMENT 'Hash of what was posted, 32 hex digits: other content under the same id is refused.' CODEC(ZSTD(1)),
    recorded_ns DateTime64(9, 'UTC')    COMMENT 'When it was written.' CODEC(Delta, ZSTD(1)),
    tenant      LowCardinality(String)  COMMENT 'Customer who pays.' CODEC(ZSTD(1)),
    plan        LowCardinality(String)  COMMENT 'Plan that is paid for, or empty.' CODEC(ZSTD(1)),
    feature     LowCardinality(String)  COMMENT 'Feature that is paid for, or empty.' CODEC(ZSTD(1)),
    first_day   Date                    COMMENT 'First day of the period that is paid for.' CODEC(ZSTD(1)),
    last_day    Date                    COMMENT 'Last day of it; the amount belongs to its days in equal parts.' CODEC(ZSTD(1)),
    amount      Decimal(38, 12)         COMMENT 'What is paid, in the currency; negative takes back.' CODEC(ZSTD(1)),
    currency    LowCardinality(String)  COMMENT 'ISO 4217 code in capitals.' CODEC(ZSTD(1)),
    rate_day    Date                    COMMENT 'Day whose rate was applied.' CODEC(ZSTD(1)),
    rate_usd    Decimal(38, 12)         COMMENT 'USD for one unit of the currency on that day.' CODEC(ZSTD(1)),
    rate_source String                  COMMENT 'Who says so; empty for USD.' CODEC(ZSTD(1)),
    amount_usd  Decimal(38, 12)         COMMENT 'Amount times rate, rounded half-even at 1e-12 USD.' CODEC(ZSTD(1)),
    description String                  COMMENT 'What it is for, in words.' CODEC(ZSTD(1)),

    INDEX by_id id TYPE bloom_filter(0.025) GRANULARITY 1
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (tenant, first_day)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'What customers pay'
