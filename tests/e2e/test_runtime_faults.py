"""The container runtime is absent, hangs, or dies: the node says so, loses nothing, and goes on when it is back."""

import signal

from harness import images, objects, wait
from harness.world import World


def ready_condition(world, name="edge-1"):
    return next(c for c in world.cloud.get("node", name)["status"].get("conditions", []) if c["type"] == "Ready")


def not_ready_with_reason(world):
    condition = ready_condition(world)
    return condition["status"] == "False" and condition["reason"] and condition["message"]


def ready(world, *names):
    for name in names:
        wait.until(f"{name} ready", lambda n=name: world.running_pod(n), 90)


def test_a_hub_that_starts_before_the_runtime_waits_for_it():
    with World(edges=1) as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.start_hub()
        images.build(world.images, images.STANDARD)
        edge.power_on()
        world.switch.plug(edge, edge.address)
        edge.join(cloud.token("--region", "east"))
        edge.start_hub()
        wait.until("the node says why it is not ready", lambda: not_ready_with_reason(world), 60)
        wait.until("and says it on the spot", lambda: edge.status()["runtime"]["message"], 30)
        assert edge.status()["runtime"]["up"] is False
        assert edge.status()["link"]["state"] == "up"
        cloud.apply(objects.pod("early", node="edge-1"))
        wait.until("the pod is known to the node", lambda: edge.status()["pods"]["count"] == 1, 30)
        edge.start_containerd()
        wait.until("Ready", lambda: world.node_ready("edge-1"), 60)
        ready(world, "early")
        assert cloud.get("node", "edge-1")["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://")


def test_a_runtime_that_hangs_is_noticed_and_forgiven():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([objects.pod("stays"), objects.pod("goes")])
        ready(world, "stays", "goes")
        before = edge.containers()
        edge.containerd.signal(signal.SIGSTOP)
        wait.until("the node says why it is not ready", lambda: not_ready_with_reason(world), 180)
        assert edge.status()["link"]["state"] == "up", "the link does not wait for the runtime"
        # What happens meanwhile is done when it can be.
        cloud.kubectl("delete", "pod", "goes", "--wait=false")
        cloud.apply([objects.pod("new", node="edge-1"), objects.config_map("note", {"a": "1"})])
        edge.containerd.signal(signal.SIGCONT)
        wait.until("Ready again", lambda: world.node_ready("edge-1"), 120)
        ready(world, "new")
        wait.until("the deleted pod is gone", lambda: "goes" not in {p["metadata"]["name"] for p in world.pods()}, 90)
        kept = {ident for ident, info in before.items() if info["pod"] == "stays"}
        assert kept <= set(edge.containers())
        assert cloud.get("pod", "stays")["status"]["containerStatuses"][0]["restartCount"] == 0
        assert len(edge.containers()) == 2


def test_a_runtime_that_dies_again_and_again_costs_no_container():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.pod("stays"))
        ready(world, "stays")
        before = edge.containers()
        for turn in range(3):
            # It dies while a pod is being made.
            cloud.apply(objects.pod(f"new-{turn}", node="edge-1"))
            edge.containerd.kill()
            wait.until("the hub knows", lambda: edge.status()["runtime"]["up"] is False, 60)
            edge.start_containerd()
            ready(world, f"new-{turn}")
        assert set(before) <= set(edge.containers()) and len(edge.containers()) == 4, edge.containers()
        for name in ("stays", "new-0", "new-1", "new-2"):
            assert cloud.get("pod", name)["status"]["containerStatuses"][0]["restartCount"] == 0, name
        wait.until("Ready", lambda: world.node_ready("edge-1"), 60)


def test_a_container_that_dies_while_the_runtime_is_away_is_restarted():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.pod("work"))
        ready(world, "work")
        before = edge.containers()
        ident, info = next(iter(before.items()))
        edge.containerd.kill()
        edge.run(["kill", "-9", str(info["pid"])])
        edge.start_containerd()
        wait.until("a new container", lambda: (now := edge.containers()) and ident not in now, 90)
        wait.until("counted", lambda: cloud.get("pod", "work")["status"]["containerStatuses"][0]["restartCount"] == 1, 60)
        ready(world, "work")


def test_an_image_that_is_not_there_is_said_and_tried_again():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply(objects.pod("hungry", node="edge-1", containers=[objects.shell_container(
            "sleep 1000000 & wait", image="localhost/later:1", imagePullPolicy="IfNotPresent")]))

        def reason():
            return cloud.get("pod", "hungry")["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]

        wait.until("the pod says what it lacks", lambda: reason() in ("ErrImagePull", "ImagePullBackOff"), 60)
        assert world.node_ready("edge-1")
        edge.ctr("images", "tag", "localhost/tool:1", "localhost/later:1")
        wait.until("it runs when the image is there", lambda: world.running_pod("hungry"), 120)
