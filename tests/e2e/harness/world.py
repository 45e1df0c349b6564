"""world: a whole installation for one test: a switch, a cloud, some edge hosts; gone when the test ends, however it ends."""

import os
import pathlib
import shutil
import signal
import sys
import tempfile

from harness import images, wait
from harness.machines import CloudHost, EdgeHost
from harness.network import Switch

CLOUD_ADDRESS = "10.88.0.1"


class World:
    def __init__(self, edges=1, regions=("east",), directory=None, config=None):
        """edges: how many edge hosts; regions are given out in turn. directory: an empty one of the caller's. config: the
        text of a configuration file for the cloud-hub."""
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="holdfast-"))
        self.id = self.dir.name
        self.images = self.dir / "images.tar"
        self.switch = Switch(self)
        self.cloud = CloudHost(self, "cloud", CLOUD_ADDRESS)
        if config:
            self.cloud.configure(config)
        self.edges = [EdgeHost(self, f"edge-{i}", f"10.88.1.{i}", regions[(i - 1) % len(regions)], f"10.77.{i}.0/24")
                      for i in range(1, edges + 1)]
        self.failed = self.wanted_up = False

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(1))
        try:
            self.switch.power_on()
            self.cloud.power_on()
            self.switch.plug(self.cloud, CLOUD_ADDRESS)
            if self.wanted_up:
                self._start_all()
        except BaseException:
            self.show_logs()
            self.close()
            raise
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and kind not in (KeyboardInterrupt, SystemExit):
            self.failed = True
            self.show_logs()
        try:
            if kind is None:
                self.stop_hubs()
        finally:
            self.close()

    def stop_hubs(self):
        """Whatever the test left them in, hubs that still run end cleanly when they are told to."""
        for box in [*self.edges, self.cloud]:
            if box.hub is not None and box.hub.alive():
                code = box.hub.stop(30)
                assert code == 0, f"{box.name}: the hub ended with {code}\n{box.hub.tail(100)}"

    def close(self):
        for box in [*self.edges, self.cloud, self.switch]:
            box.power_off()
        if os.environ.get("HOLDFAST_KEEP_LOGS"):
            print(f"logs kept in {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def show_logs(self, lines=40):
        for box in [self.cloud, *self.edges]:
            for log in sorted(box.dir.glob("*-hub.log")):
                print(f"--- {box.name}: {log.name}", file=sys.stderr)
                print("\n".join(log.read_text(errors="replace").splitlines()[-lines:]), file=sys.stderr)

    def start_edge(self, edge):
        """Power, cable and container runtime of an edge host; its hub is the test's to start."""
        if not self.images.exists():
            images.build(self.images, images.STANDARD)
        edge.power_on()
        self.switch.plug(edge, edge.address)
        edge.start_containerd()

    def up(self):
        """with World(...).up() as world: everything running and joined, the usual start of a test."""
        self.wanted_up = True
        return self

    def _start_all(self):
        self.cloud.start_hub()
        for edge in self.edges:
            self.start_edge(edge)
            edge.join(self.cloud.token("--region", edge.region))
            edge.start_hub()
        for edge in self.edges:
            wait.until(f"{edge.name} Ready", lambda e=edge: self.node_ready(e.name), 60)

    def node_ready(self, name):
        return self.condition(self.cloud.get("node", name), "Ready") == "True"

    @staticmethod
    def condition(item, kind):
        for condition in item.get("status", {}).get("conditions", []):
            if condition["type"] == kind:
                return condition["status"]
        return None

    def pods(self, *words):
        return self.cloud.get("pods", *words)["items"]

    def running_pod(self, name, namespace="default"):
        pod = self.cloud.get("pod", name, "-n", namespace)
        return pod if self.condition(pod, "Ready") == "True" else None
