-- What is left of revenue after cost, by tenant, plan and feature; the smallest margin first.
--
-- As it stands it answers for tenants, for all time. Revenue belongs to the days of its period in
-- equal parts: what falls into the days that are asked for counts, and the parts of any division
-- into days add up to the whole. What names no plan or feature stands in the row ''.
--
-- Columns:
--   is_total         1 on the one row that sums over all others, 0 elsewhere
--   tenant           the dimensions that were asked for; '' where nobody knows the value
--   revenue          USD; NULL where none was posted, which is not 0
--   direct_cost      USD of what each caused itself; 0 if there was nothing, NULL if nothing of it has a price
--   loaded_cost      USD with what was allocated to it
--   margin           revenue minus direct_cost; NULL if one of them is
--   margin_percent   of revenue; NULL likewise, or if that is 0
--   loaded_margin    revenue minus loaded_cost
--   calls            model calls
--   unpriced_calls   of these, without a price: in no cost, so every margin here is too high
--   least_cost       least that those can have cost, USD; NULL if nobody can say
--   most_cost        most that they can have cost, USD; NULL if nobody can say
--   successes        outcomes that were wanted, if any were posted; NULL beside a plan
--   cost_per_success loaded_cost for each of them, everything else paid for too
--   proposed_revenue USD that leave the margin that was asked for, from loaded_cost, up to the cent
WITH toDecimal256(0, 12) AS zero
SELECT
    grouping(/*{keys*/ tenant /*}*/) > 0 AS is_total,
    /*{keys*/ tenant /*}*/,
    sum(booked.paid) AS revenue,
    if(count() > 0 AND sum(booked.direct_lines) = 0, ifNull(sum(booked.direct), zero), sum(booked.direct)) AS direct_cost,
    if(count() > 0 AND sum(booked.all_lines) = 0, ifNull(sum(booked.loaded), zero), sum(booked.loaded)) AS loaded_cost,
    revenue - direct_cost AS margin,
    if(revenue = 0, NULL, round(margin * 100 / revenue, 4)) AS margin_percent,
    revenue - loaded_cost AS loaded_margin,
    sum(booked.all_calls) AS calls,
    sum(booked.unpriced) AS unpriced_calls,
    sum(booked.least) AS least_cost,
    sum(booked.most) AS most_cost,
    sum(booked.wanted) AS successes,
    loaded_cost / nullIf(successes, 0) AS cost_per_success,
    /*{proposed*/ CAST(NULL, 'Nullable(Decimal(76, 12))') /*}*/ AS proposed_revenue
FROM
(
    SELECT
        /*{dimensions*/ spent.tenant AS tenant /*}*/,
        CAST(NULL, 'Nullable(Decimal(76, 12))') AS paid,
        sumIf(toDecimal256(spent.amount_usd, 12), spent.entry != 'allocation') AS direct,
        sum(toDecimal256(spent.amount_usd, 12)) AS loaded,
        sumIf(spent.lines, spent.entry != 'allocation' AND spent.status != 'duplicate_of') AS direct_lines,
        sumIf(spent.lines, spent.status != 'duplicate_of') AS all_lines,
        sum(spent.calls) AS all_calls,
        sumIf(spent.calls, spent.status = 'unpriced') AS unpriced,
        sum(toDecimal256(spent.least_usd, 12)) AS least,
        sum(toDecimal256(spent.most_usd, 12)) AS most,
        CAST(NULL, 'Nullable(Int64)') AS wanted
    FROM /*{source*/ ledger /*}*/ AS spent
    WHERE /*{filter*/ true /*}*/
    GROUP BY /*{keys*/ tenant /*}*/
    UNION ALL
    SELECT
        /*{dimensions*/ spent.tenant AS tenant /*}*/,
        CAST(sum(
            toDecimal256(spent.amount_usd, 12) * spent.days_until / spent.days
            - toDecimal256(spent.amount_usd, 12) * spent.days_since / spent.days
        ), 'Nullable(Decimal(76, 12))') AS paid,
        NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL
    FROM
    (
        SELECT
            any(tenant) AS tenant,
            any(plan) AS plan,
            any(feature) AS feature,
            any(amount_usd) AS amount_usd,
            toInt32(any(first_day)) AS first,
            toInt32(any(last_day)) - first + 1 AS days,
            least(greatest(toInt32(/*{first*/ toDate('1970-01-01') /*}*/) - first, 0), days) AS days_since,
            least(greatest(toInt32(/*{after*/ toDate('2149-06-06') /*}*/) - first, 0), days) AS days_until
        FROM revenue
        GROUP BY id
    ) AS spent
    WHERE spent.days_until > spent.days_since AND (/*{owners*/ true /*}*/)
    GROUP BY /*{keys*/ tenant /*}*/
    UNION ALL
    SELECT
        /*{outcome_dimensions*/ spent.tenant AS tenant /*}*/,
        NULL, NULL, NULL, 0, 0, 0, 0, NULL, NULL,
        CAST(sum(spent.success), 'Nullable(Int64)') AS wanted
    FROM
    (
        SELECT
            any(tenant) AS tenant,
            any(feature) AS feature,
            any(success) AS success,
            any(event_ns) AS event_ns
        FROM outcomes
        GROUP BY id
    ) AS spent
    WHERE /*{outcomes*/ true /*}*/
    GROUP BY /*{keys*/ tenant /*}*/
) AS booked
GROUP BY GROUPING SETS ((/*{keys*/ tenant /*}*/), ())
HAVING is_total OR calls != 0 OR revenue IS NOT NULL OR direct_cost != 0 OR loaded_cost != 0 OR successes != 0
ORDER BY is_total DESC, margin ASC NULLS LAST, direct_cost DESC NULLS LAST, /*{keys*/ tenant /*}*/
LIMIT /*{limit*/ 1000 /*}*/
