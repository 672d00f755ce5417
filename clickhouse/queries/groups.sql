-- How many people stand behind each group, for answers that hide small ones.
--
-- As it stands it tells of features with five people, over all time. People are the distinct users with a call or a
-- cost; where no line of the whole answer names a user, its calls are counted instead. A question
-- about several periods counts each on its own `side`, and a group is as large as on its smallest.
--
-- Columns:
--   is_large   1 for a group with at least as many people as asked for, on every side where it is
--   group_key  its dimensions, joined; '' in the rows of all that are smaller together
--   side       the period
--   groups     how many groups the row is about
--   size       people in it, or calls where nobody is known
SELECT
    cell.is_large AS is_large,
    if(cell.is_large, cell.key, '') AS group_key,
    cell.side AS side,
    uniqExact(cell.key) AS groups,
    if(any(cell.knows_people), toInt64(uniqExactMerge(cell.people_state)), sum(cell.calls)) AS size
FROM
(
    SELECT
        one.key AS key,
        one.side AS side,
        one.people_state AS people_state,
        one.calls AS calls,
        max(one.people) OVER () > 0 AS knows_people,
        if(
            knows_people,
            toInt64(min(one.people) OVER (PARTITION BY one.key)),
            min(one.calls) OVER (PARTITION BY one.key)
        ) >= /*{least_people*/ 5 /*}*/ AS is_large
    FROM
    (
        SELECT
            person.key AS key,
            person.side AS side,
            uniqExactStateIf(person.user, person.counts) AS people_state,
            uniqExactIf(person.user, person.counts) AS people,
            sum(person.calls) AS calls,
            sum(person.amount_usd) AS amount_usd,
            sum(person.unpriced_lines) AS unpriced_lines
        FROM
        (
            SELECT
                /*{key*/ toString(spent.feature) /*}*/ AS key,
                /*{side*/ 'all' /*}*/ AS side,
                toString(spent.user) AS user,
                sum(spent.calls) AS calls,
                sum(spent.amount_usd) AS amount_usd,
                sumIf(spent.lines, spent.status = 'unpriced') AS unpriced_lines,
                user != '' AND (calls != 0 OR ifNull(amount_usd, 0) != 0) AS counts
            FROM ledger AS spent
            WHERE (/*{filter*/ true /*}*/) AND side != ''
            GROUP BY key, side, user
        ) AS person
        GROUP BY key, side
        HAVING calls != 0 OR amount_usd IS NOT NULL OR unpriced_lines != 0
    ) AS one
) AS cell
GROUP BY is_large, group_key, side
ORDER BY is_large, size, group_key, side
LIMIT /*{limit*/ 100000 /*}*/
