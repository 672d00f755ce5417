"""What applications call: `attribute(client)` lets each call of a client say who owns it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

from otel_costattr.attribution.names import METADATA_NAMES, entity_target
from otel_costattr.context import Attribution, attribution
from otel_costattr.guest import override
from otel_costattr.model import EMPTY

Client = TypeVar("Client")

_OURS: Final = ("entity_type", "entity_id", "tags")


def attribute(client: Client) -> Client:
    """Return `client` with calls that say who owns them; never raises.

    Every method, however deep (`client.chat.completions.create`), takes `entity_type`, `entity_id`
    and `tags`, which the provider never sees, and reads owners from `metadata` (`customer_id`,
    `agent`, `feature`, `session_id`, `plan_tier`, ...), which goes on as it is. It works for
    synchronous, asynchronous and streaming calls of any client that is built like OpenAI's.

        client = attribute(OpenAI())
        client.chat.completions.create(
            model="gpt-4o-mini", messages=[...], entity_type="customer", entity_id="acme-corp"
        )

    Args:
        client: A client; it is not changed, and the returned one passes for it.

    Returns:
        The client, for as many threads and tasks as the given one.
    """
    package = _package_of(type(client))
    return cast("Client", _Attributed(client, package))


class _Attributed:
    """Stands for an object of a client."""

    __slots__ = ("_costattr_inner", "_costattr_package")

    def __init__(self, inner: object, package: str) -> None:
        object.__setattr__(self, "_costattr_inner", inner)
        object.__setattr__(self, "_costattr_package", package)

    @property  # type: ignore[misc]
    @override
    def __class__(self) -> Any:
        # Frameworks ask isinstance(client, OpenAI).
        return type(_inner(self))

    def __getattr__(self, name: str) -> Any:
        return _owned(
            getattr(_inner(self), name), object.__getattribute__(self, "_costattr_package")
        )

    @override
    def __setattr__(self, name: str, value: object) -> None:
        setattr(_inner(self), name, value)

    @override
    def __delattr__(self, name: str) -> None:
        delattr(_inner(self), name)

    @override
    def __dir__(self) -> list[str]:
        return dir(_inner(self))

    @override
    def __repr__(self) -> str:
        return f"attribute({_inner(self)!r})"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        package = object.__getattribute__(self, "_costattr_package")
        return _call(cast("Callable[..., Any]", _inner(self)), package, args, kwargs)

    def __enter__(self) -> Any:
        cast("Any", _inner(self)).__enter__()
        return self

    def __exit__(self, *error: object) -> Any:
        return cast("Any", _inner(self)).__exit__(*error)

    async def __aenter__(self) -> Any:
        await cast("Any", _inner(self)).__aenter__()
        return self

    async def __aexit__(self, *error: object) -> Any:
        return await cast("Any", _inner(self)).__aexit__(*error)


class _Manager:
    """Stands for a manager that sends its request only when it is entered."""

    def __init__(self, inner: Any, owner: Attribution) -> None:
        self._inner = inner
        self._owner = owner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> Any:
        with self._owner:
            return self._inner.__enter__()

    def __exit__(self, *error: object) -> Any:
        return self._inner.__exit__(*error)

    async def __aenter__(self) -> Any:
        with self._owner:
            return await self._inner.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        return await self._inner.__aexit__(*error)


def _inner(one: _Attributed) -> object:
    found: object = object.__getattribute__(one, "_costattr_inner")
    return found


def _package_of(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _owned(found: Any, package: str) -> Any:
    """Return what an attribute is replaced with: methods and parts of the client are."""
    if isinstance(found, type):
        return found
    if inspect.isroutine(found):
        return _method(found, package)
    if _package_of(type(found)) == package:
        return _Attributed(found, package)
    return _method(found, package) if callable(found) else found


def _method(method: Callable[..., Any], package: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return _call(method, package, args, kwargs)

    call.__name__ = getattr(method, "__name__", "call")
    call.__doc__ = getattr(method, "__doc__", None)
    call.__wrapped__ = method  # type: ignore[attr-defined]
    return call


def _call(
    method: Callable[..., Any], package: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    owner = _owner(kwargs)
    if owner is None:
        return _again(method, method(*args, **kwargs), package)
    with owner:
        result = method(*args, **kwargs)
    if inspect.isawaitable(result):
        return _awaited(result, owner)
    if _enters_later(result):
        return _Manager(result, owner)
    return _again(method, result, package)


def _again(method: Callable[..., Any], result: Any, package: str) -> Any:
    """Return a client made from a client, such as by `with_options`, as one of ours."""
    maker = getattr(method, "__self__", None)
    return (
        _Attributed(result, package)
        if maker is not None and type(result) is type(maker)
        else result
    )


async def _awaited(result: Any, owner: Attribution) -> Any:
    with owner:
        found = await result
    return _Manager(found, owner) if _enters_later(found) else found


def _enters_later(result: object) -> bool:
    kind = type(result)
    enters = hasattr(kind, "__enter__") or hasattr(kind, "__aenter__")
    return enters and not (hasattr(kind, "__iter__") or hasattr(kind, "__aiter__"))


def _owner(kwargs: dict[str, Any]) -> Attribution | None:
    """Take our arguments out of a call and return whom they and its metadata name."""
    ours = {name: kwargs.pop(name) for name in _OURS if name in kwargs}
    owners = _from_metadata(kwargs.get("metadata"))
    kind, name, tags = (ours.get(key) for key in _OURS)
    if kind is not None and name is not None:
        owners.pop(entity_target(str(kind)), None)
    elif "entity_id" not in ours and owners.keys() >= {"entity_type", "entity_id"}:
        kind, name = owners.pop("entity_type"), owners.pop("entity_id")
    owners = {key: value for key, value in owners.items() if key not in _OURS}
    if not owners and name is None and not tags:
        return None
    return attribution(**owners, entity_type=kind, entity_id=name, tags=tags or EMPTY)


def _from_metadata(metadata: object) -> dict[str, Any]:
    if not isinstance(metadata, Mapping):
        return {}
    found: dict[str, Any] = {}
    for name, dimension in METADATA_NAMES.items():
        if name in metadata:
            found.setdefault(dimension, metadata[name])
    for name in ("entity_type", "entity_id"):
        if name in metadata:
            found[name] = metadata[name]
    return found
