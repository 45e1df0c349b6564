"""The decision table of docs/health.md, row by row, with pods that run: what the cloud says of a node, and what becomes of its pods."""

import json
import signal

from harness import figures, objects, wait
from harness.machines import TOOLS, kubectl_binary
from harness.region import NOT_READY, UNREACHABLE, Region, leave_lan, return_to_lan


def records(cloud):
    return [json.loads(line) for line in (cloud.data / "audit" / "audit.log").read_text().splitlines()]


def test_what_is_said_of_nodes_that_are_gone_in_different_ways_and_what_becomes_of_their_pods():
    with Region(edges=5) as world:
        one, two, three, four, five = world.edges
        for edge in world.edges:  # tunnel up, seen alive
            assert world.is_well(edge), world.node(edge)

        watch = world.cloud.start("verdicts", [kubectl_binary(), "--kubeconfig", world.cloud.kubeconfig, "get", "verdicts", "--watch",
                                              "--output-watch-events", "--field-selector", f"spec.subject={five.name}"])

        three.block_cloud()       # tunnel down, alive to its neighbours
        wait.until("cut off", lambda: world.conditions(three).get("CutOff", {}).get("reason") == "NeighboursSeeIt", 40)
        assert "alive: edge-" in world.conditions(three)["CutOff"]["message"]
        four.hub.kill()           # tunnel down, its hub does not answer, its host does
        world.switch.cut(five)    # tunnel down, dead to its neighbours; what runs there goes on unseen
        wait.until("given up", lambda: (UNREACHABLE, "NoExecute") in world.taints(five), 60)
        wait.until("agent down", lambda: "AgentDown" in world.holds(four), 40)

        assert world.conditions(three)["Ready"]["status"] == "Unknown" and world.taints(three) == {(UNREACHABLE, "NoSchedule")}
        assert world.conditions(four)["Ready"]["status"] == "False" and world.taints(four) == {(NOT_READY, "NoSchedule")}
        assert world.conditions(five)["Ready"]["reason"] == "DeclaredDead"
        assert world.node(five)["metadata"]["annotations"]["nodeunhealth"] == "yes" and "CutOff" not in world.holds(five)

        # Each says why, and who says so.
        message = world.conditions(five)["Ready"]["message"]
        assert "dead: edge-" in message and "saw it" in message and "of 4 neighbours heard" in message, message
        assert "agent-down: edge-" in world.conditions(four)["AgentDown"]["message"]
        for kubectl in (TOOLS / "kubectl-1.32", TOOLS / "kubectl-1.20"):
            text = world.cloud.kubectl("describe", "node", five.name, binary=kubectl if kubectl.exists() else None).stdout
            for reason in ("NodeNotReady", "DeclaredDead", "Evicting"):
                assert reason in text.split("Events:")[1], text
        assert {"CutOff", "NodeNotReady"} <= set(world.events(three)) and "Evicting" not in world.events(three)
        assert "AgentDown" in world.events(four)

        # Only the dead one's pod goes, and it runs on where it is until the cloud can say so.
        wait.until("its pod goes", lambda: world.is_going("on-edge-5"), 20)
        wait.holds("the others stay", lambda: all(world.stays(edge) for edge in (one, two, three, four)), 5, 1)
        assert world.containers(five) == world.running[five.name]

        # Who says what can be listed, and watched as it is said.
        rows = [line.split() for line in world.cloud.kubectl("get", "verdicts", "--field-selector",
                                                             f"spec.subject={five.name}").stdout.splitlines()[1:]]
        assert rows and all(row[0] == five.name and row[2] == "dead" for row in rows), rows
        for verdict in world.cloud.get("verdicts", "--field-selector", f"spec.subject={five.name}")["items"]:
            assert verdict["metadata"]["creationTimestamp"] <= verdict["spec"]["since"] <= verdict["spec"]["heard"], verdict
        told = watch.log.read_text()
        assert "ADDED" in told and "MODIFIED" in told and told.count(" dead ") > len(rows), told

        # It is counted, and what it rests on is on record.
        counted = figures.read(world.cloud.kubectl("get", "--raw", "/metrics").stdout)
        assert counted['holdfast_region_members{region="east"}'] == 5
        words = {word: counted[f'holdfast_region_members_disconnected{{region="east",word="{word}"}}']
                 for word in ("dead", "agent-down", "alive", "undecided", "silent")}
        # Of the third's four electors two are gone by now: no majority sees it alive any more, and none is needed.
        assert words["dead"] == words["agent-down"] == 1 and words["alive"] + words["undecided"] == 1, words
        assert counted['holdfast_region_evictions_begun_total{region="east"}'] == 1
        assert counted['holdfast_region_verdicts_forged_total{region="east"}'] == 0
        judged = [line for line in records(world.cloud) if line["verb"] == "judge" and line["objectRef"]["name"] == five.name]
        dead = next(line["annotations"] for line in judged if ": dead, was" in line["annotations"]["holdfast.io/reason"])
        assert len(dead["holdfast.io/evidence"].split(",")) >= 3, dead

        # All come back: nothing was restarted, and what was moved away is stopped.
        three.unblock_cloud()
        world.run_hub(four)
        world.switch.mend(five)
        wait.until("its pod is gone", lambda: not world.containers(five), 60)
        for edge in world.edges:
            wait.until(f"{edge.name} is well", lambda e=edge: world.is_well(e), 60)
        for edge in (one, two, three, four):
            assert world.stays(edge), (edge.name, world.containers(edge), world.running[edge.name])
        assert {"NodeReady", "EvictionEnded"} <= set(world.events(five)), world.events(five)
        wait.until("nothing is said of it any more", lambda: watch.log.read_text().count("DELETED") == len(
            {line.split()[2] for line in watch.log.read_text().splitlines() if line.startswith("ADDED")}), 30)
        assert watch.alive()


