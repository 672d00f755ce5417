-- What each feature cost, by quarter of an hour and the dimensions of engineering; no tenant.
-- Holds sums only, because a reversal can undo nothing else. LZ4, because it is small and read often.
CREATE TABLE IF NOT EXISTS spend_by_feature_15m/*{local}*/ /*{on_cluster}*/
(
    -- keys
    bucket                   DateTime('UTC')           COMMENT 'Start of the quarter of an hour of the event, UTC.' CODEC(LZ4),
    recorded_date            Date                      COMMENT 'Day of recording in the reporting time zone: as billed then, in whole days.' CODEC(LZ4),
    feature                  LowCardinality(String)    COMMENT 'Feature of the product.' CODEC(LZ4),
    step                     LowCardinality(String)    COMMENT 'Step inside the feature.' CODEC(LZ4),
    prompt                   LowCardinality(String)    COMMENT 'Name of the prompt.' CODEC(LZ4),
    prompt_version           LowCardinality(String)    COMMENT 'Version of the prompt.' CODEC(LZ4),
    agent                    LowCardinality(String)    COMMENT 'Agent.' CODEC(LZ4),
    workflow                 LowCardinality(String)    COMMENT 'Workflow.' CODEC(LZ4),
    team                     LowCardinality(String)    COMMENT 'Team.' CODEC(LZ4),
    project                  LowCardinality(String)    COMMENT 'Project.' CODEC(LZ4),
    experiment               LowCardinality(String)    COMMENT 'Experiment.' CODEC(LZ4),
    variant                  LowCardinality(String)    COMMENT 'Variant of the experiment.' CODEC(LZ4),
    environment              LowCardinality(String)    COMMENT 'Deployment environment.' CODEC(LZ4),
    data_mode                LowCardinality(String)    COMMENT 'real, test or demo.' CODEC(LZ4),
    provider                 LowCardinality(String)    COMMENT 'Provider as the price book names it, else as the span does.' CODEC(LZ4),
    model                    LowCardinality(String)    COMMENT 'Model as the price book names it, else as the response or the request does.' CODEC(LZ4),
    operation                LowCardinality(String)    COMMENT 'Kind of call: chat, embeddings, ..., or empty.' CODEC(LZ4),
    service_tier             LowCardinality(String)    COMMENT 'Tier that served the call, or empty.' CODEC(LZ4),
    entry                    LowCardinality(String)    COMMENT 'What is booked: call, cost (no model call), reversal, rebook, allocation or true_up.' CODEC(LZ4),
    status                   LowCardinality(String)    COMMENT 'priced, estimated, unpriced, committed (paid by provisioned capacity), aggregate (the sum of a wrapper) or duplicate_of.' CODEC(LZ4),
    reason                   LowCardinality(String)    COMMENT 'First reason for a status other than priced, or empty.' CODEC(LZ4),

    -- sums
    lines                    Int64                     COMMENT 'Lines, reversals taken off.' CODEC(LZ4),
    calls                    Int64                     COMMENT 'Model calls.' CODEC(LZ4),
    usage_calls              Int64                     COMMENT 'Calls whose token counts are known.' CODEC(LZ4),
    failed_calls             Int64                     COMMENT 'Calls that failed.' CODEC(LZ4),
    input_total_tokens       Int64                     COMMENT 'Tokens sent to the model, cached ones and every modality included.' CODEC(LZ4),
    cache_read_total_tokens  Int64                     COMMENT 'Tokens read from a cache, every modality.' CODEC(LZ4),
    cache_write_total_tokens Int64                     COMMENT 'Tokens written to a cache, whatever its length.' CODEC(LZ4),
    output_total_tokens      Int64                     COMMENT 'Tokens that the model produced, reasoning and every modality included.' CODEC(LZ4),
    reasoning_tokens         Int64                     COMMENT 'Of these, tokens spent on reasoning.' CODEC(LZ4),
    input_usd                Nullable(Decimal(38, 12)) COMMENT 'Of the cost: input tokens of each modality, not cached, USD.' CODEC(LZ4),
    cache_read_usd           Nullable(Decimal(38, 12)) COMMENT 'Of the cost: tokens read from a cache, USD.' CODEC(LZ4),
    cache_write_usd          Nullable(Decimal(38, 12)) COMMENT 'Of the cost: tokens written to a cache, USD.' CODEC(LZ4),
    output_usd               Nullable(Decimal(38, 12)) COMMENT 'Of the cost: output tokens of each modality, without reasoning, USD.' CODEC(LZ4),
    reasoning_usd            Nullable(Decimal(38, 12)) COMMENT 'Of the cost: reasoning tokens, USD.' CODEC(LZ4),
    uses_usd                 Nullable(Decimal(38, 12)) COMMENT 'Of the cost: what is paid by use, USD.' CODEC(LZ4),
    amount_usd               Nullable(Decimal(38, 12)) COMMENT 'Cost, USD; NULL where no line has one.' CODEC(LZ4),
    list_usd                 Nullable(Decimal(38, 12)) COMMENT 'Cost at published rates, USD; NULL where no line has one.' CODEC(LZ4),
    reported_cost_usd        Nullable(Decimal(38, 12)) COMMENT 'Cost that emitters claim, USD; NULL where none does.' CODEC(LZ4),
    least_usd                Nullable(Decimal(38, 12)) COMMENT 'Least that calls without a price can have cost, USD; NULL where nobody can say.' CODEC(LZ4),
    most_usd                 Nullable(Decimal(38, 12)) COMMENT 'Most that calls without a price can have cost, USD; NULL where nobody can say.' CODEC(LZ4)
)
ENGINE = /*{engine}*/ SummingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, feature, environment, data_mode, provider, model, prompt, prompt_version, step, agent, workflow, team, project, experiment, variant, operation, service_tier, entry, status, reason, recorded_date)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Spend by feature and quarter of an hour'
