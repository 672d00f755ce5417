"""What applications call: `attribution(...)` says who owns the model calls made inside it.

The owner lives in the OpenTelemetry context under a key of our own, so it follows threads, tasks
and generators exactly as the current span does, and leaves the process only if asked.
"""

from __future__ import annotations

import functools
import inspect
import logging
import types
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextvars import Context as Variables
from contextvars import ContextVar, Token, copy_context
from decimal import Decimal
from types import MappingProxyType, TracebackType
from typing import Any, Final, ParamSpec, Self, TypeVar, cast

from opentelemetry import baggage
from opentelemetry.context import (
    Context,
    attach,
    create_key,
    detach,
    get_current,
    set_value,
)

from otel_costattr.attribution.baggage import owner_in_baggage
from otel_costattr.attribution.claims import Claims
from otel_costattr.attribution.names import PREFIX, TAG_PREFIX, entity_target
from otel_costattr.attribution.rules import DEFAULT_RULES, OwnerRules
from otel_costattr.attribution.splits import (
    SPLIT,
    heaviest,
    read_split,
    split_dimension,
    split_text,
)
from otel_costattr.attribution.values import REFUSALS, looks_like_email
from otel_costattr.model import EMPTY, NOBODY, Owner

P = ParamSpec("P")
R = TypeVar("R")
Value = str | int | None
Weight = int | float | str | Decimal
NO_SPLIT: Final[Mapping[str, Mapping[str, Weight]]] = MappingProxyType({})

OWNER_KEY: Final = create_key("costattr-owner")
_BAGGAGE_KEY: Final = next(iter(baggage.set_baggage("any", "", Context())))
"""Where a context holds its baggage: looking is cheaper than asking for what is seldom there."""

_logger: Final = logging.getLogger("otel_costattr")
_logger.addHandler(logging.NullHandler())
_logged: Final[set[str]] = set()
_entered: Final[ContextVar[tuple[tuple[Attribution | None, Token[Context]], ...]]] = ContextVar(
    "costattr-entered", default=()
)


def attribution(
    *,
    tenant: Value = None,
    user: Value = None,
    feature: Value = None,
    step: Value = None,
    prompt: Value = None,
    prompt_version: Value = None,
    session: Value = None,
    agent: Value = None,
    workflow: Value = None,
    team: Value = None,
    project: Value = None,
    employee: Value = None,
    experiment: Value = None,
    variant: Value = None,
    plan: Value = None,
    environment: Value = None,
    data_mode: Value = None,
    external_request_id: Value = None,
    entity_type: str | None = None,
    entity_id: Value = None,
    tags: Mapping[str, Value] = EMPTY,
    split: Mapping[str, Mapping[str, Weight]] = NO_SPLIT,
    propagate: bool = False,
) -> Attribution:
    """Own every model call made inside a `with` block or a decorated function.

    Blocks nest: an inner one adds to the outer one and overrides it value by value. None leaves a
    dimension as it is. A value that is not allowed (longer than 256 characters, unprintable, no
    text) never breaks the application: it is dropped, logged once, counted by the processor and
    visible in `current_owner().refused`.

    Args:
        tenant: The customer that the cost belongs to.
        user: The end user; hashed or refused as the processor's rules say.
        feature: The feature of the product.
        step: The step within a workflow.
        prompt: The prompt's name.
        prompt_version: Its version.
        session: The conversation.
        agent: The agent's name.
        workflow: The workflow's name.
        team: The team that answers for the cost.
        project: The project.
        employee: The member of staff, for internal use.
        experiment: The experiment.
        variant: Its variant.
        plan: The customer's plan.
        environment: Where it runs, such as `prod`.
        data_mode: `real`, `test` or `demo`.
        external_request_id: The caller's own id of the request.
        entity_type: `customer`, `team`, ... for `entity_id`; any other type becomes a tag.
        entity_id: The owner named by `entity_type`.
        tags: Up to 16 further names and values.
        split: Several owners of each call: dimension to name to weight, such as
            `{"feature": {"chat": 3, "search": 1}}`. The call counts once, under the value of the
            dimension or, without one, under the heaviest name; the ledger moves the shares.
        propagate: Send these values to the services called, as baggage `costattr.<dimension>`.
            Every HTTP client with an instrumentation sends them on, to third parties too, so it is
            off unless asked for; e-mail addresses are never sent.

    Returns:
        A context manager and decorator for functions, coroutine functions, generator functions
        and asynchronous generator functions. It may be used again and by several threads at once.
    """
    dimensions = {
        name: value
        for name, value in locals().items()
        if value is not None and name not in _NO_DIMENSIONS
    }
    claims = Claims()
    for name, value in dimensions.items():
        claims.add(name, name, value, "local")
    if entity_type is not None and entity_id is not None:
        claims.add("entity_id", entity_target(str(entity_type)), entity_id, "local")
    _add_tags(claims, tags)
    _add_splits(claims, split)
    _log_refused(claims.refused)
    return Attribution(claims.owner(), propagate=propagate)


