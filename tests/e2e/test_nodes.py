"""Lost, stolen, broken and scrapped machines: what an operator decides about a node, and what becomes of its work."""

import json
import shutil

from harness import clients, objects, wait
from harness.clients import Api
from harness.machines import BIN
from harness.world import World


def listed(cloud, name):
    """The node as `node list -o json` has it; None when it is not there."""
    items = json.loads(cloud.operate("node", "list", "-o", "json").stdout)["items"]
    return next((item for item in items if item["name"] == name), None)


def state(cloud, name):
    node = listed(cloud, name)
    return node and node["state"]


def linked(edge):
    return edge.status()["link"]["state"] == "up"


def refused(edge):
    return edge.status()["link"]["refused"]


def join(edge, token, *options):
    return edge.run([BIN / "edge-hub", "join", "--cloud", edge.world.cloud.address, "--token", token, *options], check=False)


def complaint(done, *words):
    lines = done.stderr.strip().splitlines()
    assert done.returncode in (1, 2) and len(lines) == 1, done
    for word in words:
        assert word in lines[0], (word, lines[0])


def test_a_revoked_node_is_out_at_once_and_its_pods_run_on():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([objects.secret("later", {"key": "plover"}), objects.pod("work", node="edge-1")])
        wait.until("work ready", lambda: world.running_pod("work"))
        before = set(edge.containers())
        shown = listed(cloud, "edge-1")
        assert shown["state"] == "up" and shown["region"] == "east" and shown["address"].startswith(edge.address), shown
        assert shown["certificateExpires"] and shown["lastHeard"] and shown["machineId"] and "edge-hub" in shown["software"]
        assert cloud.operate("node", "list").stdout.splitlines()[1].split()[:3] == ["edge-1", "east", "up"]
        complaint(cloud.operate("node", "revoke", "nobody", check=False), "no such node")
        complaint(cloud.operate("node", "show", "nobody", check=False), "no such node")

        cloud.operate("node", "revoke", "edge-1")
        wait.until("the edge knows", lambda: refused(edge) == "revoked", 20)
        assert not linked(edge) and state(cloud, "edge-1") == "revoked"
        # Nothing more reaches it, and its key is no way in at the other port either.
        cloud.apply(objects.pod("secretive", node="edge-1", volumes=[{"name": "s", "secret": {"secretName": "later"}}]))
        code, _ = Api(edge, cloud, clients.node_context(edge)).ask("GET", "/api/v1/nodes/edge-1")
        assert code in (401, 403), code
        # Not after restarts of either side either: tickets and sessions of before are worth nothing.
        edge.hub.kill()
        edge.start_hub()
        wait.until("refused again", lambda: refused(edge) == "revoked", 20)
        cloud.hub.kill()
        cloud.start_hub()
        wait.until("refused by the new hub", lambda: refused(edge) == "revoked", 60)
        wait.holds("the pods run on", lambda: set(edge.containers()) == before, 3)
        assert "swordfish" not in edge.hub.tail(1000)
        # Only a token for its very name brings it back, under a new key or the old one.
        edge.hub.stop()
        complaint(join(edge, cloud.token()), "revoked")
        assert join(edge, cloud.operate("node", "replace", "edge-1").stdout.strip()).returncode == 0
        edge.start_hub()
        wait.until("linked", lambda: linked(edge), 60)
        wait.until("work is still there", lambda: world.running_pod("work"))
        assert before <= set(edge.containers())


def test_another_box_takes_a_broken_ones_place():
    with World(edges=2) as world:
        cloud, (old, new) = world.cloud, world.edges
        cloud.start_hub()
        for edge in world.edges:
            world.start_edge(edge)
        old.join(cloud.token("--region", "east"), "--node-name", "shop", "--labels", "rack=7")
        old.start_hub()
        wait.until("Ready", lambda: world.node_ready("shop"), 60)
        cloud.apply(objects.web_app() + [objects.pod("work", node="shop")])
        wait.until("work ready", lambda: world.running_pod("work"), 60)
        node, pod = cloud.get("node", "shop"), cloud.get("pod", "work")
        kept = set(old.containers())
        complaint(cloud.operate("node", "replace", "nobody", check=False), "no such node")
        token = cloud.operate("node", "replace", "shop", "--ttl", "1h").stdout.strip()
        assert linked(old), "nothing changes before the new box comes"

        assert join(new, token, "--node-name", "shop", "--labels", "rack=9").returncode == 0
        wait.until("the old box is told", lambda: refused(old) == "identity", 20)
        new.start_hub()
        wait.until("the new box is linked", lambda: linked(new), 30)
        wait.until("the pod runs there", lambda: any(c["pod"] == "work" for c in new.containers().values()), 60)
        wait.until("the page is served there", lambda: new.page() == "hello from the edge", 60)
        now = cloud.get("node", "shop")
        assert now["metadata"]["uid"] == node["metadata"]["uid"] and now["metadata"]["labels"]["rack"] == "7", now["metadata"]
        assert now["metadata"]["labels"]["topology.kubernetes.io/region"] == "east"
        assert cloud.get("pod", "work")["metadata"]["uid"] == pod["metadata"]["uid"]
        assert listed(cloud, "shop")["generation"] == 1
        # The old one runs on, is refused for good, and changes nothing in the cloud.
        wait.holds("no fight", lambda: linked(new) and set(old.containers()) == kept and not linked(old), 5)
        old.hub.kill()
        old.start_hub()
        wait.until("refused again", lambda: refused(old) == "identity", 20)
        old.hub.stop()
        complaint(join(old, cloud.token(), "--node-name", "shop"), "exists under another key")
        wait.until("and the pod is reported by the new one", lambda: world.running_pod("work"), 60)


