-- Traces and what each cost, the most expensive first; between a total and its single calls.
--
-- The dearest are found by 64 bit hashes first, with all that cost as much as the last of them; everything
-- else is read for these alone. As it stands it answers for the last day.
--
-- Columns:
--   trace_id        the trace; '' for what came without one
--   tenant, user, feature, session   of its first line
--   first_time      when its first line happened, UTC
--   calls           model calls
--   unpriced_calls  of these, without a price: in no amount
--   failed_calls    that failed
--   models          the models that were called
--   total_cost      USD; NULL if nothing has a price
WITH dearest AS
(
    SELECT cityHash64(spent.trace_id)
    FROM ledger AS spent
    WHERE /*{filter*/ spent.event_ns >= now() - INTERVAL 1 DAY /*}*/
    GROUP BY cityHash64(spent.trace_id)
    ORDER BY sum(spent.amount_usd) DESC NULLS LAST, sum(spent.calls) DESC
    LIMIT /*{limit*/ 1000 /*}*/ WITH TIES
)
SELECT
    spent.trace_id AS trace_id,
    argMin(spent.tenant, spent.event_ns) AS tenant,
    argMin(spent.user, spent.event_ns) AS user,
    argMin(spent.feature, spent.event_ns) AS feature,
    argMin(spent.session, spent.event_ns) AS session,
    concat(replaceOne(toString(min(spent.event_ns)), ' ', 'T'), 'Z') AS first_time,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.amount_usd IS NULL) AS unpriced_calls,
    sum(spent.failed_calls) AS failed_calls,
    arraySort(groupUniqArray(20)(spent.model)) AS models,
    sum(spent.amount_usd) AS total_cost
FROM ledger AS spent
WHERE (/*{filter*/ spent.event_ns >= now() - INTERVAL 1 DAY /*}*/) AND cityHash64(spent.trace_id) IN (dearest)
GROUP BY trace_id
ORDER BY total_cost DESC NULLS LAST, calls DESC, trace_id
LIMIT /*{limit*/ 1000 /*}*/
