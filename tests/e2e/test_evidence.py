"""What the cloud makes of a node that it cannot reach: it asks the neighbours, and goes by what they sign."""

import json

from harness import wait
from harness.world import World

CLOUD = "nodes:\n  startGrace: 4s\n  linkGrace: 4s\n"


class Region(World):
    """Nodes of one region without a container runtime, joined and running, that notice a dead tunnel within seconds."""

    def __init__(self, edges):
        super().__init__(edges=edges, config=CLOUD)

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.start_hub()
            for edge in self.edges:
                edge.power_on()
                self.switch.plug(edge, edge.address)
                edge.join(self.cloud.token("--region", edge.region))
                self.run_hub(edge)
            wait.until("all see all", self.all_see_all, 60)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self

    @staticmethod
    def run_hub(edge):
        path = edge.dir / "edge.yaml"
        path.write_text("link:\n  pingInterval: 2s\n")
        edge.start_hub("--config", path)

    def all_see_all(self):
        return all(m["view"] in ("self", "alive") for edge in self.edges for m in edge.status()["health"]["members"]) and \
            all(len(edge.status()["health"]["members"]) == len(self.edges) for edge in self.edges)

    def said(self, node):
        """The condition types that hold, and the taints, of a node."""
        item = self.cloud.get("node", node)
        holds = {c["type"] for c in item["status"].get("conditions", []) if c["status"] == "True"}
        return holds, {(t["key"].split("/")[-1], t["effect"]) for t in item["spec"].get("taints", [])}

    def verdicts(self, node):
        items = self.cloud.get("verdicts")["items"]
        return {v["spec"]["voter"]: v["spec"]["word"] for v in items if v["spec"]["subject"] == node}


def pod(name, node):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "localhost/none:1"}]}}


def deleting(cloud, name):
    return "deletionTimestamp" in cloud.get("pod", name)["metadata"]


def test_the_dead_the_cut_off_and_the_silent_hub_are_told_apart():
    with Region(edges=4) as world:
        cloud = world.cloud
        one, two, three, four = world.edges
        cloud.kubectl("patch", "region", "east", "--type=merge", "-p", json.dumps(
            {"spec": {"gracePeriod": "1s", "defaultTolerationSeconds": 2, "evictionRate": 600}}))
        cloud.apply([pod(f"on-{edge.name}", edge.name) for edge in world.edges])

        # Its cable to the cloud is cut, its neighbours still see it: nothing there is given up.
        two.block_cloud()
        wait.until("cut off", lambda: "CutOff" in world.said(two.name)[0], 40)
        wait.until("they say so", lambda: set(world.verdicts(two.name).values()) == {"alive"} and len(world.verdicts(two.name)) >= 2, 30)
        assert world.said(two.name)[1] == {("unreachable", "NoSchedule")}

        # Its hub is killed, its host answers: agent down.
        three.hub.kill()
        wait.until("agent down", lambda: "AgentDown" in world.said(three.name)[0], 40)
        assert ("not-ready", "NoSchedule") in world.said(three.name)[1]

        # Its power is gone: all the others say dead, and what ran there goes.
        four.power_off()
        wait.until("given up", lambda: ("unreachable", "NoExecute") in world.said(four.name)[1], 60)
        item = cloud.get("node", four.name)
        assert item["metadata"]["annotations"]["nodeunhealth"] == "yes"
        assert "CutOff" not in world.said(four.name)[0]
        wait.until("its pod goes", lambda: deleting(cloud, "on-edge-4"), 20)
        assert list(world.verdicts(four.name).values()).count("dead") >= 2, world.verdicts(four.name)
        wait.holds("the others' pods stay", lambda: not deleting(cloud, "on-edge-2") and not deleting(cloud, "on-edge-3"), 5)
        rows = [line.split()[:3] for line in cloud.kubectl("get", "verdicts").stdout.splitlines()[1:]]
        assert [four.name, one.name, "dead"] in rows, rows

        # Back again: the cloud takes back what it said.
        four.power_on()
        world.switch.plug(four, four.address)
        world.run_hub(four)
        world.run_hub(three)
        two.unblock_cloud()
        wait.until("all is well", lambda: all(
            not world.said(edge.name)[0] & {"CutOff", "AgentDown", "PeersUnreachable"}
            and not [t for t in world.said(edge.name)[1] if t[1] == "NoExecute"] for edge in world.edges), 60)
        assert "nodeunhealth" not in cloud.get("node", four.name)["metadata"].get("annotations", {})