def test_a_machine_that_keeps_its_old_key_may_give_the_name_to_a_new_one():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        before = listed(cloud, "edge-1")
        edge.hub.stop()
        assert join(edge, cloud.token(), "--rotate-key").returncode == 0
        after = listed(cloud, "edge-1")
        assert after["keySha256"] != before["keySha256"] and after["region"] == "east"
        edge.start_hub()
        wait.until("linked with the new key", lambda: linked(edge), 30)


def test_a_node_leaves_and_takes_its_work_along():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.web_app() + [objects.pod("work", node="edge-1")])
        wait.until("work ready", lambda: world.running_pod("work"), 60)
        wait.until("page", lambda: edge.page() == "hello from the edge", 60)
        world.switch.cut(cloud)
        wait.until("the link is down", lambda: not linked(edge), 120)
        complaint(edge.run([BIN / "edge-hub", "leave"], check=False, timeout=90), "--force")
        assert edge.containers() and edge.hub.alive()
        world.switch.mend(cloud)
        wait.until("linked again", lambda: linked(edge), 90)

        done = edge.run([BIN / "edge-hub", "leave"], timeout=120)
        assert "left" in done.stdout, done.stdout
        assert edge.hub.popen.wait(20) == 0, edge.hub.tail()
        assert not edge.containers()
        for name in ("identity", "replica.db", "vault", "pods"):
            assert not (edge.data / name).exists(), name
        assert listed(cloud, "edge-1") is None and cloud.get("nodes")["items"] == []
        wait.until("its pods are gone from the API", lambda: not world.pods(), 30)
        # As new: it may join again, under any name.
        complaint(edge.run([BIN / "edge-hub", "run"], check=False), "has not joined")
        edge.join(cloud.token("--region", "east"), "--node-name", "again")
        edge.start_hub()
        wait.until("Ready", lambda: world.node_ready("again"), 60)


def test_leaving_by_force_or_cut_short_is_finished_by_saying_it_again():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([objects.pod("work", node="edge-1"), objects.pod("slow", node="edge-1", terminationGracePeriodSeconds=8,
                     containers=[objects.shell_container("trap '' TERM; while :; do sleep 1; done")])])
        wait.until("both ready", lambda: world.running_pod("work") and world.running_pod("slow"), 60)
        world.switch.cut(cloud)
        attempt = edge.start("leave", [BIN / "edge-hub", "leave", "--force"])
        wait.until("pods are being stopped", lambda: (edge.data / "leaving").exists(), 30)
        attempt.kill()
        edge.hub.kill()
        done = edge.run([BIN / "edge-hub", "leave"], timeout=120)
        assert "node remove edge-1" in done.stdout, done.stdout
        assert not edge.containers() and not (edge.data / "identity").exists()
        # The cloud still has it, and the operator says that it is gone.
        world.switch.mend(cloud)
        assert listed(cloud, "edge-1") is not None and world.pods()
        cloud.operate("node", "remove", "edge-1")
        assert listed(cloud, "edge-1") is None and not world.pods() and cloud.get("nodes")["items"] == []
        shutil.rmtree(edge.data, ignore_errors=True)


def test_a_node_object_deleted_by_the_operator_comes_back_and_no_pod_stops():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.pod("work", node="edge-1"))
        wait.until("work ready", lambda: world.running_pod("work"), 60)
        before = set(edge.containers())
        cloud.kubectl("delete", "node", "edge-1")
        assert state(cloud, "edge-1") == "up"
        edge.hub.stop()
        edge.start_hub()
        wait.until("the Node is back", lambda: world.node_ready("edge-1"), 60)
        assert cloud.get("node", "edge-1")["metadata"]["labels"]["topology.kubernetes.io/region"] == "east"
        wait.holds("nothing stopped", lambda: set(edge.containers()) == before, 3)
        assert world.running_pod("work")
