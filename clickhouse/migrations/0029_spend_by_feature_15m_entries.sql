-- Names the entries of `entry`: amendments of costs that are no call have entries of their own.
ALTER TABLE spend_by_feature_15m/*{local}*/ /*{on_cluster}*/
    COMMENT COLUMN entry 'What is booked: call, reversal and rebook; cost (no model call), cost_reversal and cost_rebook; allocation or true_up.'
