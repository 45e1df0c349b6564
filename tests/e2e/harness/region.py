"""region: a region of nodes with pods whose operator is in a hurry: what the cloud says of them, and what becomes of their pods."""

import json

from harness import objects, wait
from harness.world import World

CLOUD = "nodes:\n  startGrace: 4s\n  linkGrace: 4s\n"
FAST = {"gracePeriod": "1s", "defaultTolerationSeconds": 2, "evictionRate": 600}
UNREACHABLE, NOT_READY = "node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"


class Region(World):
    """Nodes with pods, in one region (or several) whose operator is in a hurry; a dead tunnel is noticed within seconds."""

    def __init__(self, edges, policy=None, regions=("east",), runtime=True):
        """policy: of the Regions' spec, beside those of a hurry. runtime: False: nodes without a container runtime, so that pods are bound
        to them and do not run."""
        super().__init__(edges=edges, regions=regions, config=CLOUD)
        self.policy = {**FAST, **(policy or {})}
        self.runtime = runtime
        self.running = {}

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.start_hub()
            for edge in self.edges:
                self.boot(edge)
                edge.join(self.cloud.token("--region", edge.region))
                self.run_hub(edge)
            wait.until("all see all", self.all_see_all, 60)
            for name in sorted({edge.region for edge in self.edges}):
                self.set_policy(name, self.policy)
            self.cloud.apply([self.pod(edge) for edge in self.edges])
            for edge in self.edges if self.runtime else []:
                wait.until(f"a pod on {edge.name}", lambda e=edge: self.running_pod(f"on-{e.name}"), 60)
                self.running[edge.name] = self.containers(edge)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self

    def boot(self, edge):
        if self.runtime:
            self.start_edge(edge)
            return
        edge.power_on()
        self.switch.plug(edge, edge.address)

    def set_policy(self, region, spec):
        self.cloud.kubectl("patch", "region", region, "--type=merge", "-p", json.dumps({"spec": spec}))

    @staticmethod
    def run_hub(edge):
        path = edge.dir / "edge.yaml"
        path.write_text("link:\n  pingInterval: 2s\n")
        edge.start_hub("--config", path)

    def pod(self, edge):
        """What runs on every node, and how long it bears to be there when the node is gone."""
        return objects.pod(f"on-{edge.name}", edge.name)

    @staticmethod
    def containers(edge):
        return {uid: c["pid"] for uid, c in edge.containers().items() if c["name"] == "main"}

    def all_see_all(self):
        """Every node sees every node of its region alive, and knows of no others."""
        for edge in self.edges:
            here = {other.name for other in self.edges if other.region == edge.region}
            members = edge.status()["health"]["members"]
            assert {m["name"] for m in members} == here and all(m["view"] in ("self", "alive") for m in members), (edge.name, members)
        return True

    def node(self, edge):
        return self.cloud.get("node", edge.name)

    def conditions(self, edge):
        return {c["type"]: c for c in self.node(edge)["status"].get("conditions", [])}

    def holds(self, edge):
        return {kind for kind, c in self.conditions(edge).items() if c["status"] == "True"}

    def taints(self, edge):
        return {(t["key"], t["effect"]) for t in self.node(edge).get("spec", {}).get("taints", [])}

    def is_going(self, name):
        return "deletionTimestamp" in self.cloud.get("pod", name)["metadata"]

    def stays(self, edge):
        """Its pod is not given up, and nothing of it was restarted."""
        return not self.is_going(f"on-{edge.name}") and self.containers(edge) == self.running[edge.name]

    def events(self, edge):
        items = self.cloud.get("events", "--field-selector", f"involvedObject.kind=Node,involvedObject.name={edge.name}")["items"]
        return {item["reason"]: item for item in items}

    def is_well(self, edge):
        return self.node_ready(edge.name) and not self.taints(edge) and \
            not self.holds(edge) & {"CutOff", "AgentDown", "PeersUnreachable"}


def leave_lan(edge):
    """Its neighbours and it do not reach each other any more; the cloud does."""
    edge.run(["nft", "-f", "-"], stdin="""table inet lan {
        chain in { type filter hook input priority 0; ip saddr 10.88.1.0/24 drop; }
        chain out { type filter hook output priority 0; ip daddr 10.88.1.0/24 drop; }
    }
    """)


def return_to_lan(edge):
    edge.run(["nft", "delete", "table", "inet", "lan"])
