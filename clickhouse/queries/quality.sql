-- The figures behind the quality gates, in one row.
--
-- It reads the ledger; as it stands for all time.
--
-- Columns:
--   calls                  model calls
--   duplicates             spans that described a call that another span counts
--   unpriced_calls         calls without a price
--   unknown_model_calls    of these, because the price book does not know the model
--   no_usage_calls         of these, because the telemetry carries no counts
--   estimated_calls        calls with a price for which something was assumed
--   tenant_calls           calls whose tenant is known
--   feature_calls          calls whose feature is known
--   prompt_version_calls   calls whose prompt version is known
--   data_mode_calls        calls that say whether they are real, test or demo
--   total_cost             USD; NULL if nothing has a price
--   estimated_cost         USD of the estimated calls
--   unowned_cost           USD of lines without tenant, feature or prompt version
--   demo_cost              USD of demo and test calls
--   defaulted_calls        calls with an owner that is only a default
--   outside_schema_calls   calls with an owner outside of the attribution schema; NULL without one
--   unpriced_most_cost     most USD that calls without a price can have cost; NULL if nobody can say
SELECT
    sum(spent.calls) AS calls,
    sumIf(spent.lines, spent.status = 'duplicate_of') AS duplicates,
    sumIf(spent.calls, spent.status = 'unpriced') AS unpriced_calls,
    sumIf(spent.calls, spent.status = 'unpriced' AND spent.reason IN ('unknown_model', 'ambiguous_model', 'no_model', 'unknown_provider')) AS unknown_model_calls,
    sumIf(spent.calls, spent.status = 'unpriced' AND spent.reason = 'no_usage') AS no_usage_calls,
    sumIf(spent.calls, spent.status IN ('estimated', 'aggregate')) AS estimated_calls,
    sumIf(spent.calls, spent.tenant != '') AS tenant_calls,
    sumIf(spent.calls, spent.feature != '') AS feature_calls,
    sumIf(spent.calls, spent.prompt_version != '') AS prompt_version_calls,
    sumIf(spent.calls, spent.data_mode IN ('real', 'test', 'demo')) AS data_mode_calls,
    sum(spent.amount_usd) AS total_cost,
    sumIf(spent.amount_usd, spent.status IN ('estimated', 'aggregate')) AS estimated_cost,
    sumIf(spent.amount_usd, spent.tenant = '' OR spent.feature = '' OR spent.prompt_version = '') AS unowned_cost,
    sumIf(spent.amount_usd, spent.data_mode IN ('test', 'demo')) AS demo_cost,
    sumIf(spent.calls, has(mapValues(spent.owner_source), 'default')) AS defaulted_calls,
    /*{outside*/ CAST(NULL, 'Nullable(Int64)') /*}*/ AS outside_schema_calls,
    sum(spent.most_usd) AS unpriced_most_cost
FROM ledger AS spent
WHERE /*{filter*/ true /*}*/
