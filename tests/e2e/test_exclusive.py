"""What must run only once, from the cloud's side: its name is free when its node has surely stopped it, and not before."""

import pathlib
import time

from harness import objects, wait
from harness.region import Region

T = 8  # seconds, of the region
MARGIN = 10 + T * 5 / 100  # healthcheck/fence.h


class Once(Region):
    """A region in which every node runs a pod that must run only once."""

    def __init__(self, **options):
        super().__init__(edges=3, policy={"fenceAfter": f"{T}s"}, **options)

    def pod(self, edge):
        pod = super().pod(edge)
        pod["metadata"]["annotations"] = {"holdfast.io/exclusive": "true"}
        return pod

    def is_there(self, edge):
        return self.cloud.kubectl("get", "pod", f"on-{edge.name}", check=False).returncode == 0

    def freed(self):
        return [e for e in self.cloud.get("events")["items"] if e["reason"] == "ExclusiveIdentityFreed"]


def is_running(edge, pid):
    try:
        stat = pathlib.Path(f"/proc/{edge.pid}/root/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def freed_after_it_died(world, lost, pid, within):
    """The name becomes free within these seconds, and its process had ended then. When that was, monotonic."""
    ended = []

    def is_free():
        if not is_running(lost, pid):
            ended.append(True)
        return not world.is_there(lost)

    wait.until("the name is free", is_free, within, 0.1)
    assert ended, "it is free, and runs"
    return time.monotonic()


def anew_elsewhere(world, lost, to):
    """The same name on another node, and the machine that had it comes back."""
    name = f"on-{lost.name}"
    pod = world.pod(lost)
    pod["spec"]["nodeName"] = to.name
    world.cloud.apply([pod])
    wait.until("it runs elsewhere", lambda: world.running_pod(name), 60)
    there = [c["pid"] for c in to.containers().values() if c["pod"] == name]
    world.switch.mend(lost)
    wait.until("its old node is back", lambda: world.is_well(lost), 60)
    wait.holds("it runs there and nowhere else", lambda: not any(
        c["pod"] == name for c in lost.containers().values()) and all(is_running(to, pid) for pid in there), 5)
    assert len(there) == 1, there


def test_a_name_is_free_when_its_node_has_stopped_it():
    with Once() as world:
        lost, other = world.edges[:2]
        pid, = world.running[lost.name].values()
        began = time.monotonic()
        world.switch.cut(lost)
        took = freed_after_it_died(world, lost, pid, T + MARGIN + 25) - began
        assert took > T + MARGIN - 3, took  # a ping, and what the words of its neighbours had to wait
        assert len(world.freed()) == 1, world.freed()
        anew_elsewhere(world, lost, other)


def test_a_cloud_that_was_restarted_waits_anew():
    with Once() as world:
        lost, other = world.edges[:2]
        pid, = world.running[lost.name].values()
        world.switch.cut(lost)
        wait.until("it is given up", lambda: world.is_going(f"on-{lost.name}"), 40)
        world.cloud.hub.kill()
        world.cloud.start_hub()
        began = time.monotonic()
        took = freed_after_it_died(world, lost, pid, T + MARGIN + 40) - began
        assert took > T + MARGIN - 3, took
        anew_elsewhere(world, lost, other)


def test_with_the_majority_of_its_region_it_keeps_its_name():
    """Its tunnel is gone, and another member's too: what neighbours see is told by the one that has one."""
    with Once() as world:
        apart = world.edges[0]
        pid, = world.running[apart.name].values()
        apart.block_cloud()
        wait.until("it is cut off", lambda: "CutOff" in world.holds(apart), 30)
        wait.holds("it goes on, under its name", lambda: is_running(apart, pid) and world.stays(apart), T + MARGIN + 5)
        assert not world.freed()
