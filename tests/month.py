"""A month of calls made inside ClickHouse by SQL, with three planted incidents.

October 2026, UTC: eight features of up to three models each, 2,000 tenants by a skewed draw, sessions
of six calls, some calls without owner or price, and duplicates. A tenant has one plan; half of
staging is test traffic. Every draw is a hash of the call's number, so the same size gives the same
month. The incidents:

- `SPIKE`: version v7 of the prompt of `search` writes 30 times as much for two hours.
- `ABUSE`: one user of one tenant sends as many calls as a fifth of everybody else for two hours.
- `STORM`: requests of `extract` are tried eight times for an hour, most tries fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi.testclient import TestClient
from otel_costattr_collector.api import create_api
from otel_costattr_collector.store import Store

START: Final = "2026-10-01T00:00:00Z"
END: Final = "2026-11-01T00:00:00Z"
_START_S: Final = 1_790_812_800
_MONTH_S: Final = 31 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that went wrong in the month.

    Attributes:
        since_s: Its start, seconds UTC.
        hours: How long it went on.
        around: An instant inside it.
        owner: The dimensions that caused it.
        hypothesis: What triage has to call it.
    """

    since_s: int
    hours: int
    around: str
    owner: dict[str, str]
    hypothesis: str


SPIKE: Final = Incident(
    since_s=_START_S + 19 * 86_400 + 3 * 3600,
    hours=2,
    around="2026-10-20T04:00:00Z",
    owner={"feature": "search", "prompt_version": "v7"},
    hypothesis="efficiency",
)
ABUSE: Final = Incident(
    since_s=_START_S + 22 * 86_400 + 14 * 3600,
    hours=2,
    around="2026-10-23T15:00:00Z",
    owner={"tenant": "tenant-0007", "user": "h:k1:abuser"},
    hypothesis="abuse",
)
STORM: Final = Incident(
    since_s=_START_S + 26 * 86_400 + 9 * 3600,
    hours=1,
    around="2026-10-27T09:30:00Z",
    owner={"feature": "extract"},
    hypothesis="retries",
)
INCIDENTS: Final = {"spike": SPIKE, "abuse": ABUSE, "storm": STORM}

# USD at 1e-12 for one token: input, read from a cache, output; the last model has no price
_MODELS: Final = (
    ("openai", "gpt-4o-mini", 150_000, 75_000, 600_000),
    ("openai", "gpt-4o", 2_500_000, 1_250_000, 10_000_000),
    ("anthropic", "claude-sonnet-4-5", 3_000_000, 300_000, 15_000_000),
    ("anthropic", "claude-haiku-4-5", 1_000_000, 100_000, 5_000_000),
    ("google", "gemini-2.5-flash", 300_000, 30_000, 2_500_000),
    ("", "house-llm-1", 0, 0, 0),
)
_FEATURES: Final = (
    "chat", "search", "extract", "summarise", "translate", "classify", "agent", "moderate",
)  # fmt: skip

_REVENUE: Final = {
    "revenue": [
        {"id": "1", "customer": "tenant-0000", "period": "2026-10", "plan": "free", "amount": "9"},
        {"id": "2", "customer": "tenant-0001", "period": "2026-10", "plan": "pro", "amount": "49"},
    ]
}
_BUDGETS: Final = {
    "budgets": [
        {"id": "everything", "amount_usd": "1000"},
        {"id": "search", "amount_usd": "20", "period": "week", "filters": {"feature": ["search"]}},
    ]
}

_AUDITED: Final = (
    "INSERT INTO audits SELECT '2026-10-31 00:05:00', 'a1', 'one', 'call_keys',"
    " '2026-10-30 00:00:00', '2026-10-31 00:00:00', 2, 2, 2, 0.5"
)

