"""Backups are whole, a restore kills nothing, and a cluster that burned down comes back."""

import json
import os
import random
import shutil
import threading
import time

from harness import objects, wait
from harness.clients import Api, admin_context
from harness.machines import BIN, CloudHost
from harness.world import CLOUD_ADDRESS, World

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = int(os.environ.get("HOLDFAST_RESTORE_PODS", "40"))
LATE = objects.daemon_set("late", [objects.shell_container("sleep 1000000 & wait")])
BACKUP = "/var/lib/holdfast/backup.tar"  # on the cloud's disk, beside its data directory


class Writer(threading.Thread):
    """Creates ConfigMaps until told to stop; remembers which were acknowledged."""

    def __init__(self, world, number, context):
        super().__init__(daemon=True)
        self.api, self.number = Api(world.cloud, world.cloud, context), number
        self.acknowledged, self.stop = [], threading.Event()

    def run(self):
        i = 0
        while not self.stop.is_set():
            name = f"w{self.number}-{i}"
            status, answer = self.api.ask("POST", CONFIG_MAPS, objects.config_map(name, {"value": name * 50}))
            assert status == 201, answer
            self.acknowledged.append((name, int(answer["metadata"]["resourceVersion"])))
            i += 1


def on_host(cloud, path):
    """Where a path of the cloud's machine is on this one."""
    return cloud.dir / "holdfast" / path.removeprefix("/var/lib/holdfast/")


def restore(cloud, *words, check=True):
    return cloud.operate("restore", BACKUP, *words, check=check)


def beside(cloud):
    """What lies beside the data directory."""
    return sorted(p.name for p in (cloud.dir / "holdfast").iterdir())


def test_a_backup_under_write_load_holds_every_write_acknowledged_before_it():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        writers = [Writer(world, i, admin_context(cloud)) for i in range(6)]
        for writer in writers:
            writer.start()
        for turn in range(3):
            wait.until("writes are flowing", lambda t=turn: all(len(w.acknowledged) >= 20 * (t + 1) for w in writers), 60, 0.01)
            before = [name for w in writers for name, _ in w.acknowledged]
            said = cloud.operate("backup", BACKUP).stdout
        revision = int(said.split("revision ")[1].split(",")[0])
        assert "holds the cluster's keys" in cloud.operate("backup", BACKUP + "-2").stderr
        for writer in writers:
            writer.stop.set()
            writer.join(30)
        assert "whole" in cloud.operate("backup", "--verify", BACKUP).stdout
        assert cloud.hub.stop() == 0
        restore(cloud, "--force")
        cloud.start_hub()
        found = {item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in cloud.get("configmaps")["items"]
                 if item["metadata"]["name"].startswith("w")}
        lost = [name for name in before if name not in found]
        assert not lost, f"acknowledged before the backup, and not in it: {lost[:5]}"
        assert all(number <= revision for number in found.values())
        # A write is there if and only if its revision is: a state that there was.
        for writer in writers:
            for name, number in writer.acknowledged:
                assert (name in found) == (number <= revision), (name, number, revision)
        status, answer = Api(cloud, cloud, admin_context(cloud)).ask("POST", CONFIG_MAPS, objects.config_map("after", {}))
        assert status == 201 and int(answer["metadata"]["resourceVersion"]) > revision + 1000000


def test_what_is_no_whole_backup_of_this_release_is_refused_and_changes_nothing():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        cloud.operate("backup", BACKUP)
        whole = on_host(cloud, BACKUP)
        content = whole.read_bytes()
        assert "stop it first" in restore(cloud, "--force", check=False).stderr
        assert cloud.hub.stop() == 0
        assert "holds a cluster" in restore(cloud, check=False).stderr
        head = content.index(b'"format":1')
        bad = {"is truncated": content[:-4000], "is damaged": content[:90000] + b"X" + content[90001:],
               "is no backup of a cloud-hub": b"x" * 70000,
               # The sum of the block that says so is mended: the format alone is what is wrong.
               "newer release": content[:head] + b'"format":9' + content[head + 10:]}
        store = (cloud.data / "store.db").read_bytes()
        for words, changed in bad.items():
            whole.write_bytes(changed)
            for verb in (("restore", BACKUP, "--force"), ("backup", "--verify", BACKUP)):
                done = cloud.operate(*verb, check=False)
                assert done.returncode == 1 and words in done.stderr, (words, done.stderr)
                assert len(done.stderr.splitlines()) == 1
            assert beside(cloud) == ["backup.tar", "cloud"]
        assert (cloud.data / "store.db").read_bytes() == store
        assert "No such file" in cloud.operate("restore", "/nowhere/at/all", "--force", check=False).stderr
        assert cloud.operate("backup", "/var/lib/holdfast/cloud/pki/root.crt", check=False).returncode == 1
        cloud.start_hub()


