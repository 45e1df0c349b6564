"""Whoever can reach the ports can send anything: it costs them their connection, and nobody else anything."""

import contextlib
import json
import os
import random
import socket
import ssl
import struct

from harness import clients, objects, wait
from harness.clients import API_PORT, TUNNEL_PORT, Api, Tunnel
from harness.machines import BIN
from harness.world import World

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


@contextlib.contextmanager
def undisturbed(world, edge):
    """Afterwards the same hub process serves as before, over the same tunnel connection."""
    hub, connects = world.cloud.hub, edge.status()["link"]["connects"]
    yield
    assert hub.alive(), hub.tail()
    name = "after-" + os.urandom(4).hex()
    world.cloud.apply(objects.pod(name, node=edge.name))
    wait.until("a pod goes the whole way", lambda: world.running_pod(name), 60)
    world.cloud.kubectl("delete", "pod", name, "--timeout=60s")
    link = edge.status()["link"]
    assert link["state"] == "up" and link["connects"] == connects, link


def memory_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def logged(process, *words):
    return any(all(word in line for word in words) for line in process.log.read_text(errors="replace").splitlines())


def join_tunnel(world):
    return Tunnel(world.cloud, world.cloud, clients.anonymous_context(world.cloud), clients.JOIN_NAME)


def test_garbage_on_the_ports_costs_only_its_sender():
    noise = random.Random(7)
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        pieces = [b"", b"\0" * 4096, noise.randbytes(4096), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + noise.randbytes(512),
                  b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise.randbytes(300), b"\x80\x2e\x01\x00\x02" + bytes(64),
                  b"\x15\x03\x03\x00\x02\x02\x28"]
        with undisturbed(world, edge):
            for port in (TUNNEL_PORT, API_PORT):
                for piece in pieces:
                    sock = cloud.dial((cloud.address, port))
                    sock.sendall(piece)
                    sock.shutdown(socket.SHUT_WR)
                    with contextlib.suppress(ConnectionError):
                        while sock.recv(4096):
                            pass
                    sock.close()


def test_garbage_inside_tls_on_the_tunnel_port_ends_that_connection():
    noise = random.Random(11)
    frame = clients.frame
    hello = clients.hello("edge-1")
    bad = {
        "noise": noise.randbytes(20000),
        "HTTP": b"POST /join HTTP/1.1\r\nHost: x\r\n\r\n",
        "an unknown frame type": frame(0, b"", kind_of_frame=99),
        "unknown flags": frame(clients.JOIN_REQUEST, b"", flags=0x40),
        "a frame longer than allowed": frame(clients.JOIN_REQUEST, b"x" * 20000, length=20000),
        "a frame that says it is 4 GiB": frame(clients.JOIN_REQUEST, b"x" * 100, length=0xFFFFFFFF),
        "not a protobuf": frame(clients.JOIN_REQUEST, b"\xff" * 200),
        "a field that ends outside": frame(clients.JOIN_REQUEST, b"\x1a\xff\xff\x03abc"),
        "a hello on a joining connection": hello,
        "replication before a greeting": frame(clients.ACK, clients.protobuf({1: 7}), stream=clients.REPLICATION),
        "an answer instead of a question": frame(clients.JOIN_RESPONSE, clients.protobuf({4: "edge-1"})),
        "a message without an end": frame(clients.JOIN_REQUEST, b"\x1a\x05aaaaa" * 2000, flags=clients.MORE) * 40,
        "a flood of streams": b"".join(struct.pack(">BBHII", clients.OPEN, 0, 2, 2 * i + 1, 0) for i in range(3000)),
        "credit for nothing": struct.pack(">BBHII", clients.CREDIT, 0, 0, 5, 4) + b"\xff\xff\xff\xff",
        "a token of a megabyte": b"".join(frame(clients.JOIN_REQUEST, b"x" * 16000, flags=clients.MORE) for _ in range(64)),
    }
    with World(edges=1).up() as world:
        edge = world.edges[0]
        with undisturbed(world, edge):
            for what, data in bad.items():
                tunnel = join_tunnel(world)
                try:
                    with contextlib.suppress(OSError):  # it may be closed in our face
                        tunnel.send(data)
                    assert tunnel.closed(), what
                except socket.timeout as late:
                    raise AssertionError(f"{what}: the connection is still open") from late
                finally:
                    tunnel.close()
            # Cut short, with and without a farewell.
            for keep in (1, 11, 12, 30):
                tunnel = join_tunnel(world)
                tunnel.send(frame(clients.JOIN_REQUEST, clients.protobuf({3: "x" * 200}))[:keep])
                tunnel.close()
            # Of another protocol version: a clear refusal.
            tunnel = join_tunnel(world)
            tunnel.send(frame(clients.JOIN_REQUEST, clients.protobuf({1: 7, 2: 9, 3: "hf1.x", 4: b"csr", 5: "edge-7"})))
            refusal = tunnel.refusal()
            assert refusal and "version" in refusal[1], refusal
            # A frame that is unknown but optional is skipped: the request behind it is answered.
            tunnel = join_tunnel(world)
            tunnel.send(frame(0, b"from the future", kind_of_frame=clients.OPTIONAL) +
                        frame(clients.JOIN_REQUEST, clients.protobuf({1: 1, 2: 1, 3: "nonsense", 4: b"csr", 5: "edge-7"})))
            refusal = tunnel.refusal()
            assert refusal and refusal[0] == clients.REFUSED_TOKEN and "token" in refusal[1], refusal
        assert len(world.cloud.get("nodes")["items"]) == 1


