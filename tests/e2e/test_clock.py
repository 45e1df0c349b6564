"""The clock of a device that nobody visits: no battery, a wrong date, a cloud that errs. Nothing running stops."""

import datetime
import time

from harness import objects, wait
from harness.clock import YEAR, Clock
from harness.machines import BIN, kubectl_binary
from harness.world import World


def ready_pod(world, name):
    return wait.until(f"{name} ready", lambda: world.running_pod(name))


def clock_of(edge):
    return edge.status()["clock"]


def new_boot(edge, number):
    """Power cut and boot, and the kernel says so: the boxes of a test share the host's boot id."""
    edge.reboot()
    boot_id = edge.dir / "boot_id"
    boot_id.write_text(f"00000000-0000-4000-8000-{number:012}\n")
    edge.run(["mount", "--bind", boot_id, "/proc/sys/kernel/random/boot_id"])
    edge.start_containerd()


class Board(World):
    """A cloud and one edge host with a clock of its own; the hub there is not joined yet."""

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.start_hub()
            self.edge = self.edges[0]
            self.clock = Clock(self.edge)
            self.start_edge(self.edge)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self

    def join(self):
        done = self.edge.join(self.cloud.token("--region", self.edge.region))
        self.edge.start_hub()
        wait.until("Ready", lambda: self.node_ready("edge-1"), 60)
        return done

    def link_up(self):
        wait.until("the link is up", lambda: self.edge.status()["link"]["state"] == "up", 60)


def test_a_board_without_a_battery_joins_in_1970_and_runs_pods():
    with Board(edges=1) as world:
        world.clock.to_1970()
        assert "joined as node" in world.join().stdout
        clock = clock_of(world.edge)
        assert clock["state"] == "skewed" and clock["machineAheadSeconds"] < -50 * YEAR, clock
        assert world.condition(world.cloud.get("node", "edge-1"), "ClockSkewed") == "True"
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        before = world.edge.containers()
        for _ in range(2):
            world.edge.hub.stop()
            world.edge.start_hub()
            world.link_up()
        assert world.edge.containers() == before


def test_a_board_that_boots_in_1970_with_the_network_away_runs_its_pods_and_learns_the_time_later():
    with Board(edges=1) as world:
        world.join()
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        assert clock_of(world.edge)["state"] == "checked"
        assert world.condition(world.cloud.get("node", "edge-1"), "ClockSkewed") == "False"
        world.edge.hub.stop()
        world.switch.cut(world.cloud)
        new_boot(world.edge, 1)
        world.clock.to_1970()
        world.edge.start_hub()
        wait.until("the pod runs", lambda: world.edge.containers())
        clock = clock_of(world.edge)
        assert clock["state"] == "unset" and clock["time"] == "", clock
        before = world.edge.containers()
        world.switch.mend(world.cloud)
        world.link_up()
        wait.until("the time is known", lambda: clock_of(world.edge)["state"] == "skewed")
        world.switch.cut(world.cloud)
        world.edge.hub.kill()  # and is not forgotten in this boot
        world.edge.start_hub()
        wait.until("the hub serves", lambda: clock_of(world.edge))
        assert clock_of(world.edge)["state"] == "skewed"
        assert world.edge.containers() == before


def test_a_clock_years_ahead_at_power_on_does_not_lock_the_node_out():
    with Board(edges=1) as world:
        world.join()
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        world.edge.hub.stop()
        new_boot(world.edge, 1)
        world.clock.add(20 * YEAR)  # the certificates of hub and node are past it, and the authority of the nodes too
        world.edge.start_hub()
        world.link_up()
        clock = clock_of(world.edge)
        assert clock["state"] == "skewed" and clock["machineAheadSeconds"] > 19 * YEAR, clock
        wait.until("Ready", lambda: world.node_ready("edge-1"), 60)
        assert "clock-doubted" in world.edge.hub.tail(100)


def test_a_clock_set_by_years_under_a_running_hub_costs_no_container_and_no_link():
    with Board(edges=1) as world:
        world.join()
        world.cloud.apply([objects.pod("work"), *objects.web_app()])
        ready_pod(world, "work")
        wait.until("the page is served", lambda: len(world.pods()) == 2 and all(
            world.condition(pod, "Ready") == "True" for pod in world.pods()))
        before = world.edge.containers()
        connects = world.edge.status()["link"]["connects"]
        for years in (5, -5, 20, -50, 0):
            world.clock.add(years * YEAR)
            wait.until(f"seen at {years} years", lambda years=years: clock_of(world.edge)["state"] == (
                "skewed" if years else "checked"))
            wait.holds("nothing restarts", lambda: world.edge.containers() == before, 2)
            assert world.node_ready("edge-1")
        assert world.edge.status()["link"]["connects"] == connects
        for pod in world.pods():
            assert world.condition(pod, "Ready") == "True", pod
            assert all(c["restartCount"] == 0 for c in pod["status"]["containerStatuses"]), pod


def seconds(stamp):
    return datetime.datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def events_of(world, name, reason):
    return [e for e in world.cloud.get("events")["items"]
            if e["involvedObject"]["name"] == name and e["reason"] == reason]


