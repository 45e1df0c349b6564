"""A node is not trusted: with the real key of one, by the API and by a tunnel of its own making, it gets what is its own,
changes what is its own, and nothing else; what it tries is refused and on record, and the other nodes do not notice."""

import contextlib
import json
import os
import socket
import struct
import threading

from harness import clients, objects, wait
from harness.clients import Api, Tunnel
from harness.world import World

V1 = "/api/v1/namespaces/default"
EVERYTHING = ("nodes", "namespaces", "serviceaccounts", "configmaps", "secrets", "pods", "events", "daemonsets", "clusterroles",
              "clusterrolebindings", "roles", "rolebindings")


def store_of(cloud, but=()):
    """Every object's uid and version: what must stay as it was. Reports that honest nodes send all the time are left out."""
    found = {}
    for item in cloud.get(",".join(EVERYTHING), "-A")["items"]:
        meta = item["metadata"]
        key = (item["kind"], meta.get("namespace", ""), meta["name"])
        about = item.get("involvedObject", {})
        if item["kind"] != "Event" and key not in but:
            found[key] = (meta["uid"], json.dumps(item.get("spec")), json.dumps({k: v for k, v in meta.items() if k not in (
                "resourceVersion", "managedFields")}, sort_keys=True), json.dumps(item.get("data")), item.get("status", {}).get("phase"))
        elif about.get("reason") == "Forged":
            found[key] = (meta["uid"],)
    return found


@contextlib.contextmanager
def attacked():
    """Two nodes: edge-1 is the attacker's, edge-2 runs something that matters. Afterwards all is as it was."""
    with World(edges=2, regions=("east", "west")).up() as world:
        cloud, (one, two) = world.cloud, world.edges
        cloud.kubectl("create", "serviceaccount", "robot")
        victim = objects.pod("victim", node="edge-2", volumes=[{"name": "s", "secret": {"secretName": "theirs"}}],
                             containers=[objects.shell_container("sleep 1000000 & wait", volumeMounts=[{"name": "s", "mountPath": "/s"}])])
        victim["spec"]["serviceAccountName"] = "robot"
        mine = objects.pod("mine", node="edge-1", volumes=[{"name": "s", "secret": {"secretName": "ours"}}],
                           containers=[objects.shell_container("sleep 1000000 & wait", volumeMounts=[{"name": "s", "mountPath": "/s"}])])
        cloud.apply([objects.secret("theirs", {"a": "2"}), objects.secret("ours", {"a": "1"}), objects.config_map("settings", {"a": "b"}),
                     victim, mine])
        for name in ("victim", "mine"):
            wait.until(f"{name} ready", lambda n=name: world.running_pod(n))
        one.hub.stop()
        before, connects = store_of(cloud), two.status()["link"]["connects"]
        running = set(two.containers())
        yield world, one, two
        wait.until("all is as it was", lambda: store_of(cloud) == before or changed(before, store_of(cloud)), 5)
        assert not changed(before, store_of(cloud)), changed(before, store_of(cloud))
        assert cloud.hub.alive() and set(two.containers()) == running
        link = two.status()["link"]
        assert link["state"] == "up" and link["connects"] == connects, link
        assert world.node_ready("edge-2")


def changed(before, after):
    return {key: (before.get(key), after.get(key)) for key in set(before) | set(after) if before.get(key) != after.get(key)}


def mirror(name="forged", node="edge-1", **spec):
    pod = objects.pod(name, node=node, **spec)
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "abc", "kubernetes.io/config.source": "file"}
    return pod


def event(name, about, namespace="default"):
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace}, "involvedObject": about,
            "reason": "Forged", "message": "forged", "type": "Warning", "count": 1, "source": {"component": "x", "host": "edge-1"}}


