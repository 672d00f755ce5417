-- What one call, session, user, request and trace costs, for each combination of dimensions.
--
-- As it stands it answers for features, for all time. A cost per session is that of the lines that
-- name a session, divided by the sessions; the same for users, requests and traces. What has no
-- price is in no amount, so calls without one are not divided by. Counting what is different is the
-- work: a question about some of the units leaves the others NULL. They are told apart by
-- 64 bit hashes: among ten million the chance that two look alike is below 1 in 100,000.
--
-- Columns:
--   is_total          1 on the one row that sums over all others, 0 elsewhere
--   feature           the dimensions that were asked for; '' where nobody knows the value
--   total_cost        USD; NULL if nothing has a price
--   calls             model calls
--   unpriced_calls    of these, without a price: in no amount
--   cost_per_call     USD of model calls for each call with a price
--   sessions          different sessions; NULL if not asked for
--   cost_per_session  USD; NULL if no session is known or nothing in them has a price
--   users             different users; NULL if not asked for
--   cost_per_user     USD; NULL likewise
--   requests          different external_request_id; NULL likewise
--   cost_per_request  USD; NULL likewise
--   traces            different traces; NULL likewise
--   cost_per_trace    USD; NULL likewise
SELECT
    grouping(/*{first_key*/ feature /*}*/) > 0 AS is_total,
    /*{dimensions*/ spent.feature AS feature /*}*/,
    sum(spent.amount_usd) AS total_cost,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.amount_usd IS NULL) AS unpriced_calls,
    if(
        calls = unpriced_calls,
        NULL,
        sum(spent.amount_usd - ifNull(spent.other_usd, 0)) / if(calls = unpriced_calls, 1, calls - unpriced_calls)
    ) AS cost_per_call,
    /*{session*/
    uniqExactIf(cityHash64(spent.tenant, spent.session), spent.session != '' AND spent.lines > 0) AS sessions,
    sumIf(spent.amount_usd, spent.session != '') / nullIf(sessions, 0) AS cost_per_session
    /*}*/,
    /*{user*/
    uniqExactIf(cityHash64(spent.tenant, spent.user), spent.user != '' AND spent.lines > 0) AS users,
    sumIf(spent.amount_usd, spent.user != '') / nullIf(users, 0) AS cost_per_user
    /*}*/,
    /*{request*/
    uniqExactIf(cityHash64(spent.external_request_id), spent.external_request_id != '' AND spent.lines > 0) AS requests,
    sumIf(spent.amount_usd, spent.external_request_id != '') / nullIf(requests, 0) AS cost_per_request
    /*}*/,
    /*{trace*/
    uniqExactIf(cityHash64(spent.trace_id), spent.trace_id != '' AND spent.lines > 0) AS traces,
    sumIf(spent.amount_usd, spent.trace_id != '') / nullIf(traces, 0) AS cost_per_trace
    /*}*/
FROM ledger AS spent
WHERE /*{filter*/ true /*}*/
GROUP BY ROLLUP(/*{keys*/ feature /*}*/)
HAVING /*{whole*/ true /*}*/
ORDER BY is_total DESC WITH FILL FROM 1 TO 0 STEP -1, total_cost DESC NULLS LAST, calls DESC, /*{keys*/ feature /*}*/
LIMIT /*{limit*/ 1000 /*}*/
