"""`python scripts/grafana`: write the generated files; `--check` compares and changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from grafana.files import FOLDER, files


def main(arguments: list[str]) -> int:
    """Write or compare; return 0 if all files are as they should be."""
    stale = []
    for name, text in files().items():
        path = FOLDER / name
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if arguments != ["--check"]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    verb = "differ from what scripts/grafana makes" if arguments == ["--check"] else "written"
    print(f"deploy/grafana: {len(stale)} files {verb}", *stale, sep="\n  ")
    return 1 if stale and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
