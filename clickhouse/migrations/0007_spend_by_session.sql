-- What each session of an agent cost, by day of the reporting time zone.
-- Holds sums only, because a reversal can undo nothing else.
CREATE TABLE IF NOT EXISTS spend_by_session/*{local}*/ /*{on_cluster}*/
(
    -- keys
    day                      Date                      COMMENT 'Day of the event in the reporting time zone.' CODEC(Delta, ZSTD(1)),
    recorded_date            Date                      COMMENT 'Day of recording in the reporting time zone: as billed then, in whole days.' CODEC(Delta, ZSTD(1)),
    tenant                   LowCardinality(String)    COMMENT 'Tenant or customer.' CODEC(ZSTD(1)),
    session                  String                    COMMENT 'Session or conversation.' CODEC(ZSTD(1)),
    environment              LowCardinality(String)    COMMENT 'Deployment environment.' CODEC(ZSTD(1)),
    data_mode                LowCardinality(String)    COMMENT 'real, test or demo.' CODEC(ZSTD(1)),
    entry                    LowCardinality(String)    COMMENT 'What is booked: call, cost (no model call), reversal, rebook, allocation or true_up.' CODEC(ZSTD(1)),
    status                   LowCardinality(String)    COMMENT 'priced, estimated, unpriced, committed (paid by provisioned capacity), aggregate (the sum of a wrapper) or duplicate_of.' CODEC(ZSTD(1)),

    -- sums
    lines                    Int64                     COMMENT 'Lines, reversals taken off.' CODEC(T64, ZSTD(1)),
    calls                    Int64                     COMMENT 'Model calls.' CODEC(T64, ZSTD(1)),
    usage_calls              Int64                     COMMENT 'Calls whose token counts are known.' CODEC(T64, ZSTD(1)),
    failed_calls             Int64                     COMMENT 'Calls that failed.' CODEC(T64, ZSTD(1)),
    input_total_tokens       Int64                     COMMENT 'Tokens sent to the model, cached ones and every modality included.' CODEC(T64, ZSTD(1)),
    cache_read_total_tokens  Int64                     COMMENT 'Tokens read from a cache, every modality.' CODEC(T64, ZSTD(1)),
    cache_write_total_tokens Int64                     COMMENT 'Tokens written to a cache, whatever its length.' CODEC(T64, ZSTD(1)),
    output_total_tokens      Int64                     COMMENT 'Tokens that the model produced, reasoning and every modality included.' CODEC(T64, ZSTD(1)),
    reasoning_tokens         Int64                     COMMENT 'Of these, tokens spent on reasoning.' CODEC(T64, ZSTD(1)),
    amount_usd               Nullable(Decimal(38, 12)) COMMENT 'Cost, USD; NULL where no line has one.' CODEC(ZSTD(1)),
    list_usd                 Nullable(Decimal(38, 12)) COMMENT 'Cost at published rates, USD; NULL where no line has one.' CODEC(ZSTD(1)),
    reported_cost_usd        Nullable(Decimal(38, 12)) COMMENT 'Cost that emitters claim, USD; NULL where none does.' CODEC(ZSTD(1)),
    least_usd                Nullable(Decimal(38, 12)) COMMENT 'Least that calls without a price can have cost, USD; NULL where nobody can say.' CODEC(ZSTD(1)),
    most_usd                 Nullable(Decimal(38, 12)) COMMENT 'Most that calls without a price can have cost, USD; NULL where nobody can say.' CODEC(ZSTD(1))
)
ENGINE = /*{engine}*/ SummingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, session, day, recorded_date, environment, data_mode, entry, status)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Spend by session and day'