def test_a_sealed_backup_shows_no_key_and_opens_with_its_passphrase_only():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        cloud.apply(objects.secret("hidden", {"password": "swordfish-in-the-store"}))
        passphrase = on_host(cloud, "/var/lib/holdfast/passphrase")
        passphrase.write_text("correct horse battery staple\n")
        words = ("--passphrase-file", "/var/lib/holdfast/passphrase")
        assert "open to others" in cloud.operate("backup", BACKUP, *words, check=False).stderr
        passphrase.chmod(0o600)
        done = cloud.operate("backup", BACKUP, *words)
        assert not done.stderr
        content = on_host(cloud, BACKUP).read_bytes()
        wrapping = (cloud.data / "vault" / "key").read_bytes().strip()
        for secret in (b"swordfish-in-the-store", b"PRIVATE KEY", wrapping):
            assert secret not in content
        assert cloud.hub.stop() == 0
        assert "none was given" in restore(cloud, "--force", check=False).stderr
        passphrase.write_text("another passphrase\n")
        assert "not the one" in restore(cloud, "--force", *words, check=False).stderr
        passphrase.write_text("correct horse battery staple\n")
        restore(cloud, "--force", *words)
        cloud.start_hub()
        assert cloud.get("secret", "hidden")["data"]["password"]


def test_a_full_disk_leaves_no_part_of_a_backup_and_the_hub_serves_on():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        cloud.run(["mkdir", "-p", "/mnt"])
        cloud.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", "/mnt"])
        done = cloud.operate("backup", "/mnt/backup.tar", check=False)
        assert done.returncode == 1 and "No space left" in done.stderr, done.stderr
        assert cloud.run(["ls", "-A", "/mnt"]).stdout == ""
        cloud.apply(objects.config_map("after", {}))
        cloud.operate("backup", BACKUP)


def test_backups_on_schedule_are_made_and_pruned():
    with World(edges=0) as world:
        cloud = world.cloud
        folder = on_host(cloud, "/var/lib/holdfast/backups")
        folder.mkdir(parents=True)
        for day in ("01", "02", "03"):
            (folder / f"cloud-202001{day}T000000Z.tar").write_bytes(b"of another time")
        on_host(cloud, "/var/lib/holdfast/hub.yaml").write_text(
            "backup:\n  dir: /var/lib/holdfast/backups\n  every: 1h\n  keep: 2\n")
        cloud.start_hub("--config", "/var/lib/holdfast/hub.yaml")
        wait.until("one is made, and two stay", lambda: len(list(folder.iterdir())) == 2, 30)
        newest = max(p.name for p in folder.iterdir())
        assert newest > "cloud-2026" and (folder / "cloud-20200103T000000Z.tar").exists()
        assert "whole" in cloud.operate("backup", "--verify", f"/var/lib/holdfast/backups/{newest}").stdout
        assert "holdfast_backups_total 1" in cloud.kubectl("get", "--raw", "/metrics").stdout


def test_a_restore_killed_at_any_moment_leaves_the_old_state_or_the_new():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        cloud.apply(objects.config_map("old", {}))
        for i in range(40):
            cloud.apply(objects.config_map(f"filler-{i}", {"x": "y" * 20000}))
        cloud.operate("backup", BACKUP)
        cloud.apply(objects.config_map("new", {}))
        assert cloud.hub.stop() == 0
        shutil.copytree(cloud.data, on_host(cloud, "/var/lib/holdfast/keep"))
        start = time.monotonic()
        restore(cloud, "--force")
        whole = time.monotonic() - start
        rng = random.Random(7)
        seen = set()
        for _ in range(20):
            for name in beside(cloud):
                if name.startswith("cloud"):
                    shutil.rmtree(on_host(cloud, f"/var/lib/holdfast/{name}"))
            shutil.copytree(on_host(cloud, "/var/lib/holdfast/keep"), cloud.data)
            process = cloud.start("restore", [BIN / "cloud-hub", "restore", BACKUP, "--force"])
            time.sleep(whole * rng.uniform(0.2, 1.3))  # the moment is what is tried out
            process.kill()
            done = process.popen.returncode == 0
            cloud.start_hub()
            names = {i["metadata"]["name"] for i in cloud.get("configmaps")["items"]}
            assert "old" in names and len([n for n in names if n.startswith("filler-")]) == 40
            seen.add("new" in names)
            assert not done or "new" not in names
            # And the next attempt goes through, whatever that one left.
            assert cloud.hub.stop() == 0
            restore(cloud, "--force")
            assert "cloud.restoring" not in beside(cloud)
            before = [name for name in beside(cloud) if name.startswith("cloud.before-restore-")]
            assert before and all((on_host(cloud, f"/var/lib/holdfast/{name}") / "store.db").exists() for name in before)
        assert seen == {True, False}, "kills came too early or too late: nothing was tried out"


