"""Who asks, as a dependency of routes."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request

from .gate import ANONYMOUS, Action, Gate, Principal


def who_may(gate: Gate | None, action: Action) -> Callable[[Request], Principal]:
    """Make a dependency that gives the principal who asks, if it may do this.

    Args:
        gate: Knows who may; None lets everybody, for tests.
        action: What the route does.

    Raises:
        AccessError: By the dependency: no key, an unknown one, or one without this right.
    """

    def principal_of(request: Request) -> Principal:
        if gate is None:
            return ANONYMOUS
        principal = gate.authenticate(request.headers.items())
        principal.require(action)
        return principal

    return principal_of
