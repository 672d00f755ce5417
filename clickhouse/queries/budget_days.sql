-- What a budget has to do with: the direct cost of each day, as far as its filters go.
--
-- It reads any table that keeps spend. As it stands it answers for everything, by day in UTC.
--
-- Columns:
--   day             the day, in the time zone of the budget
--   cost            USD without allocations; NULL if nothing of the day has a price
--   calls           model calls
--   unpriced_calls  of these, without a price: in no cost
SELECT
    /*{day*/ toDate(spent.event_ns, 'UTC') /*}*/ AS day,
    sum(spent.amount_usd) AS cost,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.status = 'unpriced') AS unpriced_calls
FROM /*{source*/ ledger /*}*/ AS spent
WHERE spent.entry != 'allocation' AND (/*{filter*/ true /*}*/)
GROUP BY day
ORDER BY day