def place_late_edge(world, edge):
    world.start_edge(edge)
    edge.join(world.cloud.token("--region", edge.region))
    edge.start_hub()


def containers(edges):
    """{(edge, container id): pid} of all of them."""
    return {(edge.name, ident): info["pid"] for edge in edges for ident, info in edge.containers().items()}


def orphan_lines(cloud):
    return cloud.operate("orphan", "list").stdout.splitlines()[1:]


def all_ready(world, count):
    pods = world.pods()
    ready = [p for p in pods if world.condition(p, "Ready") == "True"]
    return len(ready) >= count and pods


def fleet(world):
    """Two nodes, a backup, then two more nodes and many pods. Returns the containers that run."""
    cloud, edges = world.cloud, world.edges
    cloud.start_hub()
    for edge in edges[:2]:
        place_late_edge(world, edge)
    for edge in edges[:2]:
        wait.until(f"{edge.name} Ready", lambda e=edge: world.node_ready(e.name), 60)
    cloud.apply([objects.daemon_set("early", [objects.shell_container("sleep 1000000 & wait")]),
                 objects.pod("doomed", node="edge-1")])
    wait.until("what is there early runs", lambda: all_ready(world, 3), 90)
    world.token = cloud.token("--region", edges[0].region, "--uses", "10")
    cloud.operate("backup", BACKUP)

    for edge in edges[2:]:
        place_late_edge(world, edge)
    cloud.kubectl("delete", "pod", "doomed")
    cloud.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    cloud.apply([objects.config_map("settings", {"mode": "new"}, "shop"),
                 LATE] +
                [objects.pod(f"p-{i}", node=f"edge-{i % len(edges) + 1}", namespace="shop", containers=[objects.shell_container(
                    "sleep 1000000 & wait", env=[{"name": "MODE", "valueFrom": {"configMapKeyRef": {
                        "name": "settings", "key": "mode"}}}])]) for i in range(PODS)])
    wait.until("everything runs", lambda: sum(len(e.containers()) for e in edges) == PODS + 8, 60 + 6 * PODS, 1)
    wait.until("and is reported", lambda: all(e.status()["outbox"]["entries"] == 0 for e in edges), 60)
    return containers(edges)


def unconfirmed(cloud):
    return {line.split()[0] for line in cloud.operate("node", "list").stdout.splitlines() if "unconfirmed" in line.lower()}


