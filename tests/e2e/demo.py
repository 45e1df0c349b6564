#!/usr/bin/env python3
"""The main job of Holdfast, end to end, with real parts on one machine; every sentence printed is checked first.

usage: demo.py [--keep]

A cloud and three edge hosts in two regions are made of namespaces and joined by a switch with cables that can be
pulled. Exit code 0 means that all of it was proven.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import objects, wait  # noqa: E402  pylint: disable=wrong-import-position
from harness.machines import kubectl_binary  # noqa: E402  pylint: disable=wrong-import-position
from harness.world import World  # noqa: E402  pylint: disable=wrong-import-position

REGIONS = ("east", "west")
PAGE, NEW_PAGE = "hello from the edge", "hello again, changed while you were away"
WIDTH = 88


class Narrator:
    """Says what happens and remembers how long each proof took."""

    def __init__(self):
        self.proven = []
        self.start = time.monotonic()

    def say(self, text):
        print(textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    "), flush=True)

    def title(self, text):
        print(f"\n{text}", flush=True)

    @contextlib.contextmanager
    def proof(self, what):
        """The block proves `what` by not raising."""
        begin = time.monotonic()
        yield
        took = time.monotonic() - begin
        self.proven.append((what, took))
        print(f"  ok {what}  ({took:.1f} s)", flush=True)

    def table(self):
        width = max(len(what) for what, _ in self.proven)
        print(f"\n{'proven':{width}}    took\n{'-' * width}  ------")
        for what, took in self.proven:
            print(f"{what:{width}}  {took:5.1f}s")
        print(f"{'everything, machines and all':{width}}  {time.monotonic() - self.start:5.1f}s", flush=True)


def work_of(edge):
    """Ids of the web server's containers on the host."""
    return {ident for ident, container in edge.containers().items() if container["name"] == "web"}


def web_pod(world, edge):
    return next(p for p in world.pods("-l", "app=web") if p["spec"].get("nodeName") == edge.name)


def set_up(tell, world):
    tell.title("A cloud and three edge hosts in two regions")
    with tell.proof("cloud-hub serves the Kubernetes API"):
        world.cloud.start_hub()
    tell.say(f"The data centre is at {world.cloud.address}. It made its own certificate authority and an admin kubeconfig.")
    with tell.proof("three hosts with containerd joined with a token"):
        token = world.cloud.token("--uses", str(len(world.edges)), *[word for region in REGIONS for word in ("--region", region)])
        for edge in world.edges:
            world.start_edge(edge)
            edge.join(token)
            edge.start_hub()
        for edge in world.edges:
            wait.until(f"{edge.name} Ready", lambda e=edge: world.node_ready(e.name), 60)
    print(textwrap.indent(world.cloud.kubectl("get", "nodes", "-L", "topology.kubernetes.io/region").stdout.rstrip(), "    "))


def deliver(tell, world):
    tell.title("One application for all of them, with kubectl")
    with tell.proof("kubectl apply delivered a DaemonSet, a ConfigMap and a Secret"):
        world.cloud.apply(objects.web_app(page=PAGE))
        world.cloud.kubectl("rollout", "status", "ds/web", "--timeout=120s", timeout=150)
    with tell.proof("the page answers over HTTP on every edge host"):
        for edge in world.edges:
            wait.until(f"the page on {edge.name}", lambda e=edge: e.page() == PAGE, 30)
            tell.say(f"{edge.name} ({edge.region}): \"{edge.page()}\"")


def go_dark(tell, world):
    tell.title("The cloud's cable is pulled")
    with tell.proof("every edge host notices that the cloud is gone"):
        world.switch.cut(world.cloud)
        for edge in world.edges:
            wait.until(f"{edge.name} knows", lambda e=edge: e.status()["link"]["state"] != "up", 60)
    killed, restarted, rebooted = world.edges
    # The cloud, alone now, is given a change to deliver later.
    world.cloud.apply(objects.config_map("web-page", {"index.html": NEW_PAGE}))

    with tell.proof(f"a killed web server is back on {killed.name}, no cloud in sight"):
        before = work_of(killed)
        killed.kill_inside(next(iter(before)))
        wait.until("a new container", lambda: (now := work_of(killed)) and not now & before, 60)
        wait.until("the page", lambda: killed.page() == PAGE, 60)

    with tell.proof(f"edge-hub on {restarted.name} killed with -9: same containers, adopted"):
        before = work_of(restarted)
        restarted.hub.kill()
        assert work_of(restarted) == before and restarted.page() == PAGE
        restarted.start_hub()
        wait.until("its pods are known to the new hub",
                   lambda: restarted.status()["pods"]["runningContainers"] >= len(before), 60)
        assert work_of(restarted) == before and restarted.page() == PAGE

    with tell.proof(f"{rebooted.name} lost power and rebooted: its work is back, no cloud in sight"):
        before = work_of(rebooted)
        rebooted.reboot()
        rebooted.start_containerd()
        assert not work_of(rebooted), "a container survived the power cut"
        rebooted.start_hub()
        wait.until("the page is back", lambda: rebooted.page() == PAGE, 90)
        assert not work_of(rebooted) & before

    with tell.proof("the cloud calls the three nodes cut off and evicts nothing"):
        for edge in world.edges:
            wait.until(f"{edge.name} Unknown", lambda e=edge: world.condition(world.cloud.get("node", e.name), "Ready")
                       == "Unknown", 120)
        assert all(not p["metadata"].get("deletionTimestamp") for p in world.pods("-l", "app=web"))
        assert all(edge.page() == PAGE for edge in world.edges)
    tell.say("All three hosts answer still. The cloud, cut off itself, waits.")


