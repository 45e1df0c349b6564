"""Self-fencing: a node that is alone stops what must run only once, whatever has become of its hub, and nothing else."""

import json
import pathlib
import signal
import time

from harness import objects, wait
from harness.world import World

T = 8  # seconds, of the region
MARGIN = 10  # healthcheck/fence.h: by then its processes have ended


class Fenced(World):
    """A region of three, of which the first runs pods: one that must run only once, and one that need not."""

    def __init__(self, edges=3):
        super().__init__(edges=edges)

    def __enter__(self):
        super().__enter__()
        try:
            self._start()
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self

    def _start(self):
        self.cloud.start_hub()
        self.node = self.edges[0]
        for edge in self.edges:
            if edge is self.node:
                self.start_edge(edge)
            else:
                edge.power_on()
                self.switch.plug(edge, edge.address)
            (edge.dir / "edge.yaml").write_text("link: {pingInterval: 1s, backoffMax: 2s}\n")
            edge.join(self.cloud.token("--region", edge.region))
            self.run_hub(edge)
        wait.until("they are a region", lambda: self.cloud.kubectl("get", "region", "east", check=False).returncode == 0, 30)
        self.cloud.kubectl("patch", "region", "east", "--type=merge", "-p", json.dumps({"spec": {"fenceAfter": f"{T}s"}}))
        wait.until("the node goes by T", lambda: len(self.edges) < 3 or self.fence()["limitSeconds"] == T, 30)
        wait.until("it is Ready", lambda: self.node_ready(self.node.name), 60)
        once = objects.pod("once", node=self.node.name)
        once["metadata"]["annotations"] = {"holdfast.io/exclusive": "true"}
        self.cloud.apply([once, objects.pod("any", node=self.node.name)])
        wait.until("both run", lambda: self.running_pod("once") and self.running_pod("any"), 60)
        wait.until("all see all", self.all_see_all, 60)

    @staticmethod
    def run_hub(edge):
        edge.start_hub("--config", edge.dir / "edge.yaml")

    def all_see_all(self):
        for edge in self.edges:
            views = {m["name"]: m["view"] for m in edge.status()["health"]["members"] if m["view"] != "self"}
            assert set(views.values()) <= {"alive"} and len(views) == len(self.edges) - 1, (edge.name, views)
        return True

    def fence(self):
        return self.node.status()["fence"]

    def pids(self):
        """{pod: pid} of what runs on the node, as the node counts."""
        return {c["pod"]: c["pid"] for c in self.node.containers().values()}

    def guards(self):
        """The guard processes of the node, as the kernel names them."""
        return [line.split() for line in self.node.run(["ps", "-eo", "pid,rss,args"]).stdout.splitlines() if "fence-guard" in line]