def test_a_certificate_speaks_only_for_its_own_node():
    with World(edges=2, regions=("east", "west")).up() as world:
        cloud, (one, two) = world.cloud, world.edges
        with undisturbed(world, two):
            tunnel = Tunnel(one, cloud, clients.node_context(one))
            tunnel.send(clients.hello("edge-2"))
            refusal = tunnel.refusal()
            assert refusal and refusal[0] == clients.REFUSED_IDENTITY and "another node" in refusal[1], refusal
            assert logged(cloud.hub, "refused", "node=edge-1", "another node"), cloud.hub.tail()

            # No certificate, an operator's, or one of another authority: no session.
            other = cloud.start("other-hub", [BIN / "cloud-hub", "run", "--data-dir", "/var/lib/holdfast/other", "--api",
                                              "127.0.0.1:16443", "--tunnel", "127.0.0.1:17443"])
            foreign_config = cloud.data.parent / "other" / "admin.kubeconfig"
            wait.until("the other authority", foreign_config.exists, 20)

            class Foreign:  # what admin_context wants to know of a cloud
                kubeconfig = foreign_config

            foreign = clients.admin_context(Foreign)
            foreign.check_hostname, foreign.verify_mode = False, ssl.CERT_NONE
            for context in (clients.anonymous_context(cloud), clients.admin_context(cloud), foreign):
                try:
                    tunnel = Tunnel(one, cloud, context)
                    tunnel.send(clients.hello("edge-1"))
                    assert all(got[1] != clients.WELCOME for got in iter(tunnel.receive, None))
                except (ssl.SSLError, ConnectionError):
                    pass
            assert wait.until("said in the log", lambda: logged(cloud.hub, "certificate") or logged(cloud.hub, "not-a-node"), 10)
            # Nor does the API take that authority's operator for ours.
            try:
                status, _ = Api(cloud, cloud, foreign).ask("GET", "/api/v1/secrets")
                assert status in (401, 403), status
            except (ssl.SSLError, ConnectionError):
                pass
            assert other.stop() == 0

            # An unknown name on the port is not served either.
            try:
                tunnel = Tunnel(one, cloud, clients.node_context(one), name="elsewhere.example")
                tunnel.send(clients.hello("edge-1"))
                assert all(got[1] != clients.WELCOME for got in iter(tunnel.receive, None))
            except (ssl.SSLError, ConnectionError):
                pass


