"""Disks fill up and rot: clear errors, nothing lost, and recovery when there is room or when the cloud is back."""

import contextlib
import json
import os
import pathlib
import sqlite3

from harness import objects, wait
from harness.clients import Api, admin_context
from harness.machines import BIN
from harness.world import World

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def small_disk(box, size):
    """Puts the box's data on a disk of that size. Seen inside the box only, under both of its names."""
    folder = box.dir / "holdfast"
    box.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder])
    box.run(["mount", "--bind", folder, "/var/lib/holdfast"])


def fill(box, leave_kib=0):
    """Takes all the room there is (but for some)."""
    box.run(["dd", "if=/dev/zero", "of=/var/lib/holdfast/filler", "bs=64k"], check=False)
    if leave_kib:
        box.run(["truncate", "-s", f"-{leave_kib}K", "/var/lib/holdfast/filler"])


def make_room(box):
    box.run(["rm", "-f", "/var/lib/holdfast/filler"])


def inside(box, path):
    """A path under /proc by which the host sees a file in the box's own mounts."""
    return pathlib.Path(f"/proc/{box.pid}/root{path}")


def logged(process, *words):
    return any(all(word in line for word in words) for line in process.log.read_text(errors="replace").splitlines())


def test_a_cloud_whose_disk_is_full_refuses_clearly_and_loses_nothing():
    with World(edges=0) as world:
        cloud = world.cloud
        small_disk(cloud, "48m")
        cloud.start_hub()
        cloud.kubeconfig_copy = world.dir / "admin.kubeconfig"
        cloud.kubeconfig_copy.write_bytes(inside(cloud, "/var/lib/holdfast/cloud/admin.kubeconfig").read_bytes())

        class Config:
            kubeconfig = cloud.kubeconfig_copy

        api = Api(cloud, cloud, admin_context(Config))
        acknowledged, refusal = [], None
        fill(cloud, leave_kib=2048)
        for i in range(2000):
            status, answer = api.ask("POST", CONFIG_MAPS, objects.config_map(f"m-{i}", {"value": f"{i} " + "z" * 20000}))
            if status != 201:
                refusal = status, answer
                break
            acknowledged.append(f"m-{i}")
        assert refusal, "the disk never filled up"
        status, answer = refusal
        assert status >= 500 and answer["kind"] == "Status" and answer["code"] == status, refusal
        assert logged(cloud.hub, "disk-full"), cloud.hub.tail()

        # It still reads, and all that was acknowledged is there.
        assert cloud.hub.alive()
        listed = {item["metadata"]["name"] for item in api.ask("GET", CONFIG_MAPS)[1]["items"]}
        assert set(acknowledged) <= listed and f"m-{len(acknowledged)}" not in listed

        # Room: it writes again, by itself.
        make_room(cloud)
        wait.until("writes are taken again", lambda: api.ask("POST", CONFIG_MAPS, objects.config_map(
            "after-" + os.urandom(4).hex(), {}))[0] == 201, 60)
        wait.until("and that is said", lambda: logged(cloud.hub, "disk-has-room"), 120)
        # Full again, killed, started on a full disk: nothing is lost.
        fill(cloud)
        cloud.hub.kill()
        make_room(cloud)
        cloud.start_hub()
        api = Api(cloud, cloud, admin_context(Config))
        listed = {item["metadata"]["name"] for item in api.ask("GET", CONFIG_MAPS)[1]["items"]}
        assert set(acknowledged) <= listed


def test_an_edge_whose_disk_is_full_keeps_its_pods_and_catches_up():
    with World(edges=1) as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.start_hub()
        world.start_edge(edge)
        small_disk(edge, "24m")
        edge.join(cloud.token("--region", "east"))
        edge.start_hub()
        wait.until("Ready", lambda: world.node_ready("edge-1"), 60)
        cloud.apply(objects.pod("work"))
        wait.until("work ready", lambda: world.running_pod("work"))
        before = edge.containers()
        fill(edge)
        late = [f"late-{i}" for i in range(7)]  # more than what the hub set aside for such days
        for name in late:
            cloud.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
                objects.config_map(name, {"value": "q" * 900000}),
                objects.pod(name, node="edge-1", containers=[objects.shell_container(
                    "test -s /c/value && sleep 1000000 & wait", volumeMounts=[{"name": "c", "mountPath": "/c"}])],
                    volumes=[{"name": "c", "configMap": {"name": name}}])]}))
        wait.until("the hub says that its disk is full", lambda: logged(edge.hub, "disk-full"), 60)
        assert edge.status()["replica"]["diskFull"] is True
        wait.holds("what runs goes on", lambda: edge.hub.alive() and set(before) <= set(edge.containers()), 5)
        # A kill of the hub on a full disk changes nothing for the pods.
        edge.hub.kill()
        assert set(before) <= set(edge.containers())
        make_room(edge)
        edge.start_hub()
        wait.until("the node is Ready", lambda: world.node_ready("edge-1"), 120)
        for name in late:
            wait.until(f"{name} runs", lambda n=name: cloud.get("pod", n)["status"]["phase"] == "Running", 120)
        assert set(before) <= set(edge.containers())
        assert cloud.get("pod", "work")["status"]["containerStatuses"][0]["restartCount"] == 0


