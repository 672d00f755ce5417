-- Two periods compared, and the difference split into what caused it; the largest change first.
--
-- It reads any table that keeps spend, its parts and these dimensions: the ledger, or the rollup by
-- feature. As it stands it compares the last seven days with the seven before them, by feature. The period
-- before may be several windows of the length of the period after; its sums are then divided by
-- their number.
--
-- Calls are told apart by the dimensions that were asked for and by provider, model, operation and
-- service tier. Within each row, and in the total:
--   volume           the change that the number of calls explains at the old average cost of a call
--   mix              the share of the models (and, in the total, of the rows) that changed
--   tokens_per_call  calls that use more or fewer tokens of each kind, at the old rates
--   price            the new rates, on the tokens of the new period
--   other            fees for tools, costs that are no model call, bookings
-- The five sum to `delta` to the last digit, in each row and in the total. Down the column, delta,
-- tokens_per_call, price, other and the sum of volume and mix add up; volume and mix each do not.
--
-- Columns, beside these (USD):
--   is_total               1 on the one row that sums over all others, 0 elsewhere
--   feature                the dimensions that were asked for; '' where nobody knows the value
--   calls_before           model calls in all windows before
--   calls_after            model calls after
--   unpriced_calls_before  of these, without a price: in no amount
--   unpriced_calls_after   of these, without a price: in no amount
--   tokens_before          tokens sent and produced in all windows before
--   tokens_after           tokens sent and produced after
--   cost_before            USD, a window; 0 if there were no calls, NULL if none has a price
--   cost_after             USD; 0 if there were no calls, NULL if none has a price
--   delta                  USD after minus before; NULL if one of them is
--   delta_percent          of cost_before; NULL if that is 0
--   cost_per_call_before   USD for each call with a price
--   cost_per_call_after    USD for each call with a price
WITH
    toDecimal256(0, 12) AS zero,
    sum(segment.priced_calls_before) AS priced_before,
    sum(segment.priced_calls_after) AS priced_after,
    sum(segment.calls_usd_before) AS usd_before,
    sum(segment.segment_at_old_calls) AS at_old_calls,
    sum(segment.segment_at_old_rates) AS at_old_rates,
    if(
        priced_before = 0,
        at_old_calls,
        usd_before * priced_after / if(priced_before = 0, 1, priced_before)
    ) AS at_old_average
SELECT
    grouping(/*{keys*/ feature /*}*/) > 0 AS is_total,
    /*{keys*/ feature /*}*/,
    sum(segment.all_calls_before) AS calls_before,
    sum(segment.all_calls_after) AS calls_after,
    calls_before - priced_before AS unpriced_calls_before,
    calls_after - priced_after AS unpriced_calls_after,
    sum(arraySum(segment.count_before)) AS tokens_before,
    sum(arraySum(segment.count_after)) AS tokens_after,
    if(sum(segment.lines_before) = 0, zero, sum(segment.amount_before)) / /*{windows*/ 1 /*}*/ AS cost_before,
    if(sum(segment.lines_after) = 0, zero, sum(segment.amount_after)) AS cost_after,
    cost_after - cost_before AS delta,
    if(cost_before = 0, NULL, round(delta * 100 / cost_before, 4)) AS delta_percent,
    if(priced_before = 0, NULL, sum(segment.calls_usd_before) / priced_before) AS cost_per_call_before,
    if(priced_after = 0, NULL, sum(segment.calls_usd_after) / priced_after) AS cost_per_call_after,
    if(delta IS NULL, NULL, at_old_average - usd_before / /*{windows*/ 1 /*}*/) AS volume,
    if(delta IS NULL, NULL, at_old_calls - at_old_average) AS mix,
    if(delta IS NULL, NULL, at_old_rates - (at_old_calls - sum(segment.uses_at_old_calls))) AS tokens_per_call,
    if(delta IS NULL, NULL, sum(arraySum(segment.usd_after)) - at_old_rates) AS price,
    delta - volume - mix - tokens_per_call - price AS other
