-- What nobody owns or nobody can price, by service and instrumentation scope, the dearest first.
--
-- As it stands a line is owned if tenant, feature and prompt version are known; for all time.
--
-- Columns:
--   service_name    where it runs; '' if the resource does not say
--   scope_name      instrumentation that reported it
--   scope_version   its version
--   missing         what is not known: dimensions, and price for calls without one
--   outside         what has values or names that the attribution schema does not allow
--   calls           model calls
--   unpriced_calls  of these, without a price: in no amount
--   total_cost      USD that this hides; NULL if nothing has a price
--   most_cost       most USD that the calls without a price can have cost; NULL if nobody can say
--   share           of the whole cost in the period, 0 to 1; NULL if unknown
--   models          models of these calls
--   reasons         why there is no price
--   example         trace_id:span_id of one of them
SELECT
    spent.service_name AS service_name,
    spent.scope_name AS scope_name,
    spent.scope_version AS scope_version,
    arrayFilter(
        name -> name != '',
        [/*{missing*/ if(spent.tenant = '', 'tenant', ''), if(spent.feature = '', 'feature', ''), if(spent.prompt_version = '', 'prompt_version', '') /*}*/, if(spent.status = 'unpriced', 'price', '')]
    ) AS missing,
    arrayFilter(name -> name != '', [/*{outside*/ '' /*}*/]) AS outside,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.amount_usd IS NULL) AS unpriced_calls,
    sum(spent.amount_usd) AS total_cost,
    sum(spent.most_usd) AS most_cost,
    toDecimal256(total_cost, 12) / nullIf(sum(total_cost) OVER (), 0) AS share,
    arraySort(groupUniqArray(20)(spent.model)) AS models,
    arraySort(arrayFilter(why -> why != '', groupUniqArrayIf(20)(spent.reason, spent.status = 'unpriced'))) AS reasons,
    any(concat(spent.trace_id, ':', spent.span_id)) AS example
FROM ledger AS spent
WHERE spent.status != 'duplicate_of' AND (/*{filter*/ true /*}*/)
GROUP BY service_name, scope_name, scope_version, missing, outside
HAVING calls != 0 OR total_cost IS NOT NULL
QUALIFY notEmpty(missing) OR notEmpty(outside)
ORDER BY ifNull(total_cost, 0) + ifNull(most_cost, 0) DESC, calls DESC, service_name, scope_name, missing, outside
LIMIT /*{limit*/ 1000 /*}*/