def test_a_session_that_breaks_the_rules_is_ended():
    with World(edges=2, regions=("east", "west")).up() as world:
        cloud, (one, two) = world.cloud, world.edges
        one.hub.stop()
        frame = clients.frame
        bad = {
            "a second hello": clients.hello("edge-1"),
            "an acknowledgement of nothing": frame(clients.ACK, clients.protobuf({1: 1 << 40}), stream=clients.REPLICATION),
            "keys that nobody asked for": frame(clients.BUCKET_KEYS, clients.protobuf({1: 70000}), stream=clients.REPLICATION),
            "noise": b"\xfe" * 5000,
        }
        with undisturbed(world, two):
            for what, data in bad.items():
                tunnel = Tunnel(one, cloud, clients.node_context(one))
                tunnel.send(clients.hello("edge-1"))
                assert any(got[1] == clients.WELCOME for got in iter(tunnel.receive, None)), what
                tunnel.send(data)
                try:
                    assert tunnel.closed(), what
                except socket.timeout as late:
                    raise AssertionError(f"{what}: the session is still open") from late
            # What is unknown is skipped: the ping behind it is answered.
            tunnel = Tunnel(one, cloud, clients.node_context(one))
            tunnel.send(clients.hello("edge-1"))
            assert any(got[1] == clients.WELCOME for got in iter(tunnel.receive, None))
            tunnel.send(frame(900, b"\x08\x01") + frame(0, b"from the future", kind_of_frame=clients.OPTIONAL + 7) +
                        frame(clients.PING, clients.protobuf({1: 4711})))
            assert any(got[1] == clients.PONG and clients.parse(got[3])[1] == 4711 for got in iter(tunnel.receive, None))
            tunnel.close()
            # A node reports for its own pods and itself only.
            cloud.apply(objects.pod("other", node="edge-2"))
            uid = wait.until("pod ready", lambda: world.running_pod("other"))["metadata"]["uid"]
            tunnel = Tunnel(one, cloud, clients.node_context(one))
            tunnel.send(clients.hello("edge-1"))
            assert any(got[1] == clients.WELCOME for got in iter(tunnel.receive, None))
            forged = clients.protobuf({1: 1, 2: 1, 3: {1: "pods", 2: "default", 3: "other"}, 4: uid,
                                       5: json.dumps({"status": {"phase": "Failed"}, "phase": "Failed"})})
            tunnel.send(frame(clients.OUTBOX_ENTRY, forged, stream=clients.OUTBOX))
            wait.holds("a stranger's report changes nothing",
                       lambda: cloud.get("pod", "other")["status"]["phase"] == "Running", 2)
            tunnel.close()


def test_replayed_reports_are_applied_once():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        edge.hub.stop()
        box = "outbox-of-the-replay"

        def session():
            tunnel = Tunnel(edge, cloud, clients.node_context(edge))
            tunnel.send(clients.hello("edge-1", box))
            welcome = next(got for got in iter(tunnel.receive, None) if got[1] == clients.WELCOME)
            return tunnel, clients.parse(welcome[3])

        def entry(sequence, count, about="edge-1"):
            event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "replayed.1", "namespace": "default"},
                     "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": about, "uid": about}, "reason": "Test",
                     "message": "told", "type": "Normal", "count": count, "source": {"component": "test", "host": "edge-1"}}
            return clients.frame(clients.OUTBOX_ENTRY, clients.protobuf(
                {1: sequence, 2: 2, 3: {1: "events", 2: "default", 3: "replayed.1"}, 5: json.dumps(event)}), stream=clients.OUTBOX)

        def count():
            return cloud.get("event", "replayed.1")["count"]

        tunnel, _ = session()
        tunnel.send(entry(1, 1) + entry(2, 2))
        wait.until("both are applied", lambda: count() == 2, 20)
        version = cloud.get("event", "replayed.1")["metadata"]["resourceVersion"]
        with contextlib.suppress(OSError):
            tunnel.send(entry(1, 1))
        tunnel.close()
        tunnel, welcome = session()
        assert welcome[7] == 2, "the cloud says how far it got"
        with contextlib.suppress(OSError):
            tunnel.send(entry(1, 1) + entry(2, 7))
        wait.holds("what was applied stays", lambda: count() == 2, 2)
        assert cloud.get("event", "replayed.1")["metadata"]["resourceVersion"] == version
        tunnel.close()
        # Told about somebody else it is refused, and the refusal is final.
        tunnel, _ = session()
        tunnel.send(entry(3, 9, about="edge-2"))
        wait.until("the refusal is in the log", lambda: logged(cloud.hub, "refused", "sequence=3", "another node"), 10)
        assert count() == 2
        tunnel.close()