def test_a_node_whose_lan_is_cut_off_is_said_to_be_isolated_and_keeps_all_it_has():
    with Region(edges=3) as world:
        two = world.edges[1]
        leave_lan(two)  # tunnel up, dead to its neighbours
        wait.until("isolated", lambda: "PeersUnreachable" in world.holds(two), 60)
        message = world.conditions(two)["PeersUnreachable"]["message"]
        assert "dead: edge-" in message and "2 of 2 neighbours heard" in message, message
        wait.holds("nothing happens to it", lambda: world.node_ready(two.name) and not world.taints(two) and world.stays(two), 5, 1)
        return_to_lan(two)
        wait.until("its neighbours see it", lambda: world.is_well(two), 40)
        assert {"PeersUnreachable", "PeersReachable"} <= set(world.events(two)) and world.stays(two)


def test_a_dark_region_and_a_restarted_cloud_give_up_nobody():
    with Region(edges=3) as world:
        one, two, three = world.edges
        # Nobody of the region reaches the cloud: a cable of the provider, most likely.
        for edge in world.edges:
            edge.block_cloud()
        for edge in world.edges:
            wait.until("dark", lambda e=edge: world.conditions(e).get("CutOff", {}).get("reason") == "NeighboursSilent", 40)
        assert all(world.taints(edge) == {(UNREACHABLE, "NoSchedule")} for edge in world.edges)

        # The cloud starts anew meanwhile, and one comes back before it judges: it says what it sees of the others.
        world.cloud.hub.kill()
        one.unblock_cloud()
        world.cloud.start_hub()
        assert all("CutOff" in world.holds(edge) for edge in (two, three))
        wait.until("it is well", lambda: world.is_well(one), 40)
        wait.until("it sees them", lambda: all(world.conditions(e)["CutOff"]["reason"] in ("NeighboursSeeIt", "NeighboursUndecided")
                                               for e in (two, three)), 40)
        assert all(world.stays(edge) for edge in world.edges)

        # An operator who would rather have dark regions emptied says so.
        one.block_cloud()
        wait.until("dark again", lambda: world.conditions(two)["CutOff"]["reason"] == "NeighboursSilent", 60)
        wait.holds("held", lambda: all(world.stays(edge) for edge in world.edges), 3, 1)
        world.cloud.kubectl("patch", "region", "east", "--type=merge", "-p",
                            json.dumps({"spec": {"darkPolicy": "evict", "darkAfter": "1s"}}))
        wait.until("emptied", lambda: all(world.is_going(f"on-{edge.name}") for edge in world.edges), 40)


def test_pods_go_when_they_said_they_would_and_stay_when_their_node_is_back_in_time():
    with Region(edges=4, policy={"defaultTolerationSeconds": 12}) as world:
        four = world.edges[3]
        bears = {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute"}
        pods = {"hurried": [{**bears, "tolerationSeconds": 1}], "patient": [{**bears, "tolerationSeconds": 600}], "loyal": [bears]}
        world.cloud.apply([objects.pod(name, four.name, tolerations=tolerations) for name, tolerations in pods.items()])
        for name in pods:
            wait.until(f"{name} runs", lambda n=name: world.running_pod(n), 60)
        before = world.containers(four)
        world.switch.cut(four)
        wait.until("given up", lambda: (UNREACHABLE, "NoExecute") in world.taints(four), 60)
        wait.until("the hurried goes", lambda: world.is_going("hurried"), 10)
        assert not any(world.is_going(name) for name in ("on-edge-4", "patient", "loyal"))
        assert world.containers(four) == before

        # It is back before the others' time is over: only what the cloud gave up is stopped.
        world.switch.mend(four)
        wait.until("well", lambda: world.is_well(four), 60)
        wait.until("one is stopped", lambda: len(world.containers(four)) == 3, 30)
        assert world.containers(four).items() <= before.items()
        assert "hurried" not in {p["metadata"]["name"] for p in world.pods()}

        # The second time it stays away: the region's default ends, the patient and the loyal stay.
        world.switch.cut(four)
        wait.until("the default ends", lambda: world.is_going("on-edge-4"), 90)
        assert not world.is_going("patient") and not world.is_going("loyal")


def test_nodes_that_die_together_are_emptied_one_after_the_other():
    with Region(edges=5, policy={"evictionRate": 6}) as world:
        lost = world.edges[3:]
        for edge in lost:
            world.switch.cut(edge)
        wait.until("both are dead", lambda: all(world.conditions(e)["Ready"]["reason"] == "DeclaredDead" for e in lost), 60)
        begun = lambda: [e.name for e in lost if (UNREACHABLE, "NoExecute") in world.taints(e)]
        wait.until("one is begun with", begun, 20)
        assert len(begun()) == 1
        wait.until("and then the other", lambda: len(begun()) == 2, 20)
        wait.until("both are emptied", lambda: all(world.is_going(f"on-{e.name}") for e in lost), 20)


def test_a_hub_that_stands_still_is_agent_down_and_goes_on_where_it_was():
    with Region(edges=3) as world:
        three = world.edges[2]
        three.hub.signal(signal.SIGSTOP)
        wait.until("agent down", lambda: "AgentDown" in world.holds(three), 60)
        wait.holds("its pod stays", lambda: world.stays(three), 5, 1)
        three.hub.signal(signal.SIGCONT)
        wait.until("well", lambda: world.is_well(three), 60)
        assert world.stays(three)
