-- Single ledger lines, the oldest first: model calls, other costs and amendments.
--
-- As it stands it lists the latest hour. Asking for more goes on after the last line that was seen.
--
-- Columns:
--   event_time          when it happened, UTC, with nanoseconds
--   event_unix_ns       the same, nanoseconds since 1970
--   line_id, entry, amends, call_key, status, reason, duplicate_of
--   trace_id, span_id, session, external_request_id, service_name, scope_name
--   operation, provider, model, service_tier, error_type
--   tenant, user, feature, step, prompt, prompt_version, agent, workflow, team, project, plan,
--   environment, data_mode, tags   who owns it; '' where nobody knows
--   calls               1 for a call, -1 where it is taken back, 0 for other lines
--   input_tokens        tokens sent, cached ones included; NULL if unknown
--   cache_read_tokens   of these, read from a cache
--   output_tokens       tokens produced, reasoning included; NULL if unknown
--   reasoning_tokens    of these, spent on reasoning
--   duration_ms         milliseconds; NULL if unknown
--   cost                USD; NULL without a price
--   least_cost          least that a call without a price can have cost; NULL if nobody can say
--   most_cost           most that it can have cost; NULL if nobody can say
--   price_entry, price_book, price_rule
SELECT
    concat(replaceOne(toString(spent.event_ns), ' ', 'T'), 'Z') AS event_time,
    toUnixTimestamp64Nano(spent.event_ns) AS event_unix_ns,
    spent.line_id AS line_id,
    spent.entry AS entry,
    spent.amends AS amends,
    spent.call_key AS call_key,
    spent.status AS status,
    spent.reason AS reason,
    spent.duplicate_of AS duplicate_of,
    spent.trace_id AS trace_id,
    spent.span_id AS span_id,
    spent.session AS session,
    spent.external_request_id AS external_request_id,
    spent.service_name AS service_name,
    spent.scope_name AS scope_name,
    spent.operation AS operation,
    spent.provider AS provider,
    spent.model AS model,
    spent.service_tier AS service_tier,
    spent.error_type AS error_type,
    spent.tenant AS tenant,
    spent.user AS user,
    spent.feature AS feature,
    spent.step AS step,
    spent.prompt AS prompt,
    spent.prompt_version AS prompt_version,
    spent.agent AS agent,
    spent.workflow AS workflow,
    spent.team AS team,
    spent.project AS project,
    spent.plan AS plan,
    spent.environment AS environment,
    spent.data_mode AS data_mode,
    spent.tags AS tags,
    spent.calls AS calls,
    if(spent.calls != 0 AND spent.usage_calls = 0, NULL, spent.input_total_tokens) AS input_tokens,
    if(spent.calls != 0 AND spent.usage_calls = 0, NULL, spent.cache_read_total_tokens) AS cache_read_tokens,
    if(spent.calls != 0 AND spent.usage_calls = 0, NULL, spent.output_total_tokens) AS output_tokens,
    if(spent.calls != 0 AND spent.usage_calls = 0, NULL, spent.reasoning_tokens) AS reasoning_tokens,
    intDiv(spent.duration_ns, 1000000) AS duration_ms,
    spent.amount_usd AS cost,
    spent.least_usd AS least_cost,
    spent.most_usd AS most_cost,
    spent.price_entry AS price_entry,
    spent.price_book AS price_book,
    spent.price_rule AS price_rule
FROM ledger AS spent
WHERE /*{filter*/ spent.event_ns >= now() - INTERVAL 1 HOUR /*}*/
    AND /*{seen*/ true /*}*/
ORDER BY spent.event_ns, spent.line_id
LIMIT /*{limit*/ 1000 /*}*/