def test_silent_and_slow_connections_disturb_nobody():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        admin = clients.admin_context(cloud)
        cloud.apply([objects.config_map(f"bulk-{i}", {"value": "x" * 200000}) for i in range(20)])
        before = memory_kib(cloud.hub)
        held = []
        with undisturbed(world, edge):
            for port in (TUNNEL_PORT, API_PORT):
                for i in range(60):
                    sock = cloud.dial((cloud.address, port))
                    sock.sendall(b"\x16\x03\x01\x02\x00\x01"[:i % 7])  # silent, or in the middle of a greeting
                    held.append(sock)
            for _ in range(10):  # past the handshake, and then nothing
                held.append(join_tunnel(world).sock)
            for _ in range(10):  # asks for 4 MB, reads nothing
                sock = cloud.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.connect((cloud.address, API_PORT))
                tls = admin.wrap_socket(sock, server_hostname=cloud.address)
                tls.sendall(b"GET /api/v1/configmaps HTTP/1.1\r\nHost: x\r\n\r\n")
                held.append(tls)
            for _ in range(10):  # a head that never ends
                tls = admin.wrap_socket(cloud.dial((cloud.address, API_PORT)), server_hostname=cloud.address)
                tls.sendall(b"GET /api/v1/pods HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                held.append(tls)
            watch = admin.wrap_socket(cloud.dial((cloud.address, API_PORT)), server_hostname=cloud.address)
            watch.sendall(b"GET /api/v1/configmaps?watch=true HTTP/1.1\r\nHost: x\r\n\r\n")  # and never reads
            held.append(watch)
            for turn in range(3):
                cloud.apply([objects.config_map(f"bulk-{i}", {"value": str(turn) + "y" * 200000}) for i in range(20)])
            assert world.node_ready("edge-1")
            assert memory_kib(cloud.hub) - before < 200 * 1024, "slow readers make the hub hold their answers"
        for sock in held:
            sock.close()


def status_of(answer, code, *reasons):
    http, body = answer
    assert http == code, answer
    assert isinstance(body, dict) and body.get("kind") == "Status" and body.get("status") == "Failure", answer
    assert body["code"] == code and (not reasons or body.get("reason") in reasons), answer


def test_the_api_answers_bad_bodies_with_a_status():
    deep = 20000
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        admin = clients.admin_context(cloud)

        wrong, asked = [], []

        def expect(answer, code, *reasons):
            """What is wrong is told together, at the end."""
            try:
                status_of(answer, code, *reasons)
            except AssertionError as error:
                wrong.append(f"{asked[-1]}\n    wanted {code} {reasons}, got {str(error)[:400]}")

        def post(body, path=PODS, kind="application/json", method="POST"):
            asked.append(f"{method} {path} {str(body)[:100]}")
            api = Api(cloud, cloud, admin)
            try:
                return api.ask(method, path, body, kind)
            finally:
                api.close()

        for text in (b"", b"{", b"[]", b"null", b"7", b'"pod"', b'{"kind":', b"{}{}", b"\xff\xfe{}", b'{"a":"\xff"}', b'{"a":1,}', b"NaN",
                     b"[" * deep, b'{"a":' * deep + b"1" + b"}" * deep, b'{"kind":"Pod","apiVersion":"v1","metadata":7}'):
            expect(post(text), 400, "BadRequest")
        nested = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": {"b": {"c": 1}}}}
        expect(post(nested, CONFIG_MAPS), 400, "BadRequest")
        expect(post({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}), 400, "BadRequest")
        expect(post({"apiVersion": "v9", "kind": "Pod", "metadata": {"name": "x"}}), 400, "BadRequest")
        expect(post(objects.config_map("x", {"a": "1"}, "other"), CONFIG_MAPS), 400, "BadRequest")
        expect(post(objects.config_map("x", {"a": "y" * (4 << 20)}), CONFIG_MAPS), 413, "RequestEntityTooLarge")
        expect(post(b"a: 1", kind="application/toml"), 415, "UnsupportedMediaType")
        for junk in (b"k8s\0", b"k8s\0" + b"\xff" * 64, b"k8s\0\x0a\xff\xff\xff\xff\x0f", b"nonsense", b"k8s\0" + b"\x12\x80\x80\x80\x08",
                     b"k8s\0" + clients.protobuf({1: {1: "v1", 2: "Pod"}, 2: b"\x0a\x7f"}),
                     b"k8s\0" + clients.protobuf({1: {1: "v1", 2: "Gizmo"}, 2: b""})):
            expect(post(junk, kind="application/vnd.kubernetes.protobuf"), 400, "BadRequest")
        nest = b""
        for _ in range(2000):
            nest = clients.protobuf({1: nest})
        expect(post(b"k8s\0" + clients.protobuf({1: {1: "v1", 2: "Pod"}, 2: nest}), kind="application/vnd.kubernetes.protobuf"),
                  400, "BadRequest")

        # Well-formed, and not acceptable: 422 with what is wrong.
        for name in ("Upper", "a_b", "-a", "a..b", "x" * 254, "a/b"):
            expect(post(objects.config_map(name, {}), CONFIG_MAPS), 422, "Invalid")
        pod = objects.pod("p")
        pod["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1", "memory": "lots"}}
        assert post(pod)[0] in (400, 422)
        pod["spec"]["containers"] = []
        expect(post(pod), 422, "Invalid")
        labelled = objects.config_map("x", {})
        labelled["metadata"]["labels"] = {"a": "not a value!"}
        expect(post(labelled, CONFIG_MAPS), 422, "Invalid")

        # Paths, methods, versions.
        expect(post(None, "/api/v1/gizmos", method="GET"), 404)
        expect(post(None, "/apis/example.com/v1/things", method="GET"), 404)
        expect(post(None, f"{PODS}/none", method="GET"), 404, "NotFound")
        expect(post(objects.config_map("x", {}, "none"), "/api/v1/namespaces/none/configmaps"), 404, "NotFound")
        expect(post({}, f"{PODS}/none", method="POST"), 405, "MethodNotAllowed")
        expect(post(None, "/api/v1/pods?labelSelector=a+in+(", method="GET"), 400, "BadRequest")
        expect(post(None, "/api/v1/pods?fieldSelector=spec.colour%3Dred", method="GET"), 400, "BadRequest")
        expect(post(None, "/api/v1/pods?resourceVersion=abc", method="GET"), 400, "BadRequest")
        assert post(None, "/api/v1/pods?continue=nonsense", method="GET")[0] in (400, 410)
        assert post(objects.config_map("good", {"a": "1"}), CONFIG_MAPS)[0] == 201
        expect(post(objects.config_map("good", {"a": "1"}), CONFIG_MAPS), 409, "AlreadyExists")
        stale = objects.config_map("good", {"a": "2"})
        stale["metadata"]["resourceVersion"] = "1"
        expect(post(stale, f"{CONFIG_MAPS}/good", method="PUT"), 409, "Conflict")
        for patch, kind in ((b"[", "application/json-patch+json"), (b'[{"op":"fly"}]', "application/json-patch+json"),
                            (b"7", "application/merge-patch+json"), (b"{", "application/strategic-merge-patch+json")):
            assert post(patch, f"{CONFIG_MAPS}/good", kind, "PATCH")[0] in (400, 422), patch
        expect(post(b"{}", f"{CONFIG_MAPS}/good", "text/plain", "PATCH"), 415, "UnsupportedMediaType")
        assert cloud.get("cm", "good")["data"] == {"a": "1"}
        assert cloud.hub.alive() and cloud.ready()
        assert not wrong, "\n" + "\n".join(wrong)