_SELECT: Final = """
INSERT INTO ledger (
    line_id, entry, call_key, batch_id, recorded_ns, event_ns,
    trace_id, span_id, signal, service_name, scope_name, scope_version, emitter,
    operation, provider, model, request_model, response_model, response_id, error_type,
    status, reason, reasons, duplicate_of, dedupe_rule,
    tenant, user, feature, prompt, prompt_version, session, agent, team, plan, environment,
    data_mode, external_request_id, tags,
    lines, calls, usage_calls, duration_ns,
    input_tokens, cache_read_tokens, output_tokens, reasoning_tokens,
    input_usd, cache_read_usd, cache_write_usd, output_usd, reasoning_usd, uses_usd, other_usd,
    amount_usd, list_usd, price_entry, price_book, price_rule
)
WITH
    {first} + number AS n,
    cityHash64(n) AS h,
    cityHash64(intDiv(n, 6), 1) AS g,
    {providers} AS providers,
    {models} AS models,
    {features} AS features,
    number / {rows} AS share,
    toUInt64({since_s} * 1e6 + {length_s} * 1e6 * share + h % 1000) AS us,
    {feature_of} AS f,
    {model_of} AS m,
    bitShiftRight(g, 8) % 20000 AS drawn,
    intDiv(drawn * drawn, 200000) AS rank,
    g % 10 = 0 AS is_staging,
    bitShiftRight(h, 8) % 100 = 7 AS is_duplicate,
    models[m] = 'house-llm-1' AS is_unpriced,
    bitShiftRight(h, 16) % 100 < 4 AS is_estimated,
    {version_of} AS version,
    {tenant_of} AS tenant_name,
    200 + bitShiftRight(h, 24) % 1800 AS input_all,
    if(bitShiftRight(h, 36) % 3 = 0, intDiv(input_all, 2), 0) AS cached,
    (40 + bitShiftRight(h, 44) % 400) * {output_times} AS output_all,
    if(models[m] = 'claude-sonnet-4-5', intDiv(output_all, 4), 0) AS thought,
    toDecimal128({input_rate}[m], 0) AS rate_in,
    toDecimal128({cached_rate}[m], 0) AS rate_cached,
    toDecimal128({output_rate}[m], 0) AS rate_out,
    is_duplicate OR is_unpriced AS no_amount,
    toDecimal128('0.000000000001', 12) AS pico,
    if(no_amount, NULL, (input_all - cached) * rate_in * pico) AS usd_in,
    if(no_amount, NULL, cached * rate_cached * pico) AS usd_cached,
    if(no_amount, NULL, (output_all - thought) * rate_out * pico) AS usd_out,
    if(no_amount, NULL, thought * rate_out * pico) AS usd_thought,
    if(no_amount, NULL, 0 * pico) AS usd_none,
    is_duplicate ? 0 : 1 AS counted
SELECT
    substring(lower(hex(sipHash128(n))), 1, 24) AS key, 'call', key,
    {batch} + intDiv(number, 50000),
    fromUnixTimestamp64Nano(toInt64((us + 12000000) * 1000), 'UTC'),
    fromUnixTimestamp64Nano(toInt64(us * 1000), 'UTC'),
    lower(hex(sipHash128(intDiv(n, 2), 2))), substring(lower(hex(h)), 1, 16), 'span',
    concat(features[f], '-api'),
    if(providers[m] = 'anthropic', 'opentelemetry.instrumentation.anthropic', 'openai_v2'), '0.62.4', 'gen_ai',
    'chat', providers[m], models[m], models[m], models[m], concat('resp-', toString(n)), {error_of},
    multiIf(is_duplicate, 'duplicate_of', is_unpriced, 'unpriced', is_estimated, 'estimated', 'priced') AS verdict,
    multiIf(is_duplicate, '', is_unpriced, 'unknown_model', is_estimated, 'cache_ttl_assumed', '') AS why,
    if(why = '', [], [why]),
    if(is_duplicate, concat('span-', toString(n)), ''), if(is_duplicate, 'response_id', ''),
    tenant_name, {user_of},
    if(bitShiftRight(g, 40) % 50 = 0, '', features[f]), if(version = '', '', concat(features[f], '-prompt')), version,
    concat('s-', toString(intDiv(n, 6))), if(features[f] = 'agent', 'planner', ''),
    concat('team-', toString(f % 3)), multiIf(tenant_name = '', '', rank % 3 = 0, 'free', 'pro'),
    if(is_staging, 'staging', 'production'), multiIf(g % 20 = 0, 'test', rank % 50 = 49, 'demo', 'real'), {request_of},
    map('region', if(g % 2 = 0, 'eu', 'us')),
    1, counted, counted, toInt64(200000000 + output_all * 5000000),
    counted * (input_all - cached), counted * cached, counted * (output_all - thought), counted * thought,
    usd_in, usd_cached, usd_none, usd_out, usd_thought, usd_none, usd_none,
    usd_in + usd_cached + usd_out + usd_thought, usd_in + usd_cached + usd_out + usd_thought,
    if(no_amount, '', concat(providers[m], '/', models[m])), 'book-1', 'exact'
FROM numbers_mt({rows})
SETTINGS max_block_size = 500000, min_insert_block_size_rows = 500000, min_insert_block_size_bytes = 0,
    max_threads = 2, max_insert_threads = 2, insert_deduplicate = 0
"""


