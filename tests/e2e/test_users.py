"""People: a certificate for each, listed, revoked, and gone from the next request on."""

import json
import os
import threading

from harness import clients, objects, wait
from harness.clients import Api
from harness.machines import BIN, kubectl_binary
from harness.world import World

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def user(cloud, name, *options):
    """`user create`: the path of the kubeconfig it printed."""
    printed = cloud.run([BIN / "cloud-hub", "user", "create", name, *options]).stdout
    path = cloud.dir / f"{name}-{os.urandom(4).hex()}.kubeconfig"
    path.write_text(printed)
    return path


def whoami(cloud, kubeconfig):
    answer = cloud.run([kubectl_binary(), "--kubeconfig", kubeconfig, "auth", "whoami", "-o", "json"], check=False)
    return json.loads(answer.stdout)["status"]["userInfo"] if answer.returncode == 0 else None


def test_a_user_is_created_listed_and_revoked():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        jo = user(cloud, "jo", "--group", "dev", "--group", "north", "--ttl", "2h")
        again = user(cloud, "jo", "--group", "dev")
        boss = user(cloud, "boss", "--group", "system:masters", "--allow-system-groups")
        me = whoami(cloud, jo)
        assert me["username"] == "jo" and {"dev", "north", "system:authenticated"} <= set(me["groups"]), me
        assert me["extra"]["authentication.kubernetes.io/credential-id"][0].startswith("X509SHA256="), me
        assert clients.Api(cloud, cloud, clients.kubeconfig_context(boss)).ask("GET", "/api/v1/secrets")[0] == 200
        # A key is made for the user alone: nothing of it stays with the hub.
        for file in cloud.data.rglob("*"):
            if file.is_file():
                assert clients.kubeconfig_field(jo, "client-key-data").splitlines()[1].encode() not in file.read_bytes(), file
        shown = cloud.operate("user", "list").stdout.splitlines()[1:]
        assert sorted(line.split()[0] for line in shown) == ["boss", "jo", "jo"], shown

        # Rights: jo has none but to ask about himself.
        api = Api(cloud, cloud, clients.kubeconfig_context(jo))
        assert api.ask("GET", CONFIG_MAPS)[0] == 403
        assert api.ask("GET", "/holdfast/v1/users")[0] == 403

        # Revoked: on the connection that is open, on new ones, with all certificates; and a watch ends.
        watcher = Api(cloud, cloud, clients.kubeconfig_context(boss))
        watcher.request("GET", CONFIG_MAPS + "?watch=true&timeoutSeconds=600")
        stream = watcher.getresponse()
        assert stream.status == 200
        ended = threading.Event()
        threading.Thread(target=lambda: (stream.read(), ended.set()), daemon=True).start()
        assert "2 cert" in cloud.operate("user", "revoke", "jo").stdout
        assert api.ask("GET", "/api")[0] == 401
        assert whoami(cloud, jo) is None and whoami(cloud, again) is None
        assert not ended.is_set()
        assert "1 cert" in cloud.operate("user", "revoke", "boss").stdout
        assert ended.wait(10), "the watch of a revoked user goes on"
        assert cloud.operate("user", "revoke", "nobody", check=False).returncode == 1

        # For good: after a restart too; a new certificate under the name is another matter.
        assert cloud.hub.stop() == 0
        cloud.start_hub()
        assert whoami(cloud, jo) is None
        assert whoami(cloud, user(cloud, "jo"))["username"] == "jo"
        cloud.get("nodes")


def test_names_and_groups_of_the_system_are_refused():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        for words, said in ((["system:admin"], "the system's own"), (["jo smith"], "letters"), (["a,CN=b"], "letters"),
                            (["jo", "--group", "system:masters"], "--allow-system-groups"),
                            (["jo", "--group", "system:nodes", "--allow-system-groups"], "no user can be"),
                            (["jo", "--group", "system:serviceaccounts:x", "--allow-system-groups"], "no user can be"),
                            (["jo", "--ttl", "10s"], "a minute"), (["jo", "--ttl", "soon"], "--ttl"), (["jo", "--server", "http://x"], "https")):
            done = cloud.operate("user", "create", *words, check=False)
            assert done.returncode in (1, 2) and said in done.stderr and not done.stdout, (words, done)
        assert len(cloud.operate("user", "list").stdout.splitlines()) == 1
        # As long as asked for, never longer than the authority.
        path = user(cloud, "jo", "--ttl", "3600d", "--server", "https://elsewhere:6443")
        assert "https://elsewhere:6443" in path.read_text()


def audit_lines(cloud):
    path = cloud.data / "audit" / "audit.log"
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def found(cloud, **wanted):
    """Audit lines whose fields (dots as __) are these."""
    def value(line, path):
        for part in path.split("__"):
            line = line.get(part, {}) if isinstance(line, dict) else {}
        return line

    return [line for line in audit_lines(cloud) if all(value(line, path) == want for path, want in wanted.items())]