FROM
(
    WITH
        [
            sumIf(line.plain_input_tokens, is_before AND has_price),
            sumIf(line.cache_read_total_tokens, is_before AND has_price),
            sumIf(line.cache_write_total_tokens, is_before AND has_price),
            sumIf(line.plain_output_tokens, is_before AND has_price),
            sumIf(line.reasoning_tokens, is_before AND has_price)
        ] AS tokens_b,
        [
            toDecimal256(ifNull(sumIf(line.input_usd, is_before AND has_price), 0), 12),
            toDecimal256(ifNull(sumIf(line.cache_read_usd, is_before AND has_price), 0), 12),
            toDecimal256(ifNull(sumIf(line.cache_write_usd, is_before AND has_price), 0), 12),
            toDecimal256(ifNull(sumIf(line.output_usd, is_before AND has_price), 0), 12),
            toDecimal256(ifNull(sumIf(line.reasoning_usd, is_before AND has_price), 0), 12)
        ] AS usd_b,
        [
            sumIf(line.plain_input_tokens, is_after AND has_price),
            sumIf(line.cache_read_total_tokens, is_after AND has_price),
            sumIf(line.cache_write_total_tokens, is_after AND has_price),
            sumIf(line.plain_output_tokens, is_after AND has_price),
            sumIf(line.reasoning_tokens, is_after AND has_price)
        ] AS tokens_a,
        [
            toDecimal256(ifNull(sumIf(line.input_usd, is_after AND has_price), 0), 12),
            toDecimal256(ifNull(sumIf(line.cache_read_usd, is_after AND has_price), 0), 12),
            toDecimal256(ifNull(sumIf(line.cache_write_usd, is_after AND has_price), 0), 12),
            toDecimal256(ifNull(sumIf(line.output_usd, is_after AND has_price), 0), 12),
            toDecimal256(ifNull(sumIf(line.reasoning_usd, is_after AND has_price), 0), 12)
        ] AS usd_a
    SELECT
        /*{keys*/ feature /*}*/,
        sumIf(line.lines, is_before) AS lines_before,
        sumIf(line.lines, is_after) AS lines_after,
        sumIf(line.calls, is_before) AS all_calls_before,
        sumIf(line.calls, is_after) AS all_calls_after,
        sumIf(line.calls, is_before AND has_price) AS priced_calls_before,
        sumIf(line.calls, is_after AND has_price) AS priced_calls_after,
        toDecimal256(sumIf(line.amount_usd, is_before), 12) AS amount_before,
        toDecimal256(sumIf(line.amount_usd, is_after), 12) AS amount_after,
        tokens_b AS count_before,
        tokens_a AS count_after,
        usd_a AS usd_after,
        toDecimal256(ifNull(sumIf(line.uses_usd, is_before AND has_price), 0), 12) AS uses_before,
        toDecimal256(ifNull(sumIf(line.uses_usd, is_after AND has_price), 0), 12) AS uses_after,
        arraySum(usd_b) + uses_before AS calls_usd_before,
        arraySum(usd_a) + uses_after AS calls_usd_after,
        if(
            priced_calls_before = 0,
            uses_after,
            uses_before * priced_calls_after / if(priced_calls_before = 0, 1, priced_calls_before)
        ) AS uses_at_old_calls,
        if(
            priced_calls_before = 0,
            arraySum(usd_a),
            arraySum(usd_b) * priced_calls_after / if(priced_calls_before = 0, 1, priced_calls_before)
        ) + uses_at_old_calls AS segment_at_old_calls,
        arraySum(
            (usd_old, usd_new, old, new) -> if(old = 0, usd_new, usd_old * new / if(old = 0, 1, old)),
            usd_b, usd_a, tokens_b, tokens_a
        ) AS segment_at_old_rates
    FROM
    (
        SELECT
            /*{dimensions*/ spent.feature AS feature /*}*/,
            spent.provider AS by_provider,
            spent.model AS by_model,
            spent.operation AS by_operation,
            spent.service_tier AS by_tier,
            /*{after*/ spent.event_ns >= now() - INTERVAL 7 DAY /*}*/ AS is_after,
            /*{before*/ spent.event_ns < now() - INTERVAL 7 DAY AND spent.event_ns >= now() - INTERVAL 14 DAY /*}*/ AS is_before,
            spent.amount_usd IS NOT NULL AS has_price,
            sum(spent.lines) AS lines,
            sum(spent.calls) AS calls,
            sum(spent.input_total_tokens - spent.cache_read_total_tokens - spent.cache_write_total_tokens) AS plain_input_tokens,
            sum(spent.cache_read_total_tokens) AS cache_read_total_tokens,
            sum(spent.cache_write_total_tokens) AS cache_write_total_tokens,
            sum(spent.output_total_tokens - spent.reasoning_tokens) AS plain_output_tokens,
            sum(spent.reasoning_tokens) AS reasoning_tokens,
            sum(spent.input_usd) AS input_usd,
            sum(spent.cache_read_usd) AS cache_read_usd,
            sum(spent.cache_write_usd) AS cache_write_usd,
            sum(spent.output_usd) AS output_usd,
            sum(spent.reasoning_usd) AS reasoning_usd,
            sum(spent.uses_usd) AS uses_usd,
            sum(spent.amount_usd) AS amount_usd
        FROM /*{source*/ ledger /*}*/ AS spent
        WHERE (is_before OR is_after) AND (/*{filter*/ true /*}*/)
        GROUP BY /*{keys*/ feature /*}*/, by_provider, by_model, by_operation, by_tier, is_before, is_after, has_price
    ) AS line
    GROUP BY /*{keys*/ feature /*}*/, by_provider, by_model, by_operation, by_tier
) AS segment
GROUP BY GROUPING SETS ((/*{keys*/ feature /*}*/), ())
ORDER BY is_total DESC, abs(delta) DESC NULLS LAST, calls_after DESC, /*{keys*/ feature /*}*/
LIMIT /*{limit*/ 1000 /*}*/