def test_by_the_api_a_node_does_what_is_its_own_and_nothing_else():
    with attacked() as (world, one, two):
        cloud = world.cloud
        api = Api(one, cloud, clients.node_context(one))
        wrong = []

        def refused(method, path, body=None, kind="application/json", codes=(401, 403, 404, 405, 422), headers=None):
            asker = Api(one, cloud, clients.node_context(one), headers=headers) if headers else api
            answer = asker.ask(method, path, body, kind)
            if answer[0] not in codes:
                wrong.append((method, path, headers, str(body)[:200], answer[0], str(answer[1])[:200]))

        # As somebody else.
        for who in ({"Impersonate-User": "kubernetes-admin"}, {"Impersonate-User": "system:node:edge-2", "Impersonate-Group": "system:nodes"},
                    {"Impersonate-User": "x", "Impersonate-Group": "system:masters"},
                    {"Impersonate-User": "system:serviceaccount:default:robot"}, {"Impersonate-Group": "system:masters"},
                    {"Impersonate-Extra-holdfast.io%2fkey-sha256": "00", "Impersonate-User": "system:node:edge-2"}):
            refused("GET", f"{V1}/secrets/theirs", headers=who, codes=(400, 403))
        for headers in ({"X-Remote-User": "kubernetes-admin", "X-Remote-Group": "system:masters"}, {"Authorization": "Bearer x"},
                        {"Authorization": "Basic YWRtaW46YWRtaW4="}):
            refused("GET", f"{V1}/secrets/theirs", headers=headers)

        # What belongs to others, in every way to ask.
        for path in ("/secrets/theirs", "/secrets", "/secrets?watch=1", "/secrets?fieldSelector=metadata.name%3Dtheirs",
                     "/secrets?watch=1&fieldSelector=metadata.name%3Dtheirs", "/configmaps/settings", "/configmaps", "/pods/victim", "/pods",
                     "/pods?fieldSelector=spec.nodeName%3Dedge-2", "/pods?fieldSelector=spec.nodeName%21%3Dedge-1", "/pods?watch=1",
                     "/pods?watch=1&fieldSelector=spec.nodeName%3Dedge-2", "/serviceaccounts/robot", "/serviceaccounts", "/events", "/pods/victim/status"):
            refused("GET", V1 + path)
        for path in ("/api/v1/nodes/edge-2", "/api/v1/nodes", "/api/v1/nodes?watch=1", "/api/v1/secrets", "/metrics", "/holdfast/v1/tokens",
                     "/holdfast/v1/users", "/holdfast/v1/token-keys", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "/api/v1/namespaces",
                     "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/edge-2",
                     "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"):
            refused("GET", path)
        # Not so what is its own.
        assert api.ask("GET", f"{V1}/secrets/ours")[0] == 200 and api.ask("GET", f"{V1}/pods/mine")[0] == 200
        assert api.ask("GET", f"{V1}/pods?fieldSelector=spec.nodeName%3Dedge-1")[0] == 200

        # Pods that would open something, or run elsewhere.
        for pod in (mirror(node="edge-2"), objects.pod("forged", node="edge-1"), objects.pod("forged"),
                    mirror(volumes=[{"name": "s", "secret": {"secretName": "theirs"}}]),
                    mirror(volumes=[{"name": "s", "configMap": {"name": "settings"}}]),
                    mirror(volumes=[{"name": "s", "projected": {"sources": [{"secret": {"name": "theirs"}}]}}]),
                    mirror(volumes=[{"name": "s", "persistentVolumeClaim": {"claimName": "c"}}]),
                    mirror(serviceAccountName="robot"), mirror(serviceAccountName="default"), mirror(serviceAccount="robot"),
                    mirror(imagePullSecrets=[{"name": "theirs"}]),
                    mirror(containers=[objects.shell_container("x", envFrom=[{"secretRef": {"name": "theirs"}}])]),
                    mirror(containers=[objects.shell_container("x", env=[{"name": "A", "valueFrom": {"configMapKeyRef": {
                        "name": "settings", "key": "a"}}}])])):
            refused("POST", f"{V1}/pods", pod)
        for owners in ([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "x", "uid": "u", "controller": True}],
                       [{"apiVersion": "v1", "kind": "Node", "name": "edge-2", "uid": "u"}]):
            owned = mirror()
            owned["metadata"]["ownerReferences"] = owners
            refused("POST", f"{V1}/pods", owned)

        # Others' pods and nodes: neither reported on, nor changed, nor ended.
        failed = {"status": {"phase": "Failed"}}
        merge = "application/merge-patch+json"
        refused("PATCH", f"{V1}/pods/victim/status", failed, merge)
        refused("PATCH", f"{V1}/pods/victim", {"metadata": {"labels": {"a": "b"}}}, merge)
        refused("DELETE", f"{V1}/pods/victim")
        refused("POST", f"{V1}/pods/victim/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "victim"}})
        refused("POST", f"{V1}/pods/mine/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "mine"},
                                                    "target": {"kind": "Node", "name": "edge-2"}})
        refused("DELETE", f"{V1}/pods?fieldSelector=spec.nodeName%3Dedge-1")
        refused("PATCH", "/api/v1/nodes/edge-2/status", {"status": {"conditions": []}}, merge)
        refused("PATCH", "/api/v1/nodes/edge-2", {"metadata": {"labels": {"a": "b"}}}, merge)
        refused("DELETE", "/api/v1/nodes/edge-2")
        refused("DELETE", "/api/v1/nodes/edge-1")
        refused("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "edge-3"}})
        refused("PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/edge-2", {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "edge-2", "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": "edge-1"}})

        # Its own pod: the status, and not what others go by.
        for change in ({"labels": {"app": "db"}}, {"annotations": {"a": "b"}}, {"finalizers": ["example.com/never"]}):
            refused("PATCH", f"{V1}/pods/mine/status", {"metadata": change}, merge)
        api.ask("PATCH", f"{V1}/pods/mine/status", {"metadata": {"ownerReferences": [
            {"apiVersion": "v1", "kind": "Node", "name": "edge-2", "uid": "u"}]}, "spec": {"nodeName": "edge-2"}}, merge)

        # Its own Node: nothing that says where work and secrets go.
        for change in ({"metadata": {"labels": {"topology.kubernetes.io/region": "west"}}},
                       {"metadata": {"labels": {"node-restriction.kubernetes.io/x": "y"}}},
                       {"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}}, {"metadata": {"labels": {"tier": "db"}}},
                       {"metadata": {"labels": {"topology.kubernetes.io/region": None}}},
                       {"metadata": {"finalizers": ["example.com/never"]}},
                       {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "victim", "uid": "u"}]}},
                       {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}, {"spec": {"unschedulable": True}},
                       {"spec": {"podCIDR": "10.77.2.0/24", "podCIDRs": ["10.77.2.0/24"]}}):
            refused("PATCH", "/api/v1/nodes/edge-1", change, merge)
            if "metadata" in change and "ownerReferences" not in change["metadata"]:  # which a status keeps as they are
                refused("PATCH", "/api/v1/nodes/edge-1/status", change, merge)

        # Tokens of accounts that do not run here, or for pods that do not.
        for account, spec in (("robot", {}), ("default", {}), ("robot", {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "victim"}}),
                              ("default", {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "mine"}}),
                              ("default", {"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": "ours"}}),
                              ("default", {"boundObjectRef": {"apiVersion": "v1", "kind": "Node", "name": "edge-1"}})):
            refused("POST", f"{V1}/serviceaccounts/{account}/token", {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                                                                      "spec": {"audiences": [], **spec}}, codes=(403,))
        uid = cloud.get("pod", "mine")["metadata"]["uid"]
        own = api.ask("POST", f"{V1}/serviceaccounts/default/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": [], "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "mine", "uid": uid}}})
        assert own[0] == 201, own

        # Events about others, and grants to itself.
        for about in ({"kind": "Pod", "namespace": "default", "name": "victim"}, {"kind": "Node", "name": "edge-2"},
                      {"kind": "Secret", "namespace": "default", "name": "ours"}):
            refused("POST", f"{V1}/events", event("forged", about))
        assert api.ask("POST", f"{V1}/events", event("own", {"kind": "Node", "name": "edge-1"}))[0] == 201
        refused("PATCH", f"{V1}/events/own", {"involvedObject": {"kind": "Node", "name": "edge-2"}}, merge)
        refused("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "forged"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:node:edge-1"}]})
        for method, path, body in (("POST", "/holdfast/v1/users", {"name": "x"}), ("POST", "/holdfast/v1/tokens", {}),
                                   ("POST", "/holdfast/v1/token-keys/rotate", {}), ("POST", f"{V1}/secrets", objects.secret("forged", {})),
                                   ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "x"}})):
            refused(method, path, body)
        assert not wrong, "\n" + "\n".join(map(str, wrong))
        assert not [e for e in cloud.get("events")["items"] if e["reason"] == "Forged" and e["involvedObject"]["name"] != "edge-1"]

        # A mirror of a static pod may be there; it opens nothing, not even the account that other pods get without asking.
        assert api.ask("POST", f"{V1}/pods", mirror("static"))[0] == 201
        stored = cloud.get("pod", "static")
        assert "serviceAccountName" not in stored["spec"], stored["spec"]
        quiet = mirror("quiet")
        quiet["metadata"]["namespace"] = "kube-system"
        assert api.ask("POST", "/api/v1/namespaces/kube-system/pods", quiet)[0] == 201
        assert api.ask("GET", "/api/v1/namespaces/kube-system/serviceaccounts/default")[0] == 403
        uid = cloud.get("pod", "quiet", "-n", "kube-system")["metadata"]["uid"]
        refused("POST", "/api/v1/namespaces/kube-system/serviceaccounts/default/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": [], "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": "quiet", "uid": uid}}}, codes=(403,))
        assert not wrong, wrong
        assert api.ask("DELETE", f"{V1}/pods/static?gracePeriodSeconds=0")[0] == 200
        assert api.ask("DELETE", "/api/v1/namespaces/kube-system/pods/quiet?gracePeriodSeconds=0")[0] == 200
        assert [line for line in (cloud.data / "audit" / "audit.log").read_text().splitlines() if '"system:node:edge-1"' in line and '"code":403' in line]