def test_http_that_is_none_is_answered_and_cut():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        admin = clients.admin_context(cloud)
        heads = [b"NONSENSE\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET / HTTP/1.1\r\n" + b"".join(b"H%d: x\r\n" % i for i in range(5000)) + b"\r\n",
                 b"POST /api/v1/pods HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                 b"POST /api/v1/pods HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 b"POST /api/v1/pods HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
                 b"POST /api/v1/pods HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                 b"GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
                 b"\0" * 5000]
        for head in heads:
            tls = admin.wrap_socket(cloud.dial((cloud.address, API_PORT)), server_hostname=cloud.address)
            answer = b""
            with contextlib.suppress(ConnectionError, ssl.SSLError, BrokenPipeError):
                tls.sendall(head)
                while more := tls.recv(65536):
                    answer += more
            tls.close()
            code = int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else None
            assert answer == b"" or 400 <= code < 506, (head[:60], answer[:200])
        assert cloud.hub.alive() and cloud.ready()


def test_who_is_nobody_and_who_is_a_node_see_no_more_than_theirs():
    with World(edges=2, regions=("east", "west")).up() as world:
        cloud, (one, two) = world.cloud, world.edges
        cloud.apply([objects.secret("mine", {"a": "1"}), objects.secret("theirs", {"a": "2"}), objects.secret("nobodys", {"a": "3"})] + [
            objects.pod(f"uses-{name}", node=node, volumes=[{"name": "s", "secret": {"secretName": name}}],
                        containers=[objects.shell_container("sleep 1000000 & wait", volumeMounts=[{"name": "s", "mountPath": "/s"}])])
            for name, node in (("mine", "edge-1"), ("theirs", "edge-2"))])
        for name in ("uses-mine", "uses-theirs"):
            wait.until(f"{name} ready", lambda n=name: world.running_pod(n))

        secrets = "/api/v1/namespaces/default/secrets"
        nobody = Api(cloud, cloud, clients.anonymous_context(cloud))
        for path in (secrets, f"{secrets}/mine", "/api/v1/nodes", PODS, "/metrics", "/holdfast/v1/tokens", "/api/v1/secrets?watch=1"):
            status, body = nobody.ask("GET", path)
            assert status in (401, 403) and body["kind"] == "Status", (path, status, body)
        assert nobody.ask("POST", PODS, objects.pod("p"))[0] in (401, 403)

        node = Api(one, cloud, clients.node_context(one))
        assert node.ask("GET", f"{secrets}/mine")[0] == 200
        for path in (f"{secrets}/theirs", f"{secrets}/nobodys", secrets, "/api/v1/secrets", "/holdfast/v1/tokens", f"{secrets}?watch=1"):
            status_of(node.ask("GET", path), 403, "Forbidden")
        status_of(node.ask("DELETE", f"{secrets}/mine"), 403, "Forbidden")
        status_of(node.ask("DELETE", "/api/v1/nodes/edge-2"), 403, "Forbidden")
        status_of(node.ask("DELETE", f"{PODS}/uses-theirs"), 403, "Forbidden")
        wide = objects.pod("greedy", node="edge-1", volumes=[{"name": "s", "secret": {"secretName": "theirs"}}])
        status_of(node.ask("POST", PODS, wide), 403, "Forbidden")
        # Nor is another node's secret on this node's disk.
        replica = b"".join(file.read_bytes() for file in one.data.glob("replica.db*"))
        assert b"nobodys" not in replica and b"theirs" not in replica
        assert two.hub.alive()