def restart_offline(world, number, set_clock):
    """A boot with the network away and that clock, in which the container of the pod "work" is killed once; when that was."""
    world.edge.hub.stop()
    new_boot(world.edge, number)
    set_clock()
    world.edge.start_hub()
    old = wait.until("the pod runs", lambda: world.edge.containers())
    then = time.time()
    world.edge.kill_inside(next(iter(old)))
    wait.until("restarted", lambda: world.edge.containers() and set(world.edge.containers()) != set(old))
    return then


def test_events_of_an_offline_board_are_stamped_when_the_time_is_known():
    with Board(edges=1) as world:
        world.join()
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        world.switch.cut(world.cloud)
        restart_offline(world, 1, world.clock.to_1970)
        first_ended = time.time()
        then = restart_offline(world, 2, lambda: world.clock.add(7 * YEAR))
        world.switch.mend(world.cloud)
        world.link_up()
        started = wait.until("three starts are told", lambda: [
            e for e in events_of(world, "work", "Started")] if sum(
                e.get("count", 1) for e in events_of(world, "work", "Started")) >= 5 else None, 60)
        stamps = [seconds(e[name]) for e in started for name in ("firstTimestamp", "lastTimestamp")]
        # The build's date is the earliest that a board without any clock can think of; nothing lies ahead.
        assert all(then - 400 * 86400 < stamp < time.time() + 2 for stamp in stamps), started
        last = [e for e in started if seconds(e["lastTimestamp"]) >= int(then)]
        assert last, (started, then)  # those of the boot in which the cloud told the time are right to the second
        assert not any(e["metadata"].get("annotations") for e in started), started
        pod = world.cloud.get("pod", "work")["status"]
        stamps = [seconds(c["lastTransitionTime"]) for c in pod["conditions"]]
        assert all(stamp < time.time() + 2 for stamp in stamps), pod
        assert first_ended < then
        node = world.cloud.get("node", "edge-1")["status"]
        assert all(seconds(c["lastTransitionTime"]) < time.time() + 2 for c in node["conditions"]), node


def test_a_cloud_whose_clock_jumps_by_years_while_it_runs_costs_nothing_that_runs():
    with World(edges=1) as world:
        clock = Clock(world.cloud)
        edge = world.edges[0]
        world.cloud.start_hub()
        world.start_edge(edge)
        edge.join(world.cloud.token("--region", edge.region))
        edge.start_hub()
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        before, objects_before = edge.containers(), world.cloud.get("events")["items"]
        for years in (5, -5, 0):
            clock.add(years * YEAR)
            received = edge.status()["link"]["bytesIn"]
            wait.until("pongs at that time", lambda r=received: edge.status()["link"]["bytesIn"] > r + 20, 60)
            assert edge.status()["link"]["state"] == "up" and edge.containers() == before
        assert clock_of(edge)["state"] == "checked"
        assert world.node_ready("edge-1") and world.running_pod("work")
        assert {e["metadata"]["name"] for e in objects_before} <= {e["metadata"]["name"] for e in
                                                                  world.cloud.get("events")["items"]}


def test_a_cloud_restarted_years_ahead_and_set_right_again_gets_its_nodes_back():
    with World(edges=1) as world:
        clock = Clock(world.cloud)
        edge = world.edges[0]
        (edge.dir / "holdfast").mkdir(exist_ok=True)
        (edge.dir / "holdfast" / "edge.yaml").write_text("clock:\n  patience: 2s\nlink:\n  backoffMax: 1s\n")
        world.cloud.start_hub()
        world.start_edge(edge)
        edge.join(world.cloud.token("--region", edge.region))
        edge.start_hub("--config", "/var/lib/holdfast/edge.yaml")
        world.cloud.apply(objects.pod("work"))
        ready_pod(world, "work")
        before = edge.containers()
        world.cloud.hub.stop()
        clock.add(3 * YEAR)  # its new certificate begins in three years
        world.cloud.hub = world.cloud.start("cloud-hub", [*world.cloud.under, BIN / "cloud-hub", "run", "--advertise",
                                                          world.cloud.address])
        wait.until("the node goes by the cloud's time", lambda: clock_of(edge)["machineAheadSeconds"] < -2 * YEAR, 60)
        assert edge.containers() == before
        world.cloud.hub.stop()
        clock.add(0)
        world.cloud.start_hub()
        wait.until("the node is back, and knows better", lambda: clock_of(edge)["state"] == "checked", 90)
        wait.until("Ready", lambda: world.node_ready("edge-1"), 60)
        assert edge.containers() == before
        assert all(c["restartCount"] == 0 for c in world.running_pod("work")["status"]["containerStatuses"])


def test_a_clock_that_was_ahead_for_a_while_has_forgotten_no_revocation():
    with World(edges=0) as world:
        clock = Clock(world.cloud)
        world.cloud.start_hub()
        thief = world.cloud.dir / "thief.kubeconfig"
        thief.write_text(world.cloud.operate("user", "create", "thief").stdout)

        def lets_in():
            return world.cloud.run([kubectl_binary(), "--kubeconfig", thief, "auth", "whoami"], check=False).returncode == 0

        assert lets_in()
        world.cloud.operate("user", "revoke", "thief")
        assert not lets_in()
        clock.add(12 * YEAR)  # by now that certificate would be of no use
        world.cloud.operate("user", "create", "other")
        clock.add(0)
        world.cloud.hub.stop()
        world.cloud.start_hub()
        assert not lets_in()
