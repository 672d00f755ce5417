"""Write `docs/settings.md` from the settings of the service."""

from __future__ import annotations

from pathlib import Path

from otel_costattr_collector.settings_page import settings_page

if __name__ == "__main__":
    page = Path(__file__).parent.parent / "docs" / "settings.md"
    page.write_text(settings_page(), encoding="utf-8")
