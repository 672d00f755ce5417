-- How often the same thing is asked again, and what that costs.
--
-- A try is a call that names the request it serves; a further one with the same
-- external_request_id, step, prompt and operation is a retry. As it stands it answers for features,
-- for all time.
--
-- Columns:
--   is_total          1 on the one row that sums over all others, 0 elsewhere
--   feature           the dimensions that were asked for; '' where nobody knows the value
--   requests          different requests
--   retried_requests  of these, tried more than once
--   tries             calls that name a request
--   failed_tries      of these, that failed
--   retry_multiplier  tries for each request; NULL if there is none
--   most_tries        of one request
--   total_cost        USD of the tries; NULL if nothing has a price
--   retry_cost        USD of all but the last try of each request; NULL if nothing has a price
--   unnamed_calls     calls that name no request: nobody can say whether they are retries
SELECT
    grouping(/*{keys*/ feature /*}*/) > 0 AS is_total,
    /*{keys*/ feature /*}*/,
    countIf(named AND asked.tries > 0) AS requests,
    countIf(named AND asked.tries > 1) AS retried_requests,
    sumIf(asked.tries, named) AS tries,
    sumIf(asked.failed, named) AS failed_tries,
    toDecimal64(tries, 6) / nullIf(requests, 0) AS retry_multiplier,
    maxIf(asked.tries, named) AS most_tries,
    sumIf(asked.cost, named) AS total_cost,
    total_cost - sumIf(asked.last_cost, named) AS retry_cost,
    sumIf(asked.tries, NOT named) AS unnamed_calls
FROM
(
    SELECT
        /*{keys*/ feature /*}*/,
        by_request != '' AS named,
        sum(one.calls) AS tries,
        sum(one.failed) AS failed,
        sum(one.cost) AS cost,
        argMax((one.cost,), (one.at, one.call_key)).1 AS last_cost
    FROM
    (
        SELECT
            /*{dimensions*/ spent.feature AS feature /*}*/,
            spent.external_request_id AS by_request,
            if(by_request = '', '', spent.step) AS by_step,
            if(by_request = '', '', spent.prompt) AS by_prompt,
            if(by_request = '', '', spent.operation) AS by_operation,
            if(by_request = '', '', spent.call_key) AS call_key,
            min(spent.event_ns) AS at,
            sum(spent.calls) AS calls,
            sum(spent.failed_calls) AS failed,
            sum(spent.amount_usd) AS cost
        FROM ledger AS spent
        WHERE spent.status != 'duplicate_of' AND (/*{filter*/ spent.entry != 'cost' /*}*/)
        GROUP BY /*{keys*/ feature /*}*/, by_request, by_step, by_prompt, by_operation, call_key
        HAVING calls > 0
    ) AS one
    GROUP BY /*{keys*/ feature /*}*/, by_request, by_step, by_prompt, by_operation
) AS asked
GROUP BY GROUPING SETS ((/*{keys*/ feature /*}*/), ())
ORDER BY is_total DESC, retry_cost DESC NULLS LAST, tries DESC, /*{keys*/ feature /*}*/
LIMIT /*{limit*/ 1000 /*}*/