def test_a_watch_ends_with_the_right_to_it():
    with attacked() as (world, one, two):
        cloud = world.cloud
        cloud.apply([objects.secret("brief", {"a": "1"}), mirrorless("brief", "brief")])
        watching = Api(one, cloud, clients.node_context(one))
        wait.until("entitled", lambda: Api(one, cloud, clients.node_context(one)).ask("GET", f"{V1}/secrets/brief")[0] == 200, 10)
        watching.request("GET", f"{V1}/secrets?watch=true&fieldSelector=metadata.name%3Dbrief&timeoutSeconds=600")
        stream = watching.getresponse()
        assert stream.status == 200
        ended = threading.Event()
        threading.Thread(target=lambda: (stream.read(), ended.set()), daemon=True).start()
        cloud.kubectl("delete", "pod", "brief", "--grace-period=0", "--force")
        assert ended.wait(15), "the watch goes on after the pod has gone"
        assert Api(one, cloud, clients.node_context(one)).ask("GET", f"{V1}/secrets/brief")[0] == 403
        cloud.kubectl("delete", "secret", "brief")


def mirrorless(name, secret):
    return objects.pod(name, node="edge-1", volumes=[{"name": "s", "secret": {"secretName": secret}}])


class Session:
    """A working tunnel session of edge-1, made by hand."""

    def __init__(self, edge, cloud, outbox=None):
        self.tunnel = Tunnel(edge, cloud, clients.node_context(edge))
        self.tunnel.send(clients.hello("edge-1", outbox or os.urandom(6).hex()))
        welcome = next((got for got in iter(self.tunnel.receive, None) if got[1] == clients.WELCOME), None)
        assert welcome, "no welcome"
        self.sequence, self.acked, self.results = 0, 0, {}

    def effect(self, effect, resource, ns, name, uid, body):
        self.sequence += 1
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        self.tunnel.send(clients.frame(clients.OUTBOX_ENTRY, clients.protobuf(
            {1: self.sequence, 2: effect, 3: {1: resource, 2: ns, 3: name}, 4: uid, 5: body}), stream=clients.OUTBOX))

    def answered(self):
        """Waits until everything sent was decided on: {sequence: 0, or the HTTP status of a refusal}."""
        while not self.acked or self.acked < self.sequence:
            got = self.tunnel.receive()
            assert got is not None, f"the session ended after {self.acked} of {self.sequence} answers"
            if got[1] == OUTBOX_ACK and got[2] == clients.OUTBOX:
                fields = clients.parse_all(got[3])
                self.acked = fields[1][-1]
                for result in map(clients.parse, fields.get(2, [])):
                    self.results[result[1]] = result.get(2, 0)
        return {number: self.results.get(number, 0) for number in range(1, self.sequence + 1)}


