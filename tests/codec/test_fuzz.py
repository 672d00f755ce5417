"""A minute of fuzzing that is guided by coverage: no crash, no hang, no growth."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from wire import calls, gzipped, otlp_json, traces

FUZZ = Path(__file__).with_name("fuzz.py")
SECONDS = 60


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris")
def test_nothing_but_a_refusal_comes_out(tmp_path: Path) -> None:
    """Every input is decoded or refused within 5 s and 2 GiB, whatever the fuzzer thinks of."""
    request = traces(*calls(2))
    seeds = {
        "protobuf": b"\x00" + request.SerializeToString(),
        "json": b"\x01" + otlp_json(request),
        "gzip": b"\x06" + gzipped(request.SerializeToString()),
        "metrics": b"\x05" + b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[]}]}]}',
    }
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, data in seeds.items():
        (corpus / name).write_bytes(data)

    done = subprocess.run(
        [
            *(sys.executable, str(FUZZ), str(corpus), f"-max_total_time={SECONDS}"),
            *("-timeout=5", "-rss_limit_mb=2048", f"-artifact_prefix={tmp_path}/"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-4000:]
    assert len(list(corpus.iterdir())) > len(seeds)
