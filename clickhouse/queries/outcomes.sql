-- What one outcome costs: outcomes by kind, with the cost of the traces, requests or sessions that
-- led to them.
--
-- An outcome joins its trace if it names one, else its request, else its session. Two outcomes of
-- one session share its cost: it is counted once. As it stands it answers for all time.
--
-- Columns:
--   kind              what happened
--   outcomes          how many
--   successes         of these, what was wanted
--   joined            of these, whose calls are in the ledger
--   total_cost        USD of what they join, each counted once; NULL if nothing of it has a price
--   unpriced_calls    joined calls without a price: in no amount
--   cost_per_outcome  USD for each joined outcome; NULL if there is none or no price
--   cost_per_success  USD for each outcome that was wanted, failed ones paid for too; NULL likewise
--   total_value       what they are worth to their senders; NULL if not said
SELECT
    asked.kind AS kind,
    sum(asked.outcomes) AS outcomes,
    sum(asked.successes) AS successes,
    sumIf(asked.outcomes, joined.lines > 0) AS joined,
    sumIf(joined.cost, joined.lines > 0) AS total_cost,
    sum(joined.unpriced) AS unpriced_calls,
    total_cost / nullIf(sumIf(asked.outcomes, joined.lines > 0), 0) AS cost_per_outcome,
    total_cost / nullIf(sumIf(asked.successes, joined.lines > 0), 0) AS cost_per_success,
    sum(asked.value) AS total_value
FROM
(
    SELECT
        kind,
        key,
        count() AS outcomes,
        sum(success) AS successes,
        sum(value) AS value
    FROM
    (
        SELECT
            spent.id AS id,
            any(spent.kind) AS kind,
            any(spent.success) AS success,
            any(spent.value) AS value,
            any(multiIf(
                spent.trace_id != '', concat('trace:', spent.trace_id),
                spent.external_request_id != '', concat('request:', spent.tenant, ':', spent.external_request_id),
                spent.session != '', concat('session:', spent.tenant, ':', spent.session),
                ''
            )) AS key
        FROM outcomes AS spent
        WHERE /*{filter*/ true /*}*/
        GROUP BY id
    )
    GROUP BY kind, key
) AS asked
LEFT JOIN
(
    SELECT
        arrayJoin([
            concat('trace:', trace_id),
            concat('request:', tenant, ':', external_request_id),
            concat('session:', tenant, ':', session)
        ]) AS key,
        sum(lines) AS lines,
        sum(amount_usd) AS cost,
        sumIf(calls, amount_usd IS NULL) AS unpriced
    FROM ledger
    WHERE status != 'duplicate_of' AND (/*{readable*/ true /*}*/)
        AND (trace_id IN (SELECT trace_id FROM outcomes WHERE trace_id != '')
            OR external_request_id IN (SELECT external_request_id FROM outcomes WHERE external_request_id != '')
            OR session IN (SELECT session FROM outcomes WHERE session != ''))
    GROUP BY key
) AS joined ON asked.key = joined.key
GROUP BY kind
ORDER BY outcomes DESC, kind
LIMIT /*{limit*/ 1000 /*}*/
