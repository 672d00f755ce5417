-- What moved most between two periods: the values of one dimension, the largest change first.
--
-- It reads any table that keeps spend and has the dimension. As it stands it compares the last 24
-- hours with the 24 before them, by feature. A question about several dimensions asks this once for
-- each. A dimension is counted whole: its rows, '' for the unknown among them, sum to the total.
--
-- Columns:
--   dimension         what is looked at
--   value             its value; '' where nobody knows it
--   calls_before      model calls in all windows before
--   calls_after       model calls after
--   failed_before     of these, that failed
--   failed_after      of these, that failed
--   unpriced_after    calls after without a price: in no amount
--   cost_before       USD in all windows before; NULL if nothing had a price
--   cost_after        USD after; NULL if nothing has a price
--   delta             USD: after minus the mean of the windows before; unknown amounts left out
WITH
    /*{after*/ spent.event_ns >= now() - INTERVAL 1 DAY /*}*/ AS is_after,
    /*{before*/ spent.event_ns < now() - INTERVAL 1 DAY AND spent.event_ns >= now() - INTERVAL 2 DAY /*}*/ AS is_before
SELECT
    /*{dimension*/ 'feature' /*}*/ AS dimension,
    toString(/*{value*/ spent.feature /*}*/) AS value,
    sumIf(spent.calls, is_before) AS calls_before,
    sumIf(spent.calls, is_after) AS calls_after,
    sumIf(spent.failed_calls, is_before) AS failed_before,
    sumIf(spent.failed_calls, is_after) AS failed_after,
    sumIf(spent.calls, is_after AND spent.amount_usd IS NULL) AS unpriced_after,
    sumIf(spent.amount_usd, is_before) AS cost_before,
    sumIf(spent.amount_usd, is_after) AS cost_after,
    ifNull(cost_after, 0) - ifNull(cost_before, 0) / /*{windows*/ 1 /*}*/ AS delta
FROM /*{source*/ ledger /*}*/ AS spent
WHERE (is_before OR is_after) AND (/*{filter*/ true /*}*/)
GROUP BY /*{value*/ spent.feature /*}*/
ORDER BY /*{order*/ abs(delta) /*}*/ DESC, calls_after DESC, value
LIMIT /*{limit*/ 20 /*}*/
