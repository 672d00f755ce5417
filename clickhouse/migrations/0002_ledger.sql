-- The account: one immutable line for each model of each call, each cost and each amendment.
-- No line is ever changed; sums over it are right because a reversal negates every quantity.
CREATE TABLE IF NOT EXISTS ledger/*{local}*/ /*{on_cluster}*/
(
    -- what the line is
    line_id                 String                                              COMMENT 'Identity of the line, 24 hex digits: a hash of what arrived, of the place of the model in the response, and of the cause of an amendment; booking the same thing twice gives the same id.' CODEC(ZSTD(1)),
    entry                   LowCardinality(String)                              COMMENT 'What is booked: call, cost (no model call), reversal, rebook, allocation or true_up.' CODEC(ZSTD(1)),
    amends                  String                                              COMMENT 'The line_id that a reversal, rebook, allocation or true_up refers to, or empty.' CODEC(ZSTD(1)),
    cause                   LowCardinality(String)                              COMMENT 'What caused an amendment, such as a price book or the id of an allocation run, or empty.' CODEC(ZSTD(1)),
    call_key                String                                              COMMENT 'Identity of the model call, 24 hex digits, the same for each line, copy and amendment of it: from the response id where there is one, else from the span that counts.' CODEC(ZSTD(1)),
    source_key              String                                              COMMENT 'How something that is no span arrived, such as event:ID; empty for a span, whose identity is trace_id and span_id.' CODEC(ZSTD(1)),
    batch_id                UInt64                                              COMMENT 'The batch that wrote the line; its insert carries this number as token.' CODEC(ZSTD(1)),
    recorded_ns             DateTime64(9, 'UTC')                                COMMENT 'When the line was written: as billed then is recorded_ns < T.' CODEC(Delta, ZSTD(1)),
    event_ns                DateTime64(9, 'UTC')                                COMMENT 'When it happened: the start of the call.' CODEC(Delta, ZSTD(1)),

    -- where it came from
    trace_id                String                                              COMMENT 'Trace, 32 hex digits, or empty.' CODEC(ZSTD(1)),
    span_id                 String                                              COMMENT 'Span, 16 hex digits, or empty.' CODEC(ZSTD(1)),
    parent_span_id          String                                              COMMENT 'Parent span, 16 hex digits, or empty for a root.' CODEC(ZSTD(1)),
    signal                  LowCardinality(String)                              COMMENT 'What it was on the wire: span, log or event.' CODEC(ZSTD(1)),
    service_name            LowCardinality(String)                              COMMENT 'Resource attribute service.name, or empty.' CODEC(ZSTD(1)),
    scope_name              LowCardinality(String)                              COMMENT 'Instrumentation scope that emitted the span.' CODEC(ZSTD(1)),
    scope_version           LowCardinality(String)                              COMMENT 'Version of that scope.' CODEC(ZSTD(1)),
    emitter                 LowCardinality(String)                              COMMENT 'Dialect that was read, such as traceloop.' CODEC(ZSTD(1)),

    -- the call
    operation               LowCardinality(String)                              COMMENT 'Kind of call: chat, embeddings, ..., or empty.' CODEC(ZSTD(1)),
    provider                LowCardinality(String)                              COMMENT 'Provider as the price book names it, else as the span does.' CODEC(ZSTD(1)),
    called_provider         LowCardinality(String)                              COMMENT 'Provider as the span names it, or empty: with it a call can be priced again.' CODEC(ZSTD(1)),
    server_address          LowCardinality(String)                              COMMENT 'Host of the API that was called, or empty.' CODEC(ZSTD(1)),
    model                   LowCardinality(String)                              COMMENT 'Model as the price book names it, else as the response or the request does.' CODEC(ZSTD(1)),
    request_model           LowCardinality(String)                              COMMENT 'Model that was asked for.' CODEC(ZSTD(1)),
    response_model          LowCardinality(String)                              COMMENT 'Model that answered.' CODEC(ZSTD(1)),
    response_id             String                                              COMMENT 'Id that the provider gave the response.' CODEC(ZSTD(1)),
    service_tier            LowCardinality(String)                              COMMENT 'Tier that served the call, or empty.' CODEC(ZSTD(1)),
    requested_service_tier  LowCardinality(String)                              COMMENT 'Tier that was asked for, or empty.' CODEC(ZSTD(1)),
    region                  LowCardinality(String)                              COMMENT 'Cloud region or data residency, or empty.' CODEC(ZSTD(1)),
    speed                   LowCardinality(String)                              COMMENT 'Speed variant such as fast, or empty.' CODEC(ZSTD(1)),
    error_type              LowCardinality(String)                              COMMENT 'Error of a failed call, or empty.' CODEC(ZSTD(1)),

    -- the verdict
    status                  LowCardinality(String)                              COMMENT 'priced, estimated, unpriced, committed (paid by provisioned capacity), aggregate (the sum of a wrapper) or duplicate_of.' CODEC(ZSTD(1)),
    reason                  LowCardinality(String)                              COMMENT 'First reason for a status other than priced, or empty.' CODEC(ZSTD(1)),
    reasons                 Array(LowCardinality(String))                       COMMENT 'All reasons, most important first.' CODEC(ZSTD(1)),
    duplicate_of            String                                              COMMENT 'trace_id:span_id of the span that counts instead of this one, or empty.' CODEC(ZSTD(1)),
    dedupe_rule             LowCardinality(String)                              COMMENT 'Rule that recognised the same call, or empty.' CODEC(ZSTD(1)),

    -- who owns it; empty is unknown
    tenant                  LowCardinality(String)                              COMMENT 'Tenant or customer.' CODEC(ZSTD(1)),
    user                    String                                              COMMENT 'User, hashed where the policy says so.' CODEC(ZSTD(1)),
    feature                 LowCardinality(String)                              COMMENT 'Feature of the product.' CODEC(ZSTD(1)),
    step                    LowCardinality(String)                              COMMENT 'Step inside the feature.' CODEC(ZSTD(1)),
    prompt                  LowCardinality(String)                              COMMENT 'Name of the prompt.' CODEC(ZSTD(1)),
    prompt_version          LowCardinality(String)                              COMMENT 'Version of the prompt.' CODEC(ZSTD(1)),
    session                 String                                              COMMENT 'Session or conversation.' CODEC(ZSTD(1)),
    agent                   LowCardinality(String)                              COMMENT 'Agent.' CODEC(ZSTD(1)),
    workflow                LowCardinality(String)                              COMMENT 'Workflow.' CODEC(ZSTD(1)),
    team                    LowCardinality(String)                              COMMENT 'Team.' CODEC(ZSTD(1)),
    project                 LowCardinality(String)                              COMMENT 'Project.' CODEC(ZSTD(1)),
    employee                LowCardinality(String)                              COMMENT 'Employee, hashed where the policy says so.' CODEC(ZSTD(1)),
    experiment              LowCardinality(String)                              COMMENT 'Experiment.' CODEC(ZSTD(1)),
    variant                 LowCardinality(String)                              COMMENT 'Variant of the experiment.' CODEC(ZSTD(1)),
    plan                    LowCardinality(String)                              COMMENT 'Plan that the tenant pays for.' CODEC(ZSTD(1)),
    environment             LowCardinality(String)                              COMMENT 'Deployment environment.' CODEC(ZSTD(1)),
    data_mode               LowCardinality(String)                              COMMENT 'real, test or demo.' CODEC(ZSTD(1)),
    external_request_id     String                                              COMMENT 'Id of the request in the application; retries share it, so it is never a key.' CODEC(ZSTD(1)),
    tags                    Map(LowCardinality(String), String)                 COMMENT 'Everything else that was attributed, name to value.' CODEC(ZSTD(1)),
    owner_source            Map(LowCardinality(String), LowCardinality(String)) COMMENT 'Dimension or tags.NAME to where its value came from: key, local, span, baggage, rule or default.' CODEC(ZSTD(1)),

    -- what is no model call; empty for calls
    cost_type               LowCardinality(String)                              COMMENT 'Kind of cost, such as compute or api_usage.' CODEC(ZSTD(1)),
    cost_source             LowCardinality(String)                              COMMENT 'Who charges it, such as elevenlabs.' CODEC(ZSTD(1)),
    cost_metric             LowCardinality(String)                              COMMENT 'What is counted, such as characters.' CODEC(ZSTD(1)),
    cost_pool               LowCardinality(String)                              COMMENT 'Shared cost that it belongs to; empty for a direct one.' CODEC(ZSTD(1)),
    description             String                                              COMMENT 'What it was for, in words.' CODEC(ZSTD(1)),
    run_id                  LowCardinality(String)                              COMMENT 'Run that booked it, such as an allocation or a repricing, or empty.' CODEC(ZSTD(1)),
    cost_quantity           Nullable(Decimal(38, 12))                           COMMENT 'How much of the metric, signed; NULL where nothing is counted.' CODEC(ZSTD(1)),

    -- quantities; signed, so that a plain sum is right: a reversal negates each of them
    lines                   Int64                                               COMMENT '1 for a line, -1 for a reversal: counts what calls does not, such as duplicates and further models of a response.' CODEC(T64, ZSTD(1)),
    calls                   Int64                                               COMMENT 'Model calls: 1 on one line of each call, 0 on its other lines and on duplicates.' CODEC(T64, ZSTD(1)),
    usage_calls             Int64                                               COMMENT 'Of these, calls whose token counts are known: divide tokens by it, not by calls.' CODEC(T64, ZSTD(1)),
    duration_ns             Nullable(Int64)                                     COMMENT 'How long the call took, nanoseconds; NULL where nobody can say.' CODEC(ZSTD(1)),
    input_tokens            Int64                                               COMMENT 'Input tokens at the plain rate: no cached ones, no other modality.' CODEC(T64, ZSTD(1)),
    cache_read_tokens       Int64                                               COMMENT 'Input tokens read from a cache.' CODEC(T64, ZSTD(1)),
    cache_write_5m_tokens   Int64                                               COMMENT 'Input tokens written to a 5 minute cache.' CODEC(T64, ZSTD(1)),
    cache_write_1h_tokens   Int64                                               COMMENT 'Input tokens written to a 1 hour cache.' CODEC(T64, ZSTD(1)),
    cache_write_tokens      Int64                                               COMMENT 'Input tokens written to a cache of unknown length.' CODEC(T64, ZSTD(1)),
    input_audio_tokens      Int64                                               COMMENT 'Audio input tokens.' CODEC(T64, ZSTD(1)),
    input_image_tokens      Int64                                               COMMENT 'Image input tokens.' CODEC(T64, ZSTD(1)),
    input_video_tokens      Int64                                               COMMENT 'Video input tokens.' CODEC(T64, ZSTD(1)),
    cache_read_audio_tokens Int64                                               COMMENT 'Audio input tokens read from a cache.' CODEC(T64, ZSTD(1)),
    cache_read_image_tokens Int64                                               COMMENT 'Image input tokens read from a cache.' CODEC(T64, ZSTD(1)),
    output_tokens           Int64                                               COMMENT 'Output tokens at the plain rate: no reasoning, no other modality.' CODEC(T64, ZSTD(1)),
    reasoning_tokens        Int64                                               COMMENT 'Output tokens spent on reasoning.' CODEC(T64, ZSTD(1)),
    output_audio_tokens     Int64                                               COMMENT 'Audio output tokens.' CODEC(T64, ZSTD(1)),
    output_image_tokens     Int64                                               COMMENT 'Image output tokens.' CODEC(T64, ZSTD(1)),
    requests                Int64                                               COMMENT 'Requests that are paid by the piece.' CODEC(T64, ZSTD(1)),
    web_search_uses         Int64                                               COMMENT 'Web searches done.' CODEC(T64, ZSTD(1)),
    web_fetch_uses          Int64                                               COMMENT 'Pages fetched by the provider.' CODEC(T64, ZSTD(1)),
    file_search_uses        Int64                                               COMMENT 'File searches done.' CODEC(T64, ZSTD(1)),
    code_execution_uses     Int64                                               COMMENT 'Code executions done.' CODEC(T64, ZSTD(1)),
    images                  Int64                                               COMMENT 'Images paid by the piece.' CODEC(T64, ZSTD(1)),
    pages                   Int64                                               COMMENT 'Pages paid by the piece.' CODEC(T64, ZSTD(1)),
    characters              Int64                                               COMMENT 'Characters paid by the piece.' CODEC(T64, ZSTD(1)),
    seconds_input_audio     Int64                                               COMMENT 'Seconds of audio input.' CODEC(T64, ZSTD(1)),
    seconds_output_audio    Int64                                               COMMENT 'Seconds of audio output.' CODEC(T64, ZSTD(1)),
    rerank_units            Int64                                               COMMENT 'Rerank units.' CODEC(T64, ZSTD(1)),

    -- money, USD; NULL is unknown, 0 was worked out
    input_usd               Nullable(Decimal(38, 12))                           COMMENT 'Input tokens of each modality, not cached.' CODEC(ZSTD(1)),
    cache_read_usd          Nullable(Decimal(38, 12))                           COMMENT 'Tokens read from a cache.' CODEC(ZSTD(1)),
    cache_write_usd         Nullable(Decimal(38, 12))                           COMMENT 'Tokens written to a cache.' CODEC(ZSTD(1)),
    output_usd              Nullable(Decimal(38, 12))                           COMMENT 'Output tokens of each modality, without reasoning.' CODEC(ZSTD(1)),
    reasoning_usd           Nullable(Decimal(38, 12))                           COMMENT 'Reasoning tokens.' CODEC(ZSTD(1)),
    uses_usd                Nullable(Decimal(38, 12))                           COMMENT 'What is paid by use: tools, requests, images, pages, characters, seconds.' CODEC(ZSTD(1)),
    other_usd               Nullable(Decimal(38, 12))                           COMMENT 'What is no model call: costs, allocations, true-ups.' CODEC(ZSTD(1)),
    amount_usd              Nullable(Decimal(38, 12))                           COMMENT 'Cost of the line: the sum of the seven amounts above, each rounded half-even at 1e-12 USD.' CODEC(ZSTD(1)),
    list_usd                Nullable(Decimal(38, 12))                           COMMENT 'The same at published rates, before any contract.' CODEC(ZSTD(1)),
    reported_cost_usd       Nullable(Decimal(38, 12))                           COMMENT 'Cost that the emitter claims; kept beside ours, never used.' CODEC(ZSTD(1)),
    reported_by             LowCardinality(String)                              COMMENT 'Attribute that claims it, or empty.' CODEC(ZSTD(1)),
    least_usd               Nullable(Decimal(38, 12))                           COMMENT 'Least that an unpriced call can have cost; NULL where nobody can say.' CODEC(ZSTD(1)),
    most_usd                Nullable(Decimal(38, 12))                           COMMENT 'Most that an unpriced call can have cost; NULL where nobody can say.' CODEC(ZSTD(1)),

    -- why the amount is what it is
    price_entry             LowCardinality(String)                              COMMENT 'Id of the price entry, or empty.' CODEC(ZSTD(1)),
    price_book              LowCardinality(String)                              COMMENT 'Content hash of the price book, or empty.' CODEC(ZSTD(1)),
    price_rule              LowCardinality(String)                              COMMENT 'Matching rule that led from the name on the span to the entry, or empty.' CODEC(ZSTD(1)),
    price_valid_from        Nullable(DateTime64(9, 'UTC'))                      COMMENT 'Start of the validity of the entry; NULL for since ever.' CODEC(ZSTD(1)),
    price_valid_to          Nullable(DateTime64(9, 'UTC'))                      COMMENT 'End of it, exclusive; NULL for open.' CODEC(ZSTD(1)),
    rates                   Map(LowCardinality(String), LowCardinality(String)) COMMENT 'Unit to the rate that was applied, as USD/units: 0.15/1000000.' CODEC(ZSTD(1)),
    provenance              Map(LowCardinality(String), LowCardinality(String)) COMMENT 'Unit or field to where it came from: an attribute, derived or assumed; what the emitter lost is named.' CODEC(ZSTD(1)),

    -- worked out when they are read
    span_key String ALIAS if(source_key = '', concat(trace_id, ':', span_id), source_key)
        COMMENT 'Identity of what arrived.',
    failed_calls Int64 ALIAS if(error_type = '', 0, calls)
        COMMENT 'Calls that failed.',
    input_total_tokens Int64 ALIAS input_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_write_tokens + input_audio_tokens + input_image_tokens + input_video_tokens + cache_read_audio_tokens + cache_read_image_tokens
        COMMENT 'Tokens sent to the model, cached ones and every modality included.',
    cache_read_total_tokens Int64 ALIAS cache_read_tokens + cache_read_audio_tokens + cache_read_image_tokens
        COMMENT 'Tokens read from a cache, every modality.',
    cache_write_total_tokens Int64 ALIAS cache_write_5m_tokens + cache_write_1h_tokens + cache_write_tokens
        COMMENT 'Tokens written to a cache, whatever its length.',
    output_total_tokens Int64 ALIAS output_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens
        COMMENT 'Tokens that the model produced, reasoning and every modality included.',

    INDEX by_line line_id TYPE bloom_filter(0.025) GRANULARITY 1,
    INDEX by_amended amends TYPE bloom_filter(0.025) GRANULARITY 1,
    INDEX by_trace trace_id TYPE bloom_filter(0.025) GRANULARITY 1,
    INDEX by_response response_id TYPE bloom_filter(0.025) GRANULARITY 1,
    INDEX by_session session TYPE bloom_filter(0.025) GRANULARITY 1
)
ENGINE = /*{engine}*/ MergeTree
PARTITION BY toYYYYMM(event_ns)
ORDER BY (tenant, event_ns)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Every call, cost and amendment, one immutable line each'
