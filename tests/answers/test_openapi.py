"""The OpenAPI document holds: no generated request makes a server error."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from otel_costattr_collector.api import create_api
from otel_costattr_collector.store import Store
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import response_schema_conformance


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.no_cover  # the same lines as other tests, many times over
def test_no_request_makes_a_server_error(month_store: Store) -> None:
    """Whatever the document allows is answered as it says, or refused; nothing breaks."""
    app = create_api(month_store)
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in document.get_all_operations() if isinstance(found, Ok)]

    with TestClient(app, raise_server_exceptions=False) as client:
        for operation in operations:
            _holds(operation, client)

    assert len(operations) > 40


def _holds(operation: APIOperation[Any, Any, Any, Any], client: Any) -> None:
    @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def hold(case: Case[Any]) -> None:
        response = case.call(session=client)
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=[not_a_server_error, response_schema_conformance])

    hold()
