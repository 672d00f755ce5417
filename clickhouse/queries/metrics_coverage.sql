-- How many of the tokens that metrics report the counted calls explain, by day, service and model.
--
-- Both sides count days of the reporting time zone. A running total counts from one day to the next;
-- one that began before we first saw it counts from what it was then. Tokens of calls beyond those
-- of metrics explain nothing of other services or models. As it stands for all time.
--
-- Columns:
--   is_total              1 on the one row that sums over all others, 0 elsewhere
--   day                   day of the reporting time zone; 1970-01-01 in the total
--   service_name          the service
--   model                 the model that was asked for, else the one that answered
--   metric_input_tokens   input tokens that metrics report
--   metric_output_tokens  output tokens that metrics report
--   call_input_tokens     input tokens of counted calls, cached ones included
--   call_output_tokens    output tokens of counted calls
--   metric_tokens         input and output tokens that metrics report
--   explained_tokens      of these, those that calls explain
--   explained_share       their share; NULL if there is none
SELECT
    grouping(day) AS is_total,
    cell.day AS day,
    cell.service_name AS service_name,
    cell.model AS model,
    sum(cell.metric_input) AS metric_input_tokens,
    sum(cell.metric_output) AS metric_output_tokens,
    sum(cell.call_input) AS call_input_tokens,
    sum(cell.call_output) AS call_output_tokens,
    metric_input_tokens + metric_output_tokens AS metric_tokens,
    sum(
        least(cell.metric_input, greatest(cell.call_input, 0))
        + least(cell.metric_output, greatest(cell.call_output, 0))
    ) AS explained_tokens,
    toDecimal64(explained_tokens, 6) / nullIf(metric_tokens, 0) AS explained_share
FROM
(
    SELECT
        told.day AS day,
        told.service_name AS service_name,
        told.model AS model,
        sum(told.metric_input) AS metric_input,
        sum(told.metric_output) AS metric_output,
        sum(told.call_input) AS call_input,
        sum(told.call_output) AS call_output
    FROM
    (
        SELECT
            since.day AS day,
            since.service_name AS service_name,
            since.model AS model,
            if(since.token_type = 'input', since.tokens, 0) AS metric_input,
            if(since.token_type = 'output', since.tokens, 0) AS metric_output,
            toInt64(0) AS call_input,
            toInt64(0) AS call_output
        FROM
        (
            SELECT
                total.day AS day,
                total.service_name AS service_name,
                total.model AS model,
                total.token_type AS token_type,
                total.added + if(
                    total.series = '',
                    0,
                    total.last - lagInFrame(
                        total.last, 1, if(total.started < total.day, total.first, 0)
                    ) OVER (
                        PARTITION BY total.series, total.model, total.token_type
                        ORDER BY total.day
                        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
                    )
                ) AS tokens
            FROM
            (
                SELECT
                    spent.day AS day,
                    spent.service_name AS service_name,
                    spent.model AS model,
                    spent.token_type AS token_type,
                    spent.series AS series,
                    spent.started AS started,
                    sum(spent.added) AS added,
                    min(spent.first_total) AS first,
                    max(spent.last_total) AS last
                FROM token_metrics AS spent
                WHERE /*{measured*/ true /*}*/
                GROUP BY day, service_name, model, token_type, series, started
            ) AS total
        ) AS since
        WHERE /*{days*/ true /*}*/

        UNION ALL

        SELECT
            toDate(spent.event_ns, /*{zone*/ 'UTC' /*}*/) AS day,
            spent.service_name AS service_name,
            if(spent.request_model = '', spent.response_model, spent.request_model) AS model,
            toInt64(0) AS metric_input,
            toInt64(0) AS metric_output,
            spent.input_total_tokens AS call_input,
            spent.output_total_tokens AS call_output
        FROM ledger AS spent
        WHERE /*{calls*/ true /*}*/ AND (/*{filter*/ true /*}*/)
    ) AS told
    GROUP BY day, service_name, model
    HAVING metric_input + metric_output > 0
) AS cell
GROUP BY GROUPING SETS ((cell.day, cell.service_name, cell.model), ())
ORDER BY is_total DESC, day, metric_tokens - explained_tokens DESC, service_name, model
LIMIT /*{limit*/ 1000 /*}*/
