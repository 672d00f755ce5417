-- How much of each budget in force is spent in its period that holds a moment, the fullest first.
--
-- As it stands the moment is now, and days, weeks (from Monday) and months are those of UTC. The
-- cost is the direct one, as for budgets everywhere: without allocations.
--
-- Columns:
--   budget          its id
--   period          day, week or month
--   first_day       first day of the period
--   filters         dimension to the values that count; none is everything
--   amount          USD that may be spent
--   cost            USD spent; NULL if nothing of it has a price, or a filter names what no line has
--   burned          cost by amount, 1 is all of it
--   remaining       amount minus cost
--   calls           model calls
--   unpriced_calls  of these, without a price: in no cost
WITH
    /*{now*/ now('UTC') /*}*/ AS moment,
    (SELECT groupUniqArrayArray(ends) FROM budgets) AS ended,
    (SELECT groupUniqArrayArray(JSONExtractKeys(document, 'filters')) FROM budgets) AS used
SELECT
    counted.budget AS budget,
    any(counted.period) AS period,
    any(counted.first_day) AS first_day,
    any(counted.filters) AS filters,
    any(counted.amount) AS amount,
    sumIf(counted.usd, counted.counts) AS cost,
    toFloat64(cost) / toFloat64(amount) AS burned,
    amount - cost AS remaining,
    sumIf(counted.all_calls, counted.counts) AS calls,
    sumIf(counted.unpriced, counted.counts) AS unpriced_calls
FROM
(
    SELECT
        limits.budget AS budget,
        limits.period AS period,
        limits.first_day AS first_day,
        limits.filters AS filters,
        limits.amount AS amount,
        cells.usd AS usd,
        cells.all_calls AS all_calls,
        cells.unpriced AS unpriced,
        cells.day >= limits.first_day AND arrayAll(
            (name, allowed) -> mapContains(cells.owner, name) AND has(allowed, cells.owner[name]),
            mapKeys(limits.filters), mapValues(limits.filters)
        ) AS counts
    FROM
    (
        SELECT
            id AS budget,
            JSONExtractString(document, 'period') AS period,
            toDecimal256(JSONExtractString(document, 'amount_usd'), 12) AS amount,
            JSONExtract(document, 'filters', 'Map(String, Array(String))') AS filters,
            multiIf(
                period = 'day', toDate(moment, 'UTC'),
                period = 'week', toMonday(moment, 'UTC'),
                toStartOfMonth(moment, 'UTC')
            ) AS first_day
        FROM budgets
        WHERE document != '' AND NOT has(ended, id)
            AND toDate(moment, 'UTC') >= toDate32OrZero(JSONExtractString(document, 'first_day'))
            AND (
                JSONExtractString(document, 'last_day') = ''
                OR toDate(moment, 'UTC') <= toDate32OrZero(JSONExtractString(document, 'last_day'))
            )
        LIMIT 1 BY id
    ) AS limits
    CROSS JOIN
    (
        SELECT
            toDate(spent.event_ns, 'UTC') AS day,
            mapFilter(
                (name, value) -> has(used, name),
                mapConcat(
                    mapApply((name, value) -> (concat('tags.', name), toString(value)), spent.tags),
                    map(
                        'tenant', toString(spent.tenant), 'user', toString(spent.user),
                        'feature', toString(spent.feature), 'step', toString(spent.step),
                        'prompt', toString(spent.prompt), 'prompt_version', toString(spent.prompt_version),
                        'session', toString(spent.session), 'agent', toString(spent.agent),
                        'workflow', toString(spent.workflow), 'team', toString(spent.team),
                        'project', toString(spent.project), 'employee', toString(spent.employee),
                        'experiment', toString(spent.experiment), 'variant', toString(spent.variant),
                        'plan', toString(spent.plan), 'environment', toString(spent.environment),
                        'data_mode', toString(spent.data_mode),
                        'external_request_id', toString(spent.external_request_id),
                        'provider', toString(spent.provider), 'model', toString(spent.model),
                        'request_model', toString(spent.request_model),
                        'response_model', toString(spent.response_model),
                        'operation', toString(spent.operation),
                        'service_tier', toString(spent.service_tier), 'region', toString(spent.region),
                        'service_name', toString(spent.service_name),
                        'scope_name', toString(spent.scope_name), 'emitter', toString(spent.emitter),
                        'entry', toString(spent.entry), 'status', toString(spent.status),
                        'reason', toString(spent.reason), 'error_type', toString(spent.error_type)
                    )
                )
            ) AS owner,
            sum(toDecimal256(spent.amount_usd, 12)) AS usd,
            sum(spent.calls) AS all_calls,
            sumIf(spent.calls, spent.status = 'unpriced') AS unpriced
        FROM ledger AS spent
        WHERE spent.entry != 'allocation'
            AND spent.event_ns >= least(toStartOfMonth(moment, 'UTC'), toMonday(moment, 'UTC'))
            AND spent.event_ns <= moment
        GROUP BY day, owner
        UNION ALL
        -- so that budgets of which nothing is spent have a row
        SELECT toDate(0), CAST(map(), 'Map(String, String)'), NULL, 0, 0
    ) AS cells
) AS counted
GROUP BY budget
ORDER BY burned DESC NULLS LAST, budget
LIMIT /*{limit*/ 1000 /*}*/
