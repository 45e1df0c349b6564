"""What was acknowledged stays; what was reported is counted once; an older store kills nothing."""

import shutil
import threading

from harness import objects, wait
from harness.clients import Api, admin_context
from harness.world import World

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class Writer(threading.Thread):
    """Creates ConfigMaps one after the other until the hub is gone; remembers which were acknowledged, and as what."""

    def __init__(self, world, number, context):
        super().__init__(daemon=True)
        self.api, self.number = Api(world.cloud, world.cloud, context), number
        self.acknowledged = {}
        self.refused = []

    def run(self):
        for i in range(100000):
            name = f"w{self.number}-{i}"
            try:
                status, answer = self.api.ask("POST", CONFIG_MAPS, objects.config_map(name, {"value": f"{name} {'x' * 200}"}))
            except OSError:
                return
            except Exception as error:  # pylint: disable=broad-except  # http.client has many words for "gone"
                if type(error).__module__ == "http.client":
                    return
                raise
            if status == 201:
                self.acknowledged[name] = answer["metadata"]
            else:
                self.refused.append(answer)


def test_a_cloud_hub_killed_under_write_load_loses_no_acknowledged_write():
    with World(edges=0) as world:
        cloud = world.cloud
        cloud.start_hub()
        context = admin_context(cloud)
        acknowledged = {}
        for turn in range(3):
            writers = [Writer(world, f"{turn}-{i}", context) for i in range(8)]
            for writer in writers:
                writer.start()
            wait.until("writes are flowing", lambda w=writers: all(len(x.acknowledged) >= 20 for x in w), 60, 0.01)
            cloud.hub.kill()
            for writer in writers:
                writer.join(30)
                assert not writer.is_alive() and not writer.refused, writer.refused[:1]
                acknowledged.update(writer.acknowledged)
            cloud.start_hub()
            found = {}
            api = Api(cloud, cloud, context)
            proceed = ""
            while True:
                status, answer = api.ask("GET", f"{CONFIG_MAPS}?limit=500{proceed}")
                assert status == 200, answer
                found.update({item["metadata"]["name"]: item for item in answer["items"]})
                if not answer["metadata"].get("continue"):
                    break
                proceed = "&continue=" + answer["metadata"]["continue"]
            for name, metadata in acknowledged.items():
                assert name in found, f"{name} was acknowledged and is lost"
                assert found[name]["metadata"]["uid"] == metadata["uid"]
                assert found[name]["metadata"]["resourceVersion"] == metadata["resourceVersion"]
                assert found[name]["data"]["value"].startswith(name + " ")
            # Revisions go on rising: no number is given out twice.
            status, answer = api.ask("POST", CONFIG_MAPS, objects.config_map(f"after-{turn}", {}))
            assert status == 201
            assert int(answer["metadata"]["resourceVersion"]) > max(int(m["resourceVersion"]) for m in acknowledged.values())
        assert len({m["resourceVersion"] for m in acknowledged.values()}) == len(acknowledged)


def ready(world, *names):
    for name in names:
        wait.until(f"{name} ready", lambda n=name: world.running_pod(n))


def copy_store(cloud, to):
    """The store's files of a stopped hub."""
    to.mkdir()
    for file in cloud.data.glob("store.db*"):
        shutil.copy(file, to)


def put_back(cloud, old):
    for file in cloud.data.glob("store.db*"):
        file.unlink()
    for file in old.iterdir():
        shutil.copy(file, cloud.data)


def orphans(cloud):
    listed = cloud.operate("orphan", "list").stdout
    return {name for name in ("early", "adopted", "released", "changed") if name in listed}


def test_a_store_put_back_to_an_older_copy_kills_no_pod_and_the_operator_decides():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.pod("early"))
        ready(world, "early")
        assert cloud.hub.stop() == 0
        copy_store(cloud, world.dir / "old-store")
        cloud.start_hub()
        cloud.apply([objects.config_map("settings", {"mode": "new"}),
                     objects.pod("adopted", containers=[objects.shell_container(
                         "sleep 1000000 & wait", env=[{"name": "MODE", "valueFrom": {"configMapKeyRef": {
                             "name": "settings", "key": "mode"}}}])]),
                     objects.pod("released")])
        ready(world, "adopted", "released")
        uid = cloud.get("pod", "adopted")["metadata"]["uid"]
        running = edge.containers()
        assert len(running) == 3
        assert cloud.hub.stop() == 0
        put_back(cloud, world.dir / "old-store")
        cloud.start_hub()

        # Noticed, shown, and nothing stops.
        wait.until("the node is back", lambda: edge.status()["link"]["state"] == "up", 90)
        wait.until("the cloud shows what it does not know", lambda: orphans(cloud) == {"adopted", "released"}, 60)
        assert edge.status()["replica"]["orphans"] >= 2, "the pods, and what they alone need"
        assert edge.containers() == running
        assert {p["metadata"]["name"] for p in world.pods()} == {"early"}
        wait.holds("nothing stops", lambda: edge.containers() == running, 5)

        # Adopted: it is the same pod again, and its container does not notice.
        cloud.operate("orphan", "adopt", "--node", "edge-1", "--name", "adopted")
        wait.until("it is in the store again", lambda: cloud.get("pod", "adopted")["metadata"]["uid"] == uid, 30)
        wait.until("its status is reported", lambda: world.running_pod("adopted"), 60)
        assert orphans(cloud) == {"released"}
        assert cloud.get("configmap", "settings")["data"] == {"mode": "new"}, "what it needs to start again came with it"
        assert edge.containers() == running

        # Released: the node stops it, and only it.
        cloud.operate("orphan", "release", "--name", "released")
        wait.until("it is stopped", lambda: {c["pod"] for c in edge.containers().values()} == {"early", "adopted"}, 60)
        wait.until("nothing is left to decide", lambda: edge.status()["replica"]["orphans"] == 0 and not orphans(cloud), 30)
        left = {ident for ident, info in running.items() if info["pod"] != "released"}
        assert set(edge.containers()) == left
        wait.until("Ready", lambda: world.node_ready("edge-1"), 90)


