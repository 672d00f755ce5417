-- Feeds spend_by_feature_15m from each insert into the ledger, directly and never through another view.
CREATE MATERIALIZED VIEW IF NOT EXISTS spend_by_feature_15m_feed /*{on_cluster}*/
TO spend_by_feature_15m/*{local}*/
AS SELECT
    toStartOfFifteenMinutes(toDateTime(event_ns, 'UTC')) AS bucket,
    toDate(recorded_ns, /*{time_zone}*/ 'UTC') AS recorded_date,
    feature,
    step,
    prompt,
    prompt_version,
    agent,
    workflow,
    team,
    project,
    experiment,
    variant,
    environment,
    data_mode,
    provider,
    model,
    operation,
    service_tier,
    entry,
    status,
    reason,
    sum(ledger.lines) AS lines,
    sum(ledger.calls) AS calls,
    sum(ledger.usage_calls) AS usage_calls,
    sum(if(ledger.error_type = '', 0, ledger.calls)) AS failed_calls,
    sum(
        ledger.input_tokens
        + ledger.cache_read_tokens
        + ledger.cache_write_5m_tokens
        + ledger.cache_write_1h_tokens
        + ledger.cache_write_tokens
        + ledger.input_audio_tokens
        + ledger.input_image_tokens
        + ledger.input_video_tokens
        + ledger.cache_read_audio_tokens
        + ledger.cache_read_image_tokens
    ) AS input_total_tokens,
    sum(
        ledger.cache_read_tokens
        + ledger.cache_read_audio_tokens
        + ledger.cache_read_image_tokens
    ) AS cache_read_total_tokens,
    sum(
        ledger.cache_write_5m_tokens
        + ledger.cache_write_1h_tokens
        + ledger.cache_write_tokens
    ) AS cache_write_total_tokens,
    sum(
        ledger.output_tokens
        + ledger.reasoning_tokens
        + ledger.output_audio_tokens
        + ledger.output_image_tokens
    ) AS output_total_tokens,
    sum(ledger.reasoning_tokens) AS reasoning_tokens,
    sum(ledger.input_usd) AS input_usd,
    sum(ledger.cache_read_usd) AS cache_read_usd,
    sum(ledger.cache_write_usd) AS cache_write_usd,
    sum(ledger.output_usd) AS output_usd,
    sum(ledger.reasoning_usd) AS reasoning_usd,
    sum(ledger.uses_usd) AS uses_usd,
    sum(ledger.amount_usd) AS amount_usd,
    sum(ledger.list_usd) AS list_usd,
    sum(ledger.reported_cost_usd) AS reported_cost_usd,
    sum(ledger.least_usd) AS least_usd,
    sum(ledger.most_usd) AS most_usd
FROM ledger/*{local}*/ AS ledger
GROUP BY
    bucket,
    recorded_date,
    feature,
    step,
    prompt,
    prompt_version,
    agent,
    workflow,
    team,
    project,
    experiment,
    variant,
    environment,
    data_mode,
    provider,
    model,
    operation,
    service_tier,
    entry,
    status,
    reason
