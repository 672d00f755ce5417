"""attribution(...): who owns what is called inside it, in every kind of Python code."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator

from otel_costattr import context as costattr_context
from otel_costattr.attribution import OwnerRules
from otel_costattr.context import attribution, current_owner
from otel_costattr.model import DIMENSIONS, NOBODY


def tenant() -> str:
    """Return the tenant in force, or `''`."""
    return current_owner().values.get("tenant", "")


def test_block() -> None:
    """Inside the block its owner is in force, afterwards the one before."""
    with attribution(tenant="acme", feature="chat", prompt_version="v3", tags={"region": "eu"}):
        owner = current_owner()

    assert owner.values == {"tenant": "acme", "feature": "chat", "prompt_version": "v3"}
    assert owner.tags == {"region": "eu"}
    assert set(owner.sources.values()) == {"local"}
    assert current_owner() is NOBODY


def test_nesting() -> None:
    """An inner block adds to the outer one and overrides it value by value."""
    with attribution(tenant="acme", feature="chat", tags={"a": "1", "b": "1"}):
        with attribution(feature="search", user="u-1", tags={"b": "2"}):
            inner = current_owner()
        outer = current_owner()

    assert inner.values == {"tenant": "acme", "feature": "search", "user": "u-1"}
    assert inner.tags == {"a": "1", "b": "2"}
    assert outer.values == {"tenant": "acme", "feature": "chat"}


def test_every_dimension_is_an_argument() -> None:
    """Each dimension of the model can be named; None leaves it as it is."""
    values: dict[str, str] = dict.fromkeys(DIMENSIONS, "test")

    with attribution(**values), attribution(**dict.fromkeys(DIMENSIONS)):  # type: ignore[arg-type]
        assert current_owner().values == values


def test_unknown_dimension_is_a_type_error() -> None:
    """A misspelt dimension is refused by the signature, as any misspelt argument."""
    with pytest.raises(TypeError):
        attribution(tenat="acme")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("kind", "values", "tags"),
    [
        ("customer", {"tenant": "x"}, {}),
        ("team", {"team": "x"}, {}),
        ("project", {"project": "x"}, {}),
        ("employee", {"employee": "x"}, {}),
        ("vessel", {}, {"entity.vessel": "x"}),
    ],
)
def test_entities(kind: str, values: dict[str, str], tags: dict[str, str]) -> None:
    """An entity's type is mapped to a dimension, and any other type is kept as a tag."""
    with attribution(entity_type=kind, entity_id="x"):
        assert current_owner().values == values
        assert current_owner().tags == tags


def test_bad_values_never_break_the_host(caplog: pytest.LogCaptureFixture) -> None:
    """A value that is not allowed is dropped, visible, and logged once for each kind of refusal."""
    costattr_context._logged.clear()
    owner = NOBODY
    with caplog.at_level(logging.WARNING, "otel_costattr"):
        for _ in range(2):
            with attribution(tenant="a\x00", feature="f" * 300, user=1.5, tags=7):  # type: ignore[arg-type]
                owner = current_owner()

    assert owner.values == {}
    assert owner.refused == {
        "tenant": "bad_characters",
        "feature": "too_long",
        "user": "wrong_type",
        "tags": "wrong_type",
    }
    assert len(caplog.records) == 3
    assert "fff" not in caplog.text


def test_decorated_function() -> None:
    """A decorated function runs inside the owner, keeps its name, and may call itself."""

    @attribution(tenant="acme")
    def down(depth: int) -> list[str]:
        """Say who owns each level."""
        return [tenant(), *down(depth - 1)] if depth else []

    assert down(3) == ["acme"] * 3
    assert (down.__name__, down.__doc__) == ("down", "Say who owns each level.")
    assert tenant() == ""


def test_errors_pass_through() -> None:
    """An error leaves the block unchanged, and the owner with it."""

    @attribution(tenant="acme")
    def fail() -> None:
        raise KeyError(tenant())

    with pytest.raises(KeyError, match="acme"):
        fail()
    assert tenant() == ""


def test_coroutines() -> None:
    """Decorated coroutine functions that run at once each keep their own owner."""
    meet = asyncio.Barrier(3)

    async def ask(name: str) -> list[str]:
        @attribution(tenant=name)
        async def owned() -> list[str]:
            before = tenant()
            await meet.wait()
            return [before, tenant()]

        return [*await owned(), tenant()]

    async def both() -> list[list[str]]:
        return [*await asyncio.gather(*(ask(name) for name in "abc"))]

    assert asyncio.run(both()) == [[name, name, ""] for name in "abc"]


def test_one_attribution_in_many_threads() -> None:
    """One object may be used by several threads at once."""
    owned = attribution(tenant="acme")

    def work(_: int) -> tuple[str, str]:
        with owned:
            inside = tenant()
        return inside, tenant()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(64))) == {("acme", "")}


def test_generators_do_not_leak() -> None:
    """A decorated generator is owned while it runs, and its consumer is not."""

    @attribution(tenant="acme")
    def stream() -> Iterator[str]:
        yield tenant()
        with attribution(feature="tail"):
            yield current_owner().values["feature"]
            yield tenant()

    seen = [(item, tenant()) for item in stream()]

    assert seen == [("acme", ""), ("tail", ""), ("acme", "")]


