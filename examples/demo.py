"""The main job from end to end: collector, stand-in API and application as real processes.

    python examples/demo.py          run, print the report, stop everything
    python examples/demo.py --keep   the same, and leave the collector serving

With OPENAI_API_KEY set the application talks to the real API instead of the stand-in.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.request import urlopen

EXAMPLES: Final = Path(__file__).parent
COSTATTR: Final = Path(sys.executable).with_name("costattr")
STOP_TIMEOUT_S: Final = 30
SETTLE_TIMEOUT_S: Final = 60


def main() -> None:
    """Run the demo; any step that fails stops it with that step's exit code."""
    parser = argparse.ArgumentParser(description="Run the demo.")
    parser.add_argument("--keep", action="store_true", help="leave the collector serving")
    keep: bool = parser.parse_args().keep
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="costattr-demo-"))
        addresses = stack.enter_context(collector(Path(data)))
        openai = stack.enter_context(openai_environment())
        report(run_application(addresses, openai))
        if keep:
            print(f"\nserving: {addresses['api']} (press Ctrl-C to stop)")
            wait_for_interrupt()


def run_application(addresses: Mapping[str, str], openai: Mapping[str, str]) -> str:
    """Run the application against the collector and return the address of the API."""
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": addresses["grpc"], **openai}
    command = [sys.executable, str(EXAMPLES / "support_desk.py")]
    subprocess.run(command, env=os.environ | environment, check=True)
    wait_until_settled(addresses["api"])
    return addresses["api"]


def wait_until_settled(api_url: str) -> None:
    """Return once everything that was acknowledged is in the ledger."""
    deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
    while time.monotonic() < deadline_s:
        with urlopen(f"{api_url}/v1/ingest", timeout=STOP_TIMEOUT_S) as answer:
            progress: dict[str, int] = json.load(answer)
        if not any(progress[stage] for stage in ("waiting", "settling", "frozen")):
            return
        time.sleep(0.1)
    raise SystemExit(f"the ledger did not take everything in {SETTLE_TIMEOUT_S} s")


def report(api_url: str) -> None:
    """Print what each tenant, feature and prompt version cost."""
    by = "tenant,feature,prompt_version"
    subprocess.run([COSTATTR, "report", "--url", api_url, "--by", by], check=True)


@contextmanager
def collector(data: Path) -> Iterator[dict[str, str]]:
    """Serve in `data` on free ports; yields the addresses that it prints, by name."""
    command = [
        *(str(COSTATTR), "serve", "--data", str(data), "--settle-seconds", "0.2"),
        *("--wrapper-settle-seconds", "0.5", "--log-level", "warning"),
        *("--grpc-port", "0", "--http-port", "0", "--api-port", "0"),
    ]
    with running(command) as output:
        yield read_addresses(output, {"grpc", "http", "api"})


@contextmanager
def openai_environment() -> Iterator[dict[str, str]]:
    """Yield the settings of the real API if there is a key, else those of a fresh stand-in."""
    if os.environ.get("OPENAI_API_KEY"):
        yield {}
        return
    with running([sys.executable, str(EXAMPLES / "openai_stand_in.py")]) as output:
        address = read_addresses(output, {"base_url"})["base_url"]
        yield {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "stand-in"}


@contextmanager
def running(command: list[str]) -> Iterator[IO[str]]:
    """Run a process, yield its standard output, and stop it with SIGTERM at the end."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


def read_addresses(output: IO[str], wanted: set[str]) -> dict[str, str]:
    """Read lines `name=address` until each wanted one was seen."""
    found: dict[str, str] = {}
    for line in output:
        name, _, address = line.strip().partition("=")
        if name in wanted:
            found[name] = address
        if wanted <= found.keys():
            return found
    raise SystemExit(f"a process stopped before it printed {sorted(wanted - found.keys())}")


def wait_for_interrupt() -> None:
    """Block until Ctrl-C."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        print("stopping")


if __name__ == "__main__":
    main()
