"""A door of TLS in front of a plain Cassandra that opens only to certificates of its own CA."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keyspaces_local import tls

HOST = "127.0.0.1"
_HANDSHAKE_S = 5.0


class TlsFront:
    """Listens at HOST:`port` while it is entered; `ca_file` vouches for it and for its clients."""

    def __init__(self, backend: tuple[str, int], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._backend, self._folder = backend, folder
        self._context = tls.server_context(folder, [HOST])
        self._context.verify_mode = ssl.CERT_REQUIRED
        self.ca_file = folder / tls.CA_FILE
        self._context.load_verify_locations(self.ca_file)
        self._listening = socket.create_server((HOST, 0))
        self._open: list[socket.socket] = [self._listening]
        self.port = int(self._listening.getsockname()[1])

    def client(self) -> dict[str, str]:
        """A certificate that is let in, and its key, as PEM."""
        return _client(self._folder)

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        plain.settimeout(_HANDSHAKE_S)
        try:
            client = self._context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        client.settimeout(None)
        server = socket.create_connection(self._backend)
        self._open += [client, server]
        threading.Thread(target=_pump, args=(client, server), daemon=True).start()
        _pump(server, client)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._open:
            _shut(one)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        _shut(source)
        _shut(target)


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        one.close()


def _client(folder: Path) -> dict[str, str]:
    ca = x509.load_pem_x509_certificate((folder / tls.CA_FILE).read_bytes())
    ca_key = serialization.load_pem_private_key((folder / tls.CA_KEY_FILE).read_bytes(), None)
    assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hintferry")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    return {"certificate": certificate.public_bytes(pem).decode(), "private_key": private.decode()}
