"""The door for events: the same on the OTLP/HTTP port and on the API port.

Without postponed annotations: the types of a route are values here.
"""

import json
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from otel_costattr.attribution import Identities
from otel_costattr.errors import BadInput, BadTelemetry

from ..access import AccessError
from ..answers import Failure
from ..codec import Limits, decompress
from ..codec.intake import Intake, Malformed
from ..codec.projection import Projection
from ..errors import ShuttingDown, TooLarge, UnsupportedFormat, answer_to, told
from ..ingest import Receiver
from ..ingest.receiver import Submission
from ..otlp_http import read_body
from .ids import EventIds, Offer, Outcome
from .posted import event_schema, read_event
from .spans import key_of, span_of

MAX_EVENTS: Final = 10_000
IDEMPOTENCY_KEY: Final = "idempotency-key"
_SIGNAL: Final = "events"


class Refused(BaseModel):
    """An event that was not kept."""

    index: int = Field(description="Its place in the request, from 0.")
    id: str | None = Field(description="Its id, where it had one.")
    reason: str = Field(description="What was wrong, and what to do about it.")


class Taken(BaseModel):
    """What became of the events of a request."""

    accepted: int = Field(description="Kept now.")
    duplicates: int = Field(description="Known already, with the same content.")
    rejected: list[Refused] = Field(description="Not kept; those beside them were.")
    ids: list[str] = Field(description="Ids of what was kept now, ours for those without one.")


