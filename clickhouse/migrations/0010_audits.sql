-- What each audit found: one line for each check, the newest tells whether the books agree.
CREATE TABLE IF NOT EXISTS audits/*{local}*/ /*{on_cluster}*/
(
    audited_ns       DateTime64(9, 'UTC')    COMMENT 'When the audit ended.',
    audit_id         String                  COMMENT 'Identity of the audit, 16 hex digits; its checks share it.',
    auditor          LowCardinality(String)  COMMENT 'The collector that looked.',
    check            LowCardinality(String)  COMMENT 'What was compared: call_keys, or the name of a rollup.',
    since_ns         DateTime64(9, 'UTC')    COMMENT 'Start of the time of recording that was looked at.',
    until_ns         DateTime64(9, 'UTC')    COMMENT 'End of it, exclusive.',
    differences      Int64                   COMMENT 'Differences that were found.',
    mended           Int64                   COMMENT 'Of these, those that were mended.',
    calls_difference Int64                   COMMENT 'Calls too many, before mending; too few if negative.',
    cost_difference  Decimal(38, 12)         COMMENT 'USD too many, before mending; too few if negative.'
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (audited_ns, check)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'What each audit found'
