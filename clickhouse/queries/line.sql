-- One ledger line with everything that explains its amount, then the lines that amend it.
--
-- Parameters:
--   line_id  the line, 24 hex digits
--
-- Columns: those of the ledger; times as text, UTC, with nanoseconds.
SELECT * REPLACE (
    concat(replaceOne(toString(recorded_ns), ' ', 'T'), 'Z') AS recorded_ns,
    concat(replaceOne(toString(event_ns), ' ', 'T'), 'Z') AS event_ns,
    concat(replaceOne(toString(price_valid_from), ' ', 'T'), 'Z') AS price_valid_from,
    concat(replaceOne(toString(price_valid_to), ' ', 'T'), 'Z') AS price_valid_to
)
FROM ledger
WHERE line_id = {line_id:String} OR amends = {line_id:String}
ORDER BY ledger.recorded_ns, line_id != {line_id:String}
LIMIT 1000
