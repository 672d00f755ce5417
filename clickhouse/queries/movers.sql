-- What moved most between two periods, for many dimensions at once.
--
-- As it stands it compares the last 24 hours with the 24 before them. Each dimension is counted
-- whole: its rows, '' for the unknown among them, sum to the same totals.
--
-- Columns:
--   dimension         what is looked at
--   value             its value; '' where nobody knows it
--   calls_before      model calls in all windows before
--   calls_after       model calls after
--   failed_before     of these, that failed
--   failed_after      of these, that failed
--   tries_before      calls that name the request they serve
--   tries_after       calls that name the request they serve
--   requests_before   different requests among them, about
--   requests_after    different requests among them, about
--   unpriced_after    calls after without a price: in no amount
--   cost_before       USD in all windows before; NULL if nothing had a price
--   cost_after        USD after; NULL if nothing has a price
--   delta             USD: after minus the mean of the windows before; unknown amounts left out
SELECT
    pair.1 AS dimension,
    pair.2 AS value,
    sumIf(spent.calls, is_before) AS calls_before,
    sumIf(spent.calls, is_after) AS calls_after,
    sumIf(spent.failed_calls, is_before) AS failed_before,
    sumIf(spent.failed_calls, is_after) AS failed_after,
    sumIf(spent.calls, is_before AND spent.external_request_id != '') AS tries_before,
    sumIf(spent.calls, is_after AND spent.external_request_id != '') AS tries_after,
    uniqIf(spent.external_request_id, is_before AND spent.external_request_id != '') AS requests_before,
    uniqIf(spent.external_request_id, is_after AND spent.external_request_id != '') AS requests_after,
    sumIf(spent.calls, is_after AND spent.amount_usd IS NULL) AS unpriced_after,
    sumIf(spent.amount_usd, is_before) AS cost_before,
    sumIf(spent.amount_usd, is_after) AS cost_after,
    ifNull(cost_after, 0) - ifNull(cost_before, 0) / /*{windows*/ 1 /*}*/ AS delta
FROM
(
    SELECT
        *,
        failed_calls,
        /*{after*/ event_ns >= now() - INTERVAL 1 DAY /*}*/ AS is_after,
        /*{before*/ event_ns < now() - INTERVAL 1 DAY AND event_ns >= now() - INTERVAL 2 DAY /*}*/ AS is_before
    FROM ledger AS spent
    WHERE (is_before OR is_after) AND (/*{filter*/ true /*}*/)
) AS spent
ARRAY JOIN
    /*{pairs*/ [('feature', toString(feature)), ('tenant', toString(tenant)), ('user', user), ('model', toString(model))] /*}*/ AS pair
GROUP BY dimension, value
ORDER BY dimension, /*{order*/ abs(delta) /*}*/ DESC, calls_after DESC, value
LIMIT /*{limit*/ 20 /*}*/ BY dimension
