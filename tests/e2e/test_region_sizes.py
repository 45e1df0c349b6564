"""Regions of one, two, three and seven nodes: how many have to say that a node is dead, and what happens where nobody can."""

from harness import wait
from harness.region import Region, UNREACHABLE


def given_up(world, edge):
    return (UNREACHABLE, "NoExecute") in world.taints(edge)


def cut_off(world, edge):
    """Why, as the condition has it; None when it is not."""
    condition = world.conditions(edge).get("CutOff", {})
    return condition.get("reason") if condition.get("status") == "True" else None


def test_alone_or_with_one_neighbour_nobody_is_given_up_unless_the_operator_says_so():
    with Region(edges=3, regions=("one", "two", "two"), runtime=False) as world:
        hermit, left, lost = world.edges
        for edge in (hermit, lost):
            world.switch.cut(edge)
        wait.until("cut off", lambda: cut_off(world, hermit) and cut_off(world, lost), 60)
        assert "no neighbours" in world.conditions(hermit)["CutOff"]["message"], world.conditions(hermit)
        # The one neighbour says dead, which is one voice and no majority.
        wait.until("it is heard", lambda: cut_off(world, lost) == "NeighboursUndecided", 30)
        message = world.conditions(lost)["CutOff"]["message"]
        assert f"dead: {left.name}" in message and "1 of 1 neighbours heard" in message, message
        wait.holds("nothing goes", lambda: not world.is_going(f"on-{hermit.name}") and not world.is_going(f"on-{lost.name}"), 5, 0.5)
        for name in ("one", "two"):
            world.set_policy(name, {"smallPolicy": "evict", "darkAfter": "1s"})
        wait.until("they go", lambda: world.is_going(f"on-{hermit.name}") and world.is_going(f"on-{lost.name}"), 30)
        assert not world.is_going(f"on-{left.name}")


def test_of_three_both_others_have_to_say_so():
    with Region(edges=3, runtime=False) as world:
        one, two, three = world.edges
        # One of them reaches the third over the LAN, the other does not; its tunnel is down: one voice each way.
        three.block_cloud()
        three.run(["nft", "-f", "-"], stdin=f"""table inet deaf {{
            chain in {{ type filter hook input priority 0; ip saddr {one.address} drop; }}
            chain out {{ type filter hook output priority 0; ip daddr {one.address} drop; }}
        }}
        """)
        wait.until("cut off", lambda: cut_off(world, three), 60)
        wait.holds("nothing goes", lambda: cut_off(world, three) and not world.is_going(f"on-{three.name}"), 8, 0.5)
        world.switch.cut(three)
        wait.until("both say dead", lambda: given_up(world, three), 60)
        message = world.conditions(three)["Ready"]["message"]
        assert one.name in message and two.name in message and "2 of 2 neighbours heard" in message, message


def test_of_seven_three_can_be_given_up_and_four_at_once_cannot():
    with Region(edges=7, runtime=False) as world:
        lost = world.edges[4:]
        for edge in lost:
            world.switch.cut(edge)
        wait.until("four of six say so", lambda: all(given_up(world, edge) for edge in lost), 90)
        wait.until("their pods go", lambda: all(world.is_going(f"on-{edge.name}") for edge in lost), 30)
        for edge in lost:
            world.switch.mend(edge)
        wait.until("all is well", lambda: not any(given_up(world, edge) or cut_off(world, edge) for edge in world.edges), 90)
        wait.until("all see all", world.all_see_all, 60)

        # Four at once: three voices of six are left, and it may be the three that are cut off.
        lost = world.edges[:4]
        for edge in lost:
            world.switch.cut(edge)
        wait.until("cut off", lambda: all(cut_off(world, edge) == "NeighboursUndecided" for edge in lost), 90)
        wait.holds("nothing goes", lambda: not any(world.is_going(f"on-{edge.name}") for edge in lost), 8, 1)
