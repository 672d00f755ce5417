"""The service put together: three ports, one process, one event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final

from grpc.aio import Server as GrpcServer
from starlette.types import ASGIApp

from otel_costattr.cli.price import book_of
from otel_costattr.errors import BadSettings, RetryableError

from . import heap
from .access.tls import tls_files
from .api import create_api
from .audit.background import open_audits
from .audit.router import audit_router
from .background import Background, Work
from .bookings import Bookings
from .budgets.leases import Leases
from .budgets.watch import open_watch
from .closing.calendar import ClosedMonths
from .codec import Decoder
from .codec.projection import Projection
from .costs.setup import cost_rules, open_costs
from .doors import Doors, limits_of, open_gate
from .events import EventDoor, EventIds
from .events.door import events_route, events_router
from .events.ids import in_ledger
from .ingest import Receiver
from .ingest.setup import Ingest, open_fold, open_ingest
from .ledger import Block
from .metrics import Metrics
from .months import Month
from .operations import with_operations
from .otlp_grpc import create_grpc_server
from .otlp_http import create_http_app
from .owner_rules import old_keys, owner_rules
from .privacy.erasure import Eraser
from .privacy.router import privacy_router
from .privacy.vault import Vault
from .retention import Retention, retention_router
from .servers import AsgiServer, address, listen
from .settings import Settings
from .sql_port import SqlPort
from .status import Status
from .store import open_store
from .telemetry import SelfTelemetry, no_trace
from .token_metrics import TokenTally
from .unix_socket import bind_grpc, grpc_path, listen_at

_log: Final = logging.getLogger(__name__)
_NS: Final = 10**9
LEASES_WARM_S: Final = 30.0
"""Longer than guards in applications wait between two questions."""


async def serve(
    settings: Settings, *, stop: asyncio.Event, announce: Callable[[str], None]
) -> None:
    """Serve until `stop` is set, then finish what was taken.

    Args:
        settings: What to do and where.
        stop: Ends the service: nothing new is taken, all that was acknowledged is written.
        announce: Told `name=url` of each port, once telemetry is taken.

    Raises:
        BadSettings: A port cannot be listened on.
        StoreError: The tables cannot be brought up to date.
    """
    service = Service(settings)
    try:
        await service.start()
        for name, url in service.urls().items():
            announce(f"{name}={url}")
        await stop.wait()
    finally:
        await service.stop()


class Service:
    """The running parts, started and stopped in order.

    Args:
        settings: What to do and where.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._state = "starting"
        self._tls: Final = tls_files(settings.tls_cert, settings.tls_key, settings.tls_client_ca)
        self._gate: Final = open_gate(settings)
        self._vault: Final = Vault(settings.vault) if settings.vault else None
        self._rules: Final = owner_rules(settings, learn=self._vault.learn if self._vault else None)
        self._telemetry: Final = (
            SelfTelemetry(settings.self_telemetry) if settings.self_telemetry else None
        )
        self._book: Final = book_of([str(path) for path in settings.price_overlay])
        self._cost_rules: Final = cost_rules(settings)
        self._projection: Final = Projection(
            self._rules, also=self._cost_rules.attributes, lengths=settings.estimate_usage
        )
        self.metrics: Final = Metrics()
        self.store: Final = open_store(settings)
        self._closed: Final = ClosedMonths(self.store, count=self.metrics.dated.inc)
        self.bookings: Final = Bookings(self.store, write=self._write, closed=self._closed)
        self._audits: Final = open_audits(
            settings,
            self.store,
            self.metrics,
            in_flight=self._in_flight,
            amending=self.bookings.amending,
            closed=self._closed,
        )
        self._tally: Final = TokenTally(self.store, self.metrics)
        self._background: Final = Background(self._work(settings))
        self._status: Final = Status(
            metrics=self.metrics,
            engine="server" if settings.clickhouse else "embedded",
            pipeline=lambda: self._ingest.pipeline if self._ingest else None,
            ports=self.urls,
            state=self._not_ready,
        )
        self._fold: Final = open_fold(settings, self.store, self.metrics)
        self._costs: Final = open_costs(
            self._book,
            self.store,
            self.bookings,
            owners=self._rules,
            projection=self._projection,
            rules=self._cost_rules,
            fold=self._fold.owner,
        )
        self._api: Final = AsgiServer(
            self._create_api(settings),
            listen(settings.host, settings.api_port, name="api_port"),
            grace_seconds=settings.shutdown_seconds,
            tls=self._tls,
        )
        self._http_socket: Final = listen(settings.host, settings.http_port, name="http_port")
        self._sql: Final = SqlPort(settings, gate=self._gate, metrics=self.metrics, tls=self._tls)
        self._doors: Doors | None = None
        self._ingest: Ingest | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def urls(self) -> dict[str, str]:
        """Return where each port is reached, by name."""
        if self._doors is None:
            return {}
        ports = {
            "grpc": self._doors.grpc_port,
            "http": self._doors.http.port,
            "api": self._api.port,
        }
        if self._sql.port is not None:
            ports["sql"] = self._sql.port
        scheme = "https" if self._tls else "http"
        found = {
            name: f"{scheme}://{address(self._settings.host, port)}" for name, port in ports.items()
        }
        if self._settings.unix_socket:
            found["unix"] = f"unix:{self._settings.unix_socket.absolute()}"
        return found

    async def start(self) -> None:
        """Answer health first, finish the last run, then take telemetry."""
        settings = self._settings
        self._loop = asyncio.get_running_loop()
        self._api.start()
        self._ingest = await asyncio.to_thread(
            open_ingest,
            settings,
            self.store,
            self.metrics,
            book=self._book,
            rules=self._rules,
            fold=self._fold,
            cost_lines=self._costs.lines,
            amending=self.bookings.amending,
            closed=self._closed,
            trace=self._telemetry.trace if self._telemetry else no_trace,
        )
        self._ingest.pipeline.start()
        self._doors = self._open_doors(self._ingest)
        if self._telemetry:
            ports = {"grpc": self._doors.grpc_port, "http": self._doors.http.port}
            self._telemetry.refuse_itself(settings.host, ports)
        await self._doors.grpc.start()
        self._doors.http.start()
        if self._doors.unix:
            self._doors.unix.start()
        await self._sql.start(self.store)
        self._background.start()
        heap.settle()
        self._state = ""
        _log.info("serving %s", ", ".join(f"{n} {url}" for n, url in self.urls().items()))

    async def stop(self) -> None:
        """Take nothing more, answer open requests, bring what they carried to the ledger."""
        self._state = "stopping"
        self._background.end()
        settings = self._settings
        grace = settings.shutdown_seconds
        if self._doors is not None:
            await asyncio.gather(self._doors.grpc.stop(grace), self._doors.http.stop())
            if self._doors.unix and settings.unix_socket:
                await self._doors.unix.stop()
                settings.unix_socket.unlink(missing_ok=True)
            self._doors.receiver.close()
        self._http_socket.close()
        if self._ingest is not None:
            await self._ingest.pipeline.drain(timeout_s=grace)
            self._ingest.close()
        await self._api.stop()
        await self._background.ended(timeout_s=grace)
        await self._tally.try_flush()
        await self._sql.stop()
        await asyncio.to_thread(self.store.close)
        if self._vault:
            await asyncio.to_thread(self._vault.close)
        if self._telemetry:
            await asyncio.to_thread(self._telemetry.close)
        _log.info("stopped")

    def _create_api(self, settings: Settings) -> ASGIApp:
        api = create_api(
            self.store,
            ready=self._not_ready,
            gate=self._gate,
            bookings=self.bookings,
            book=self._book,
            costs=self._costs.book,
            leases=Leases(lag_s=settings.limit_lag_seconds, warm_s=LEASES_WARM_S),
            on_their_way=self._on_their_way,
        )
        eraser = Eraser(
            self.store, self._rules.identities, old_keys=old_keys(settings), vault=self._vault
        )
        retention = Retention(store=self.store, max_age_days=settings.max_age_days)
        for router in (
            audit_router(self._audits, self._gate),
            privacy_router(eraser, self._gate),
            retention_router(retention, self._gate),
            events_router(lambda: self._doors.events if self._doors else None),
        ):
            api.include_router(router)
        return with_operations(
            api, metrics=self.metrics, progress=self._progress, status=self._status.figures
        )

    def _work(self, settings: Settings) -> list[Work]:
        """Return what runs beside the requests; minutes of zero switch a piece off."""
        watch = open_watch(settings, self.store, self.metrics)
        work: list[Work] = [self._tally.run]
        if every := settings.audit_minutes:
            work.append(partial(self._audits.run, minutes=every, repair=settings.audit_repair))
        if settings.budget_minutes:
            work.append(partial(watch.run, minutes=settings.budget_minutes))
        return work

    def _open_doors(self, ingest: Ingest) -> Doors:
        settings = self._settings
        self._costs.learn(ingest.costs)
        receiver = Receiver(
            decoder=Decoder(
                wanted=self._costs.wanted,
                limits=limits_of(settings),
                reducer=self._projection.reducer,
            ),
            keep=self._costs.submit_before(ingest.pipeline.submit, self.metrics),
            gate=self._gate,
            metrics=self.metrics,
            max_body_bytes=settings.max_body_bytes,
            max_decompressed_bytes=settings.max_decompressed_bytes,
            max_waiting_bytes=settings.max_waiting_bytes,
            turns=ingest.pipeline.turns,
            check_room=ingest.pipeline.check_room,
            measure=self._tally.add,
        )
        hint = settings.retry_after_seconds
        events = self._open_events(receiver, ingest)
        grpc_server = create_grpc_server(receiver, retry_after_seconds=hint)
        app = create_http_app(receiver, retry_after_seconds=hint, more=[events_route(events)])
        grace = settings.shutdown_seconds
        http_server = AsgiServer(app, self._http_socket, grace_seconds=grace, tls=self._tls)
        unix = None
        if settings.unix_socket:
            unix = AsgiServer(app, listen_at(settings.unix_socket), grace_seconds=grace)
            bind_grpc(grpc_server, grpc_path(settings.unix_socket))
        return Doors(
            receiver=receiver,
            grpc=grpc_server,
            grpc_port=self._bind_grpc(grpc_server),
            http=http_server,
            unix=unix,
            events=events,
        )

    def _open_events(self, receiver: Receiver, ingest: Ingest) -> EventDoor:
        settings = self._settings
        ids = EventIds(
            in_ledger(self.store), limit=settings.max_settling_spans + settings.max_waiting_spans
        )
        ids.learn(ingest.events)
        return EventDoor(
            receiver,
            ids,
            projection=self._projection,
            identities=self._rules.identities,
            limits=limits_of(settings),
            max_decompressed_bytes=settings.max_decompressed_bytes,
            retry_after_seconds=settings.retry_after_seconds,
            clock=time.time_ns,
        )

    def _write(self, blocks: Sequence[Block]) -> None:
        """Book blocks from a worker thread."""
        if self._ingest is None or self._loop is None or self._state:
            raise RetryableError("the service does not take bookings now: try again")
        booking = asyncio.run_coroutine_threadsafe(self._ingest.pipeline.book(blocks), self._loop)
        booking.result()

    def _progress(self) -> dict[str, int]:
        return asdict(self._ingest.pipeline.statistics()) if self._ingest else {}

    def _in_flight(self) -> frozenset[int]:
        return self._ingest.pipeline.in_flight() if self._ingest else frozenset()

    def _on_their_way(self, month: Month) -> Iterable[str]:
        if self._ingest is None or self._state:
            return [self._state or "starting"]
        return self._ingest.pipeline.on_their_way(month)

    def _not_ready(self) -> str:
        return self._state

    def _bind_grpc(self, grpc_server: GrpcServer) -> int:
        where = address(self._settings.host, self._settings.grpc_port)
        try:
            if self._tls:
                return grpc_server.add_secure_port(where, self._tls.grpc_credentials())
            return grpc_server.add_insecure_port(where)
        except RuntimeError as error:
            port, host = self._settings.grpc_port, self._settings.host
            raise BadSettings(f"grpc_port = {port}: cannot listen on {host}") from error
