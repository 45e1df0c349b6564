"""Running work is sacred: what happens to it when the link, the hub, the runtime or the whole machine goes away."""

import signal

from harness import objects, wait
from harness.world import World


# A lost link is judged in seconds; the demo waits for what the defaults say.
HASTY = "tunnel:\n  pingInterval: 2s\nnodes:\n  linkGrace: 6s\n  startGrace: 6s\n"


def ready_pod(world, name):
    return wait.until(f"{name} ready", lambda: world.running_pod(name))


def running(edge, name):
    """Ids of running containers of the pod named so."""
    return {ident for ident, info in edge.containers().items() if info["pod"] == name}


def status_of(world, name):
    return world.cloud.get("pod", name)["status"]


def test_a_process_killed_while_the_link_is_cut_comes_back_and_is_reported_later():
    with World(edges=1, config=HASTY).up() as world:
        edge = world.edges[0]
        world.cloud.apply([objects.pod("work"), objects.pod("other")])
        ready_pod(world, "work"), ready_pod(world, "other")
        other = running(edge, "other")
        world.switch.cut(world.cloud)
        old = running(edge, "work")
        edge.kill_inside(next(iter(old)))
        wait.until("a new container", lambda: running(edge, "work") and running(edge, "work") != old)
        assert running(edge, "other") == other
        wait.until("the node is seen as cut off", lambda: world.condition(world.cloud.get("node", "edge-1"), "Ready")
                   == "Unknown", 120)
        wait.holds("nothing is evicted", lambda: running(edge, "work") and running(edge, "other") == other, 5)
        taints = world.cloud.get("node", "edge-1")["spec"].get("taints", [])
        assert all(taint["effect"] != "NoExecute" for taint in taints), taints
        world.switch.mend(world.cloud)
        wait.until("the restart is known in the cloud",
                   lambda: status_of(world, "work")["containerStatuses"][0]["restartCount"] == 1, 90)
        wait.until("Ready again", lambda: world.node_ready("edge-1"), 90)
        events = [e for e in world.cloud.get("events")["items"]
                  if e["involvedObject"]["name"] == "work" and e["reason"] == "Started"]
        assert sum(e.get("count", 1) for e in events) == 2, events


def test_a_hub_killed_while_cut_off_adopts_what_runs():
    with World(edges=1).up() as world:
        edge = world.edges[0]
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        before = edge.containers()
        world.switch.cut(world.cloud)
        for _ in range(3):
            edge.hub.kill()
            edge.start_hub()
            wait.until("the hub serves its state", lambda: edge.status())
        wait.holds("the container stays", lambda: set(edge.containers()) == set(before), 5)
        edge.kill_inside(next(iter(before)))
        wait.until("restarted by the new hub", lambda: running(edge, "work") and set(edge.containers()) != set(before))
        world.switch.mend(world.cloud)
        wait.until("restart reported", lambda: status_of(world, "work")["containerStatuses"][0]["restartCount"] == 1, 90)


def test_a_restarted_containerd_costs_no_container():
    with World(edges=1).up() as world:
        edge = world.edges[0]
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        before = edge.containers()
        edge.containerd.kill()
        wait.until("Ready=False while the runtime is down", lambda: world.condition(
            world.cloud.get("node", "edge-1"), "Ready") == "False", 60)
        edge.start_containerd()
        wait.until("Ready again", lambda: world.node_ready("edge-1"), 60)
        assert edge.containers() == before
        assert status_of(world, "work")["containerStatuses"][0]["restartCount"] == 0


def test_a_host_rebooted_while_cut_off_brings_its_pods_back():
    with World(edges=1).up() as world:
        edge = world.edges[0]
        world.cloud.apply(objects.web_app(page="still here"))
        world.cloud.kubectl("rollout", "status", "ds/web", "--timeout=60s")
        world.switch.cut(world.cloud)
        edge.reboot()
        edge.start_containerd()
        edge.start_hub()

        def served():
            for container in edge.containers().values():
                address = edge.run(["nsenter", f"--target={container['pid']}", "--net", "ip", "-4", "-o", "addr", "show",
                                    "eth0"]).stdout.split()[3].split("/")[0]
                return edge.http(address) == "still here"

        wait.until("the page is served with no cloud", served, 60)
        world.switch.mend(world.cloud)
        wait.until("Ready again", lambda: world.node_ready("edge-1"), 90)
        pod = wait.until("the pod is Ready in the cloud", lambda: next(
            (p for p in world.pods("-l", "app=web") if world.condition(p, "Ready") == "True"), None), 60)
        assert edge.http(pod["status"]["podIP"]) == "still here"


def test_changes_made_meanwhile_arrive_and_only_what_changed_is_touched():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([objects.pod(name) for name in ("kept", "deleted", "replaced", "changed")])
        for name in ("kept", "deleted", "replaced", "changed"):
            ready_pod(world, name)
        before = {name: running(edge, name) for name in ("kept", "deleted", "replaced", "changed")}
        old_uid = cloud.get("pod", "replaced")["metadata"]["uid"]
        world.switch.cut(edge)
        cloud.kubectl("delete", "pod", "deleted", "--wait=false")
        cloud.kubectl("delete", "pod", "replaced", "--grace-period=0", "--force")
        cloud.apply(objects.pod("replaced", node="edge-1"))
        new_uid = cloud.get("pod", "replaced")["metadata"]["uid"]
        assert new_uid != old_uid
        cloud.kubectl("set", "image", "pod/changed", "main=localhost/web:1")
        cloud.apply(objects.pod("added", node="edge-1"))
        wait.holds("nothing happens while cut off", lambda: running(edge, "deleted") == before["deleted"], 3)
        world.switch.mend(edge)
        wait.until("deleted is gone", lambda: not running(edge, "deleted"), 90)
        wait.until("deleted is gone from the API", lambda: "deleted" not in {p["metadata"]["name"] for p in world.pods()})
        wait.until("replaced has its new identity", lambda: {c["uid"] for c in edge.containers().values()
                                                             if c["pod"] == "replaced"} == {new_uid})
        wait.until("changed runs anew", lambda: running(edge, "changed") and running(edge, "changed") != before["changed"])
        ready_pod(world, "added")
        assert running(edge, "kept") == before["kept"]
        assert status_of(world, "kept")["containerStatuses"][0]["restartCount"] == 0


def test_an_edge_hub_stopped_and_started_leaves_everything_running():
    with World(edges=1).up() as world:
        edge = world.edges[0]
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        before = edge.containers()
        assert edge.hub.stop() == 0
        assert edge.containers() == before
        edge.start_hub()
        wait.until("Ready again", lambda: world.node_ready("edge-1"), 60)
        assert edge.containers() == before


def test_a_half_open_link_is_noticed_and_replaced():
    with World(edges=1).up() as world:
        edge = world.edges[0]
        edge.block_cloud()
        wait.until("the edge knows", lambda: edge.status()["link"]["state"] != "up", 60)
        edge.unblock_cloud()
        wait.until("the edge is back", lambda: edge.status()["link"]["state"] == "up", 90)


def test_a_frozen_hub_stops_nothing():
    with World(edges=1, config=HASTY).up() as world:
        edge = world.edges[0]
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        before = edge.containers()
        edge.hub.signal(signal.SIGSTOP)
        wait.until("Ready=Unknown", lambda: world.condition(world.cloud.get("node", "edge-1"), "Ready") == "Unknown", 120)
        edge.hub.signal(signal.SIGCONT)
        wait.until("Ready again", lambda: world.node_ready("edge-1"), 90)
        assert edge.containers() == before
