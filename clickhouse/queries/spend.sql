-- What each combination of dimensions cost in a period, the most expensive first.
--
-- It reads any table that keeps spend: the ledger, or a rollup that has the dimensions and whose
-- grain fits the period. As it stands it answers for tenants, from the ledger, for all time.
--
-- Columns:
--   is_total          1 on the one row that sums over all others, 0 elsewhere
--   tenant            the dimensions that were asked for; '' where nobody knows the value
--   calls             model calls
--   priced_calls      of these, with a price that is exact
--   estimated_calls   with a price for which a count or a rate was assumed
--   unpriced_calls    without a price
--   failed_calls      that failed
--   attributed_calls  for which every dimension that was asked for is known
--   usage_calls       whose token counts are known
--   unpriced_lines    lines without a price: calls and further models of a response
--   duplicates        spans that described a call that another span counts
--   input_tokens      tokens sent, cached ones included; NULL if no call reported any
--   cache_read_tokens of these, read from a cache
--   output_tokens     tokens produced, reasoning included; NULL if no call reported any
--   total_cost        USD; NULL if nothing has a price
--   attributed_cost   USD of the attributed calls
--   list_cost         USD at published rates
--   reported_cost     USD that emitters claim
--   least_cost        least that calls without a price can have cost, USD; NULL if nobody can say
--   most_cost         most that they can have cost
SELECT
    grouping(/*{first_key*/ tenant /*}*/) > 0 AS is_total,
    /*{dimensions*/ spent.tenant AS tenant /*}*/,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.status IN ('priced', 'committed')) AS priced_calls,
    sumIf(spent.calls, spent.status IN ('estimated', 'aggregate')) AS estimated_calls,
    sumIf(spent.calls, spent.status = 'unpriced') AS unpriced_calls,
    sum(spent.failed_calls) AS failed_calls,
    sumIf(spent.calls, /*{known*/ spent.tenant != '' /*}*/) AS attributed_calls,
    sum(spent.usage_calls) AS usage_calls,
    sumIf(spent.lines, spent.status = 'unpriced') AS unpriced_lines,
    sumIf(spent.lines, spent.status = 'duplicate_of') AS duplicates,
    if(usage_calls = 0 AND calls != 0, NULL, sum(spent.input_total_tokens)) AS input_tokens,
    if(usage_calls = 0 AND calls != 0, NULL, sum(spent.cache_read_total_tokens)) AS cache_read_tokens,
    if(usage_calls = 0 AND calls != 0, NULL, sum(spent.output_total_tokens)) AS output_tokens,
    sum(spent.amount_usd) AS total_cost,
    sumIf(spent.amount_usd, /*{known*/ spent.tenant != '' /*}*/) AS attributed_cost,
    sum(spent.list_usd) AS list_cost,
    sum(spent.reported_cost_usd) AS reported_cost,
    sum(spent.least_usd) AS least_cost,
    sum(spent.most_usd) AS most_cost
FROM /*{source*/ ledger /*}*/ AS spent
WHERE /*{filter*/ true /*}*/
GROUP BY ROLLUP(/*{keys*/ tenant /*}*/)
HAVING /*{whole*/ true /*}*/ AND (is_total OR calls != 0 OR total_cost IS NOT NULL OR unpriced_lines != 0)
ORDER BY is_total DESC WITH FILL FROM 1 TO 0 STEP -1, total_cost DESC NULLS LAST, calls DESC, /*{keys*/ tenant /*}*/
LIMIT /*{limit*/ 1000 /*}*/
