-- How often the same thing is asked again, and what that costs.
--
-- A try is a call that names the request it serves; a further one with the same
-- external_request_id, step, prompt and operation is a retry. Requests of one call on one line are
-- summed at once, as request 0; the others, and the calls in them, are told apart by 64 bit hashes. As it stands it
-- answers for features, for all time.
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
WITH several AS
(
    SELECT cityHash64(spent.external_request_id, spent.step, spent.prompt, spent.operation) AS request
    FROM ledger AS spent
    WHERE spent.external_request_id != '' AND spent.status != 'duplicate_of' AND NOT startsWith(spent.entry, 'cost') AND (/*{filter*/ true /*}*/)
    GROUP BY request
    HAVING count() != 1 OR sum(spent.calls) != 1
)
SELECT
    grouping(/*{keys*/ feature /*}*/) > 0 AS is_total,
    /*{keys*/ feature /*}*/,
    sumIf(if(request = 0, asked.tries, 1), named) AS requests,
    countIf(named AND request != 0 AND asked.tries > 1) AS retried_requests,
    sumIf(asked.tries, named) AS tries,
    sumIf(asked.failed, named) AS failed_tries,
    toDecimal64(tries, 6) / nullIf(requests, 0) AS retry_multiplier,
    maxIf(if(request = 0, 1, asked.tries), named) AS most_tries,
    sumIf(asked.cost, named) AS total_cost,
    total_cost - sumIf(asked.last_cost, named) AS retry_cost,
    sumIf(asked.tries, NOT named) AS unnamed_calls
FROM
(
    SELECT
        /*{keys*/ feature /*}*/,
        named,
        request,
        sum(one.calls) AS tries,
        sum(one.failed) AS failed,
        sum(one.cost) AS cost,
        if(request = 0, cost, argMax((one.cost,), (one.at, one.call)).1) AS last_cost
    FROM
    (
        WITH cityHash64(spent.external_request_id, spent.step, spent.prompt, spent.operation) AS hash
        SELECT
            /*{dimensions*/ spent.feature AS feature /*}*/,
            spent.external_request_id != '' AS named,
            if(named AND hash IN (several), hash, 0) AS request,
            if(request = 0, 0, cityHash64(spent.call_key)) AS call,
            min(spent.event_ns) AS at,
            sum(spent.calls) AS calls,
            sum(spent.failed_calls) AS failed,
            sum(spent.amount_usd) AS cost
        FROM ledger AS spent
        WHERE spent.status != 'duplicate_of' AND NOT startsWith(spent.entry, 'cost') AND (/*{filter*/ true /*}*/)
        GROUP BY /*{keys*/ feature /*}*/, named, request, call
        HAVING calls > 0
    ) AS one
    GROUP BY /*{keys*/ feature /*}*/, named, request
) AS asked
GROUP BY GROUPING SETS ((/*{keys*/ feature /*}*/), ())
ORDER BY is_total DESC, retry_cost DESC NULLS LAST, tries DESC, /*{keys*/ feature /*}*/
LIMIT /*{limit*/ 1000 /*}*/
