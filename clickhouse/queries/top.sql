-- Who spends most: the largest of any dimension, with their share and how often they called.
--
-- It reads any table that keeps spend. As it stands it answers for users, from the ledger.
--
-- Columns:
--   is_total       1 on the one row that sums over all others, 0 elsewhere
--   user           the dimensions that were asked for; '' where nobody knows the value
--   calls          model calls
--   unpriced_calls of these, without a price: in no amount
--   total_cost     USD; NULL if nothing has a price
--   cost_per_call  USD for each call with a price, costs that are no call left out; NULL if there is none
--   share          of the whole cost, 0 to 1; NULL if one of them is unknown
SELECT
    grouping(/*{first_key*/ user /*}*/) > 0 AS is_total,
    /*{dimensions*/ spent.user AS user /*}*/,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.amount_usd IS NULL) AS unpriced_calls,
    sum(spent.amount_usd) AS total_cost,
    sumIf(spent.amount_usd, NOT startsWith(spent.entry, 'cost')) / nullIf(calls - unpriced_calls, 0) AS cost_per_call,
    toDecimal256(total_cost, 12) / nullIf(maxIf(total_cost, is_total) OVER (), 0) AS share
FROM /*{source*/ ledger /*}*/ AS spent
WHERE /*{filter*/ true /*}*/
GROUP BY ROLLUP(/*{keys*/ user /*}*/)
HAVING /*{whole*/ true /*}*/ AND (is_total OR calls != 0 OR total_cost IS NOT NULL)
ORDER BY is_total DESC WITH FILL FROM 1 TO 0 STEP -1, total_cost DESC NULLS LAST, calls DESC, /*{keys*/ user /*}*/
LIMIT /*{limit*/ 1000 /*}*/
