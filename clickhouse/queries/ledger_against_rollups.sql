-- Whether each rollup holds what the ledger holds; a difference means a batch in flight or damage.
--
-- As it stands it compares everything. A period is one of whole days of the reporting time zone.
--
-- Columns:
--   rollup             the table that is compared
--   ledger_lines       lines in the ledger, reversals taken off
--   lines_difference   rollup minus ledger
--   calls_difference   rollup minus ledger
--   tokens_difference  rollup minus ledger, tokens sent and produced
--   ledger_cost        USD in the ledger; NULL if nothing has a price
--   cost_difference    USD, rollup minus ledger; what is unknown counts as 0 on both sides
SELECT
    kept.rollup AS rollup,
    account.lines AS ledger_lines,
    kept.lines - account.lines AS lines_difference,
    kept.calls - account.calls AS calls_difference,
    kept.tokens - account.tokens AS tokens_difference,
    account.cost AS ledger_cost,
    ifNull(kept.cost, 0) - ifNull(account.cost, 0) AS cost_difference
FROM
(
    SELECT 'spend_by_tenant_day' AS rollup, sum(spent.lines) AS lines, sum(spent.calls) AS calls,
        sum(spent.input_total_tokens + spent.output_total_tokens) AS tokens, sum(spent.amount_usd) AS cost
    FROM spend_by_tenant_day AS spent
    WHERE /*{days*/ true /*}*/
    UNION ALL
    SELECT 'spend_by_feature_15m', sum(spent.lines), sum(spent.calls),
        sum(spent.input_total_tokens + spent.output_total_tokens), sum(spent.amount_usd)
    FROM spend_by_feature_15m AS spent
    WHERE /*{quarters*/ true /*}*/
    UNION ALL
    SELECT 'spend_by_session', sum(spent.lines), sum(spent.calls),
        sum(spent.input_total_tokens + spent.output_total_tokens), sum(spent.amount_usd)
    FROM spend_by_session AS spent
    WHERE /*{days*/ true /*}*/
) AS kept
CROSS JOIN
(
    SELECT sum(spent.lines) AS lines, sum(spent.calls) AS calls,
        sum(spent.input_total_tokens + spent.output_total_tokens) AS tokens, sum(spent.amount_usd) AS cost
    FROM ledger AS spent
    WHERE /*{filter*/ true /*}*/
) AS account
ORDER BY rollup