class NotTaken(Failure):
    """Why a request was refused, and what became of its events."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Refused] = Field(default_factory=list)
    ids: list[str] = Field(default_factory=list)


class EventDoor:
    """Takes events and answers once what is good of them is durable.

    Args:
        receiver: Admits, counts and keeps.
        ids: Knows which events were taken.
        projection: Protects people.
        identities: Protects the tenant of a key.
        limits: When an event may have happened.
        max_decompressed_bytes: Largest body after decompression.
        retry_after_seconds: The hint for senders that should slow down.
        clock: Nanoseconds UTC.
    """

    def __init__(
        self,
        receiver: Receiver,
        ids: EventIds,
        *,
        projection: Projection,
        identities: Identities,
        limits: Limits,
        max_decompressed_bytes: int,
        retry_after_seconds: int,
        clock: Callable[[], int],
    ) -> None:
        self._receiver: Final = receiver
        self._ids: Final = ids
        self._projection: Final = projection
        self._identities: Final = identities
        self._limits: Final = limits
        self._max_decompressed_bytes: Final = max_decompressed_bytes
        self._retry_after_seconds: Final = retry_after_seconds
        self._clock: Final = clock

    async def answer(self, http: HttpRequest) -> Response:
        """Take the events of a request and return the answer to it."""
        try:
            tenant = self._receiver.admit("http", _SIGNAL, http.headers.items())
            body = await read_body(http, self._receiver.max_body_bytes)
            with self._receiver.counted("http", _SIGNAL), self._receiver.room_for(len(body)):
                outcome, refused, single = await self._take(http, body, tenant)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:  # noqa: BLE001 - every error has its answer
            return refusal(error, self._retry_after_seconds)
        return _answered(outcome, refused, single=single)

    async def _take(
        self, http: HttpRequest, body: bytes, tenant: str
    ) -> tuple[Outcome, list[Refused], bool]:
        now_ns = self._clock()
        offered = partial(
            self._offers,
            body,
            http.headers.get("content-encoding", ""),
            tenant,
            http.headers.get(IDEMPOTENCY_KEY, ""),
            now_ns,
        )
        offers, refused, single = await self._receiver.on_thread(offered)

        async def keep(spans: tuple[Any, ...]) -> None:
            submission = Submission(spans=spans, received_ns=now_ns, key_tenant=tenant)
            await self._receiver.make_durable(submission, _SIGNAL)

        outcome = await self._ids.take(offers, keep)
        self._receiver.count_events(len(offers) + len(refused), len(refused))
        return outcome, refused, single

    def _offers(
        self, body: bytes, encoding: str, tenant: str, request_id: str, now_ns: int
    ) -> tuple[list[Offer], list[Refused], bool]:
        expanded = decompress(body, encoding, max_bytes=self._max_decompressed_bytes)
        posted = _parsed(expanded)
        single = isinstance(posted, dict)
        intake = Intake(
            limits=self._limits,
            now_ns=now_ns,
            reducer=self._projection.reducer,
            wanted=lambda _: True,
        )
        offers: list[Offer] = []
        refused: list[Refused] = []
        for place, one in enumerate([posted] if single else posted):
            try:
                offers.append(self._offer(one, place, tenant, request_id, intake, now_ns))
            except (BadInput, Malformed) as problem:
                event_id = str(one.get("id") or "")[:256] if isinstance(one, dict) else ""
                refused.append(Refused(index=place, id=event_id or None, reason=str(problem)))
        return offers, refused, single

    def _offer(
        self, one: object, place: int, tenant: str, request_id: str, intake: Intake, now_ns: int
    ) -> Offer:
        event = read_event(one)
        given = event.id or (f"{request_id[:256]}#{place}" if request_id else "")
        event_id = given or uuid.uuid4().hex
        span = span_of(
            event,
            key=key_of(event_id, tenant, self._identities),
            intake=intake,
            now_ns=now_ns,
            reducer=self._projection.reducer,
        )
        return Offer(place=place, event_id=event_id, span=span, ours=not given)


def _parsed(body: bytes) -> Any:
    try:
        posted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadTelemetry(f"the body is no JSON: {error}") from error
    if not isinstance(posted, dict | list):
        raise BadTelemetry("the body is one event, a JSON object, or an array of events")
    if len(posted) > MAX_EVENTS:
        raise BadTelemetry(f"{len(posted)} events are too many: send up to {MAX_EVENTS} at once")
    return posted


def _answered(outcome: Outcome, refused: Sequence[Refused], *, single: bool) -> JSONResponse:
    conflicts = [
        Refused(
            index=offer.place,
            id=offer.event_id,
            reason=f"event {offer.event_id!r} is known with other content",
        )
        for offer in outcome.conflicts
    ]
    rejected = sorted([*refused, *conflicts], key=lambda one: one.index)
    taken = Taken(
        accepted=len(outcome.accepted),
        duplicates=len(outcome.duplicates),
        rejected=rejected,
        ids=[offer.event_id for offer in outcome.accepted],
    )
    if not rejected or (not conflicts and (taken.accepted or taken.duplicates)):
        return JSONResponse(taken.model_dump())
    first = (conflicts or rejected)[0]
    message = first.reason if single or conflicts else f"event {first.index}: {first.reason}"
    status, code = (409, "conflict") if conflicts else (400, "bad_request")
    body = NotTaken(code=code, message=message, **taken.model_dump())
    return JSONResponse(body.model_dump(), status_code=status)


def refusal(error: Exception, retry_after_seconds: int) -> JSONResponse:
    """Return the answer to a request of which nothing was kept."""
    answer = answer_to(error)
    headers = {"retry-after": str(retry_after_seconds)} if answer.retry else {}
    if isinstance(error, AccessError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, AccessError | TooLarge | UnsupportedFormat):
        headers["connection"] = "close"
    body = NotTaken(code=answer.reason, message=told(error))
    return JSONResponse(body.model_dump(), status_code=answer.http_status, headers=headers)


# --- routes ---------------------------------------------------------------------------------

_FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": NotTaken, "description": "Nothing of the request is an event."},
    401: {"model": NotTaken, "description": "A key is needed."},
    403: {"model": NotTaken, "description": "The key does not carry this right."},
    409: {"model": NotTaken, "description": "An id is known with other content."},
    413: {"model": NotTaken, "description": "The body is too large."},
    415: {"model": NotTaken, "description": "The content encoding is unknown."},
    429: {"model": NotTaken, "description": "Too much waits; try again."},
    503: {"model": NotTaken, "description": "The ledger does not answer; try again."},
}


def events_route(door: EventDoor) -> Route:
    """Make the route for the OTLP/HTTP port."""
    return Route("/v1/events", door.answer, methods=["POST"])


def events_router(door: Callable[[], EventDoor | None]) -> APIRouter:
    """Make the route for the API port.

    Args:
        door: Gives the door; None while the service starts.
    """
    router = APIRouter(tags=["inputs"])
    one = event_schema()
    body = {"oneOf": [one, {"type": "array", "items": one, "maxItems": MAX_EVENTS}]}

    @router.post(
        "/v1/events",
        response_model=Taken,
        responses=_FAILURES,
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}}
        },
    )
    async def events(request: HttpRequest) -> Response:
        """Tell of one call, or of several; idempotent by id.

        Good events are kept whatever stands beside them; what was not kept is listed.
        """
        opened = door()
        if opened is None:
            return refusal(ShuttingDown("the collector starts or stops: try again"), 1)
        return await opened.answer(request)

    return router