def test_generators_keep_their_own_span() -> None:
    """What a decorated generator puts in the context is still there after each item."""
    span = trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=False))

    @attribution(tenant="acme")
    def stream() -> Iterator[bool]:
        with trace.use_span(span):
            yield trace.get_current_span() is span
            yield trace.get_current_span() is span

    assert list(stream()) == [True, True]


def test_generators_take_what_is_sent_and_thrown() -> None:
    """A decorated generator answers send, throw, close and return as the bare one does."""
    closed = []

    @attribution(tenant="acme")
    def echo() -> Generator[str, str, str]:
        got = ""
        try:
            while got != "stop":
                try:
                    got = yield f"{got}:{tenant()}"
                except KeyError:
                    got = "caught"
        finally:
            closed.append(tenant())
        return "done"

    generator = echo()
    assert next(generator) == ":acme"
    assert generator.send("a") == "a:acme"
    assert generator.throw(KeyError()) == "caught:acme"
    with pytest.raises(StopIteration, match="done"):
        generator.send("stop")
    other = echo()
    next(other)
    other.close()

    assert closed == ["acme", "acme"]


def test_async_generators() -> None:
    """A decorated asynchronous generator is owned while it runs, awaits included."""
    closed = []

    @attribution(tenant="acme")
    async def stream() -> AsyncGenerator[str, str]:
        got = ""
        try:
            while got != "stop":
                await asyncio.sleep(0)
                try:
                    got = yield f"{got}:{tenant()}"
                except KeyError:
                    got = "caught"
        finally:
            closed.append(tenant())

    async def consume() -> list[str]:
        seen = [tenant()]
        generator = stream()
        seen.append(await anext(generator))
        seen.append(await generator.asend("a"))
        seen.append(await generator.athrow(KeyError()))
        seen.append(tenant())
        with pytest.raises(StopAsyncIteration):
            await generator.asend("stop")
        other = stream()
        await anext(other)
        await other.aclose()
        return [*seen, tenant()]

    assert asyncio.run(consume()) == ["", ":acme", "a:acme", "caught:acme", "", ""]
    assert closed == ["acme", "acme"]


def test_cancelled_async_generator() -> None:
    """A cancellation reaches what a decorated asynchronous generator awaits."""
    seen = []

    @attribution(tenant="acme")
    async def stream() -> AsyncIterator[str]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append(tenant())
            raise
        yield ""  # pragma: no cover

    async def consume() -> None:
        task = asyncio.ensure_future(anext(stream()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(consume())
    assert seen == ["acme"]


def test_interleaved_blocks() -> None:
    """Blocks that end in another order than they began leave nothing behind."""

    def suspended() -> Iterator[None]:
        with attribution(tenant="inner"):
            yield

    generator = suspended()
    next(generator)
    with attribution(feature="outer"):
        next(generator, None)
        assert current_owner().values["feature"] == "outer"

    assert current_owner() is NOBODY


def test_left_in_another_context(caplog: pytest.LogCaptureFixture) -> None:
    """A block that is left where it was never entered changes nothing and complains to nobody."""
    owned = attribution(tenant="acme")
    copy_context().run(owned.__enter__)
    owned.__exit__(None, None, None)

    assert tenant() == ""
    assert caplog.records == []


def test_stays_in_process_by_default() -> None:
    """Nothing is sent to other services unless asked for."""
    with attribution(tenant="acme"):
        assert sent() == {}


def sent() -> dict[str, str]:
    """Return the headers that an instrumented HTTP client would send."""
    headers: dict[str, str] = {}
    W3CBaggagePropagator().inject(headers)
    return headers


def test_propagation() -> None:
    """Asked for, the values travel as baggage of ours and are read on the other side."""
    with attribution(user="u-1"), attribution(tenant="Søn & Co", tags={"a": "b"}, propagate=True):
        headers = sent()

    received = W3CBaggagePropagator().extract(headers)
    owner = current_owner(received)
    assert owner.values == {"tenant": "Søn & Co"}
    assert owner.tags == {"a": "b"}
    assert owner.sources == {"tenant": "baggage", "tags.a": "baggage"}


def test_emails_never_travel() -> None:
    """An e-mail address is not sent, even if asked for."""
    with attribution(user="bob@example.com", propagate=True):
        assert sent() == {}


def test_local_wins_over_baggage() -> None:
    """What the application says counts before what a caller sent."""
    incoming = baggage.set_baggage("tenant", "evil", baggage.set_baggage("feature", "chat"))
    token = context.attach(incoming)
    try:
        with attribution(tenant="acme"):
            owner = current_owner()
            distrusting = current_owner(rules=OwnerRules(trust_baggage=False))
    finally:
        context.detach(token)

    assert owner.values == {"tenant": "acme", "feature": "chat"}
    assert owner.sources == {"tenant": "local", "feature": "baggage"}
    assert distrusting.values == {"tenant": "acme"}
