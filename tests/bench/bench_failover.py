#!/usr/bin/env python3
"""How long after a node lost its cable its pods run elsewhere.

usage: bench_failover.py [--runs 3] [--nodes 4] [--replicas 8] [--policy defaults|fast]

Nodes of one region with a real containerd; a ReplicaSet spread over them. A node's cable is pulled while everything else runs, and the
cloud's API is asked 20 times a second: when is the node declared dead, when do its pods go, when is the last of as many new ones ready.
Once with the defaults of a region and an edge-hub, once with a region whose operator wants it fast.
"""

import argparse
import json
import time

import figures
from harness import clients, objects, wait
from harness.world import World

PODS = "/api/v1/namespaces/default/pods?labelSelector=app%3Dshop"
FAST = {"gracePeriod": "0s", "defaultTolerationSeconds": 0, "evictionRate": 600}
POLICIES = {"defaults": ("defaults of a region: gracePeriod 5 s, defaultTolerationSeconds 30", {}),
            "fast": ("gracePeriod 0 s, defaultTolerationSeconds 0", FAST)}
STEPS = ("declared dead by its neighbours", "the cloud has given it up", "all its pods go", "as many are ready elsewhere")
UPSTREAM = {
    "declared dead by its neighbours": "upstream: never; node-monitor-grace-period 40 s (50 s from 1.32) without a Lease",
    "the cloud has given it up": "upstream: 40 to 45 s",
    "all its pods go": "upstream: 40 s + tolerationSeconds 300 = 340 s",
    "as many are ready elsewhere": "upstream: 340 s and the start",
}


class Region(World):
    def __init__(self, edges):
        # The pause after the cloud's own start is no part of what is measured.
        super().__init__(edges=edges, config="nodes:\n  startGrace: 4s\n")

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.start_hub()
            for edge in self.edges:
                self.start_edge(edge)
                edge.join(self.cloud.token("--region", edge.region))
                edge.start_hub()
            wait.until("all see all", lambda: all(
                [m["view"] for m in edge.status()["health"]["members"]].count("alive") == len(self.edges) - 1 for edge in self.edges), 90)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self


def is_ready(pod):
    return World.condition(pod, "Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


class Watcher:
    """What the API says of one node and its pods, from the moment its cable was pulled."""

    def __init__(self, world, lost, replicas):
        self.api = clients.Api(world.cloud, world.cloud, clients.admin_context(world.cloud))
        self.lost, self.replicas, self.seen = lost, replicas, {}
        self.start = time.monotonic()

    def get(self, path):
        code, body = self.api.ask("GET", path)
        assert code == 200, (code, body)
        return body

    def note(self, step, holds):
        if holds and step not in self.seen:
            self.seen[step] = time.monotonic() - self.start

    def look(self):
        node = self.get(f"/api/v1/nodes/{self.lost.name}")
        pods = self.get(PODS)["items"]
        self.note(STEPS[0], node["metadata"].get("annotations", {}).get("nodeunhealth") == "yes")
        self.note(STEPS[1], any(t["effect"] == "NoExecute" for t in node.get("spec", {}).get("taints", [])))
        self.note(STEPS[2], all("deletionTimestamp" in p["metadata"] for p in pods if p["spec"].get("nodeName") == self.lost.name))
        self.note(STEPS[3], sum(is_ready(p) and p["spec"]["nodeName"] != self.lost.name for p in pods) == self.replicas)
        return len(self.seen) == len(STEPS)


def run_once(world, lost, replicas):
    pods = world.pods("-l", "app=shop")
    count = sum(pod["spec"]["nodeName"] == lost.name for pod in pods)
    world.switch.cut(lost)
    watcher = Watcher(world, lost, replicas)
    wait.until("its pods run elsewhere", watcher.look, 180, 0.05)
    world.switch.mend(lost)
    wait.until("it is back and what was moved is gone", lambda: world.node_ready(lost.name) and not lost.containers()
               and len(world.pods("-l", "app=shop")) == replicas, 120, 0.5)
    return {**watcher.seen, "pods moved": count}


def spread_anew(world, replicas):
    """All pods made anew, so that each node has its share again."""
    world.cloud.kubectl("delete", "rs", "shop", "--ignore-not-found", "--timeout=60s")
    wait.until("none is left", lambda: not world.pods("-l", "app=shop"), 60)
    world.cloud.apply(objects.replica_set("shop", [objects.shell_container("sleep 1000000 & wait")], replicas))
    wait.until("all are ready", lambda: sum(map(is_ready, world.pods("-l", "app=shop"))) == replicas, 120)


def measure(world, spec, runs, replicas):
    world.cloud.kubectl("patch", "region", "east", "--type=merge", "-p", json.dumps({"spec": spec}))
    found = []
    for turn in range(runs):
        spread_anew(world, replicas)
        found.append(run_once(world, world.edges[turn % len(world.edges)], replicas))
    return found


def main():
    figures.must_be_root()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--policy", choices=POLICIES, help="one of them; both by default")
    args = parser.parse_args()
    print(f"bench_failover on {figures.noise()}")
    with Region(args.nodes) as world:
        for title, spec in [POLICIES[args.policy]] if args.policy else POLICIES.values():
            found = measure(world, spec, args.runs, args.replicas)
            moved = "/".join(str(run["pods moved"]) for run in found)
            rows = [(step, figures.spread([run[step] for run in found], "s", 1), UPSTREAM[step]) for step in STEPS]
            figures.table(f"seconds after the cable of one of {args.nodes} nodes was pulled, {title}; {moved} pods moved", rows)
    print("Upstream's are its documented defaults, not measured.")


main()
