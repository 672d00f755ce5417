-- How much of the calls and of the money a dimension explains.
--
-- It reads any table that keeps spend and has the dimension. As it stands it answers for tenants,
-- from the ledger. A question about several dimensions asks this once for each.
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
    /*{dimension*/ 'tenant' /*}*/ AS dimension,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, /*{value*/ spent.tenant /*}*/ != '') AS known_calls,
    toDecimal128(known_calls, 6) / nullIf(calls, 0) AS calls_share,
    sum(spent.amount_usd) AS total_cost,
    sumIf(spent.amount_usd, /*{value*/ spent.tenant /*}*/ != '') AS known_cost,
    if(total_cost = 0, NULL, toDecimal256(ifNull(known_cost, 0), 12) / total_cost) AS cost_share
FROM /*{source*/ ledger /*}*/ AS spent
WHERE /*{filter*/ true /*}*/
