"""Whose word counts about whom: a region split in two, members without a tunnel, members in maintenance."""

from harness import wait
from harness.region import Region, UNREACHABLE


def given_up(world, edge):
    return (UNREACHABLE, "NoExecute") in world.taints(edge)


def part(here, there):
    """No packet passes between these and those; the cloud is reached by all."""
    addresses = ", ".join(edge.address for edge in there)
    for edge in here:
        edge.run(["nft", "-f", "-"], stdin=f"""table inet parted {{
            chain in {{ type filter hook input priority 0; ip saddr {{ {addresses} }} drop; }}
            chain out {{ type filter hook output priority 0; ip daddr {{ {addresses} }} drop; }}
        }}
        """)


def join_again(here):
    for edge in here:
        edge.run(["nft", "delete", "table", "inet", "parted"])


def test_of_two_halves_that_do_not_see_each_other_the_one_without_the_cloud_is_given_up():
    with Region(edges=6, runtime=False) as world:
        left, right = world.edges[:3], world.edges[3:]
        part(left, right)
        # Each half is dead to the other, three voices of five; and all of them reach the cloud.
        wait.until("all are isolated", lambda: all("PeersUnreachable" in world.holds(edge) for edge in world.edges), 60)
        wait.holds("nothing goes", lambda: not any(given_up(world, edge) for edge in world.edges), 3, 0.5)
        for edge in right:
            edge.block_cloud()
        wait.until("the half without the cloud is given up", lambda: all(given_up(world, edge) for edge in right), 60)
        wait.until("its pods go", lambda: all(world.is_going(f"on-{edge.name}") for edge in right), 30)
        assert not any(given_up(world, edge) or world.is_going(f"on-{edge.name}") for edge in left)
        join_again(left)
        for edge in right:
            edge.unblock_cloud()
        wait.until("all see all", world.all_see_all, 60)
        wait.until("nobody is spoken ill of", lambda: not any(
            world.holds(edge) & {"PeersUnreachable", "CutOff"} or given_up(world, edge) for edge in world.edges), 60)


def test_who_has_no_tunnel_is_heard_through_one_that_has():
    with Region(edges=5, runtime=False) as world:
        mute, lost = world.edges[1:4], world.edges[4]
        for edge in mute:
            edge.block_cloud()
        for edge in mute:
            wait.until("cut off", lambda e=edge: "CutOff" in world.holds(e), 60)
        world.switch.cut(lost)
        wait.until("given up", lambda: given_up(world, lost), 60)
        wait.until("all four are heard", lambda: len(world.cloud.get(
            "verdicts", "--field-selector", f"spec.subject={lost.name}")["items"]) == 4, 30)
        wait.holds("the others stay", lambda: not any(world.is_going(f"on-{edge.name}") for edge in mute), 3, 0.5)


def test_who_is_in_maintenance_neither_votes_nor_is_voted_on():
    with Region(edges=4, runtime=False) as world:
        one, two, three, four = world.edges
        world.cloud.kubectl("annotate", "node", four.name, three.name, "health.holdfast.io/maintenance=true")
        wait.until("said to all", lambda: all(sum(m["maintenance"] for m in e.status()["health"]["members"]) == 2 for e in world.edges), 30)
        world.switch.cut(four)
        wait.until("cut off", lambda: "CutOff" in world.holds(four), 60)
        wait.holds("it is not judged", lambda: not given_up(world, four) and not world.is_going(f"on-{four.name}"), 6, 0.5)

        # Two of four are left that vote: of each other, one; so nobody is given up by one voice.
        world.switch.cut(two)
        wait.until("cut off", lambda: "CutOff" in world.holds(two), 60)
        wait.until("one voice of one", lambda: "1 of 1 neighbours heard" in world.conditions(two)["CutOff"]["message"], 30)
        assert not given_up(world, two)

        # The third is back in office: that makes two.
        world.cloud.kubectl("annotate", "node", three.name, "health.holdfast.io/maintenance-")
        wait.until("given up", lambda: given_up(world, two), 60)
        assert not given_up(world, four)