def plant(store: Store, calls: int) -> None:
    """Fill a migrated store with the month.

    Args:
        store: Where to; its ledger is empty.
        calls: About how many lines; the incidents add less than a fiftieth.
    """
    hourly = max(calls // (31 * 24), 50)
    _fill(store, rows=calls, since_s=_START_S, length_s=_MONTH_S)
    _fill(
        store,
        rows=hourly * SPIKE.hours // 4,
        since_s=SPIKE.since_s,
        length_s=SPIKE.hours * 3600,
        feature_of="2",
        version_of="'v7'",
        output_times=30,
    )
    _fill(
        store,
        rows=hourly * ABUSE.hours * 6 // 5,
        since_s=ABUSE.since_s,
        length_s=ABUSE.hours * 3600,
        feature_of="1",
        tenant_of="'tenant-0007'",
        user_of="'h:k1:abuser'",
    )
    _fill(
        store,
        rows=hourly * STORM.hours * 2,
        since_s=STORM.since_s,
        length_s=STORM.hours * 3600,
        feature_of="3",
        request_of="concat('storm-', toString(intDiv(number, 8)))",
        error_of="if(number % 8 = 7, '', 'timeout')",
    )


def plant_money(store: Store) -> None:
    """Post what two tenants pay for the month, and two budgets."""
    with TestClient(create_api(store)) as client:
        for path, body in (("/v1/revenue", _REVENUE), ("/v1/budgets", _BUDGETS)):
            assert client.post(path, json=body).status_code == 200


def plant_audit(store: Store) -> None:
    """Book an audit of one day that found two differences and mended them."""
    store.command(_AUDITED)


def _fill(store: Store, *, rows: int, since_s: int, length_s: int, **drawn: object) -> None:
    first = {SPIKE.since_s: 1, ABUSE.since_s: 2, STORM.since_s: 3}.get(since_s, 0) * 10**9
    draws: dict[str, object] = {
        "model_of": "[1,2,1,3,1,4,1,5,5,if(bitShiftRight(h, 4) % 8 = 0, 6, 1)][1 + (f + h % 3) % 10]",
        "feature_of": "1 + bitShiftRight(g, 20) % 8",
        "version_of": "if(bitShiftRight(h, 52) % 10 = 0, '', concat('v', toString(5 + bitShiftRight(h, 56) % 2)))",
        "tenant_of": "if(bitShiftRight(g, 40) % 33 = 0, '', concat('tenant-', leftPad(toString(rank), 4, '0')))",
        "user_of": "if(tenant_name = '', '', concat('h:k1:', toString(g % 20000)))",
        "request_of": "concat('req-', toString(if(h % 40 = 0, n - 1, n)))",
        "error_of": "if(bitShiftRight(h, 30) % 100 = 0, 'timeout', '')",
        "output_times": 1,
    }
    columns = tuple(zip(*_MODELS, strict=True))
    store.command(
        _SELECT.format(
            **{**draws, **drawn},
            rows=max(rows, 1),
            first=first,
            batch=first + 1,
            since_s=since_s,
            length_s=length_s,
            providers=list(columns[0]),
            models=list(columns[1]),
            features=list(_FEATURES),
            input_rate=list(columns[2]),
            cached_rate=list(columns[3]),
            output_rate=list(columns[4]),
        )
    )
