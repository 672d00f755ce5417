-- Who may mend the books, when several collectors write to one server.
-- A term is claimed by an insert whose deduplication token is its number: the engine keeps the first.
CREATE TABLE IF NOT EXISTS leases/*{local}*/ /*{on_cluster}*/
(
    name       LowCardinality(String)  COMMENT 'What is leased: audit.',
    term       UInt64                  COMMENT 'Number of the term, from 1; the highest is in force.',
    holder     LowCardinality(String)  COMMENT 'The collector that claimed it.',
    taken_ns   DateTime64(9, 'UTC')    COMMENT 'When it was claimed.',
    expires_ns DateTime64(9, 'UTC')    COMMENT 'When another collector may claim the next term.'
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY (name, term)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Who may mend the books'