OUTBOX_ACK = 65
STATUS, EVENT, DELETED, NODE = 1, 2, 3, 4


def test_by_the_tunnel_come_reports_of_the_node_itself_and_nothing_else():
    with attacked() as (world, one, two):
        cloud = world.cloud
        victim, mine = (cloud.get("pod", name)["metadata"]["uid"] for name in ("victim", "mine"))
        node = cloud.get("node", "edge-2")["metadata"]["uid"]
        theirs = event("told-by-two", {"kind": "Node", "name": "edge-2", "uid": "edge-2"})
        theirs["reason"], theirs["message"] = "Honest", "honest"
        cloud.apply(theirs)
        told = cloud.get("event", "told-by-two")
        about = {"involvedObject": {"kind": "Node", "name": "edge-1", "uid": "edge-1"}}
        must_refuse = [
            (STATUS, "pods", "default", "victim", victim, {"phase": "Failed"}),
            (STATUS, "pods", "default", "victim", mine, {"phase": "Failed"}),
            (STATUS, "pods", "default", "mine", victim, {"phase": "Failed"}),
            (STATUS, "nodes", "", "edge-2", node, {"conditions": []}),
            (STATUS, "secrets", "default", "theirs", "", {"data": {}}),
            (DELETED, "pods", "default", "victim", victim, ""),
            (DELETED, "pods", "default", "mine", mine, ""),  # nobody asked for its end
            (DELETED, "secrets", "default", "theirs", "", ""),
            (DELETED, "nodes", "", "edge-2", node, ""),
            (NODE, "nodes", "", "edge-2", node, {"status": {"conditions": []}}),
            (NODE, "nodes", "", "edge-9", "", {"status": {}}),
            (NODE, "pods", "default", "victim", victim, {"status": {}}),
            (EVENT, "events", "default", "forged", "", event("forged", {"kind": "Pod", "namespace": "default", "name": "victim"})),
            (EVENT, "events", "default", "forged", "", event("forged", {"kind": "Node", "name": "edge-2"})),
            (EVENT, "events", "default", "forged", "", event("forged", {"kind": "Secret", "namespace": "default", "name": "theirs"})),
            # A story about itself under the name of a story about another.
            (EVENT, "events", "default", "told-by-two", "", event("told-by-two", {"kind": "Node", "name": "edge-1"})),
            # Something else in an event's clothes: the key says event, the body is what would be stored.
            (EVENT, "events", "default", "forged", "", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
                "name": "forged", "namespace": "default"}, **about}),
            (EVENT, "events", "default", "forged", "", {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "forged"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:node:edge-1"}], **about}),
            (EVENT, "events", "default", "forged", "", {"apiVersion": "v1", "kind": "Pod", **{k: v for k, v in objects.pod(
                "forged", node="edge-1", volumes=[{"name": "s", "secret": {"secretName": "theirs"}}]).items() if k in ("metadata", "spec")}, **about}),
            (EVENT, "events", "default", "forged", "", event("other-name", {"kind": "Node", "name": "edge-1"})),
            (EVENT, "events", "default", "forged", "", event("forged", {"kind": "Node", "name": "edge-1"}, "kube-system")),
            (EVENT, "pods", "default", "forged", "", event("forged", {"kind": "Node", "name": "edge-1"})),
            (STATUS, "pods", "default", "mine", mine, "[]"),
            (STATUS, "pods", "default", "mine", mine, b"\xff\xfe"),
            (EVENT, "events", "default", "forged", "", "[" * 500),
        ]
        # What is no entry at all ends the session.
        for entry in ((99, "pods", "default", "mine", mine, {}), (STATUS, "pods", "../default", "victim", victim, {"phase": "Failed"}),
                      (STATUS, "pods", "", "", victim, {"phase": "Failed"})):
            broken = Session(one, cloud)
            broken.effect(*entry)
            with contextlib.suppress(AssertionError):
                assert broken.answered()[1] in (400, 403, 404, 501), entry
            broken.tunnel.close()
        session = Session(one, cloud)
        for entry in must_refuse:
            session.effect(*entry)
        results = session.answered()
        taken = [must_refuse[number - 1][:4] for number, code in results.items() if not code]
        assert not taken, taken
        # Among all this, its own story is taken.
        session.effect(EVENT, "events", "default", "own", "", event("own", {"kind": "Node", "name": "edge-1", "uid": "edge-1"}))
        assert session.answered()[session.sequence] == 0
        session.tunnel.close()
        after = cloud.get("event", "told-by-two")
        assert after["metadata"]["resourceVersion"] == told["metadata"]["resourceVersion"], after
        assert not cloud.kubectl("get", "event", "forged", check=False).returncode == 0
        # Its labels and region stay the operator's; a report of its own with others in it is taken without them.
        labels = cloud.get("node", "edge-1")["metadata"]["labels"]
        session = Session(one, cloud)
        session.effect(NODE, "nodes", "", "edge-1", "", {"metadata": {"labels": {
            "topology.kubernetes.io/region": "west", "node-restriction.kubernetes.io/x": "y", "tier": "db"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "edge-2", "uid": node}]},
            "spec": {"taints": [], "podCIDR": "10.77.2.0/24"}, "status": {"conditions": []}})
        session.answered()
        session.tunnel.close()
        assert cloud.get("node", "edge-1")["metadata"]["labels"] == labels
        cloud.kubectl("delete", "event", "own", "told-by-two")


