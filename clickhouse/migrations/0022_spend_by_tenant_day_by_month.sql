-- Keeps the sums of a month by tenant beside the rows of spend_by_tenant_day, part by part: the engine
-- reads them where a question about whole months asks for nothing finer, and keeps them right by itself.
-- The sums are those of the named queries `spend` and `top`, in their words.
ALTER TABLE spend_by_tenant_day/*{local}*/ /*{on_cluster}*/
    ADD PROJECTION IF NOT EXISTS by_month
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
            sumIf(amount_usd, entry != 'cost'),
            sum(list_usd),
            sum(reported_cost_usd),
            sum(least_usd),
            sum(most_usd)
        GROUP BY toStartOfMonth(day), tenant, plan, environment, data_mode, entry
    )
