-- Days on which a tenant, a feature or a model cost far more or less than it used to; the latest
-- and strangest first. As it stands for all time.
--
-- Columns:
--   day        day of the reporting time zone
--   dimension  tenant, feature or model
--   value      which one; '' for what nobody owns
--   cost       USD on that day
--   expected   USD: the median of the days that it was compared with
--   spread     USD: how far those lie from it
--   score      distance from expected in spreads; negative if it cost less
--   basis      weekday if those were the same days of the weeks before, else days
--   days       how many days those were
SELECT
    any(found.day) AS day,
    any(found.dimension) AS dimension,
    any(found.value) AS value,
    any(found.cost) AS cost,
    any(found.expected) AS expected,
    any(found.spread) AS spread,
    any(found.score) AS score,
    any(found.basis) AS basis,
    any(found.days) AS days
FROM anomalies AS found
WHERE /*{filter*/ true /*}*/
GROUP BY found.id
ORDER BY day DESC, abs(score) DESC, dimension, value
LIMIT /*{limit*/ 1000 /*}*/
