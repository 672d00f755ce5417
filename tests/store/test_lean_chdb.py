"""chDB comes without what nobody asks it for."""

from __future__ import annotations

import subprocess
import sys

IMPORT = """
import sys
from otel_costattr_collector import lean_chdb
chdb = lean_chdb.chdb()
assert chdb is sys.modules["chdb"], "it is chDB"
assert not {"pyarrow", "numpy"} & set(sys.modules), "neither is loaded"
import pyarrow
assert lean_chdb.chdb() is chdb
assert sys.modules["pyarrow"] is pyarrow
"""


def test_pyarrow_is_not_loaded_with_it_and_can_be_afterwards() -> None:
    """An application in the same process imports pyarrow as if nothing had happened."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
