-- What each emitter's telemetry lacks, in which version, and how much money that makes uncertain.
--
-- One row for an emitter as a whole (`what` is empty) and one for each thing that it lacks: a
-- reason for which a call has no price or an assumed one, or counts that the emitter is known to
-- drop. As it stands for all time.
--
-- Columns:
--   emitter        dialect that was read
--   scope_name     instrumentation scope
--   scope_version  its version
--   what           what is lacking: a reason, or the names of counts; '' for the emitter as a whole
--   mend           what is known to mend it; '' where the reason says it
--   calls          model calls that it concerns
--   priced_calls   of these, with a price that assumes nothing
--   total_cost     USD of these calls; NULL if nothing has a price
--   least_cost     least USD that those without a price can have cost; NULL if nobody can say
--   most_cost      most USD that they can have cost; NULL if nobody can say
--   providers      providers of these calls
--   example        trace_id:span_id of one of them
SELECT
    spent.emitter AS emitter,
    spent.scope_name AS scope_name,
    spent.scope_version AS scope_version,
    lack.1 AS what,
    lack.2 AS mend,
    sum(spent.calls) AS calls,
    sumIf(spent.calls, spent.status = 'priced') AS priced_calls,
    sum(spent.amount_usd) AS total_cost,
    sum(spent.least_usd) AS least_cost,
    sum(spent.most_usd) AS most_cost,
    arraySort(groupUniqArray(20)(toString(spent.provider))) AS providers,
    any(spent.span_key) AS example
FROM ledger AS spent
ARRAY JOIN
    arrayConcat(
        [('', '')],
        arrayMap(reason -> (toString(reason), ''), spent.reasons),
        arrayMap(
            how -> (
                arrayStringConcat(
                    arraySort(mapKeys(mapFilter((name, source) -> toString(source) = how, spent.provenance))),
                    ', '
                ),
                substring(how, 7)
            ),
            arrayDistinct(
                arrayFilter(
                    how -> startsWith(how, 'lost: '),
                    arrayMap(source -> toString(source), mapValues(spent.provenance))
                )
            )
        )
    ) AS lack
WHERE spent.entry != 'cost' AND spent.status != 'duplicate_of' AND (/*{filter*/ true /*}*/)
GROUP BY emitter, scope_name, scope_version, what, mend
HAVING calls != 0
ORDER BY emitter, scope_name, scope_version, what != '', ifNull(most_cost, 0) + ifNull(total_cost, 0) DESC, what
LIMIT /*{limit*/ 1000 /*}*/
