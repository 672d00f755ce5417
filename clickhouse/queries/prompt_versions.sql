-- Versions of prompts side by side: cost, tokens, cache, speed and failures of a call. Costs that are
-- no call are left out.
--
-- As it stands it answers for every feature, prompt and version, for all time.
--
-- Columns:
--   feature, prompt, prompt_version   the dimensions that were asked for
--   first_time        when the first call happened, UTC
--   last_time         when the last call happened, UTC
--   calls             model calls
--   unpriced_calls    of these, without a price: in no amount
--   failed_share      calls that failed, 0 to 1
--   total_cost        USD; NULL if nothing has a price
--   cost_per_call     USD for each call with a price
--   input_per_call    tokens sent, cached ones included, for each call whose counts are known
--   cached_share      of the tokens sent, read from a cache, 0 to 1
--   output_per_call   tokens produced, reasoning included, for each call whose counts are known
--   reasoning_per_call  of these, spent on reasoning
--   p50_ms            half of the calls took no longer, milliseconds; NULL if unknown; from a sample
--                     of 8,192 calls where there are more
--   p95_ms            95 of 100 calls took no longer, milliseconds; NULL if unknown; likewise
WITH
    spent.calls > 0 AND spent.duration_ns IS NOT NULL AS timed,
    quantilesIf(0.5, 0.95)(assumeNotNull(spent.duration_ns), timed) AS took
SELECT
    /*{dimensions*/ spent.feature AS feature, spent.prompt AS prompt, spent.prompt_version AS prompt_version /*}*/,
    concat(replaceOne(toString(min(spent.event_ns)), ' ', 'T'), 'Z') AS first_time,
    concat(replaceOne(toString(max(spent.event_ns)), ' ', 'T'), 'Z') AS last_time,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.amount_usd IS NULL) AS unpriced_calls,
    toDecimal64(sum(spent.failed_calls), 6) / nullIf(calls, 0) AS failed_share,
    sum(spent.amount_usd) AS total_cost,
    sum(spent.amount_usd) / nullIf(calls - unpriced_calls, 0) AS cost_per_call,
    toDecimal128(sum(spent.input_total_tokens), 3) / nullIf(sum(spent.usage_calls), 0) AS input_per_call,
    toDecimal128(sum(spent.cache_read_total_tokens), 6) / nullIf(sum(spent.input_total_tokens), 0) AS cached_share,
    toDecimal128(sum(spent.output_total_tokens), 3) / nullIf(sum(spent.usage_calls), 0) AS output_per_call,
    toDecimal128(sum(spent.reasoning_tokens), 3) / nullIf(sum(spent.usage_calls), 0) AS reasoning_per_call,
    if(countIf(timed) = 0, NULL, intDiv(toInt64(took[1]), 1000000)) AS p50_ms,
    if(countIf(timed) = 0, NULL, intDiv(toInt64(took[2]), 1000000)) AS p95_ms
FROM ledger AS spent
WHERE NOT startsWith(spent.entry, 'cost') AND (/*{filter*/ true /*}*/)
GROUP BY /*{keys*/ feature, prompt, prompt_version /*}*/
HAVING calls != 0
ORDER BY total_cost DESC NULLS LAST, calls DESC, /*{keys*/ feature, prompt, prompt_version /*}*/
LIMIT /*{limit*/ 1000 /*}*/