def is_running(world, pid):
    try:
        stat = pathlib.Path(f"/proc/{world.node.pid}/root/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def dies_in_time(world, pid, since):
    """The process ends within T and the margin of the last contact, which was at `since` or up to a ping before."""
    wait.until("its process has ended", lambda: not is_running(world, pid), T + MARGIN - (time.monotonic() - since), 0.02)
    return time.monotonic() - since


def runs_again(world, before):
    wait.until("it runs again", lambda: world.running_pod("once") and world.pids()["once"] != before, 40)


def test_cut_off_it_stops_what_must_run_only_once_and_nothing_else():
    with Fenced() as world:
        before = world.pids()
        assert world.fence()["state"] == "open" and world.fence()["guard"] and len(world.guards()) == 1, world.guards()
        world.switch.cut(world.node)
        took = dies_in_time(world, before["once"], time.monotonic())
        assert took > T - 3, took  # not before its time: a ping a second
        assert is_running(world, before["any"])
        assert world.fence()["state"] == "closed"
        wait.until("nothing is left to guard", lambda: not world.guards(), 10)
        wait.holds("it stays so", lambda: "once" not in world.pids(), 5)
        pod = world.node.run(["curl", "-sS", "--unix-socket", "/var/lib/holdfast/edge/edge.sock",
                              "http://edge/api/v1/namespaces/default/pods/once"]).stdout
        assert json.loads(pod)["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "Fenced", pod
        world.switch.mend(world.node)
        runs_again(world, before["once"])
        assert world.pids()["any"] == before["any"]
        wait.until("its restart is counted", lambda: world.cloud.get("pod", "once")["status"]["containerStatuses"][0]["restartCount"] == 1, 20)
        wait.until("the cloud was told", lambda: {"Fenced", "Unfenced"} <= {
            event["reason"] for event in world.cloud.get("events")["items"]}, 20)


def test_with_most_of_its_region_it_goes_on_without_the_cloud():
    with Fenced() as world:
        before = world.pids()
        world.node.block_cloud()
        wait.holds("it goes on", lambda: is_running(world, before["once"]), 3 * T)
        assert world.fence()["state"] == "open", world.fence()
        assert world.node.status()["link"]["state"] != "up"
        world.edges[1].power_off()  # with the other one they are still two of three
        wait.holds("it goes on", lambda: is_running(world, before["once"]), T + MARGIN)
        world.edges[2].power_off()
        dies_in_time(world, before["once"], time.monotonic())
        assert is_running(world, before["any"])


def test_after_a_reboot_it_waits_for_the_cloud():
    with Fenced() as world:
        world.switch.cut(world.node)
        world.node.power_off()
        world.node.power_on()
        world.node.start_containerd()
        world.run_hub(world.node)
        wait.until("the other one runs", lambda: "any" in world.pids(), 30)
        wait.holds("this one does not", lambda: "once" not in world.pids(), T)
        world.switch.plug(world.node, world.node.address)
        wait.until("it runs", lambda: "once" in world.pids(), 30)


def test_a_region_that_lost_its_power_comes_back_whole_without_the_cloud():
    with Fenced() as world:
        wait.until("what it goes by is kept", lambda: "settled" in (world.node.data / "fence").read_text(), 20)
        # Its last roster is everybody's: keys of before have gone, and nothing was given away since.
        wait.until("it is the newest", lambda: (world.node.data / "fence").read_text().split()[3] ==
                   str(world.cloud.get("region", "east")["status"]["roster"]["version"]), 40)
        world.switch.cut(world.cloud)
        for edge in world.edges:
            edge.reboot()
        world.node.start_containerd()
        for edge in world.edges:
            world.run_hub(edge)
        wait.until("both run", lambda: set(world.pids()) == {"once", "any"}, 60)
        assert world.node.status()["link"]["state"] != "up" and world.fence()["state"] == "open"


def test_what_a_hung_or_dead_hub_cannot_end_the_guard_ends():
    with Fenced() as world:
        node = world.node
        for end in (signal.SIGSTOP, signal.SIGKILL):
            before = world.pids()
            node.hub.signal(end)
            dies_in_time(world, before["once"], time.monotonic())
            assert is_running(world, before["any"])
            if end == signal.SIGSTOP:
                node.hub.signal(signal.SIGCONT)
            else:
                node.hub.popen.wait()
                world.run_hub(node)
            runs_again(world, before["once"])
            assert world.pids()["any"] == before["any"] and len(world.guards()) == 1, world.guards()


def test_what_a_silent_runtime_does_not_end_the_guard_ends():
    with Fenced() as world:
        before = world.pids()
        world.node.containerd.signal(signal.SIGSTOP)
        world.switch.cut(world.node)
        dies_in_time(world, before["once"], time.monotonic())
        assert is_running(world, before["any"])
        world.node.containerd.signal(signal.SIGCONT)
        world.switch.mend(world.node)
        runs_again(world, before["once"])


def test_one_that_its_hub_has_forgotten_is_guarded_on():
    with Fenced() as world:
        before = world.pids()
        world.switch.cut(world.node)
        since = time.monotonic()
        world.node.hub.kill()
        for path in world.node.data.glob("replica.db*"):
            path.unlink()
        world.run_hub(world.node)
        wait.until("it knows of no pod", lambda: world.node.status()["pods"]["count"] == 0, 10)
        dies_in_time(world, before["once"], since)
        assert is_running(world, before["any"])
        world.switch.mend(world.node)
        runs_again(world, before["once"])
        assert world.pids()["any"] == before["any"]


def test_a_restarted_hub_leaves_it_running_and_guarded():
    with Fenced() as world:
        node, before = world.node, world.pids()
        guard = world.guards()
        for end in (signal.SIGKILL, signal.SIGTERM):
            node.hub.signal(end)
            node.hub.popen.wait()
            assert world.guards()[0][0] == guard[0][0]
            world.run_hub(node)
            wait.until("it is back", lambda: world.fence()["state"] == "open" and world.fence()["guard"], 20)
            wait.holds("it goes on", lambda: world.pids() == before, 3)
            assert [row[0] for row in world.guards()] == [guard[0][0]], world.guards()
        node.run(["kill", "-9", guard[0][0]])
        wait.until("there is another", lambda: world.guards() and world.guards()[0][0] != guard[0][0], 20)
        # One of another release goes by another record: it is replaced.
        guard = world.guards()
        node.run(["sh", "-c", "for lock in /run/holdfast/fence-*.guard; do echo 0 > $lock; done"])
        wait.until("there is one of this release", lambda: world.guards() and world.guards()[0][0] != guard[0][0], 20)
        assert world.pids() == before
        text = node.run([*node.program, "status"]).stdout
        assert "fencing   open for" in text and "NOT GUARDED" not in text, text
        world.cloud.kubectl("delete", "pod", "once")
        wait.until("nothing is left to guard", lambda: not world.guards(), 20)


def test_where_nobody_takes_its_place_a_node_keeps_what_it_has():
    with Fenced(edges=1) as world:
        before = world.pids()
        wait.until("the cloud knows", lambda: world.fence()["state"] == "off", 30)
        assert not world.guards()
        world.switch.cut(world.node)
        wait.holds("it goes on", lambda: world.pids() == before, T + MARGIN)
        world.node.power_off()
        world.node.power_on()
        world.node.start_containerd()
        world.run_hub(world.node)
        wait.until("it runs with every cable pulled", lambda: set(world.pids()) == {"once", "any"}, 30)
