-- What calls were for: a ticket resolved, a draft accepted. Posted by applications, joined to the
-- ledger by session, trace or request; never part of it.
CREATE TABLE IF NOT EXISTS outcomes/*{local}*/ /*{on_cluster}*/
(
    id                  String                   COMMENT 'Identity that the sender gave; posting it twice changes nothing.' CODEC(ZSTD(1)),
    content             String                   COMMENT 'Hash of what was posted, 32 hex digits: other content under the same id is refused.' CODEC(ZSTD(1)),
    recorded_ns         DateTime64(9, 'UTC')     COMMENT 'When it was written.' CODEC(Delta, ZSTD(1)),
    event_ns            DateTime64(9, 'UTC')     COMMENT 'When it happened.' CODEC(Delta, ZSTD(1)),
    kind                LowCardinality(String)   COMMENT 'What happened, such as ticket_resolved.' CODEC(ZSTD(1)),
    success             Int8                     COMMENT '1 if it is what was wanted, 0 if not.' CODEC(ZSTD(1)),
    value               Nullable(Decimal(38, 12)) COMMENT 'What it is worth to the sender, in a unit of its own; NULL if not said.' CODEC(ZSTD(1)),
    tenant              LowCardinality(String)   COMMENT 'Tenant or customer.' CODEC(ZSTD(1)),
    feature             LowCardinality(String)   COMMENT 'Feature of the product.' CODEC(ZSTD(1)),
    session             String                   COMMENT 'Session whose cost it joins, or empty.' CODEC(ZSTD(1)),
    trace_id            String                   COMMENT 'Trace whose cost it joins, 32 hex digits, or empty.' CODEC(ZSTD(1)),
    external_request_id String                   COMMENT 'Request whose cost it joins, or empty.' CODEC(ZSTD(1)),

    INDEX by_id id TYPE bloom_filter(0.025) GRANULARITY 1
)
ENGINE = /*{engine}*/ MergeTree
PARTITION BY toYYYYMM(event_ns)
ORDER BY (tenant, event_ns)
SETTINGS
    /*{disk}*/ fsync_after_insert = 1,
    /*{disk}*/ fsync_part_directory = 1,
    /*{disk}*/ min_rows_to_fsync_after_merge = 1,
    /*{disk}*/ old_parts_lifetime = 480,
    /*{dedup}*/ non_replicated_deduplication_window = 10000
COMMENT 'What calls were for'