def test_an_older_store_is_harmless_across_restarts_of_both_hubs_too():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        assert cloud.hub.stop() == 0
        copy_store(cloud, world.dir / "old-store")
        cloud.start_hub()
        cloud.apply(objects.pod("adopted"))
        ready(world, "adopted")
        running = edge.containers()
        cloud.hub.kill()
        put_back(cloud, world.dir / "old-store")
        cloud.start_hub()
        wait.until("the orphan is shown", lambda: orphans(cloud) == {"adopted"}, 90)
        edge.hub.kill()
        edge.start_hub()
        wait.until("shown again after the edge's restart",
                   lambda: edge.status()["replica"]["orphans"] > 0 and edge.status()["link"]["state"] == "up", 60)
        cloud.hub.kill()
        cloud.start_hub()
        wait.until("shown again after the cloud's restart", lambda: orphans(cloud) == {"adopted"}, 90)
        wait.holds("nothing stops", lambda: edge.containers() == running, 5)


def events_of(world, name, reason):
    return [e for e in world.cloud.get("events")["items"] if e["involvedObject"]["name"] == name and e["reason"] == reason]


def lose_answers(edge):
    """What the cloud says is lost on the way; what the edge sends arrives, and bare TCP acknowledgements come back for it."""
    rules = f"""table inet cut {{
        chain in {{ type filter hook input priority 0; ip saddr {edge.world.cloud.address} ip length > 90 drop; }}
    }}"""
    edge.run(["nft", "-f", "-"], stdin=rules)


def test_a_report_whose_acknowledgement_is_lost_counts_once():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.pod("work"))
        ready(world, "work")
        wait.until("nothing waits at the edge", lambda: edge.status()["outbox"]["entries"] == 0, 30)
        lose_answers(edge)
        edge.kill_inside(next(iter(edge.containers())))
        wait.until("the restart reached the cloud",
                   lambda: cloud.get("pod", "work")["status"]["containerStatuses"][0]["restartCount"] == 1, 30)
        wait.until("its event too", lambda: sum(e["count"] for e in events_of(world, "work", "Started")) == 2, 30)
        assert edge.status()["outbox"]["entries"] > 0, "the acknowledgement was not lost"
        before = {e["metadata"]["name"]: e["metadata"]["resourceVersion"] for e in events_of(world, "work", "Started")}
        # The edge learns of neither and dies: what it resends afterwards comes from its disk.
        edge.hub.kill()
        edge.unblock_cloud()
        edge.start_hub()
        wait.until("connected anew", lambda: edge.status()["link"]["state"] == "up", 90)
        wait.until("all is acknowledged", lambda: edge.status()["outbox"]["entries"] == 0, 60)
        after = {e["metadata"]["name"]: e["metadata"]["resourceVersion"] for e in events_of(world, "work", "Started")}
        assert after == before, (before, after)
        assert cloud.get("pod", "work")["status"]["containerStatuses"][0]["restartCount"] == 1


def test_reports_from_a_time_offline_survive_a_reboot_and_arrive_once():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.pod("work"))
        ready(world, "work")
        world.switch.cut(edge)
        wait.until("the edge knows", lambda: edge.status()["link"]["state"] != "up", 60)
        edge.kill_inside(next(iter(edge.containers())))
        wait.until("back, and the report is kept", lambda: edge.containers() and edge.status()["outbox"]["entries"] > 0, 60)
        waiting = edge.status()["outbox"]["entries"]
        edge.hub.kill()
        edge.start_hub()
        wait.until("the new hub has them", lambda: edge.status()["outbox"]["entries"] >= waiting, 30)
        world.switch.mend(edge)
        wait.until("all is acknowledged", lambda: edge.status()["link"]["state"] == "up"
                   and edge.status()["outbox"]["entries"] == 0, 90)
        assert cloud.get("pod", "work")["status"]["containerStatuses"][0]["restartCount"] == 1
        assert sum(e["count"] for e in events_of(world, "work", "Started")) == 2
        assert edge.status()["outbox"]["refused"] == 0
