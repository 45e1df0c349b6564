"""Releases apart: hubs of this release beside those of the next one, which say more than these understand, and of one too far away."""

import json

from harness import wait
from harness.clients import TUNNEL_PORT
from harness.machines import BIN
from harness.world import CLOUD_ADDRESS, World

SPEAKERS = {"this": "", "next": "-next", "far": "-far"}


class Site(World):
    """A cloud-hub of one release and an edge host of another, with a container runtime if the test wants to see pods."""

    def __init__(self, cloud, edge, pods=False):
        super().__init__()
        self.cloud_program, self.edge_program, self.wants_pods = BIN / f"cloud-hub{SPEAKERS[cloud]}", BIN / f"edge-hub{SPEAKERS[edge]}", pods

    def __enter__(self):
        super().__enter__()
        try:
            self.start_cloud()
            if self.wants_pods:
                self.start_edge(self.edges[0])
            else:
                self.edges[0].power_on()
                self.switch.plug(self.edges[0], self.edges[0].address)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self

    def start_cloud(self):
        self.cloud.hub = self.cloud.start("cloud-hub", [self.cloud_program, "run", "--advertise", CLOUD_ADDRESS])
        wait.until("cloud-hub ready", self.cloud.ready, 30, 0.05)

    def join(self):
        return self.edges[0].run([self.edge_program, "join", "--cloud", f"{CLOUD_ADDRESS}:{TUNNEL_PORT}", "--token", self.cloud.token()],
                                 check=False)

    def start_edge_hub(self):
        self.edges[0].hub = self.edges[0].start("edge-hub", [self.edge_program, "run"])

    def link(self):
        return self.edges[0].status()["link"]


def pod(name):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"nodeName": "edge-1", "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "main", "image": "localhost/tool:1", "command": ["/bin/sleep", "2147483647"]}]}}


def main_job(cloud, edge):
    """Join, apply, offline, back, each end restarted."""
    with Site(cloud, edge, pods=True) as site:
        box = site.edges[0]
        done = site.join()
        assert done.returncode == 0, done.stderr
        site.start_edge_hub()
        wait.until("edge-1 Ready", lambda: site.node_ready("edge-1"), 60)
        site.cloud.apply(pod("first"))
        wait.until("the pod runs", lambda: site.running_pod("first"), 30)

        site.switch.cut(box)
        wait.until("the cut is noticed", lambda: site.link()["state"] != "up", 40)
        site.cloud.apply(pod("second"))
        assert len(box.containers()) == 1
        site.switch.mend(box)
        wait.until("the second pod runs", lambda: site.running_pod("second"), 60)

        before = site.link()["connects"]
        assert site.cloud.hub.stop() == 0
        site.start_cloud()
        wait.until("the link is back", lambda: site.link()["connects"] > before and site.link()["state"] == "up", 30)
        assert box.hub.stop() == 0
        site.start_edge_hub()
        wait.until("edge-1 Ready again", lambda: site.link()["state"] == "up" and site.node_ready("edge-1"), 60)
        site.cloud.kubectl("delete", "pod", "first", "--wait=false")
        wait.until("the first pod is gone", lambda: [p["metadata"]["name"] for p in site.pods()] == ["second"], 30)


def test_an_edge_of_the_next_release_works_with_this_cloud():
    main_job("this", "next")


def test_an_edge_of_this_release_works_with_the_next_cloud():
    main_job("next", "this")


def test_releases_without_a_common_version_say_so_and_lose_nothing():
    for cloud, edge, old in (("this", "far", "former"), ("far", "this", "latter")):
        with Site(cloud, edge) as site:
            done = site.join()
            assert done.returncode == 1 and "no tunnel version in common" in done.stderr and f"the {old} one is too old" in done.stderr, done.stderr

        # Joined while they still understood each other; then one of them was replaced.
        with Site("this", "this") as site:
            assert site.join().returncode == 0
            site.edge_program = BIN / f"edge-hub{SPEAKERS[edge]}"
            if cloud != "this":
                assert site.cloud.hub.stop() == 0
                site.cloud_program = BIN / f"cloud-hub{SPEAKERS[cloud]}"
                site.start_cloud()
            site.start_edge_hub()
            wait.until("the refusal is shown", lambda: "no tunnel version in common" in site.link()["lastError"], 20)
            assert json.loads(site.edges[0].run([BIN / "edge-hub", "status", "-o", "json"]).stdout)["node"] == "edge-1"
            # Put back, it works again.
            assert site.edges[0].hub.stop() == 0
            if cloud == "this":
                site.edge_program = BIN / "edge-hub"
            else:
                assert site.cloud.hub.stop() == 0
                site.cloud_program = BIN / "cloud-hub"
                site.start_cloud()
            site.start_edge_hub()
            wait.until("connected", lambda: site.link()["state"] == "up", 30)
