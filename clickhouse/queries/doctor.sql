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
    same.emitter AS emitter,
    same.scope_name AS scope_name,
    same.scope_version AS scope_version,
    lack.1 AS what,
    lack.2 AS mend,
    sum(same.all_calls) AS calls,
    sum(same.priced) AS priced_calls,
    sum(same.amount) AS total_cost,
    sum(same.least) AS least_cost,
    sum(same.most) AS most_cost,
    arraySort(groupUniqArrayArray(20)(same.providers)) AS providers,
    any(if(same.one.1 = '', concat(same.one.2, ':', same.one.3), same.one.1)) AS example
FROM
(
    -- what is lacking is worked out once for calls that lack the same, not for each
    SELECT
        spent.emitter AS emitter,
        spent.scope_name AS scope_name,
        spent.scope_version AS scope_version,
        spent.reasons AS reasons,
        spent.provenance AS provenance,
        sum(spent.calls) AS all_calls,
        sumIf(spent.calls, spent.status = 'priced') AS priced,
        sum(spent.amount_usd) AS amount,
        sum(spent.least_usd) AS least,
        sum(spent.most_usd) AS most,
        groupUniqArray(20)(toString(spent.provider)) AS providers,
        any((spent.source_key, spent.trace_id, spent.span_id)) AS one
    FROM ledger AS spent
    WHERE NOT startsWith(spent.entry, 'cost') AND spent.status != 'duplicate_of' AND (/*{filter*/ true /*}*/)
    GROUP BY emitter, scope_name, scope_version, reasons, provenance
) AS same
ARRAY JOIN
    arrayConcat(
        [('', '')],
        arrayMap(reason -> (toString(reason), ''), same.reasons),
        arrayMap(
            how -> (
                arrayStringConcat(
                    arraySort(mapKeys(mapFilter((name, source) -> toString(source) = how, same.provenance))),
                    ', '
                ),
                substring(how, 7)
            ),
            arrayDistinct(
                arrayFilter(
                    how -> startsWith(how, 'lost: '),
                    arrayMap(source -> toString(source), mapValues(same.provenance))
                )
            )
        )
    ) AS lack
GROUP BY emitter, scope_name, scope_version, what, mend
HAVING calls != 0
ORDER BY emitter, scope_name, scope_version, what != '', ifNull(most_cost, 0) + ifNull(total_cost, 0) DESC, what
LIMIT /*{limit*/ 1000 /*}*/
