"""TLS and mTLS: the same three files for gRPC and for HTTP."""

from __future__ import annotations

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
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise BadSettings(f"tls_cert = {self.cert}, tls_key = {self.key}: {error}") from error
        if self.client_ca is None:
            return
        try:
            context.load_verify_locations(self.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise BadSettings(f"tls_client_ca = {self.client_ca}: {error}") from error

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
