-- How much of the calls and of the money each dimension explains.
--
-- It reads any table that keeps spend and has the dimensions. As it stands it reads the ledger.
--
-- Columns:
--   dimension    what is looked at
--   calls        model calls
--   known_calls  of these, with a value
--   calls_share  known_calls of calls, 0 to 1; NULL if there are no calls
--   total_cost   USD; NULL if nothing has a price
--   known_cost   USD of what has a value; NULL if nothing of it has a price
--   cost_share   known_cost of total_cost, 0 to 1; NULL if total_cost is unknown or 0
SELECT
    pair.1 AS dimension,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, pair.2) AS known_calls,
    toDecimal128(known_calls, 6) / nullIf(calls, 0) AS calls_share,
    sum(spent.amount_usd) AS total_cost,
    sumIf(spent.amount_usd, pair.2) AS known_cost,
    if(total_cost = 0, NULL, toDecimal256(ifNull(known_cost, 0), 12) / total_cost) AS cost_share
FROM /*{source*/ ledger /*}*/ AS spent
ARRAY JOIN
    /*{pairs*/ [('tenant', tenant != ''), ('feature', feature != ''), ('prompt_version', prompt_version != ''), ('user', user != ''), ('session', session != ''), ('environment', environment != ''), ('data_mode', data_mode != '')] /*}*/ AS pair
WHERE /*{filter*/ true /*}*/
GROUP BY dimension
ORDER BY dimension
