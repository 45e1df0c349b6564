"""clients: what dials a hub other than kubectl and an edge-hub: plain HTTPS for the API, and hand-made tunnel frames.

The certificates come from the files that the products wrote: a kubeconfig, or a node's identity.
"""

import base64
import http.client
import json
import pathlib
import re
import socket
import ssl
import struct
import tempfile
import time

from harness import vault

API_PORT, TUNNEL_PORT = 6443, 7443
HUB_NAME, JOIN_NAME = "cloud-hub.holdfast", "join.cloud-hub.holdfast"


def _context(authority, certificate=None, key=None):
    """A client's TLS context from PEM texts; the certificate is left out when it is None."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the address dialled is a test's; the chain is what counts
    context.load_verify_locations(cadata=authority)
    if certificate:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(certificate + "\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def kubeconfig_field(path, field):
    """The decoded text of an embedded file ("client-key-data" and the like)."""
    found = re.search(field + r": *\"?([A-Za-z0-9+/=]+)", pathlib.Path(path).read_text(encoding="ascii"))
    return base64.b64decode(found.group(1)).decode()


def kubeconfig_context(path):
    return _context(kubeconfig_field(path, "certificate-authority-data"), kubeconfig_field(path, "client-certificate-data"),
                    kubeconfig_field(path, "client-key-data"))


def admin_context(cloud):
    return kubeconfig_context(cloud.kubeconfig)


def anonymous_context(cloud):
    return _context(kubeconfig_field(cloud.kubeconfig, "certificate-authority-data"))


def identity_of(edge):
    return json.loads(vault.open_file(edge.data, edge.data / "identity" / "node.json"))


def node_context(edge):
    identity = identity_of(edge)
    return _context(identity["authority"], identity["chain"], identity["key"])


class Api(http.client.HTTPConnection):
    """One kept-alive HTTPS connection to the API from inside a box. Not for several threads."""

    def __init__(self, box, cloud, context, port=API_PORT, headers=None):
        """headers: sent with every request, beside the usual ones ({"Authorization": ...})."""
        super().__init__(cloud.address, port)
        self.box, self.context, self.headers = box, context, headers or {}

    def connect(self):
        plain = self.box.dial((self.host, self.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # headers and body are two writes: 40 ms otherwise
        self.sock = self.context.wrap_socket(plain, server_hostname=self.host)

    def ask(self, method, path, body=None, kind="application/json"):
        """(HTTP status, decoded answer). A dict is sent as JSON, bytes as they are."""
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        headers = {"Accept": "application/json", **self.headers}
        if body is not None:
            headers["Content-Type"] = kind
        self.request(method, path, body, headers)
        answer = self.getresponse()
        text = answer.read()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text.decode(errors="replace")


# --- the tunnel, by hand: docs/tunnel.md ---

MESSAGE, OPEN, DATA, CREDIT, RESET, OPTIONAL = 1, 2, 3, 4, 5, 0x80
MORE, END, WANT = 1, 2, 4
HELLO, WELCOME, REFUSE, PING, PONG, GO_AWAY, CLOUDS, JOIN_REQUEST, JOIN_RESPONSE = range(1, 10)
BUCKET_KEYS, ACK, OUTBOX_ENTRY = 33, 39, 64
CONTROL, REPLICATION, OUTBOX = 0, 1, 2
REFUSED_IDENTITY, REFUSED_TOKEN = 3, 6
SECRET_BYTES = 24  # of a session secret, behind its number


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def protobuf(fields):
    """{number: int, str, bytes, dict (a message) or a list of those} as protobuf bytes."""
    out = b""
    for number, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                out += varint(number << 3) + varint(value)
                continue
            if isinstance(value, dict):
                value = protobuf(value)
            elif isinstance(value, str):
                value = value.encode()
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def parse(data):
    """Protobuf bytes as {number: last value}; lengths as bytes, varints as int."""
    return {number: values[-1] for number, values in parse_all(data).items()}


def parse_all(data):
    """Protobuf bytes as {number: every value in order}."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            found.setdefault(tag >> 3, []).append(number())
        else:
            length = number()
            found.setdefault(tag >> 3, []).append(data[at:at + length])
            at += length
    return found


def frame(kind, payload, kind_of_frame=MESSAGE, flags=0, stream=CONTROL, length=None):
    return struct.pack(">BBHII", kind_of_frame, flags, kind, stream, len(payload) if length is None else length) + payload


def hello(node, outbox="outbox-of-a-test"):
    # A session's secret begins with a number; one beyond the hub's own says that the hub was restored from a backup, and is taken.
    secret = struct.pack(">Q", time.time_ns() // 1000) + bytes(SECRET_BYTES)
    return frame(HELLO, protobuf({1: 1, 2: 1, 4: node, 5: "boot", 6: 1, 8: outbox, 9: secret, 10: 10000, 11: "test"}))


class Tunnel:
    """A TLS connection to the tunnel port, speaking whatever the test wants."""

    def __init__(self, box, cloud, context, name=HUB_NAME, port=TUNNEL_PORT):
        self.sock = context.wrap_socket(box.dial((cloud.address, port)), server_hostname=name)

    def send(self, data):
        self.sock.sendall(data)

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        """The next frame: (type, kind, stream, payload); None when the other side has closed."""
        try:
            kind_of_frame, _, kind, stream, length = struct.unpack(">BBHII", self._exactly(12))
            return kind_of_frame, kind, stream, self._exactly(length)
        except (EOFError, ConnectionError, ssl.SSLError):
            return None

    def refusal(self):
        """Reads to the end; (reason, text) of the Refuse that came, or None."""
        found = None
        while (got := self.receive()) is not None:
            if got[0] == MESSAGE and got[1] == REFUSE:
                fields = parse(got[3])
                found = fields.get(1, 0), fields.get(2, b"").decode()
        return found

    def closed(self):
        """Reads to the end; the peer must close, or socket.timeout tells that it did not."""
        while self.receive() is not None:
            pass
        return True

    def close(self):
        self.sock.close()
