-- Lets spend_by_tenant_day keep projections: merges and deletions make them again from its rows.
ALTER TABLE spend_by_tenant_day/*{local}*/ /*{on_cluster}*/
    MODIFY SETTING deduplicate_merge_projection_mode = 'rebuild', lightweight_mutation_projection_mode = 'rebuild'
