-- Feeds spend_by_tenant_day from each insert into the ledger, directly and never through another view.
CREATE MATERIALIZED VIEW IF NOT EXISTS spend_by_tenant_day_feed /*{on_cluster}*/
TO spend_by_tenant_day/*{local}*/
AS SELECT
    toDate(event_ns, /*{time_zone}*/ 'UTC') AS day,
    toDate(recorded_ns, /*{time_zone}*/ 'UTC') AS recorded_date,
    tenant,
    plan,
    provider,
    environment,
    data_mode,
    entry,
    status,
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
    sum(ledger.amount_usd) AS amount_usd,
    sum(ledger.list_usd) AS list_usd,
    sum(ledger.reported_cost_usd) AS reported_cost_usd,
    sum(ledger.least_usd) AS least_usd,
    sum(ledger.most_usd) AS most_usd
FROM ledger/*{local}*/ AS ledger
GROUP BY
    day,
    recorded_date,
    tenant,
    plan,
    provider,
    environment,
    data_mode,
    entry,
    status
