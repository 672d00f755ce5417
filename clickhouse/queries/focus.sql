-- The cost in the columns of FOCUS, the FinOps cost and usage specification, one row a day.
--
-- As it stands days are those of UTC. What has no price has no cost here either: BilledCost is NULL
-- where FOCUS wants a number, because unknown is not 0; x_Status says so. Amendments of a closed day
-- are in the day of the event, with ChargeClass Correction. Days that the rows asked for cannot reach
-- are left out first: a day has at least as many rows as tenants.
--
-- Columns:
--   BillingPeriodStart, BillingPeriodEnd   the month, UTC
--   ChargePeriodStart, ChargePeriodEnd     the day, UTC, end exclusive
--   ChargeCategory    Usage for calls, Purchase for costs that are no call, Adjustment for the rest
--   ChargeClass       Correction for amendments, else NULL
--   ChargeFrequency   Usage-Based
--   ChargeDescription what was bought, in words
--   BilledCost, EffectiveCost, ContractedCost   USD after any contract; NULL without a price
--   ListCost          USD at published rates; NULL without a price
--   BillingCurrency   USD
--   ConsumedQuantity  tokens sent and produced
--   ConsumedUnit      Tokens
--   ProviderName, PublisherName, InvoiceIssuerName   the provider
--   ServiceCategory, ServiceSubcategory, ServiceName what kind of service it is
--   SkuId             the price entry
--   SkuPriceId        the price entry and the book that priced it
--   RegionId          region, NULL if unknown
--   ResourceId, ResourceName, ResourceType           the model
--   BillingAccountId  the provider's account: not known here, the provider
--   SubAccountId, SubAccountName                     the tenant; NULL if unknown
--   Tags              feature, prompt_version, team, project, environment, data_mode where known
--   x_Calls           model calls
--   x_InputTokens     tokens sent, cached ones included
--   x_CachedTokens    of these, read from a cache
--   x_OutputTokens    tokens produced, reasoning included
--   x_Status          priced, estimated, unpriced, committed or aggregate
--   x_Entry           call, reversal or rebook; cost, cost_reversal or cost_rebook; allocation or true_up
WITH
    (
        SELECT if(max(so_far) < /*{limit*/ 1000 /*}*/, toDate('2149-06-06'), minIf(by_day, so_far >= /*{limit*/ 1000 /*}*/))
        FROM
        (
            SELECT /*{day*/ toDate(spent.event_ns, 'UTC') /*}*/ AS by_day, sum(uniqExact(spent.tenant)) OVER (ORDER BY by_day) AS so_far
            FROM ledger AS spent
            WHERE spent.status != 'duplicate_of' AND (/*{filter*/ true /*}*/)
            GROUP BY by_day
        )
    ) AS last_day,
    /*{day*/ toDate(spent.event_ns, 'UTC') /*}*/ AS by_day,
    spent.model AS by_model,
    spent.operation AS by_operation
SELECT
    toDateTime(toStartOfMonth(by_day), /*{zone*/ 'UTC' /*}*/)::DateTime('UTC') AS BillingPeriodStart,
    toDateTime(addMonths(toStartOfMonth(by_day), 1), /*{zone*/ 'UTC' /*}*/)::DateTime('UTC') AS BillingPeriodEnd,
    toDateTime(by_day, /*{zone*/ 'UTC' /*}*/)::DateTime('UTC') AS ChargePeriodStart,
    toDateTime(by_day + 1, /*{zone*/ 'UTC' /*}*/)::DateTime('UTC') AS ChargePeriodEnd,
    multiIf(startsWith(x_Entry, 'cost'), 'Purchase', x_Entry IN ('allocation', 'true_up'), 'Adjustment', 'Usage') AS ChargeCategory,
    if(x_Entry IN ('reversal', 'rebook', 'cost_reversal', 'cost_rebook'), 'Correction', NULL) AS ChargeClass,
    'Usage-Based' AS ChargeFrequency,
    trimBoth(concat(by_operation, ' ', by_model)) AS ChargeDescription,
    sum(spent.amount_usd) AS BilledCost,
    BilledCost AS EffectiveCost,
    BilledCost AS ContractedCost,
    sum(spent.list_usd) AS ListCost,
    'USD' AS BillingCurrency,
    sum(spent.input_total_tokens + spent.output_total_tokens) AS ConsumedQuantity,
    'Tokens' AS ConsumedUnit,
    spent.provider AS ProviderName,
    ProviderName AS PublisherName,
    ProviderName AS InvoiceIssuerName,
    'AI and Machine Learning' AS ServiceCategory,
    'Generative AI' AS ServiceSubcategory,
    concat(ProviderName, ' API') AS ServiceName,
    spent.price_entry AS SkuId,
    if(SkuId = '', '', concat(SkuId, '@', spent.price_book)) AS SkuPriceId,
    nullIf(spent.region, '') AS RegionId,
    by_model AS ResourceId,
    by_model AS ResourceName,
    'Model' AS ResourceType,
    ProviderName AS BillingAccountId,
    nullIf(spent.tenant, '') AS SubAccountId,
    SubAccountId AS SubAccountName,
    toJSONString(mapFilter((name, value) -> value != '', map(
        'feature', toString(spent.feature), 'prompt_version', toString(spent.prompt_version),
        'team', toString(spent.team), 'project', toString(spent.project),
        'environment', toString(spent.environment), 'data_mode', toString(spent.data_mode)))) AS Tags,
    sum(spent.calls) AS x_Calls,
    sum(spent.input_total_tokens) AS x_InputTokens,
    sum(spent.cache_read_total_tokens) AS x_CachedTokens,
    sum(spent.output_total_tokens) AS x_OutputTokens,
    spent.status AS x_Status,
    spent.entry AS x_Entry
FROM ledger AS spent
WHERE spent.status != 'duplicate_of' AND (/*{filter*/ true /*}*/) AND by_day <= last_day
GROUP BY
    by_day, spent.entry, spent.status, spent.provider, spent.model, spent.operation, spent.region,
    spent.price_entry, spent.price_book, spent.tenant, spent.feature, spent.prompt_version,
    spent.team, spent.project, spent.environment, spent.data_mode
ORDER BY by_day, BilledCost DESC NULLS LAST, x_Calls DESC, SubAccountId, ResourceId, Tags, x_Status, x_Entry
LIMIT /*{limit*/ 1000 /*}*/
