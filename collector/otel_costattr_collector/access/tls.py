"""TLS and mTLS: the same three files for gRPC and for HTTP."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import grpc

from otel_costattr.errors import BadSettings


class UvicornTls(TypedDict, total=False):
    """The TLS arguments of `uvicorn.Config`; empty without TLS."""

    ssl_certfile: Path
    ssl_keyfile: Path
    ssl_ca_certs: Path
    ssl_cert_reqs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The PEM files of a server that speaks TLS.

    Attributes:
        cert: The server's certificate, with the chain below it.
        key: Its private key.
        client_ca: Authorities whose clients are let in; None asks no client for a certificate.
    """

    cert: Path
    key: Path
    client_ca: Path | None = None

    def check(self) -> None:
        """Return if the files can be served with.

        Raises:
            BadSettings: A file is missing or wrong, or certificate and key do not belong together.
        """
        self._context()

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Return credentials that follow renewed files: each handshake takes what lies there.

        Raises:
            BadSettings: A file is missing or wrong.
        """
        self.check()
        return grpc.dynamic_ssl_server_credentials(
            self._grpc_configuration(),
            self._renewed,  # type: ignore[arg-type]  # the stubs miss that None keeps the former
            require_client_authentication=self.client_ca is not None,
        )

    def uvicorn_arguments(self) -> UvicornTls:
        """Return what `uvicorn.Config` needs to speak TLS.

        Raises:
            BadSettings: A file is missing or wrong.
        """
        self.check()
        arguments = UvicornTls(ssl_certfile=self.cert, ssl_keyfile=self.key)
        if self.client_ca is not None:
            arguments["ssl_ca_certs"] = self.client_ca
            arguments["ssl_cert_reqs"] = ssl.CERT_REQUIRED
        return arguments

    def follow_renewals(self, context: ssl.SSLContext) -> None:
        """Let each later handshake on a server's context take the files as they are then.

        Args:
            context: What the server was started with; stays in use while the files are wrong.
        """
        held = _Held(stamp=self._stamp(), context=context)

        def choose(connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
            stamp = self._stamp()
            if stamp != held.stamp:
                held.stamp = stamp
                with contextlib.suppress(BadSettings):
                    held.context = self._context()
            connection.context = held.context

        context.sni_callback = choose

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise BadSettings(f"tls_cert = {self.cert}, tls_key = {self.key}: {error}") from error
        if self.client_ca is None:
            return context
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(self.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise BadSettings(f"tls_client_ca = {self.client_ca}: {error}") from error
        return context

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        files = (self.cert, self.key, self.client_ca)
        return tuple(_changed(file) for file in files if file is not None)

    def _grpc_configuration(self) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration(
            [(self.key.read_bytes(), self.cert.read_bytes())],
            root_certificates=self.client_ca.read_bytes() if self.client_ca else None,
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the files as they are; None, which keeps the former ones, while they are wrong."""
        try:
            self.check()
            return self._grpc_configuration()
        except (BadSettings, OSError):
            return None


@dataclass(slots=True, kw_only=True)
class _Held:
    stamp: tuple[tuple[int, int], ...]
    context: ssl.SSLContext


def _changed(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_ino


def tls_files(cert: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
    """Return the files that three settings name; None if they name none.

    Raises:
        BadSettings: One is given without another that it needs.
    """
    if cert is None and key is None and client_ca is None:
        return None
    if cert is None or key is None:
        raise BadSettings("TLS needs both tls_cert and tls_key; tls_client_ca adds mTLS to them")
    return TlsFiles(cert=cert, key=key, client_ca=client_ca)
