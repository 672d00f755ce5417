"""The first rows of an answer are those of the whole answer, though the rest of it is never worked out."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

PATHS = {
    "/v1/sessions": ("user",),
    "/v1/traces": ("tenant", "user", "feature", "session"),
    "/v1/exports/focus": (),
}
"""Where it is asked, and the columns of the first of lines that may have happened at once."""

WORDS: tuple[dict[str, Any], ...] = (
    {},
    {"where": ["environment=production"]},
    {"where": ["feature!=chat"]},
    {"start_date": "2026-10-05", "end_date": "2026-10-20", "time_zone": "Asia/Kathmandu"},
    {"start_date": "2026-10-05", "end_date": "2026-10-20"},
)


def _rows(client: TestClient, path: str, words: dict[str, Any], **more: Any) -> Any:
    answer = client.get(path, params={**words, **more})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    for row in body["data"]:
        for name in PATHS[path]:
            del row[name]
    return body


@pytest.mark.parametrize("words", WORDS, ids=str)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_few_rows_are_the_first_of_many(
    month_client: TestClient, path: str, words: dict[str, Any]
) -> None:
    """A page of 7 and the page after it are the first 14 rows of a page with everything."""
    every = _rows(month_client, path, words, limit=10_000)["data"]
    first = _rows(month_client, path, words, limit=7)
    second = _rows(month_client, path, words, limit=7, cursor=first["next_cursor"])

    assert len(every) > 14
    assert [*first["data"], *second["data"]] == every[:14]
