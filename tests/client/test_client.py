"""`attribute(client)`: the real OpenAI client against a local stand-in, and fakes of its shape."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest
import uvicorn

from otel_costattr import attribute, attribution
from otel_costattr.context import current_owner
from otel_costattr.model import Owner

EXAMPLES = Path(__file__).parents[2] / "examples"


class Completions:
    """What a client's deepest part looks like."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, object], Owner]] = []

    def create(self, **kwargs: object) -> str:
        """Answer, and note who owned it."""
        self.seen.append((kwargs, current_owner()))
        return "done"

    async def acreate(self, **kwargs: object) -> str:
        """Answer later."""
        await asyncio.sleep(0)
        self.seen.append((kwargs, current_owner()))
        return "done"

    @contextmanager
    def stream(self, **kwargs: object) -> Iterator[str]:
        """Answer when entered."""
        self.seen.append((kwargs, current_owner()))
        yield "streaming"

    async def managed(self, **kwargs: object) -> ResponseManager:
        """Give a manager later."""
        return ResponseManager(self, kwargs)


class ResponseManager:
    """Sends its request when it is entered."""

    def __init__(self, completions: Completions, kwargs: dict[str, object]) -> None:
        self.completions = completions
        self.kwargs = kwargs

    async def __aenter__(self) -> str:
        """Send."""
        return self.completions.create(**self.kwargs)

    async def __aexit__(self, *error: object) -> None:
        """End."""


class Client:
    """What a client looks like."""

    def __init__(self) -> None:
        self.completions = Completions()
        self.chat = SimpleNamespace()
        self.key = "secret"
        self.entered = 0
        self.kind = Completions
        self.hook = SimpleNamespace

    def with_options(self, **_: object) -> Client:
        """Make another client of the same kind."""
        other = Client()
        other.completions = self.completions
        return other

    def __call__(self, **kwargs: object) -> str:
        """Be callable, as some clients are."""
        return self.completions.create(**kwargs)

    def __enter__(self) -> Self:
        """Open."""
        self.entered += 1
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.entered -= 1

    async def __aenter__(self) -> Self:
        """Open."""
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        """Close."""
        self.__exit__()


@pytest.mark.parametrize(
    ("said", "values", "tags"),
    [
        ({"entity_type": "customer", "entity_id": "acme"}, {"tenant": "acme"}, {}),
        ({"entity_type": "team", "entity_id": "search"}, {"team": "search"}, {}),
        ({"entity_type": "Employee", "entity_id": 7}, {"employee": "7"}, {}),
        ({"entity_type": "bot", "entity_id": "b"}, {}, {"entity.bot": "b"}),
        ({"tags": {"region": "eu"}}, {}, {"region": "eu"}),
        (
            {
                "metadata": {
                    "customer_id": "acme",
                    "agent": "triage",
                    "feature": "chat",
                    "session_id": "s-1",
                    "plan_tier": "pro",
                    "colour": "red",
                }
            },
            {
                "tenant": "acme",
                "agent": "triage",
                "feature": "chat",
                "session": "s-1",
                "plan": "pro",
            },
            {},
        ),
        (
            {
                "metadata": {"customer_id": "old", "user_id": "u"},
                "entity_type": "customer",
                "entity_id": "new",
            },
            {"tenant": "new", "user": "u"},
            {},
        ),
        ({"metadata": {"entity_type": "project", "entity_id": "p"}}, {"project": "p"}, {}),
        ({"metadata": "text"}, {}, {}),
        ({"entity_type": "customer"}, {}, {}),
    ],
)
def test_a_call_says_who_owns_it(
    said: dict[str, object], values: dict[str, str], tags: dict[str, str]
) -> None:
    """Ours never reach the provider, metadata goes on as it came, and nothing stays behind."""
    client = Client()

    assert attribute(client).completions.create(model="m", **said) == "done"

    kwargs, owner = client.completions.seen[0]
    kept = {"metadata": said["metadata"]} if "metadata" in said else {}
    assert kwargs == {"model": "m", **kept}
    assert (dict(owner.values), dict(owner.tags)) == (values, tags)
    assert not current_owner().values


def test_other_ways_to_call_own_their_calls_too() -> None:
    """Coroutines, managers that send when they are entered, clients that are called."""
    client = Client()
    ours = attribute(client)

    async def scenario() -> None:
        calls = [ours.completions.acreate(tags={"n": str(n)}) for n in range(3)]
        assert await asyncio.gather(*calls) == ["done"] * 3
        assert await ours.completions.acreate() == "done"
        async with await ours.completions.managed(tags={"n": "3"}) as answer:
            assert answer == "done"

    asyncio.run(scenario())
    with ours.completions.stream(tags={"n": "4"}) as streaming:
        assert streaming == "streaming"
    ours(tags={"n": "5"})

    tags = sorted(owner.tags.get("n", "") for _, owner in client.completions.seen)
    assert tags == ["", "0", "1", "2", "3", "4", "5"]


