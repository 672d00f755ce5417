"""No prompt and no completion ever reaches the disk."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from collector.served import start
from wire import CALL, otlp_json, traces, wire_span

from otel_costattr.model import Attributes

SECRET = "Quuxley's secret diagnosis"

CONTENT: Attributes = {
    "gen_ai.input.messages": SECRET,
    "gen_ai.output.messages": SECRET,
    "gen_ai.prompt.0.content": SECRET,
    "gen_ai.completion.0.content": SECRET,
    "gen_ai.system_instructions": SECRET,
    "llm.input_messages.0.message.content": SECRET,
    "input.value": SECRET,
    "output.value": json.dumps({"id": "chatcmpl-abcd", "text": SECRET}),
    "traceloop.entity.output": SECRET,
    "metadata": json.dumps({"tenantId": "acme", "note": SECRET}),
    "gen_ai.usage.raw": json.dumps({"input_tokens": 5, "note": SECRET}),
    "anything": SECRET,
}


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_data_folder_holds_no_content(tmp_path: Path) -> None:
    """Journal, tables and log of a collector that was killed are free of it, in both formats."""
    data = tmp_path / "data"
    served = start(data, "--settle-seconds", "0")
    try:
        one = traces(wire_span({**CALL, **CONTENT}, number=1))
        two = traces(wire_span({**CALL, **CONTENT}, number=2), resource=CONTENT)
        served.post(one.SerializeToString())
        served.post(otlp_json(two), **{"content-type": "application/json"})
        served.settled(calls=2)
    finally:
        served.stop(signal.SIGKILL)
        assert served.process.stdout is not None
        served.process.stdout.close()

    files = [path for path in (*data.rglob("*"), served.log) if path.is_file()]
    assert any(path.suffix == ".segment" and path.stat().st_size > 1000 for path in files)
    assert [path for path in files if b"Quux" in path.read_bytes()] == []
