-- Amendments of costs that are no call are booked as `cost_reversal` and `cost_rebook` from now on, so that
-- whatever begins with `cost` is of no call. The sums by month say so, too, under a name of their own:
-- parts that have the former ones are not mistaken for these. What was amended before keeps its entries,
-- `reversal` and `rebook` without a call key: nothing prices such lines as calls, but they stay among the
-- cost of calls by entry, where they sum to nothing over all owners.
ALTER TABLE spend_by_tenant_day/*{local}*/ /*{on_cluster}*/
    COMMENT COLUMN entry 'What is booked: call, reversal and rebook; cost (no model call), cost_reversal and cost_rebook; allocation or true_up.',
    DROP PROJECTION IF EXISTS by_month,
    ADD PROJECTION IF NOT EXISTS by_whole_month
    (
        SELECT
            toStartOfMonth(day), tenant, plan, environment, data_mode, entry,
            sum(calls),
            sumIf(calls, status IN ('priced', 'committed')),
            sumIf(calls, status IN ('estimated', 'aggregate')),
            sumIf(calls, status = 'unpriced'),
            sumIf(calls, amount_usd IS NULL),
            sumIf(calls, tenant != ''),
            sum(failed_calls),
            sum(usage_calls),
            sumIf(lines, status = 'unpriced'),
            sumIf(lines, status = 'duplicate_of'),
            sum(input_total_tokens),
            sum(cache_read_total_tokens),
            sum(output_total_tokens),
            sum(amount_usd),
            sumIf(amount_usd, tenant != ''),
            sumIf(amount_usd, NOT startsWith(entry, 'cost')),
            sum(list_usd),
            sum(reported_cost_usd),
            sum(least_usd),
            sum(most_usd)
        GROUP BY toStartOfMonth(day), tenant, plan, environment, data_mode, entry
    )