def test_who_did_what_is_on_record():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        secret = os.urandom(16).hex()
        jo = user(cloud, "jo")
        cloud.apply([objects.secret("s", {"a": secret}), objects.config_map("c", {"a": "b"})])
        cloud.get("secret", "s")
        cloud.get("configmap", "c")
        Api(cloud, cloud, clients.kubeconfig_context(jo)).ask("DELETE", CONFIG_MAPS + "/c")
        Api(cloud, cloud, clients.anonymous_context(cloud)).ask("GET", CONFIG_MAPS)
        Api(cloud, cloud, clients.anonymous_context(cloud), headers={"Authorization": "Bearer x.y.z"}).ask("GET", CONFIG_MAPS)
        cloud.kubectl("delete", "configmap", "c", "--as=ann", check=False)
        Api(edge, cloud, clients.node_context(edge)).ask("GET", "/api/v1/secrets")
        cloud.apply(objects.pod("p", node="edge-1"))
        wait.until("pod ready", lambda: world.running_pod("p"))
        cloud.kubectl("delete", "pod", "p", "--timeout=60s")

        def lines(**wanted):
            return wait.until(str(wanted), lambda: found(cloud, **wanted), 10)

        made = lines(verb="create", objectRef__resource="secrets", objectRef__name="s")[0]
        assert made["user"]["username"] == "kubernetes-admin" and made["sourceIPs"] == [cloud.address], made
        assert made["responseStatus"]["code"] == 201 and made["userAgent"].startswith("kubectl"), made
        assert lines(verb="get", objectRef__resource="secrets", objectRef__name="s")
        refused = lines(verb="delete", user__username="jo")[0]
        assert refused["responseStatus"]["code"] == 403 and refused["annotations"]["authorization.k8s.io/decision"] == "forbid"
        assert lines(responseStatus__code=401, user={})
        assert lines(responseStatus__code=403, user__username="system:anonymous")
        as_ann = lines(verb="delete", impersonatedUser__username="ann")[0]
        assert as_ann["user"]["username"] == "kubernetes-admin" and as_ann["responseStatus"]["code"] == 403, as_ann
        by_node = lines(verb="list", user__username="system:node:edge-1")[0]
        assert by_node["annotations"]["holdfast.io/node"] == "edge-1" and by_node["sourceIPs"] == [edge.address], by_node
        assert lines(verb="join", objectRef__name="edge-1", responseStatus__code=200)
        assert lines(requestURI="/holdfast/v1/users", verb="post")
        # Its end was reported through the node's tunnel.
        gone = lines(verb="delete", objectRef__name="p", user__username="system:node:edge-1")[0]
        assert gone["annotations"]["holdfast.io/node"] == "edge-1", gone
        # Reads of other things and what a node reports all day are not there, and never a body.
        assert not found(cloud, verb="get", objectRef__resource="configmaps")
        assert not found(cloud, objectRef__resource="leases") and not found(cloud, verb="report")
        log = cloud.data / "audit" / "audit.log"
        assert secret not in log.read_text() and oct(log.stat().st_mode & 0o777) == "0o600"
        # Lines of the last moment are written before the end.
        cloud.apply(objects.config_map("last", {}))
        assert cloud.hub.stop() == 0
        assert found(cloud, verb="create", objectRef__name="last")
        cloud.start_hub()


def test_a_full_disk_costs_audit_lines_and_no_request():
    with World(edges=0) as world:
        cloud = world.cloud
        (cloud.data / "audit").mkdir(parents=True)
        cloud.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", "/var/lib/holdfast/cloud/audit"])
        cloud.start_hub()
        admin = Api(cloud, cloud, clients.admin_context(cloud))
        for i in range(300):
            assert admin.ask("POST", CONFIG_MAPS, objects.config_map(f"m-{i}", {}))[0] == 201

        def metric(name):
            for line in admin.ask("GET", "/metrics")[1].splitlines():
                if line.startswith(f"holdfast_{name} "):
                    return int(line.split()[1])
            raise AssertionError(name)

        def another():
            return admin.ask("POST", CONFIG_MAPS, objects.config_map("n-" + os.urandom(4).hex(), {}))[0] == 201

        wait.until("lost lines are counted", lambda: metric("audit_lost_lines_total") > 0, 10)
        wait.until("that there is trouble is told", lambda: another() and metric("audit_trouble") == 1, 10)
        assert len(cloud.get("configmaps")["items"]) >= 300
        cloud.run(["sh", "-c", ": > /var/lib/holdfast/cloud/audit/audit.log"])
        admin.ask("POST", CONFIG_MAPS, objects.config_map("room", {}))
        wait.until("lines are written again", lambda: metric("audit_trouble") == 0, 10)
        text = cloud.run(["cat", "/var/lib/holdfast/cloud/audit/audit.log"]).stdout.lstrip("\0")
        assert any("lines-lost-before" in line for line in text.splitlines()), text[-600:]
