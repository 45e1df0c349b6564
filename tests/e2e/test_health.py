"""Neighbours watch each other: what a region sees of its members, with and without the cloud, and what strangers can do about it."""

import signal
import sys

from harness import figures, wait
from harness.machines import BIN
from harness.world import World

PORT = 51005


class Region(World):
    """Nodes without a container runtime, joined and running: the health of neighbours needs none."""

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.start_hub()
            for edge in self.edges:
                edge.power_on()
                self.switch.plug(edge, edge.address)
                edge.join(self.cloud.token("--region", edge.region))
                edge.start_hub()
            wait.until("all see all", self.all_see_all, 60)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self

    def all_see_all(self):
        """Every running node sees every node of its region alive."""
        for edge in self.edges:
            here = [other.name for other in self.edges if other.region == edge.region and other is not edge]
            assert views(edge) == {name: "alive" for name in here}, (edge.name, views(edge))
        return True


def health(edge):
    return edge.status()["health"]


def views(edge):
    return {m["name"]: m["view"] for m in health(edge)["members"] if m["view"] != "self"}


def metric(edge, name):
    done = edge.run(["curl", "-sS", "--fail", "--unix-socket", "/var/lib/holdfast/edge/edge.sock", "http://edge/metrics"])
    return figures.read(done.stdout)[f"holdfast_health_{name}"]


def seen_as(observers, subject, view, timeout=40):
    wait.until(f"{subject.name} is {view} for {[o.name for o in observers]}",
               lambda: all(views(o)[subject.name] == view for o in observers), timeout)


def test_regions_of_1_2_and_7_see_their_own_members_and_no_others():
    with Region(edges=10, regions=["one"] + ["two"] * 2 + ["seven"] * 7) as world:
        for edge in world.edges:
            assert health(edge)["region"] == edge.region, health(edge)
            alone = edge.region == "one"  # nobody to share a key with
            assert health(edge)["keyGeneration"] >= (0 if alone else 1) and health(edge)["listening"], health(edge)
        text = world.edges[-1].run([BIN / "edge-hub", "status"]).stdout
        assert "region    seven, 7 members" in text and "reaches the cloud" in text, text


def test_a_dead_hub_a_dead_machine_and_their_return():
    with Region(edges=3) as world:
        one, two, three = world.edges
        three.hub.kill()
        seen_as([one, two], three, "agent-down")
        three.power_off()
        seen_as([one, two], three, "dead")
        three.power_on()
        world.switch.plug(three, three.address)
        three.start_hub()
        wait.until("all see all", world.all_see_all)


def test_with_the_cloud_away_neighbours_go_on_also_after_a_reboot():
    with Region(edges=3) as world:
        one, two, three = world.edges
        three.block_cloud()
        wait.until("the others know that it has no tunnel",
                   lambda: not next(m for m in health(one)["members"] if m["name"] == three.name)["tunnel"], 60)
        world.all_see_all()
        world.switch.cut(world.cloud)
        two.reboot()
        seen_as([one, three], two, "dead")
        two.start_hub()
        wait.until("all see all", world.all_see_all)
        assert health(two)["majority"] and health(two)["rosterVersion"] > 0


def test_a_hub_that_stands_still_is_agent_down_and_blames_nobody_when_it_goes_on():
    with Region(edges=3) as world:
        one, two, three = world.edges
        three.hub.signal(signal.SIGSTOP)
        seen_as([one, two], three, "agent-down")
        three.hub.signal(signal.SIGCONT)
        wait.until("all see all", world.all_see_all)
        log = three.hub.log.read_text()
        assert "state=dead" not in log and "state=agent-down" not in log, log


def test_where_udp_is_dropped_tcp_keeps_a_member_alive():
    with Region(edges=3) as world:
        one, two, three = world.edges
        rules = f"""table inet noudp {{
            chain in {{ type filter hook input priority 0; udp dport {PORT} drop; }}
            chain out {{ type filter hook output priority 0; udp dport {PORT} drop; }}
        }}
        """
        before = metric(one, "tcp_probes_total")
        three.run(["nft", "-f", "-"], stdin=rules)
        wait.until("TCP is used", lambda: metric(one, "tcp_probes_total") > before + 3)
        wait.holds("all see all", world.all_see_all, 15)


RECORD = """
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
s.settimeout(30)
found = []
while len(found) < 20:
    frame = s.recv(65536)
    if len(frame) > 42 and frame[12:14] == b"\\x08\\x00" and frame[23] == 17 and frame[36:38] == struct.pack("!H", 51005):
        found.append(frame[42:42 + struct.unpack("!H", frame[38:40])[0] - 8].hex())
print("\\n".join(found))
"""

ATTACK = """
import random, socket, sys, time
random.seed(4)
recorded = [bytes.fromhex(line) for line in sys.stdin.read().split()]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for turn in range(40):
    for target in sys.argv[1:]:
        for datagram in recorded:
            s.sendto(datagram, (target, 51005))
            forged = bytearray(datagram)
            forged[random.randrange(len(forged))] ^= 1 << random.randrange(8)
            s.sendto(bytes(forged), (target, 51005))
        s.sendto(random.randbytes(random.randrange(1400)), (target, 51005))
        with socket.create_connection((target, 51005), 5) as t:
            t.sendall(random.randbytes(64))
    time.sleep(0.05)
"""


def test_forged_replayed_and_tampered_datagrams_change_nothing():
    with Region(edges=4, regions=["east", "east", "east", "intruders"]) as world:
        members, intruder = world.edges[:3], world.edges[3]
        recorded = world.switch.run([sys.executable, "-c", RECORD]).stdout
        intruder.run([sys.executable, "-c", ATTACK, *[m.address for m in members]], stdin=recorded)
        world.all_see_all()
        for member in members:
            assert metric(member, 'refused_total{reason="replayed"}') > 10
            assert metric(member, 'refused_total{reason="forged"}') > 10
            log = member.hub.log.read_text()
            assert "was=alive" not in log, log  # nobody was ever anything else
