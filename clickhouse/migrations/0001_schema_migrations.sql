-- What has been applied, so that each migration runs once and an edited one is refused.
CREATE TABLE IF NOT EXISTS schema_migrations/*{local}*/ /*{on_cluster}*/
(
    number              UInt32                  COMMENT 'Number of the migration.',
    name                String                  COMMENT 'Its file, without folder.',
    checksum            String                  COMMENT 'SHA-256 of its text, 64 hex digits.',
    layout              LowCardinality(String)  COMMENT 'What it was rendered for: single, cluster or cloud.',
    reporting_time_zone LowCardinality(String)  COMMENT 'Time zone of the days in the rollups, an IANA name.',
    software            LowCardinality(String)  COMMENT 'Version of otel-costattr that applied it.',
    applied_ns          DateTime64(9, 'UTC')    COMMENT 'When it was applied.'
)
ENGINE = /*{engine}*/ MergeTree
ORDER BY number
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'Migrations that have been applied'
