"""What people install is the wheel, not the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
SDK_PACKAGES = {
    "importlib-metadata",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-semantic-conventions",
    "otel-costattr",
    "typing-extensions",
    "zipp",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_library_alone_pulls_in_the_sdk_and_nothing_else(wheel: Path, tmp_path: Path) -> None:
    """Without extras the environment holds the SDK's own packages, and the library imports."""
    python = environment(tmp_path, str(wheel))

    listed = json.loads(run(UV, "pip", "list", "--python", python, "--format", "json"))
    assert {package["name"] for package in listed} <= SDK_PACKAGES

    price = "import otel_costattr; print(otel_costattr.shipped_book().version)"
    assert run(python, "-W", "error", "-c", price, cwd=tmp_path).strip()


def test_a_command_that_needs_an_extra_says_which(wheel: Path, tmp_path: Path) -> None:
    """`costattr serve` without its extra is one line that can be pasted."""
    python = environment(tmp_path, str(wheel))

    refused = subprocess.run(
        [python.with_name("costattr"), "serve"], capture_output=True, text=True, check=False
    )

    assert refused.returncode == 2
    assert "pip install 'otel-costattr[collector]'" in refused.stderr


def test_the_main_job_runs_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    """`[embedded]` in a clean environment runs the demo in a folder far from the checkout."""
    python = environment(
        tmp_path,
        f"otel-costattr[embedded] @ {wheel.as_uri()}",
        "openai",
        "opentelemetry-exporter-otlp",
        "opentelemetry-instrumentation-openai",
    )
    examples = shutil.copytree(ROOT / "examples", tmp_path / "elsewhere")

    printed = run(python, str(examples / "demo.py"), cwd=tmp_path)

    assert "0.00955848" in printed


def environment(folder: Path, *requirements: str) -> Path:
    """Make an environment with `requirements` and return its interpreter."""
    run(UV, "venv", "--quiet", "--python", sys.executable, str(folder / "env"))
    python = folder / "env" / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", python, *requirements)
    return python


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command without the checkout on its path and return what it printed."""
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