_NO_DIMENSIONS: Final = frozenset({"entity_type", "entity_id", "tags", "split", "propagate"})


def _add_tags(claims: Claims, tags: object) -> None:
    if not isinstance(tags, Mapping):
        claims.refused["tags"] = "wrong_type"
        return
    for name, value in tags.items():
        claims.add(f"tags.{name}", f"tags.{name}", value, "local")


def _add_splits(claims: Claims, splits: object) -> None:
    if not isinstance(splits, Mapping):
        claims.refused["split"] = "wrong_type"
        return
    for dimension, weights in splits.items():
        text, refusal = split_text(dimension, weights)
        if refusal:
            claims.refused[f"{SPLIT}{dimension}"] = refusal
        else:
            claims.add(f"{SPLIT}{dimension}", f"tags.{SPLIT}{dimension}", text, "local")
            claims.add(dimension, dimension, heaviest(read_split(text)), "local")


class Attribution:
    """An owner that can be put in place: a context manager and a decorator."""

    __slots__ = ("_owner", "_propagate")

    def __init__(self, owner: Owner, *, propagate: bool = False) -> None:
        self._owner = owner
        self._propagate = propagate

    @property
    def owner(self) -> Owner:
        """Whom it puts in place."""
        return self._owner

    def __enter__(self) -> Self:
        outer = _local_owner(get_current())
        context = set_value(OWNER_KEY, self._owner if outer is None else merged(outer, self._owner))
        if self._propagate:
            context = _with_baggage(self._owner, context)
        _entered.set((*_entered.get(), (self, attach(context))))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Blocks may end out of order where a generator is suspended inside one, and may end in a
        # context that they were never entered in where a generator is closed by the collector of
        # garbage. A block below others waits until those have ended.
        entered = _entered.get()
        place = next((n for n in reversed(range(len(entered))) if entered[n][0] is self), None)
        if place is None:
            return
        entered = (*entered[:place], (None, entered[place][1]), *entered[place + 1 :])
        while entered and entered[-1][0] is None:
            detach(entered[-1][1])
            entered = entered[:-1]
        _entered.set(entered)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return `function` with every call of it owned."""
        wrap = next(make for fits, make in _WRAPPERS if fits(function))
        return cast("Callable[P, R]", functools.wraps(function)(wrap(self, function)))


def current_owner(context: Context | None = None, *, rules: OwnerRules = DEFAULT_RULES) -> Owner:
    """Return the owner in force: what the application said, then what allow-listed baggage says.

    Args:
        context: An OpenTelemetry context; None for the current one.
        rules: The allow-list for baggage.
    """
    if context is None:
        context = get_current()
    local = _local_owner(context)
    if _BAGGAGE_KEY not in context:
        return NOBODY if local is None else local
    claimed = owner_in_baggage(baggage.get_all(context), rules=rules)
    if local is None:
        return claimed
    return local if claimed is NOBODY else merged(claimed, local)


def merged(below: Owner, above: Owner) -> Owner:
    """Return both owners as one; where both name a value, `above` counts.

    A value above ends a split of the same dimension below.
    """
    tags = {**below.tags, **above.tags}
    sources = {**below.sources, **above.sources}
    for tag in below.tags:
        if split_dimension(tag) in above.values and tag not in above.tags:
            del tags[tag], sources[f"tags.{tag}"]
    return Owner(
        values=MappingProxyType({**below.values, **above.values}),
        tags=MappingProxyType(tags),
        sources=MappingProxyType(sources),
        refused=MappingProxyType({**below.refused, **above.refused}),
    )


def _local_owner(context: Context) -> Owner | None:
    found = context.get(OWNER_KEY)
    return found if isinstance(found, Owner) else None


def _with_baggage(owner: Owner, context: Context) -> Context:
    carried = {PREFIX + name: value for name, value in owner.values.items()}
    carried |= {TAG_PREFIX + name: value for name, value in owner.tags.items()}
    for name, value in carried.items():
        if not looks_like_email(value):
            context = baggage.set_baggage(name, value, context)
    return context


def _log_refused(refused: Mapping[str, str]) -> None:
    for name, refusal in refused.items():
        if refusal not in _logged:
            _logged.add(refusal)
            _logger.warning(
                "attribution(%s=...) was dropped: %s Further ones are only counted.",
                name,
                REFUSALS[refusal],
            )


# --- decorators -----------------------------------------------------------------------------
# A generator runs in a copy of its caller's variables, so that its owner neither leaks to the
# consumer between two items nor loses what the generator itself put in the context.

AnyFunction = Callable[..., Any]


def _function(self: Attribution, function: AnyFunction) -> AnyFunction:
    def owned(*args: Any, **kwargs: Any) -> Any:
        with self:
            return function(*args, **kwargs)

    return owned


def _coroutine(self: Attribution, function: AnyFunction) -> AnyFunction:
    async def owned(*args: Any, **kwargs: Any) -> Any:
        with self:
            return await function(*args, **kwargs)

    return owned


def _generator(self: Attribution, function: AnyFunction) -> AnyFunction:
    def owned(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inside = copy_context()
        inside.run(self.__enter__)
        return (yield from _steps(inside, function(*args, **kwargs)))

    return owned


def _async_generator(self: Attribution, function: AnyFunction) -> AnyFunction:
    async def owned(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inside = copy_context()
        inside.run(self.__enter__)
        source: AsyncGenerator[Any, Any] = function(*args, **kwargs)
        step = source.__anext__()
        while True:
            try:
                item = await _await_steps(inside, step)
            except StopAsyncIteration:
                return
            try:
                step = source.asend((yield item))
            except GeneratorExit:
                await _await_steps(inside, source.aclose())
                raise
            except BaseException as error:  # noqa: BLE001 - handed on to the generator, as Python does
                step = source.athrow(error)

    return owned


def _steps(
    inside: Variables, source: Generator[Any, Any, Any] | Coroutine[Any, Any, Any]
) -> Generator[Any, Any, Any]:
    step: Callable[[Any], Any] = source.send
    argument: Any = None
    while True:
        try:
            item = inside.run(step, argument)
        except StopIteration as stop:
            return stop.value
        try:
            argument = yield item
            step = source.send
        except BaseException as error:  # noqa: BLE001 - handed on to the generator, as Python does
            step, argument = source.throw, error


_await_steps = types.coroutine(_steps)

_WRAPPERS: Final[
    tuple[tuple[Callable[[Any], bool], Callable[[Attribution, AnyFunction], AnyFunction]], ...]
] = (
    (inspect.isasyncgenfunction, _async_generator),
    (inspect.iscoroutinefunction, _coroutine),
    (inspect.isgeneratorfunction, _generator),
    (callable, _function),
)