def rot_row(path, resource, name):
    """Changes a byte in the stored body of an object, as a bad disk would, behind the database's back."""
    with sqlite3.connect(path) as db:
        revision, body = db.execute(
            "SELECT v.revision, v.body FROM versions v JOIN objects o ON o.revision = v.revision AND o.live = 1 "
            "WHERE o.resource = ? AND o.name = ?", (resource, name)).fetchone()
        rotten = bytearray(body)
        rotten[len(rotten) // 2] ^= 0x20
        db.execute("UPDATE versions SET body = ? WHERE revision = ?", (bytes(rotten), revision))
    db.close()


def pod_with_settings():
    return [objects.config_map("settings", {"mode": "calm"}), objects.pod("work", containers=[objects.shell_container(
        "sleep 1000000 & wait", volumeMounts=[{"name": "c", "mountPath": "/c"}])],
        volumes=[{"name": "c", "configMap": {"name": "settings"}}]), objects.pod("other")]


def cut_with_pods(world):
    """Pods run, then the cable is pulled and the hub stopped; the containers of then."""
    cloud, edge = world.cloud, world.edges[0]
    cloud.apply(pod_with_settings())
    for name in ("work", "other"):
        wait.until(f"{name} ready", lambda n=name: world.running_pod(n))
    wait.until("the replica is complete", lambda: edge.status()["replica"]["complete"], 30)
    before = edge.containers()
    world.switch.cut(edge)
    assert edge.hub.stop() == 0
    return before


def test_damaged_rows_of_a_replica_stop_nothing_and_are_fetched_again():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        before = cut_with_pods(world)
        rot_row(edge.data / "replica.db", "pods", "work")
        rot_row(edge.data / "replica.db", "configmaps", "settings")
        edge.start_hub()
        wait.until("the hub serves", lambda: edge.status(), 30)
        wait.until("it found the damage", lambda: logged(edge.hub, "damaged", "name=work"), 90)
        wait.holds("nothing stops", lambda: edge.containers() == before, 5)
        world.switch.mend(edge)
        wait.until("the node is Ready", lambda: world.node_ready("edge-1"), 90)
        wait.until("the replica is whole", lambda: edge.status()["replica"]["complete"], 60)
        assert edge.containers() == before
        # The row is really back: without the cloud, after another restart, the pod is looked after.
        world.switch.cut(edge)
        assert edge.hub.stop() == 0
        edge.start_hub()
        ident = next(i for i, info in before.items() if info["pod"] == "work")
        wait.until("both pods are known", lambda: edge.status()["pods"]["count"] == 2, 30)
        edge.kill_inside(ident)
        wait.until("restarted from the fetched row", lambda: any(
            info["pod"] == "work" and i != ident for i, info in edge.containers().items()), 60)


def damage(path, how):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        if how == "head":
            file.write(b"\xff" * 100)
        elif how == "middle":
            for offset in range(4096, size, 8192):
                file.seek(offset)
                file.write(os.urandom(2048))
        elif how == "short":
            file.truncate(size // 2)
        elif how == "empty":
            file.truncate(0)


def test_a_damaged_replica_file_stops_nothing_and_is_fetched_again():
    for how in ("head", "middle", "short", "empty"):
        with World(edges=1).up() as world:
            cloud, edge = world.cloud, world.edges[0]
            before = cut_with_pods(world)
            for beside in edge.data.glob("replica.db-*"):
                beside.unlink()
            damage(edge.data / "replica.db", how)
            edge.start_hub()
            wait.until(f"the hub serves ({how})", lambda: edge.status(), 30)
            wait.holds(f"nothing stops ({how})", lambda: edge.hub.alive() and edge.containers() == before, 5)
            world.switch.mend(edge)
            wait.until(f"the node is Ready ({how})", lambda: world.node_ready("edge-1"), 90)
            wait.until(f"the replica is whole ({how})", lambda: edge.status()["replica"]["complete"], 60)
            assert edge.containers() == before, how
            for name in ("work", "other"):
                assert cloud.get("pod", name)["status"]["containerStatuses"][0]["restartCount"] == 0, (how, name)
            cloud.apply(objects.pod("after"))
            wait.until(f"new pods come ({how})", lambda: world.running_pod("after"), 60)


def copy_database(source, target):
    with contextlib.closing(sqlite3.connect(source)) as one, contextlib.closing(sqlite3.connect(target)) as other:
        one.backup(other)


def test_an_older_copy_of_a_damaged_replica_kills_nothing_and_revives_nothing_for_long():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([objects.pod("stays"), objects.pod("goes")])
        for name in ("stays", "goes"):
            wait.until(f"{name} ready", lambda n=name: world.running_pod(n))
        wait.until("all is reported", lambda: edge.status()["outbox"]["entries"] == 0, 30)
        assert edge.hub.stop() == 0
        copy_database(edge.data / "replica.db", edge.data / "replica.db.good")
        edge.start_hub()
        cloud.kubectl("delete", "pod", "goes", "--timeout=60s")
        cloud.apply(objects.pod("newer"))
        wait.until("newer ready", lambda: world.running_pod("newer"))
        running = {ident for ident, info in edge.containers().items() if info["pod"] in ("stays", "newer")}
        assert len(running) == 2
        world.switch.cut(edge)
        assert edge.hub.stop() == 0
        damage(edge.data / "replica.db", "head")
        edge.start_hub()
        wait.until("the hub serves", lambda: edge.status(), 30)
        assert logged(edge.hub, "replica-recovered")
        # What the copy does not know keeps running; what it remembers may come back until the cloud is asked.
        wait.holds("nothing stops", lambda: running <= set(edge.containers()), 5)
        newer = next(i for i, info in edge.containers().items() if info["pod"] == "newer")
        stays = next(i for i in running if i != newer)
        edge.kill_inside(stays)
        wait.until("what the copy knows is looked after", lambda: any(
            info["pod"] == "stays" and i != stays for i, info in edge.containers().items()), 60)
        world.switch.mend(edge)
        wait.until("Ready", lambda: world.node_ready("edge-1"), 90)
        wait.until("what was deleted goes again", lambda: {c["pod"] for c in edge.containers().values()} == {"stays", "newer"}, 90)
        assert newer in edge.containers()
        # Reports are believed again: this restart and the one in the dark.
        edge.kill_inside(newer)
        for name in ("stays", "newer"):
            wait.until(f"{name}'s restart is known", lambda n=name: cloud.get("pod", n)["status"]["containerStatuses"][0]
                       ["restartCount"] == 1, 60)
        wait.until("all is acknowledged", lambda: edge.status()["outbox"]["entries"] == 0, 30)


def test_a_damaged_row_in_the_cloud_is_quarantined_and_no_deletion():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(pod_with_settings())
        for name in ("work", "other"):
            wait.until(f"{name} ready", lambda n=name: world.running_pod(n))
        before = edge.containers()
        assert cloud.hub.stop() == 0
        rot_row(cloud.data / "store.db", "pods", "work")
        cloud.start_hub()
        wait.until("the node is back", lambda: edge.status()["link"]["state"] == "up", 90)
        wait.until("Ready", lambda: world.node_ready("edge-1"), 90)
        wait.holds("nothing stops", lambda: edge.containers() == before, 5)
        assert cloud.get("pod", "other")["metadata"]["name"] == "other" and cloud.hub.alive()


def test_an_unreadable_store_is_one_clear_line_and_not_a_new_cluster():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        cloud.apply(objects.config_map("precious", {"a": "1"}))
        assert cloud.hub.stop() == 0
        kept = cloud.data / "store.db"
        sound = kept.read_bytes()
        damage(kept, "head")
        done = cloud.run([BIN / "cloud-hub", "run", "--advertise", cloud.address], check=False, timeout=30)
        lines = [line for line in done.stderr.splitlines() if line.startswith("cloud-hub: ")]
        assert done.returncode == 1 and len(lines) == 1 and "store.db" in lines[0], done
        # Nothing was made in its place: the file put back in order is the cluster it was.
        kept.write_bytes(sound)
        cloud.start_hub()
        assert cloud.get("cm", "precious")["data"] == {"a": "1"}
