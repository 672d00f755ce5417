"""A stand-in for the Anthropic API: one answer with every kind of cached token, over real HTTP."""

from __future__ import annotations

import itertools

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def create_app() -> Starlette:
    """Build the stand-in; response ids count from 1 in each app."""
    numbers = itertools.count(1)

    async def messages(request: Request) -> JSONResponse:
        body = await request.json()
        return JSONResponse(
            {
                "id": f"msg_{next(numbers):024d}",
                "type": "message",
                "role": "assistant",
                "model": f"{body['model']}-20250929",
                "content": [{"type": "text", "text": "Your order is on its way."}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 100,
                    "cache_read_input_tokens": 400,
                    "cache_creation_input_tokens": 500,
                    "cache_creation": {
                        "ephemeral_5m_input_tokens": 300,
                        "ephemeral_1h_input_tokens": 200,
                    },
                    "output_tokens": 200,
                    "service_tier": "standard",
                },
            }
        )

    return Starlette(routes=[Route("/v1/messages", messages, methods=["POST"])])
