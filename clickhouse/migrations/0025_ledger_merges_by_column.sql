-- Merges parts of the ledger column by column, small ones too: a merge of all columns at once takes
-- buffers for each of them, 150 MB while many small parts come in.
ALTER TABLE ledger/*{local}*/ /*{on_cluster}*/
    MODIFY SETTING vertical_merge_algorithm_min_rows_to_activate = 1
