-- Makes these sums by month of what spend_by_tenant_day holds already, in the background; until then the
-- engine adds up the days.
ALTER TABLE spend_by_tenant_day/*{local}*/ /*{on_cluster}*/
    MATERIALIZE PROJECTION IF EXISTS by_whole_month
