"""A stand-in for the OpenAI API: real HTTP, real server-sent events, usage from a fixed table.

It answers chat completions (streamed or not), responses and embeddings as the API does, so that
the demo and the tests need neither a key nor a network. Counts do not depend on the text: a system
prompt that repeats is answered as cached, a reasoning model reasons, an unknown model is refused.

    python examples/openai_stand_in.py --port 0
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Json = dict[str, object]

CREATED_S: Final = 1_790_000_000
SNAPSHOTS: Final = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "o4-mini": "o4-mini-2025-04-16",
    "text-embedding-3-small": "text-embedding-3-small",
}
REASONING_MODELS: Final = frozenset({"gpt-5-mini", "o4-mini"})
LONG_PROMPT_CHARACTERS: Final = 4096

# (prompt, of which cached, completion, of which reasoning), tokens
PLAIN: Final = (1200, 0, 300, 0)
CACHED: Final = (4096, 3072, 150, 0)
REASONED: Final = (900, 0, 1400, 1024)
EMBEDDED_TOKENS: Final = 512

ANSWER: Final = ("Thanks for your ", "patience. Your order ", "is on its way.")


def create_app() -> Starlette:
    """Build the stand-in; response ids count from 1 in each app."""
    numbers = itertools.count(1)

    async def chat(request: Request) -> Response:
        body = await _body(request)
        model = str(body.get("model", ""))
        if model not in SNAPSHOTS:
            return _unknown_model(model)
        completion_id = f"chatcmpl-{next(numbers):06d}"
        usage = _chat_usage(_counts(model, body.get("messages")))
        if not body.get("stream"):
            return JSONResponse(_completion(completion_id, model, usage))
        options = body.get("stream_options")
        wants_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        chunks = _chunks(completion_id, model, usage if wants_usage else None)
        return StreamingResponse(_events(chunks), media_type="text/event-stream")

    async def responses(request: Request) -> Response:
        body = await _body(request)
        model = str(body.get("model", ""))
        if model not in SNAPSHOTS:
            return _unknown_model(model)
        counts = _counts(model, body.get("input"))
        return JSONResponse(_response(f"resp_{next(numbers):06d}", model, counts))

    async def embeddings(request: Request) -> Response:
        body = await _body(request)
        model = str(body.get("model", ""))
        if model not in SNAPSHOTS:
            return _unknown_model(model)
        given = body.get("input")
        inputs = len(given) if isinstance(given, list) else 1
        return JSONResponse(_embeddings(model, inputs))

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/responses", responses, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
        ]
    )


async def _body(request: Request) -> Json:
    body = await request.json()
    return body if isinstance(body, dict) else {}


def _counts(model: str, messages: object) -> tuple[int, int, int, int]:
    if model in REASONING_MODELS:
        return REASONED
    return CACHED if len(json.dumps(messages)) > LONG_PROMPT_CHARACTERS else PLAIN


def _chat_usage(counts: tuple[int, int, int, int]) -> Json:
    prompt, cached, completion, reasoning = counts
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _completion(completion_id: str, model: str, usage: Json) -> Json:
    message: Json = {
        "role": "assistant",
        "content": "".join(ANSWER),
        "refusal": None,
        "annotations": [],
    }
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": CREATED_S,
        "model": SNAPSHOTS[model],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "fp_stand_in",
    }


def _chunks(completion_id: str, model: str, usage: Json | None) -> Iterator[Json]:
    head: Json = {
        "id": completion_id,
        "object": "chat.completion.chunk",
        "created": CREATED_S,
        "model": SNAPSHOTS[model],
        "service_tier": "default",
        "system_fingerprint": "fp_stand_in",
        "usage": None,
    }
    for text in ANSWER:
        delta = {"role": "assistant", "content": text}
        yield head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    if usage is not None:
        yield head | {"choices": [], "usage": usage}


async def _events(chunks: Iterator[Json]) -> AsyncIterator[str]:
    for chunk in chunks:
        yield f"data: {json.dumps(chunk)}\n\n"
        await asyncio.sleep(0)
    yield "data: [DONE]\n\n"


def _response(response_id: str, model: str, counts: tuple[int, int, int, int]) -> Json:
    prompt, cached, completion, reasoning = counts
    text = {"type": "output_text", "text": "".join(ANSWER), "annotations": []}
    message: Json = {
        "type": "message",
        "id": f"msg_{response_id}",
        "status": "completed",
        "role": "assistant",
        "content": [text],
    }
    return {
        "id": response_id,
        "object": "response",
        "created_at": CREATED_S,
        "status": "completed",
        "model": SNAPSHOTS[model],
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "service_tier": "default",
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": reasoning},
            "total_tokens": prompt + completion,
        },
    }


def _embeddings(model: str, inputs: int) -> Json:
    tokens = EMBEDDED_TOKENS * inputs
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": [0.25, -0.5, 0.125]}
            for index in range(inputs)
        ],
        "model": SNAPSHOTS[model],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _unknown_model(model: str) -> Response:
    error = {
        "message": f"The model `{model}` does not exist or you do not have access to it.",
        "type": "invalid_request_error",
        "param": None,
        "code": "model_not_found",
    }
    return JSONResponse({"error": error}, status_code=404)


def main() -> None:
    """Serve on loopback until interrupted; prints the base URL once connections are accepted."""
    parser = argparse.ArgumentParser(description="A stand-in for the OpenAI API.")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    port: int = parser.parse_args().port
    with socket.create_server(("127.0.0.1", port)) as listener:
        print(f"base_url=http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
        server = uvicorn.Server(uvicorn.Config(create_app(), log_level="warning"))
        server.run(sockets=[listener])


if __name__ == "__main__":
    main()
