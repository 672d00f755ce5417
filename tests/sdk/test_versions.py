"""The processor's own tests pass on the oldest supported SDK, one from the middle and the newest."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ("1.20.0", "1.33.1", "1.45.2")


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("version", VERSIONS)
def test_processor_on_sdk(version: str) -> None:
    """Wrapping, attributing, guest manners, context and baggage hold on this SDK."""
    python = ROOT / ".envs" / f"sdk-{version}" / "bin" / "python"
    assert python.exists(), "run: make test"

    done = subprocess.run(
        [
            *(str(python), "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider"),
            *("-o", "addopts=--import-mode=importlib"),
            *("tests/processor", "tests/context", "tests/attribution/test_baggage.py"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("version", VERSIONS)
def test_environment_has_the_version(version: str) -> None:
    """The environment holds the SDK that it is named after, so that the test above tests it."""
    folder = ROOT / ".envs" / f"sdk-{version}" / "lib"

    assert list(folder.glob(f"python*/site-packages/opentelemetry_sdk-{version}.dist-info"))
