"""The conversation before a client is logged in: OPTIONS, STARTUP, SigV4 or password. No sockets.

First comes STARTUP, answered with AUTHENTICATE once the server behind is there. Then comes a user
name and a password, or the SigV4 initial response (answered with a nonce) and the signature.
Anything else ends the connection.
"""

from datetime import UTC, datetime
from enum import Enum, auto

from keyspaces_local import credentials, password, rules, sigv4
from keyspaces_local.endpoint import Endpoint
from keyspaces_local.protocol import Opcode, ProtocolError, frame, string, value
from keyspaces_local.reader import Reader
from keyspaces_local.rules import Refusal

AUTHENTICATOR = "com.amazon.helenus.auth.HelenusAuthenticator"
"""The class name the service gives; some drivers accept only names they know."""


class Step(Enum):
    STARTUP = auto()
    CONNECTING = auto()
    INITIAL = auto()
    ANSWER = auto()
    DONE = auto()


class Handshake:
    """Takes a client's frames until `step` is DONE."""

    __slots__ = ("_endpoint", "_nonce", "step")

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._nonce = b""
        self.step = Step.STARTUP

    def request(self, stream: int, opcode: int, body: bytes) -> bytes:
        """The frame to answer with; b"" when the answer must wait for the server behind.

        Raises `Refusal` for a login that fails and `ProtocolError` for a message out of turn.
        """
        if opcode == Opcode.OPTIONS and self.step is not Step.CONNECTING:
            return frame(stream, Opcode.SUPPORTED, self._endpoint.supported)
        if opcode == Opcode.STARTUP and self.step is Step.STARTUP:
            return self._startup(body)
        if opcode == Opcode.AUTH_RESPONSE and self.step is Step.INITIAL:
            return self._challenge(stream, body)
        if opcode == Opcode.AUTH_RESPONSE and self.step is Step.ANSWER:
            return self._verify(stream, body)
        raise ProtocolError(f"Unexpected message of opcode {opcode:#04x} before the login is done")

    def connected(self, stream: int) -> bytes:
        """The answer to STARTUP, once the server behind is there."""
        self.step = Step.INITIAL
        return frame(stream, Opcode.AUTHENTICATE, string(AUTHENTICATOR))

    def _startup(self, body: bytes) -> bytes:
        if "COMPRESSION" in Reader(body).string_map():
            raise ProtocolError("Compression is not supported")
        self.step = Step.CONNECTING
        return b""

    def _challenge(self, stream: int, body: bytes) -> bytes:
        token = Reader(body).value() or b""
        if password.is_plain(token):
            password.verify(token, credentials.load(self._endpoint.state).user)
            return self._success(stream)
        if token != sigv4.INITIAL_RESPONSE:
            raise Refusal(rules.SIGV4_MECHANISM)
        self._nonce = sigv4.new_nonce()
        self.step = Step.ANSWER
        return frame(stream, Opcode.AUTH_CHALLENGE, value(b"nonce=" + self._nonce))

    def _verify(self, stream: int, body: bytes) -> bytes:
        sigv4.verify(
            sigv4.parse_answer(Reader(body).value() or b""),
            credentials.load(self._endpoint.state).key,
            nonce=self._nonce,
            region=self._endpoint.region,
            now=datetime.now(UTC),
        )
        return self._success(stream)

    def _success(self, stream: int) -> bytes:
        self.step = Step.DONE
        return frame(stream, Opcode.AUTH_SUCCESS, value(None))
