-- Sessions and what each cost, the most expensive first.
--
-- Which sessions are the dearest is read from any table that keeps spend by session, everything else
-- from their lines alone. As it stands it answers for the last day, from the ledger.
--
-- Columns:
--   tenant          of the session; '' where nobody knows
--   session         the session; '' gathers everything without one
--   user            of its first line
--   first_time      when its first line happened, UTC
--   last_time       when its last line happened, UTC
--   calls           model calls
--   unpriced_calls  of these, without a price: in no amount
--   failed_calls    that failed
--   traces          different traces
--   models          the models that were called
--   input_tokens    tokens sent, cached ones included; NULL if unknown
--   output_tokens   tokens produced, reasoning included; NULL if unknown
--   calls_cost      USD of model calls; NULL if none has a price
--   other_cost      USD of costs that are no model call, such as tools; NULL if there are none
--   total_cost      USD; NULL if nothing has a price
WITH dearest AS
(
    SELECT spent.tenant, spent.session
    FROM /*{source*/ ledger /*}*/ AS spent
    WHERE /*{kept*/ spent.event_ns >= now() - INTERVAL 1 DAY /*}*/
    GROUP BY spent.tenant, spent.session
    ORDER BY sum(spent.amount_usd) DESC NULLS LAST, sum(spent.calls) DESC, spent.tenant, spent.session
    LIMIT /*{limit*/ 1000 /*}*/
)
SELECT
    spent.tenant AS tenant,
    spent.session AS session,
    argMin(spent.user, spent.event_ns) AS user,
    concat(replaceOne(toString(min(spent.event_ns)), ' ', 'T'), 'Z') AS first_time,
    concat(replaceOne(toString(max(spent.event_ns)), ' ', 'T'), 'Z') AS last_time,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.amount_usd IS NULL) AS unpriced_calls,
    sum(spent.failed_calls) AS failed_calls,
    uniqExactIf(spent.trace_id, spent.trace_id != '') AS traces,
    arraySort(arrayFilter(name -> name != '', groupUniqArray(20)(spent.model))) AS models,
    if(sum(spent.usage_calls) = 0 AND calls != 0, NULL, sum(spent.input_total_tokens)) AS input_tokens,
    if(sum(spent.usage_calls) = 0 AND calls != 0, NULL, sum(spent.output_total_tokens)) AS output_tokens,
    sum(spent.amount_usd - spent.other_usd) AS calls_cost,
    sum(nullIf(spent.other_usd, 0)) AS other_cost,
    sum(spent.amount_usd) AS total_cost
FROM ledger AS spent
WHERE (/*{filter*/ spent.event_ns >= now() - INTERVAL 1 DAY /*}*/) AND (spent.tenant, spent.session) IN (dearest)
GROUP BY tenant, session
ORDER BY total_cost DESC NULLS LAST, calls DESC, tenant, session
LIMIT /*{limit*/ 1000 /*}*/
