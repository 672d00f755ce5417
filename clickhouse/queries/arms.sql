-- Two groups of calls side by side, stratum by stratum: what a statistical comparison needs.
--
-- One call is one call_key: further models of its response and amendments belong to it. As it
-- stands it sets prompt version v1 against v2, for all time. Sums of squares are floating point:
-- they make a standard error, never an amount.
--
-- Columns:
--   model, operation   the strata that were asked for
--   calls_a            calls of group A with a price
--   calls_b            calls of group B with a price
--   unpriced_a         calls of group A without one: in no amount
--   unpriced_b         calls of group B without one: in no amount
--   cost_a             USD
--   cost_b             USD
--   squares_a          sum of squared cost of a call, USD^2
--   squares_b          sum of squared cost of a call, USD^2
--   tokens_a           tokens sent and produced by the priced calls
--   tokens_b           tokens sent and produced by the priced calls
SELECT
    /*{keys*/ model, operation /*}*/,
    sumIf(one.calls, in_a AND one.cost IS NOT NULL) AS calls_a,
    sumIf(one.calls, NOT in_a AND one.cost IS NOT NULL) AS calls_b,
    sumIf(one.calls, in_a AND one.cost IS NULL) AS unpriced_a,
    sumIf(one.calls, NOT in_a AND one.cost IS NULL) AS unpriced_b,
    sumIf(ifNull(one.cost, 0), in_a) AS cost_a,
    sumIf(ifNull(one.cost, 0), NOT in_a) AS cost_b,
    sumIf(pow(toFloat64(ifNull(one.cost, 0)), 2), in_a) AS squares_a,
    sumIf(pow(toFloat64(ifNull(one.cost, 0)), 2), NOT in_a) AS squares_b,
    sumIf(one.tokens, in_a AND one.cost IS NOT NULL) AS tokens_a,
    sumIf(one.tokens, NOT in_a AND one.cost IS NOT NULL) AS tokens_b
FROM
(
    SELECT
        spent.call_key AS call_key,
        /*{a*/ spent.prompt_version = 'v1' /*}*/ AS in_a,
        /*{dimensions*/ argMax(spent.model, spent.calls) AS model, argMax(spent.operation, spent.calls) AS operation /*}*/,
        sum(spent.calls) AS calls,
        sum(spent.amount_usd) AS cost,
        sum(spent.input_total_tokens + spent.output_total_tokens) AS tokens
    FROM ledger AS spent
    WHERE (/*{both*/ spent.prompt_version IN ('v1', 'v2') /*}*/)
        AND spent.status != 'duplicate_of' AND (/*{filter*/ true /*}*/)
    GROUP BY call_key, in_a
    HAVING calls = 1
) AS one
GROUP BY /*{keys*/ model, operation /*}*/
ORDER BY /*{keys*/ model, operation /*}*/
