"""The keys of a region: changed while its members talk and one of them is away, and what who has none of them can do."""

import json
import random
import re
import struct
import sys

from harness import wait
from test_health import RECORD, Region, health, metric

REASONS = ("malformed", "unknown-sender", "unknown-key", "forged", "old-start", "replayed")
GENERATION_AT, SEALED_AT = 4, 56  # of an envelope: healthcheck/envelope.h

SEND = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for line in sys.stdin.read().split():
    for target in sys.argv[1:]:
        s.sendto(bytes.fromhex(line), (target, 51005))
    time.sleep(0.002)
"""


def generation(edge):
    return health(edge)["keyGeneration"]


def generations(cloud):
    keys = json.loads(cloud.kubectl("get", "region", "east", "-o", "json").stdout)["status"]["roster"]["keys"]
    return sorted(key["generation"] for key in keys)


def lost_sight(world):
    """What members logged of others that were given up; a suspicion that is refuted is none."""
    return [line for edge in world.edges for line in edge.hub.log.read_text().splitlines()
            if " view " in line and ("state=dead" in line or "state=agent-down" in line)]


def busy(world):
    """Members probe each other five times as often as they would."""
    world.cloud.kubectl("patch", "region", "east", "--type=merge", "-p",
                        json.dumps({"spec": {"probeInterval": "200ms", "probeTimeout": "150ms"}}))
    before = metric(world.edges[0], "received_total")
    wait.until("they talk", lambda: metric(world.edges[0], "received_total") > before + 50, 30)


def test_a_new_key_reaches_all_while_they_talk_and_one_has_no_tunnel():
    with Region(edges=4) as world:
        cloud, three = world.cloud, world.edges[2]
        busy(world)
        three.block_cloud()
        wait.until("its tunnel is down", lambda: three.status()["link"]["state"] != "up", 60)
        for _ in range(2):
            newest = generations(cloud)[-1]
            cloud.operate("region", "rotate", "east")
            wait.until("there is a new key", lambda n=newest: generations(cloud)[-1] == n + 1, 20)
            wait.until("all have it, the one without a tunnel from its neighbours",
                       lambda n=newest: all(generation(edge) == n + 1 for edge in world.edges), 30)
        # What the absent one has not acknowledged to the cloud is not taken from anybody.
        assert len(generations(cloud)) > 1
        world.all_see_all()
        assert not lost_sight(world), lost_sight(world)
        three.unblock_cloud()
        wait.until("one key is left", lambda: len(generations(cloud)) == 1, 60)
        world.all_see_all()
        assert not lost_sight(world), lost_sight(world)


def test_who_was_away_altogether_while_the_key_changed_is_let_in_again():
    with Region(edges=3) as world:
        cloud, three = world.cloud, world.edges[2]
        before = generation(three)
        world.switch.cut(three)
        wait.until("it is missed", lambda: all(m["view"] == "dead" for edge in world.edges[:2] for m in health(edge)["members"]
                                               if m["name"] == three.name), 60)
        cloud.operate("region", "rotate", "east")
        wait.until("the others have it", lambda: all(generation(edge) > before for edge in world.edges[:2]), 30)
        assert generation(three) == before
        world.switch.mend(three)
        wait.until("all see all", world.all_see_all, 60)
        wait.until("it has it too", lambda: generation(three) > before, 30)
        wait.until("one key is left", lambda: len(generations(cloud)) == 1, 60)


def record(world, mine):
    """Datagrams between members of that region, as the switch saw them."""
    names = {edge.address for edge in mine}
    found = []
    while len(found) < 40:
        for line in world.switch.run([sys.executable, "-c", RECORD_FROM]).stdout.split():
            source, datagram = line.split(":")
            if source in names:
                found.append(bytes.fromhex(datagram))
    return found


# As RECORD, with who sent each.
RECORD_FROM = re.sub(r"found\.append\(", r'found.append(".".join(map(str, frame[26:30])) + ":" + ', RECORD)


def tampered(datagram, at, rng):
    out = bytearray(datagram)
    out[at] ^= 1 << rng.randrange(8)
    return bytes(out)


def test_each_way_to_be_hostile_is_refused_counted_and_without_effect():
    with Region(edges=5, regions=["east", "east", "east", "west", "west"]) as world:
        east, west = world.edges[:3], world.edges[3:]
        rng = random.Random(4)
        yesterday = record(world, east)
        strangers = record(world, west)
        for edge in east:  # another start: what was recorded before is of an earlier one
            assert edge.hub.stop(30) == 0
            edge.start_hub()
            wait.until("all see all", world.all_see_all, 60)
        today = record(world, east)
        unknown = [d[:GENERATION_AT] + struct.pack("!I", 4000 + i) + d[GENERATION_AT + 4:] for i, d in enumerate(today)]
        hostile = today * 2 + yesterday + strangers + unknown + [tampered(d, rng.randrange(SEALED_AT, len(d)), rng) for d in today] + \
            [rng.randbytes(rng.randrange(1, 1400)) for _ in range(40)]
        rng.shuffle(hostile)
        logs = {edge: len(edge.hub.log.read_text()) for edge in east}
        keys = [generation(edge) for edge in east]
        text = "\n".join(d.hex() for d in hostile)
        west[0].run([sys.executable, "-c", SEND, *[edge.address for edge in east]], stdin=text)
        for edge in east:
            counts = {reason: metric(edge, f'refused_total{{reason="{reason}"}}') for reason in REASONS}
            assert all(count >= 10 for count in counts.values()), (edge.name, counts)
            said = edge.hub.log.read_text()[logs[edge]:]
            assert "state=dead" not in said and "state=agent-down" not in said, said
        world.all_see_all()
        assert [generation(edge) for edge in east] == keys


HOLD = """
import socket, sys, time
held = []
for target in sys.argv[1:]:
    for i in range(100):
        try:
            held.append(socket.create_connection((target, 51005), 2))
        except OSError:
            break
print(len(held), flush=True)
time.sleep(3600)
"""


def test_who_takes_all_connections_of_the_health_port_takes_nobodys_life():
    with Region(edges=4, regions=["east", "east", "east", "west"]) as world:
        east, intruder = world.edges[:3], world.edges[3]
        lines = len(lost_sight(world))
        holder = intruder.start("hold", [sys.executable, "-c", HOLD, *[edge.address for edge in east]])
        wait.until("they are taken", lambda: holder.log.read_text().strip(), 60)
        wait.holds("all see all", world.all_see_all, 10)
        assert len(lost_sight(world)) == lines
        for edge in east:
            assert edge.status()["link"]["state"] == "up"