def after_restore(world, running):
    """From the restored hub's start to normal work: nothing that ran is touched."""
    cloud, edges = world.cloud, world.edges

    def untouched():
        now = containers(edges)
        return all(now.get(key) == pid for key, pid in running.items())

    wait.until("the nodes of the backup are back", lambda: all(e.status()["link"]["state"] == "up" for e in edges[:2]), 120)
    wait.until("those that joined later wait", lambda: unconfirmed(cloud) == {"edge-3", "edge-4"}, 120)
    assert untouched()
    for name in ("edge-3", "edge-4"):
        cloud.operate("node", "confirm", name)
    wait.until("they are back", lambda: all(e.status()["link"]["state"] == "up" for e in edges), 400)
    # early on edge-3 and edge-4, late on all four, the pods.
    wait.until("all orphans are shown", lambda: len([o for o in orphan_lines(cloud) if o.split()[1] == "pods"]) == PODS + 6, 60)
    wait.holds("nothing is started or stopped", untouched, 5)
    assert len(containers(edges)) == len(running) + 1, "only what was deleted after the backup came back"

    done = cloud.operate("orphan", "adopt").stdout
    assert "failed: 0" in done, done
    wait.until("nothing is left to decide", lambda: not orphan_lines(cloud), 60)
    wait.until("all nodes are reconciled", lambda: "holdfast_nodes_held 0" in cloud.kubectl("get", "--raw", "/metrics").stdout, 90)
    shop = wait.until("the pods are reported again", lambda: len([
        p for p in cloud.get("pods", "-n", "shop")["items"] if world.condition(p, "Ready") == "True"]) == PODS, 90)
    assert shop and cloud.get("configmap", "settings", "-n", "shop")["data"]["mode"] == "new"
    assert cloud.get("namespace", "shop")["status"]["phase"] == "Active"
    early = [p for p in world.pods() if p["metadata"]["name"].startswith("early-")]
    assert sorted(p["spec"]["nodeName"] for p in early) == [e.name for e in edges], "one for each node, none twice"
    assert all(c["restartCount"] == 0 for p in world.pods() + cloud.get("pods", "-n", "shop")["items"]
               if p["metadata"]["name"] != "doomed" for c in p["status"]["containerStatuses"])
    wait.until("what was deleted after the backup is there again", lambda: world.running_pod("doomed"), 60)
    assert untouched()

    # Who has lost his owner has none; an owner that is made anew takes his pods over as they run.
    owned = {p["metadata"]["name"]: bool(p["metadata"].get("ownerReferences")) for p in world.pods()}
    assert all(has == name.startswith("early-") for name, has in owned.items()), owned
    cloud.apply(LATE)
    wait.until("late is whole", lambda: cloud.get("daemonset", "late")["status"].get("numberReady") == len(edges), 60)
    assert untouched()
    assert len([p for p in world.pods() if p["metadata"]["name"].startswith("late-")]) == len(edges)

    # Normal work goes on.
    cloud.apply(objects.daemon_set("next", [objects.shell_container("sleep 1000000 & wait")]))
    wait.until("a new DaemonSet rolls out", lambda: cloud.get("daemonset", "next")["status"].get("numberReady") == len(edges), 120)
    wait.until("all nodes Ready", lambda: all(world.node_ready(e.name) for e in edges), 120)
    assert untouched()


def test_a_cloud_put_back_under_a_running_fleet_restarts_no_container():
    with World(edges=4) as world:
        running = fleet(world)
        cloud = world.cloud
        assert cloud.hub.stop() == 0
        said = restore(cloud, "--force").stdout
        assert "2 node(s) are left alone" in said and "join token(s) are void" in said, said
        cloud.start_hub()
        assert cloud.operate("token", "list").stdout.count("\n") == 1, "no token is left"
        refused = world.edges[0].run([BIN / "edge-hub", "join", "--cloud", f"{cloud.address}:7443", "--token", world.token,
                                      "--data-dir", "/tmp/another", "--node-name", "another"], check=False)
        assert refused.returncode != 0 and "token" in refused.stderr, refused.stderr
        after_restore(world, running)
        assert any(name.startswith("cloud.before-restore-") for name in beside(cloud))


def test_a_cloud_that_burned_down_comes_back_on_a_new_machine():
    with World(edges=2) as world:
        cloud = world.cloud
        cloud.start_hub()
        for edge in world.edges:
            place_late_edge(world, edge)
        for edge in world.edges:
            wait.until(f"{edge.name} Ready", lambda e=edge: world.node_ready(e.name), 60)
        cloud.apply([objects.daemon_set("early", [objects.shell_container("sleep 1000000 & wait")]),
                     objects.secret("keys", {"password": "swordfish"})])
        wait.until("it runs", lambda: all_ready(world, 2), 90)
        cloud.operate("backup", BACKUP)
        kept = world.dir / "backup.tar"
        shutil.copy(on_host(cloud, BACKUP), kept)
        cloud.apply(objects.pod("late", node="edge-1"))
        wait.until("the late pod runs", lambda: all_ready(world, 3), 90)
        running = containers(world.edges)
        world.switch.run(["ip", "link", "del", world.switch.ports["cloud"]], check=False)
        cloud.power_off()
        cloud.wipe()

        world.cloud = cloud = CloudHost(world, "cloud-2", CLOUD_ADDRESS)
        cloud.power_on()
        world.switch.plug(cloud, CLOUD_ADDRESS)
        shutil.copy(kept, on_host(cloud, BACKUP))
        said = restore(cloud).stdout
        assert "NOT KNOWN: who was revoked" in said, said
        cloud.start_hub()
        wait.until("the fleet is back", lambda: all(e.status()["link"]["state"] == "up" for e in world.edges), 120)
        wait.until("the late pod is shown", lambda: ["late" in o for o in orphan_lines(cloud)] == [True], 60)
        cloud.operate("orphan", "adopt")
        wait.until("all is reported", lambda: all_ready(world, 3), 60)
        assert containers(world.edges) == running
        assert json.dumps(cloud.get("secret", "keys")["data"])
        wait.until("Ready", lambda: all(world.node_ready(e.name) for e in world.edges), 120)
