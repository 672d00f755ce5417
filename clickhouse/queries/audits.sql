-- What the last audits found, the newest first.
--
-- Columns:
--   audited_ns        when the audit ended
--   audit_id          identity of the audit
--   auditor           the collector that looked
--   check             what was compared: call_keys, or the name of a rollup
--   since_ns          start of the time of recording that was looked at
--   until_ns          end of it, exclusive
--   differences       differences that were found
--   left              of these, those that were not mended
--   calls_difference  calls too many, before mending; too few if negative
--   cost_difference   USD too many, before mending; too few if negative
SELECT
    found.audited_ns AS audited_ns,
    found.audit_id AS audit_id,
    found.auditor AS auditor,
    found.check AS check,
    found.since_ns AS since_ns,
    found.until_ns AS until_ns,
    found.differences AS differences,
    found.differences - found.mended AS left,
    found.calls_difference AS calls_difference,
    found.cost_difference AS cost_difference
FROM audits AS found
ORDER BY audited_ns DESC, check
LIMIT 100