def memory_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_floods_from_a_node_cost_that_node():
    with attacked() as (world, one, two):
        cloud = world.cloud
        before = memory_kib(cloud.hub)
        frame = clients.frame
        floods = {
            "streams": b"".join(struct.pack(">BBHII", clients.OPEN, 0, 2, 2 * i + 1, 0) for i in range(5000)),
            "an endless message": frame(clients.OUTBOX_ENTRY, b"\x2a" + b"x" * 15000, flags=clients.MORE, stream=clients.OUTBOX) * 600,
            "a huge frame": frame(clients.OUTBOX_ENTRY, b"x" * 100, stream=clients.OUTBOX, length=0x7FFFFFFF),
            "data for nobody": struct.pack(">BBHII", clients.DATA, 0, 0, 77, 8) + b"x" * 8,
        }
        for what, data in floods.items():
            session = Session(one, cloud)
            try:
                with contextlib.suppress(OSError):
                    session.tunnel.send(data)
                closed = session.tunnel.closed()
            except socket.timeout:
                closed = False
            finally:
                session.tunnel.close()
            # Streams that nobody serves are refused one by one; the rest is no protocol, and the end of the session.
            assert closed or what == "streams", f"{what}: the session is still open"
            assert cloud.hub.alive() and memory_kib(cloud.hub) - before < 100 * 1024, what
        # Entries without end, and never an answer read: the link stands still, the hub's memory does not grow with them.
        session = Session(one, cloud)
        session.tunnel.sock.settimeout(5)
        with contextlib.suppress(OSError, TimeoutError):
            for _ in range(20000):
                session.effect(STATUS, "pods", "default", "victim", "x", {"phase": "x" * 1000})
        assert memory_kib(cloud.hub) - before < 100 * 1024
        assert world.node_ready("edge-2")
        held = [session.tunnel]
        # Sessions of one node replace each other; they do not add up.
        for _ in range(30):
            held.append(Session(one, cloud).tunnel)
        sessions = next(int(line.split()[1]) for line in Api(cloud, cloud, clients.admin_context(cloud)).ask("GET", "/metrics")[1].splitlines()
                        if line.startswith("holdfast_gateway_sessions "))
        assert sessions <= 3, sessions
        for tunnel in held:
            tunnel.close()
        assert memory_kib(cloud.hub) - before < 100 * 1024
