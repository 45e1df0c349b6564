"""ReplicaSets: as many pods as asked for, on nodes that live."""

import json

from harness import objects, wait
from harness.world import World
from test_kubectl import each_client

CLOUD = "nodes:\n  startGrace: 4s\n  linkGrace: 4s\n"

WORKER = objects.shell_container("sleep 1000000 & wait", readinessProbe={"exec": {"command": ["/bin/true"]}, "periodSeconds": 1})


def live(pods):
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def test_kubectl_makes_scales_orphans_and_deletes_one():
    def check(kubectl):
        def pods():
            return live(json.loads(kubectl("get", "pods", "-l", "app=web", "-o", "json").stdout)["items"])

        def row():
            return kubectl("get", "rs", "web", "--no-headers").stdout.split()[:4]

        manifest = json.dumps(objects.replica_set("web", [WORKER], replicas=3))
        kubectl("apply", "-f", "-", stdin=manifest)
        wait.until("three pods", lambda: len(pods()) == 3)
        wait.until("counted", lambda: row() == ["web", "3", "3", "0"])
        assert "DESIRED" in kubectl("get", "rs").stdout
        assert "SELECTOR" in kubectl("get", "rs", "-o", "wide").stdout
        assert "unchanged" in kubectl("apply", "-f", "-", stdin=manifest).stdout
        owners = {pod["metadata"]["ownerReferences"][0]["name"] for pod in pods()}
        assert owners == {"web"} and all(pod["metadata"]["name"].startswith("web-") for pod in pods())

        assert "scaled" in kubectl("scale", "rs/web", "--replicas=5").stdout
        wait.until("five pods", lambda: len(pods()) == 5)
        refused = kubectl("scale", "rs/web", "--current-replicas=3", "--replicas=1", check=False)
        assert refused.returncode != 0 and "Expected replicas to be 3, was 5" in refused.stderr, refused.stderr
        kubectl("scale", "rs/web", "--current-replicas=5", "--replicas=2")
        wait.until("two pods", lambda: len(pods()) == 2)
        described = wait.until("events", lambda: (lambda text: text if "SuccessfulDelete" in text else None)(kubectl("describe", "rs", "web").stdout))
        assert "SuccessfulCreate" in described and "2 current / 2 desired" in described, described

        done = kubectl("patch", "rs", "web", "--type=merge", "-p", '{"spec":{"selector":{"matchLabels":{"app":"x"}}}}', check=False)
        assert done.returncode != 0 and ("field is immutable" in done.stderr or "does not match" in done.stderr), done.stderr

        # Without its owner a pod stays, and is adopted again.
        before = {pod["metadata"]["name"] for pod in pods()}
        kubectl("delete", "rs", "web", "--cascade=orphan")
        wait.until("left alone", lambda: all("ownerReferences" not in pod["metadata"] for pod in pods()))
        kubectl("apply", "-f", "-", stdin=json.dumps(objects.replica_set("web", [WORKER], replicas=2)))
        wait.until("adopted", lambda: all("ownerReferences" in pod["metadata"] for pod in pods()))
        assert {pod["metadata"]["name"] for pod in pods()} == before

        kubectl("delete", "pod", sorted(before)[0])
        wait.until("another one", lambda: len(pods()) == 2 and {pod["metadata"]["name"] for pod in pods()} != before)
        kubectl("delete", "rs", "web", "--timeout=30s")
        wait.until("its pods go with it", lambda: pods() == [])
    each_client(check)


class Region(World):
    """Nodes of one region with containerd, whose hubs notice a dead tunnel within seconds."""

    def __init__(self, edges):
        super().__init__(edges=edges, config=CLOUD)

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.start_hub()
            self.cloud.apply({"apiVersion": "health.holdfast.io/v1", "kind": "Region", "metadata": {"name": "east"},
                              "spec": {"gracePeriod": "1s", "defaultTolerationSeconds": 2, "evictionRate": 600}})
            for edge in self.edges:
                self.start_edge(edge)
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
        return all(len(edge.status()["health"]["members"]) == len(self.edges) and
                   all(m["view"] in ("self", "alive") for m in edge.status()["health"]["members"]) for edge in self.edges)

    def at_most(self, most, condition):
        """The condition's answer; and never are there more live pods, or more ready ones, than asked for."""
        pods = self.pods("-l", "app=web")
        assert len(live(pods)) <= most, [pod["metadata"]["name"] for pod in live(pods)]
        status = self.cloud.get("rs", "web")["status"]
        assert status.get("readyReplicas", 0) <= most and status["replicas"] <= most, status
        return condition(pods)


