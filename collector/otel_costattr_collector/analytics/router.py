"""The routes of the named questions: one function makes all of them from the catalogue.

Without postponed annotations: the types of a route are values here.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from otel_costattr.errors import BadInput
from otel_costattr_collector.access.gate import Principal
from otel_costattr_collector.analytics import answering
from otel_costattr_collector.analytics.asking import Asked, CostsAsked, dimensions_of
from otel_costattr_collector.analytics.catalogue import BY_QUERY, QUESTIONS, Named
from otel_costattr_collector.analytics.rows import Line, Page, Session
from otel_costattr_collector.analytics.small_groups import asked_as, refuse
from otel_costattr_collector.answers import Costs, costs, failure
from otel_costattr_collector.store import Store

FAILURES: Final[dict[int | str, dict[str, Any]]] = {
    400: failure("The question makes no sense."),
    401: failure("A key is needed."),
    403: failure("The key does not carry this right."),
    422: failure("A parameter is missing or no valid value."),
    503: failure("ClickHouse does not answer; try again."),
}
_FILES: Final[dict[str, Any]] = {
    media.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
    for _, media in answering.FORMATS.values()
}
ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "The answer; `format` chooses how it is written.", "content": _FILES},
    **FAILURES,
}


class SessionDetail(Page[Line]):
    """One session: its sums, and every call and other cost in it."""

    session: Session


def questions_router(store: Store, reader: Any) -> APIRouter:
    """Make the routes of the named questions.

    Args:
        store: Where the answers come from.
        reader: A dependency that gives the principal who asks.
    """
    router = APIRouter(tags=["answers"])
    _add_costs(router, store, reader)
    for named in QUESTIONS:
        _add_question(router, store, reader, named)
    _add_session(router, store, reader)
    return router


def _add_costs(router: APIRouter, store: Store, reader: Any) -> None:
    @router.get("/v1/analytics/costs", responses=ANSWERS, response_model=Costs)
    def spent(
        asked: Annotated[CostsAsked, Query()], principal: Principal = reader
    ) -> Costs | Response:
        """Cost and calls by any dimensions and buckets of time, the most expensive first.

        Amounts are decimal strings in USD. An amount is null, never 0, where nothing has a price.
        """
        asked = asked_as(principal, "costs", asked)
        if asked.format != "json":
            return _file(answering.export_costs(store, asked, tenant=principal.tenant))
        return costs(store, asked, tenant=principal.tenant)


def _add_question(router: APIRouter, store: Store, reader: Any, named: Named) -> None:
    page: Any = Page[named.row]  # type: ignore[name-defined]
    words: Any = named.asked

    def ask(asked: Annotated[words, Query()], principal: Principal = reader) -> Any:
        group_by = dimensions_of(getattr(asked, "group_by", ())) or named.group_by
        asked = asked_as(principal, named.query, asked, group_by)
        if asked.format != "json":
            return _file(answering.export(store, named, asked, tenant=principal.tenant))
        return answering.answer(store, named, asked, tenant=principal.tenant)

    router.add_api_route(
        named.path,
        ask,
        methods=["GET"],
        name=named.query,
        summary=named.summary,
        responses=ANSWERS,
        response_model=page,
    )


def _add_session(router: APIRouter, store: Store, reader: Any) -> None:
    @router.get("/v1/sessions/{session}", responses={**FAILURES, 404: failure("There is none.")})
    def session_detail(
        session: Annotated[str, Path(min_length=1, max_length=1024)],
        asked: Annotated[Asked, Query()],
        principal: Principal = reader,
    ) -> SessionDetail:
        """One session: its sums, and every call, tool and other cost in it, the oldest first."""
        refuse(principal)
        if asked.format != "json":
            raise BadInput("format: ask /v1/calls with where=session=... for a file")
        words = asked.model_copy(update={"where": [*asked.where, f"session={session}"]})
        bound = {"tenant": principal.tenant}
        lines = answering.answer(store, BY_QUERY["calls"], words, **bound)
        summed = words.model_copy(update={"cursor": None, "limit": 1})
        sums = answering.answer(store, BY_QUERY["sessions"], summed, **bound).data
        if not sums:
            raise NotThere(f"there is no session {session!r}")
        return SessionDetail(**lines.model_dump(), session=sums[0])


class NotThere(BadInput):
    """What was asked for does not exist, or may not be read."""


def _file(found: answering.File) -> Response:
    headers = {"X-Truncated": "true" if found.truncated else "false"}
    if found.next_cursor is not None:
        headers["X-Next-Cursor"] = found.next_cursor
    return Response(found.body, media_type=found.media_type, headers=headers)
