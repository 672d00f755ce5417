"""The generated files of `deploy/grafana`, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from .alerts import alerting_text
from .boards import BOARDS
from .panels import dashboard_of

FOLDER: Final = Path(__file__).resolve().parents[2] / "deploy" / "grafana"


def files() -> Mapping[str, str]:
    """Return path below `deploy/grafana` to text."""
    dashboards = {
        f"dashboards/{board.name}.json": json.dumps(
            dashboard_of(board), cls=JSONEncoder, indent=2, ensure_ascii=False
        )
        + "\n"
        for board in BOARDS
    }
    return {**dashboards, "provisioning/alerting/costattr.yaml": alerting_text()}
