#!/usr/bin/env python3
"""How long things take that a person waits for: apply to running, boot without network, a hub's start, a mended link.

usage: bench_latency.py [PART...] [--times 7] [--pods 10]
parts: apply exec boot mend (default: all)

One edge host with a real containerd (runc, CNI bridge), images in its store. A process counts as running when it has made a file on
its node, which is looked for every millisecond.
"""

import argparse
import http.client
import json
import socket
import time

import figures
from harness import machines, objects, wait
from harness.world import World

NODE_DIR = "/var/lib/holdfast/marks"  # as pods mount it
CHANGED_MAPS, CHANGED_PODS = 10, 5


class Marks:
    """Files that processes at the edge make when they start."""

    def __init__(self, edge):
        self.dir = edge.dir / "holdfast" / "marks"
        self.dir.mkdir(exist_ok=True)

    def clear(self):
        for path in self.dir.iterdir():
            path.unlink()

    def wait(self, names, timeout=60):
        """Returns when the last of them is there."""
        left, deadline = {self.dir / name for name in names}, time.monotonic() + timeout
        while left:
            left = {path for path in left if not path.exists()}
            assert time.monotonic() < deadline, f"not running after {timeout} s: {sorted(left)}"
            time.sleep(0.001)


def marking_pod(name, node=None, volume=None):
    container = {"name": "main", "image": "localhost/tool:1", "volumeMounts": [{"name": "marks", "mountPath": "/marks"}],
                 "command": ["/bin/sh", "-c", f"trap 'exit 0' TERM; touch /marks/{name}; sleep 2147483647 & wait"]}
    volumes = [{"name": "marks", "hostPath": {"path": NODE_DIR}}]
    if volume:
        container["volumeMounts"].append({"name": "page", "mountPath": "/page"})
        volumes.append({"name": "page", "configMap": {"name": volume}})
    return objects.pod(name, node, [container], volumes=volumes)