def ready(pods):
    return [pod for pod in live(pods) if World.condition(pod, "Ready") == "True"]


def test_pods_of_a_node_that_died_run_elsewhere_and_the_old_one_ends_when_it_is_back():
    with Region(edges=3) as world:
        cloud = world.cloud
        cloud.apply(objects.replica_set("web", [WORKER], replicas=3))

        def spread(pods):
            return len(ready(pods)) == 3 and {pod["spec"]["nodeName"] for pod in ready(pods)} == {edge.name for edge in world.edges}

        wait.until("one on each node", lambda: world.at_most(3, spread), 60)
        dying = world.edges[2]
        lost = next(pod for pod in world.pods("-l", "app=web") if pod["spec"]["nodeName"] == dying.name)
        others = {edge.name for edge in world.edges[:2]}

        dying.power_off()

        def elsewhere(pods):
            return len(ready(pods)) == 3 and {pod["spec"]["nodeName"] for pod in live(pods)} == others

        wait.until("three run on the two that live", lambda: world.at_most(3, elsewhere), 60)
        # The old one stays on the books until its node has said that it does not run.
        assert "deletionTimestamp" in cloud.get("pod", lost["metadata"]["name"])["metadata"]
        wait.until("counted", lambda: cloud.get("rs", "web")["status"].get("readyReplicas") == 3)
        assert sum(len(edge.containers()) for edge in world.edges[:2]) == 3

        world.start_edge(dying)
        world.run_hub(dying)
        wait.until("the old one is gone", lambda: world.at_most(
            3, lambda pods: lost["metadata"]["uid"] not in {pod["metadata"]["uid"] for pod in pods}), 60)
        wait.until("nothing of it runs", lambda: dying.containers() == {})
        wait.holds("three run where they ran", lambda: world.at_most(3, elsewhere), 3)

        # A pod that is deleted by hand is made anew, on the node that has room again.
        gone = ready(world.pods("-l", "app=web"))[0]["metadata"]["name"]
        cloud.kubectl("delete", "pod", gone)
        wait.until("another", lambda: world.at_most(3, lambda pods: len(ready(pods)) == 3 and gone not in
                                                    {pod["metadata"]["name"] for pod in pods}), 60)
        wait.until("it is spread", lambda: len(dying.containers()) == 1)
        cloud.kubectl("scale", "rs/web", "--replicas=0")
        wait.until("all stop", lambda: all(edge.containers() == {} for edge in world.edges))


def test_a_pod_that_must_run_once_is_made_anew_when_its_name_is_free():
    with Region(edges=3) as world:
        cloud = world.cloud
        cloud.kubectl("patch", "region", "east", "--type=merge", "-p", json.dumps({"spec": {"fenceAfter": "15s"}}))
        manifest = objects.replica_set("web", [WORKER], replicas=1)
        manifest["spec"]["template"]["metadata"]["annotations"] = {"holdfast.io/exclusive": "true"}
        wait.until("the nodes go by it", lambda: all(edge.status()["fence"]["limitSeconds"] == 15 for edge in world.edges), 30)
        cloud.apply(manifest)
        first = wait.until("it runs", lambda: (ready(world.pods("-l", "app=web")) or [None])[0])
        dying = next(edge for edge in world.edges if edge.name == first["spec"]["nodeName"])
        dying.power_off()
        given_up = []

        def elsewhere():
            pods = world.pods("-l", "app=web")
            # One object, dying or alive: never two of them.
            assert len(pods) <= 1, [(p["metadata"]["name"], p["metadata"].get("deletionTimestamp")) for p in pods]
            given_up.extend(p for p in pods if "deletionTimestamp" in p["metadata"])
            return bool(ready(pods)) and pods[0]["metadata"]["uid"] != first["metadata"]["uid"]

        wait.until("it runs elsewhere", elsewhere, 90)
        assert given_up, "the old one was never seen waiting"
        second = world.pods("-l", "app=web")[0]
        assert second["spec"]["nodeName"] != dying.name
        world.start_edge(dying)
        world.run_hub(dying)
        wait.until("nothing of it runs there", lambda: world.node_ready(dying.name) and dying.containers() == {}, 60)
        assert [p["metadata"]["uid"] for p in world.pods("-l", "app=web")] == [second["metadata"]["uid"]]