def come_back(tell, world):
    killed, _, rebooted = world.edges
    tell.title("The cable is plugged in again")
    with tell.proof("all three nodes are Ready again"):
        world.switch.mend(world.cloud)
        for edge in world.edges:
            wait.until(f"{edge.name} Ready", lambda e=edge: world.node_ready(e.name), 120)
    with tell.proof("the change made meanwhile arrived, without touching a container"):
        before = [work_of(edge) for edge in world.edges]
        for edge in world.edges:
            wait.until(f"the new page on {edge.name}", lambda e=edge: e.page() == NEW_PAGE, 120)
        assert before == [work_of(edge) for edge in world.edges]
    with tell.proof("the cloud caught up: restart counts, events, pods Ready"):
        wait.until("the restart is counted", lambda: web_pod(world, killed)["status"]["containerStatuses"][0]["restartCount"] == 1)
        for edge in world.edges:
            wait.until(f"{edge.name}'s pod is Ready", lambda e=edge: world.condition(web_pod(world, e), "Ready") == "True", 90)
        real = next(iter(work_of(rebooted)))
        wait.until("the container since the reboot is known", lambda: web_pod(world, rebooted)["status"]["containerStatuses"][0]
                   ["containerID"].endswith(real))

        def starts():
            pod = web_pod(world, killed)["metadata"]["uid"]
            events = world.cloud.get("events")["items"]
            return sum(e.get("count", 1) for e in events if e["involvedObject"].get("uid") == pod and e["reason"] == "Started")

        wait.until("both starts are told, each once", lambda: starts() == 2)
    print(textwrap.indent(world.cloud.kubectl("get", "pods", "-o", "wide").stdout.rstrip(), "    "))


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
    path.chmod(0o755)
    return path


def keep(tell, world):
    """Leaves it all up until a signal, with short commands to play with."""
    folder = world.dir / "play"
    folder.mkdir()
    script(folder / "kubectl", f"exec nsenter --net=/proc/{world.cloud.pid}/ns/net {kubectl_binary()} "
                               f"--kubeconfig {world.cloud.kubeconfig} \"$@\"")
    for box in [world.cloud, *world.edges]:
        script(folder / box.name, f"[ $# -gt 0 ] || set -- env PS1='{box.name}# ' PATH=\"{os.environ['HOLDFAST_BIN']}:$PATH\" sh\n"
                                  f"exec nsenter --target={box.pid} --all --wd=/ \"$@\"")
    for verb, state in (("pull", "down"), ("plug", "up")):
        script(folder / verb, f"exec nsenter --target={world.switch.pid} --net ip link set \"p-$1\" {state}")
    tell.title("It stays up. In another terminal, as root:")
    print(f"""
    cd {folder}
    ./kubectl get pods -o wide        any kubectl command, against the cloud
    ./edge-1                          a shell on an edge host (also edge-2, edge-3, cloud); in it:
                                        edge-hub status
                                        ctr -n k8s.io containers ls
    ./pull cloud; ./plug cloud        the cable of a machine, out and in

Ctrl-C ends it and removes everything.""", flush=True)
    while True:
        signal.pause()


def on_signal(*_):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # once is enough: what follows is the clean-up
    raise SystemExit(130)


def main():
    wanted = sys.argv[1:]
    if wanted not in ([], ["--keep"]):
        print("usage: demo.py [--keep]", file=sys.stderr)
        return 2
    tell = Narrator()
    proven = False
    try:
        with World(edges=3, regions=REGIONS, directory=os.environ.get("HOLDFAST_WORLD")) as world:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, on_signal)
            for act in (set_up, deliver, go_dark, come_back):
                act(tell, world)
            proven = True
            tell.table()
            if wanted:
                keep(tell, world)
    except SystemExit:
        print("\ninterrupted; cleaned up" if not proven else "\ncleaned up", flush=True)
        return 0 if proven else 130
    except (AssertionError, RuntimeError, OSError, ValueError, LookupError, StopIteration,
            subprocess.SubprocessError, wait.Hopeless) as error:
        print(f"\nNOT PROVEN: {error}", file=sys.stderr, flush=True)
        return 1
    print("\nEverything was proven, and everything is cleaned up.")
    return 0


sys.exit(main())
