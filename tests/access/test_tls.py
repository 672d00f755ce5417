"""TLS and mTLS, over real sockets."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
import uvicorn
from otel_costattr_collector.access.tls import TlsFiles, tls_files
from starlette.responses import Response

from otel_costattr.errors import BadSettings

PEM = Path(__file__).parent / "pem"
SERVER = TlsFiles(cert=PEM / "server.pem", key=PEM / "server.key")
MUTUAL = TlsFiles(cert=PEM / "server.pem", key=PEM / "server.key", client_ca=PEM / "ca.pem")


@contextmanager
def grpc_server(files: TlsFiles) -> Iterator[int]:
    """Serve an echo over gRPC and yield its port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
        lambda request, _context: request
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Echo", {"Echo": handler}),)
    )
    port = server.add_secure_port("127.0.0.1:0", files.grpc_credentials())
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=None).wait()


def echo(port: int, client: str = "", authority: str = "ca") -> bytes:
    """Ask the echo, as `client` if it has a name."""
    channel_credentials = grpc.ssl_channel_credentials(
        root_certificates=(PEM / f"{authority}.pem").read_bytes(),
        private_key=(PEM / f"{client}.key").read_bytes() if client else None,
        certificate_chain=(PEM / f"{client}.pem").read_bytes() if client else None,
    )
    with grpc.secure_channel(f"localhost:{port}", channel_credentials) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/test.Echo/Echo")
        return call(b"hello", timeout=5)


def test_grpc_speaks_tls() -> None:
    """A client that trusts the authority is served."""
    with grpc_server(SERVER) as port:
        assert echo(port) == b"hello"


def test_grpc_with_a_client_authority_serves_its_clients() -> None:
    """MTLS lets a client of the authority in."""
    with grpc_server(MUTUAL) as port:
        assert echo(port, "client") == b"hello"


@pytest.mark.parametrize("client", ["", "stranger"], ids=["no certificate", "other authority"])
def test_grpc_with_a_client_authority_refuses_strangers(client: str) -> None:
    """MTLS refuses the handshake of everybody else."""
    with grpc_server(MUTUAL) as port, pytest.raises(grpc.RpcError):
        echo(port, client)


def test_grpc_takes_a_renewed_certificate_without_a_restart(tmp_path: Path) -> None:
    """The next handshake uses the files as they are then; broken ones change nothing."""
    files = TlsFiles(cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    put(files, "server")

    with grpc_server(files) as port:
        assert echo(port) == b"hello"
        files.cert.write_text("half a certifi")
        assert echo(port) == b"hello"
        put(files, "stranger")
        assert echo(port, authority="stranger_ca") == b"hello"


def put(files: TlsFiles, name: str) -> None:
    """Lay the certificate and the key of `name` where the server looks."""
    shutil.copy(PEM / f"{name}.pem", files.cert)
    shutil.copy(PEM / f"{name}.key", files.key)


@contextmanager
def http_server(files: TlsFiles) -> Iterator[int]:
    """Serve an empty answer over HTTPS and yield its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Response(status_code=204), lifespan="off", log_config=None, **files.uvicorn_arguments()
    )
    config.load()
    assert config.ssl is not None
    files.follow_renewals(config.ssl)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def status_of(port: int, client: str = "", authority: str = "ca") -> int:
    """Ask over HTTPS, as `client` if it has a name."""
    context = ssl.create_default_context(cafile=PEM / f"{authority}.pem")
    if client:
        context.load_cert_chain(PEM / f"{client}.pem", PEM / f"{client}.key")
    with httpx.Client(verify=context) as http:
        return http.get(f"https://localhost:{port}/").status_code


def test_http_speaks_tls() -> None:
    """A client that trusts the authority is served."""
    with http_server(SERVER) as port:
        assert status_of(port) == 204


def test_http_with_a_client_authority_serves_its_clients_alone() -> None:
    """MTLS lets a client of the authority in, and nobody else."""
    with http_server(MUTUAL) as port:
        assert status_of(port, "client") == 204
        for stranger in ("", "stranger"):
            with pytest.raises(httpx.TransportError):
                status_of(port, stranger)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1"])
def test_http_takes_a_renewed_certificate_without_a_restart(tmp_path: Path, address: str) -> None:
    """As gRPC does, by name and by address; broken or missing files change nothing."""
    files = TlsFiles(cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    put(files, "server")

    with http_server(files) as port:
        assert served_by(address, port) == "server"
        files.cert.write_text("half a certifi")
        assert served_by(address, port) == "server"
        files.cert.unlink()
        assert served_by(address, port) == "server"
        put(files, "stranger")
        assert served_by(address, port) == "stranger"


def served_by(address: str, port: int) -> str:
    """Return whose certificate a handshake shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for authority in ("ca", "stranger_ca"):
        context.load_verify_locations(PEM / f"{authority}.pem")
    asked = address if address == "localhost" else None
    with (
        socket.create_connection((address, port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=asked) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return next(
        name for name in ("server", "stranger") if ssl.PEM_cert_to_DER_cert(pem_of(name)) == shown
    )


def pem_of(name: str) -> str:
    """Return a certificate without what stands before it in its file."""
    text = (PEM / f"{name}.pem").read_text()
    return text[text.index("-----BEGIN") :]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (TlsFiles(cert=PEM / "none.pem", key=PEM / "server.key"), "tls_cert = .*none.pem"),
        (TlsFiles(cert=PEM / "server.pem", key=PEM / "client.key"), "tls_key = .*client.key"),
        (
            TlsFiles(cert=PEM / "server.pem", key=PEM / "server.key", client_ca=PEM / "none.pem"),
            "tls_client_ca = .*none.pem",
        ),
    ],
    ids=["missing", "another key", "no authority"],
)
def test_files_that_cannot_be_served_with_are_refused_by_setting(
    files: TlsFiles, message: str
) -> None:
    """A wrong file keeps the server from starting and says which setting named it."""
    with pytest.raises(BadSettings, match=message):
        files.check()


def test_the_three_settings_make_files_or_nothing() -> None:
    """No TLS, TLS or mTLS."""
    assert tls_files(None, None, None) is None
    assert tls_files(SERVER.cert, SERVER.key, None) == SERVER
    assert tls_files(MUTUAL.cert, MUTUAL.key, MUTUAL.client_ca) == MUTUAL


@pytest.mark.parametrize(
    ("cert", "key", "client_ca"),
    [(SERVER.cert, None, None), (None, SERVER.key, None), (None, None, PEM / "ca.pem")],
)
def test_half_of_the_settings_is_refused(
    cert: Path | None, key: Path | None, client_ca: Path | None
) -> None:
    """A forgotten setting never means a server without TLS."""
    with pytest.raises(BadSettings, match="both tls_cert and tls_key"):
        tls_files(cert, key, client_ca)