class Local(http.client.HTTPConnection):
    """The edge-hub's unix socket."""

    def __init__(self, edge):
        super().__init__("local")
        self.path = str(edge.data / "edge.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)

    def status(self):
        try:
            self.request("GET", "/holdfast/v1/status")
            return json.loads(self.getresponse().read())
        except (OSError, http.client.HTTPException):
            self.close()
            return None


def spread(seconds):
    return figures.spread([value * 1000 for value in seconds])


def gone(world, edge):
    """Deletes all pods and waits until nothing runs."""
    world.cloud.kubectl("delete", "pods", "--all", "--wait=false")
    wait.until("no pods", lambda: not world.pods() and not edge.status()["pods"]["count"], 90, 0.2)


# --- parts: each gets a world that is up ---

def apply(world, edge, args):
    marks = Marks(edge)
    whole, asked, after = [], [], []
    for i in range(args.times + 1):
        marks.clear()
        manifest = json.dumps(marking_pod(f"quick-{i}"))
        began = time.monotonic()
        world.cloud.kubectl("apply", "-f", "-", stdin=manifest)
        returned = time.monotonic()
        marks.wait([f"quick-{i}"])
        running = time.monotonic()
        gone(world, edge)
        if i:  # the first one warms kubectl's discovery cache and containerd's snapshots
            whole.append(running - began)
            asked.append(returned - began)
            after.append(running - returned)
    return [("kubectl apply to process running", spread(whole), "Ankaios 515 ms, k3s 2,306 ms (published, another machine)"),
            ("of it kubectl itself", spread(asked), "its start, discovery, validation and one POST"),
            ("of it after kubectl returned", spread(after), "tunnel, CRI sandbox, CNI, runc")]


def exec_to_served(world, edge, args):
    world.cloud.apply([marking_pod(f"cached-{i}", edge.name) for i in range(args.pods)])
    wait.until("pods run", lambda: edge.status()["pods"]["runningContainers"] == args.pods, 120, 0.2)
    wait.until("replica complete", lambda: edge.status()["replica"]["complete"], 30, 0.2)
    edge.hub.stop()
    done = edge.run([figures.program("load_boot"), "run", "--socket", "/var/lib/holdfast/edge/edge.sock", "--path", "/api/v1/pods",
                     "--times", str(3 * args.times), "--", machines.BIN / "edge-hub", "run"], timeout=300)
    got = json.loads(done.stdout)
    edge.start_hub()
    wait.until("the hub is back", edge.status, 30, 0.1)
    gone(world, edge)

    def row(name):
        one = got[name]
        return f"{one['p50']:.1f} ms (min {one['min']:.1f}, max {one['max']:.1f}, n={one['n']})"

    return [(f"exec of edge-hub to GET /api/v1/pods served, {args.pods} pods", row("servedMs"), "aim 50 ms; Ankaios 68 ms, k3s 480 ms (API up)"),
            ("of it until its socket accepts", row("listeningMs"), "-")]


def boot(world, edge, args):
    marks, names = Marks(edge), [f"boot-{i}" for i in range(args.pods)]
    world.cloud.apply([marking_pod(name, edge.name) for name in names])
    wait.until("pods run", lambda: edge.status()["pods"]["runningContainers"] == args.pods, 120, 0.2)
    wait.until("replica complete", lambda: edge.status()["replica"]["complete"], 30, 0.2)
    first, last = [], []
    for _ in range(args.times):
        edge.reboot()
        figures.favour(edge)
        world.switch.cut(edge)
        marks.clear()
        edge.start_containerd()  # returns when it answers
        began = time.monotonic()
        edge.start_hub()
        while not any(marks.dir.iterdir()):
            time.sleep(0.001)
        first.append(time.monotonic() - began)
        marks.wait(names)
        last.append(time.monotonic() - began)
    world.switch.mend(edge)
    wait.until("link up", lambda: edge.status()["link"]["state"] == "up", 60, 0.2)
    gone(world, edge)
    return [(f"reboot, cable pulled: runtime ready to {args.pods} pods running", spread(last),
             "aim 1,200 ms; OpenYurt 23,900 ms kubelet start to the last of 10 pods (published)"),
            ("of it to the first pod", spread(first), "edge-hub is started when the runtime is ready")]


def mend(world, edge, args):
    rows = []
    for what, box, times, note in (
            ("node's own cable", edge, args.times, "the node sees its carrier return and dials (after 0.3 s of quiet)"),
            ("cloud's cable", world.cloud, max(3, args.times // 2), "the node cannot see it: redials with back-off, at most 30 s apart")):
        back, replica, new, old = mend_times(world, edge, box, times, args.cut)
        rows += [(f"{what} mended to link up", spread(back), note),
                 (f"{what} mended to replica converged", spread(replica),
                  f"{CHANGED_MAPS + 2 * CHANGED_PODS} objects changed meanwhile: {CHANGED_MAPS} ConfigMaps, {CHANGED_PODS} pods gone, {CHANGED_PODS} new"),
                 (f"{what} mended to the new pods running", spread(new), "their processes"),
                 (f"{what} mended to all converged", spread(old), "the deleted pods' containers are gone, too")]
    return rows


def mend_times(world, edge, box, times, seconds):
    marks, local = Marks(edge), Local(edge)
    tag = "n" if box is edge else "c"

    def maps(text):
        return [objects.config_map(f"page-{i}", {"page": text}) for i in range(CHANGED_MAPS)]

    def generation(number):
        return [f"{tag}-{number}-{i}" for i in range(CHANGED_PODS)]

    keeper = [marking_pod(f"keep-{tag}-{i}", edge.name, f"page-{i}") for i in range(CHANGED_MAPS)]
    world.cloud.apply(maps("first") + keeper + [marking_pod(name, edge.name) for name in generation(0)])
    running = CHANGED_MAPS + CHANGED_PODS
    wait.until("pods run", lambda: edge.status()["pods"]["runningContainers"] == running, 120, 0.2)
    found = []
    for number in range(1, times + 1):
        figures.settled("the edge-hub", lambda: edge.status()["replica"]["completeAsOf"], 2)
        world.switch.cut(box)
        wait.until("the link is down", lambda: local.status()["link"]["state"] != "up", 60, 0.1)
        time.sleep(seconds)  # the pauses between attempts to dial grow meanwhile
        world.cloud.kubectl("delete", "pods", "--wait=false", *generation(number - 1))
        world.cloud.apply(maps(f"round {number}") + [marking_pod(name, edge.name) for name in generation(number)])
        listed = json.loads(world.cloud.kubectl("get", "--raw", "/api/v1/pods").stdout)
        revision = int(listed["metadata"]["resourceVersion"])
        began = time.monotonic()
        world.switch.mend(box)
        found.append(follow(local, marks, generation(number), revision, running, began))
        wait.until("deletions are through", lambda: len(world.pods()) == running, 60, 0.2)
    local.close()
    gone(world, edge)
    return zip(*found)


def follow(local, marks, names, revision, running, began):
    """Seconds until the link is up, the replica has that revision, the new pods run, and the old ones are gone."""
    reached = {}
    while "gone" not in reached:
        assert time.monotonic() - began < 120, f"no convergence in 120 s: {reached}"
        time.sleep(0.002)
        status = local.status()
        if not status:
            continue
        new = all((marks.dir / name).exists() for name in names)
        for what, true in (("up", status["link"]["state"] == "up"), ("replica", status["replica"]["completeAsOf"] >= revision), ("new", new),
                           ("gone", new and "replica" in reached and status["pods"]["runningContainers"] == running)):
            if true:
                reached.setdefault(what, time.monotonic() - began)
    return reached["up"], reached["replica"], reached["new"], reached["gone"]


PARTS = {"apply": apply, "exec": exec_to_served, "boot": boot, "mend": mend}


def main():
    figures.must_be_root()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    parser.add_argument("--times", type=int, default=7, help="repetitions")
    parser.add_argument("--pods", type=int, default=10)
    parser.add_argument("--cut", type=int, default=30, help="seconds that a cable stays out after the link was found dead")
    args = parser.parse_args()
    unknown = [part for part in args.parts if part not in PARTS]
    if unknown:
        parser.error(f"no part {unknown[0]}; there are: {' '.join(PARTS)}")
    print(f"bench_latency on {figures.noise()}; median, smallest and largest")
    with World(edges=1).up() as world:
        for box in (world.cloud, *world.edges):
            figures.favour(box)
        for name in args.parts or PARTS:
            figures.table(f"latency: {name}", PARTS[name](world, world.edges[0], args))


main()
