"""The page on costs: its code runs, its commands work and its files are read."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from collector.served import repeatedly, serving
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

PAGE = (Path(__file__).parents[2] / "docs" / "costs.md").read_text("utf-8")
SHELL = shutil.which("sh")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_what_the_page_shows_is_booked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command twice and the Python once: 412.80 + 0.216 + 0.0125 + 0.216, each explained."""
    assert SHELL is not None
    rates, rules = tmp_path / "rates.toml", tmp_path / "costs.toml"
    for text in re.findall(r"```toml\n(.+?)```", PAGE, re.DOTALL):
        (rates if "metric" in tomllib.loads(text) else rules).write_text(text)
    command = re.findall(r"```sh\n(curl .+?)```", PAGE, re.DOTALL)[0]
    code = re.findall(r"<!-- run -->\n```python\n(.+?)```", PAGE, re.DOTALL)[0]
    options = ("--settle-seconds", "0", "--price-overlay", str(rates), "--cost-rules", str(rules))
    with serving(tmp_path / "data", *options) as served:
        environment = {**os.environ, "COSTATTR_API": served.urls["api"], "COSTATTR_KEY": "none"}
        answers = [
            json.loads(subprocess.check_output([SHELL, "-c", command], env=environment))
            for _ in range(2)
        ]
        provider = TracerProvider()
        exporter = OTLPSpanExporter(f"{served.urls['http']}/v1/traces")
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
        exec(compile(code, "costs.md", "exec"), {})  # noqa: S102 - the page itself
        with provider.get_tracer("acme.voice").start_as_current_span("say") as span:
            span.set_attribute("voice.characters", 100)
        provider.shutdown()
        wanted = Decimal("412.80") + 2 * Decimal("0.216") + Decimal("0.0125") + Decimal("0.018")
        for costs in repeatedly(lambda: served.costs(group_by="session")):
            if Decimal(costs["total"]["total_cost"]) == wanted:
                break
        acme = served.costs(group_by="tenant", entity_id="acme")["total"]["total_cost"]
        voice = served.get(f"/v1/explain/{answers[0]['lines'][1]}").json()

    assert [(one["accepted"], one["duplicates"]) for one in answers] == [(2, 0), (0, 2)]
    assert Decimal(acme) == 2 * Decimal("0.216") + Decimal("0.0125")
    assert voice["formula"] == "1200 characters x 0.18/1000 = 0.216 USD"