def test_a_manager_shows_what_it_stands_for() -> None:
    """Before it is entered its attributes are those of the client's own."""
    client = Client()

    manager = asyncio.run(attribute(client).completions.managed(tags={"n": "3"}))

    assert manager.kwargs == {}
    assert client.completions.seen == []


def test_blocks_around_a_call_still_count() -> None:
    """What the call does not say comes from the block."""
    client = Client()
    with attribution(tenant="acme", feature="chat"):
        attribute(client).completions.create(entity_type="feature", entity_id="search")
    assert dict(client.completions.seen[0][1].values) == {"tenant": "acme", "feature": "search"}


def test_the_wrapper_passes_for_the_client() -> None:
    """Its kind, attributes, managers and clients made from it."""
    client = Client()
    ours = attribute(client)

    assert isinstance(ours, Client)
    assert (ours.key, ours.kind, ours.hook) == ("secret", Completions, SimpleNamespace)
    assert isinstance(ours.chat, SimpleNamespace)
    assert repr(ours).startswith("attribute(")
    assert dir(ours) == dir(client)
    assert ours.completions.create.__name__ == "create"
    ours.key = "other"
    assert client.key == "other"
    del ours.key
    assert not hasattr(client, "key")
    with ours as entered:
        assert (entered is ours, client.entered) == (True, 1)

    async def scenario() -> None:
        async with ours as opened:
            assert (opened is ours, client.entered) == (True, 1)

    asyncio.run(scenario())
    ours.with_options(timeout=1).completions.create(tags={"a": "b"})
    assert client.completions.seen[-1][1].tags == {"a": "b"}


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The stand-in for the API, and the bodies that reached it."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "openai_stand_in", raising=False)
    from openai_stand_in import create_app  # noqa: PLC0415 - an example, not a module of ours

    app, seen = create_app(), []

    async def noting(scope: Any, receive: Any, send: Any) -> None:
        async def noted() -> Any:
            message = await receive()
            if message.get("body"):
                seen.append(json.loads(message["body"]))
            return message

        await app(scope, noted, send)

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(noting, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1", seen
        server.should_exit = True
        thread.join()


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> list[Owner]:
    """Who owned each request when the client sent it."""
    openai = pytest.importorskip("openai")
    found: list[Owner] = []

    def sent(_: object, options: Any) -> Any:
        found.append(current_owner())
        return options

    async def asent(_: object, options: Any) -> Any:
        found.append(current_owner())
        return options

    monkeypatch.setattr(openai.OpenAI, "_prepare_options", sent)
    monkeypatch.setattr(openai.AsyncOpenAI, "_prepare_options", asent)
    return found


CHAT: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "hello"}],
    "metadata": {"customer_id": "acme", "session_id": "s-1"},
    "entity_type": "team",
    "entity_id": "search",
    "tags": {"region": "eu"},
}


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_the_real_client_owns_its_calls(
    bodies: tuple[str, list[dict[str, Any]]], owners: list[Owner]
) -> None:
    """Plain, streamed, raw and asynchronous calls; the API sees none of our arguments."""
    openai = pytest.importorskip("openai")
    url, seen = bodies
    client = attribute(openai.OpenAI(base_url=url, api_key="none"))
    assert client.chat.completions.create(**CHAT).usage.total_tokens
    assert list(client.chat.completions.create(**CHAT, stream=True))
    assert client.chat.completions.with_raw_response.create(**CHAT).parse().usage
    with client.chat.completions.with_streaming_response.create(**CHAT) as raw:
        assert raw.status_code == 200
    with client.with_options(timeout=9) as other:
        assert other.responses.create(
            model="gpt-4o-mini", input="hi", **{n: CHAT[n] for n in list(CHAT)[2:]}
        ).usage

    async def scenario() -> None:
        async with attribute(openai.AsyncOpenAI(base_url=url, api_key="none")) as later:
            assert (await later.chat.completions.create(**CHAT)).usage.total_tokens
            stream: AsyncIterator[Any] = await later.chat.completions.create(**CHAT, stream=True)
            assert [chunk async for chunk in stream]

    asyncio.run(scenario())

    assert len(owners) == len(seen) == 7
    for owner, body in zip(owners, seen, strict=True):
        assert dict(owner.values) == {"tenant": "acme", "session": "s-1", "team": "search"}
        assert dict(owner.tags) == {"region": "eu"}
        assert body["metadata"] == CHAT["metadata"]
        assert not {"entity_type", "entity_id", "tags"} & body.keys()
