"""Deployments: rolled out, looked at, undone, paused and moved, with real pods and both kubectls."""

import json

from harness import objects, wait
from harness.world import World
from test_kubectl import clients
from test_replicaset import Region, live, ready

STEADY = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def worker(text):
    """A container whose readiness takes a moment, and that ends when it is told to."""
    return objects.shell_container(f"trap 'exit 0' TERM; echo {text}; sleep 1000000 & wait", name="main",
                                   readinessProbe={"exec": {"command": ["/bin/true"]}, "periodSeconds": 1, "initialDelaySeconds": 1})


def revisions(kubectl):
    lines = kubectl("rollout", "history", "deploy/web").stdout.splitlines()
    return [line.split()[0] for line in lines if line[:1].isdigit()]


def script_of(world):
    pods = ready(world.pods("-l", "app=web"))
    return {pod["spec"]["containers"][0]["command"][2].split("echo ")[1].split(";")[0] for pod in pods}


def rollouts(binary):
    with World(edges=2).up() as world:
        cloud = world.cloud

        def kubectl(*words, **more):
            return cloud.kubectl(*words, binary=binary, **more)

        def change(text):
            kubectl("patch", "deploy", "web", "-p", json.dumps({"spec": {"template": {"spec": {"containers": [worker(text)]}}}}))

        kubectl("apply", "-f", "-", stdin=json.dumps(objects.deployment("web", [worker("one")], replicas=3, strategy=STEADY)))
        assert "successfully rolled out" in kubectl("rollout", "status", "deploy/web", "--timeout=60s").stdout
        row = kubectl("get", "deploy", "web", "--no-headers").stdout.split()
        assert row[:4] == ["web", "3/3", "3", "3"], row
        assert revisions(kubectl) == ["1"]

        # Never fewer ready than asked for, never more than one above, while all are replaced.
        change("two")

        def replaced():
            pods = live(world.pods("-l", "app=web"))
            assert len(pods) <= 4 and len(ready(pods)) >= 3, [(p["metadata"]["name"], p["status"]) for p in pods]
            return script_of(world) == {"two"} and len(pods) == 3

        wait.until("replaced one by one", replaced, 60)
        kubectl("rollout", "status", "deploy/web", "--timeout=60s")
        assert revisions(kubectl) == ["1", "2"]
        assert "Image:" in kubectl("rollout", "history", "deploy/web", "--revision=2").stdout
        kubectl("rollout", "undo", "deploy/web")
        kubectl("rollout", "status", "deploy/web", "--timeout=60s")
        wait.until("as it was", lambda: script_of(world) == {"one"} and len(ready(world.pods("-l", "app=web"))) == 3)
        assert revisions(kubectl) == ["2", "3"], kubectl("get", "rs", "-o", "yaml").stdout
        kubectl("rollout", "undo", "deploy/web", "--to-revision=2")
        kubectl("rollout", "status", "deploy/web", "--timeout=60s")
        assert script_of(world) == {"two"}

        before = {pod["metadata"]["uid"] for pod in world.pods("-l", "app=web")}
        kubectl("rollout", "restart", "deploy/web")
        kubectl("rollout", "status", "deploy/web", "--timeout=60s")
        wait.until("all new", lambda: not before & {p["metadata"]["uid"] for p in live(world.pods("-l", "app=web"))})

        # Changes made while it is paused go out as one.
        kubectl("rollout", "pause", "deploy/web")
        change("three")
        kubectl("scale", "deploy/web", "--replicas=2")
        wait.until("scaled", lambda: len(live(world.pods("-l", "app=web"))) == 2)
        assert script_of(world) == {"two"}
        kubectl("rollout", "resume", "deploy/web")
        kubectl("rollout", "status", "deploy/web", "--timeout=60s")
        assert script_of(world) == {"three"}
        described = kubectl("describe", "deploy", "web").stdout
        assert "ScalingReplicaSet" in described and "Progressing" in described and "NewReplicaSetAvailable" in described, described

        # A template that never gets ready costs nothing that runs, and is called late.
        kubectl("patch", "deploy", "web", "-p", json.dumps({"spec": {"progressDeadlineSeconds": 3}}))
        broken = {**worker("broken"), "readinessProbe": {"exec": {"command": ["/bin/false"]}}}
        kubectl("patch", "deploy", "web", "-p", json.dumps({"spec": {"template": {"spec": {"containers": [broken]}}}}))
        late = kubectl("rollout", "status", "deploy/web", "--timeout=60s", check=False)
        assert late.returncode != 0 and "exceeded its progress deadline" in late.stderr, late
        assert len(ready(world.pods("-l", "app=web"))) == 2 and script_of(world) == {"three"}
        kubectl("rollout", "undo", "deploy/web")
        kubectl("rollout", "status", "deploy/web", "--timeout=60s")

        kubectl("delete", "deploy", "web", "--timeout=30s")
        wait.until("nothing is left", lambda: world.pods("-l", "app=web") == [] and cloud.get("rs")["items"] == [])
        wait.until("and nothing runs", lambda: all(edge.containers() == {} for edge in world.edges))

        # The generator; the newer one sends protobuf.
        kubectl("create", "deployment", "made", "--image=localhost/web:1", "--replicas=2")
        wait.until("it has pods", lambda: len(world.pods("-l", "app=made")) == 2)


def test_rollouts():
    rollouts(clients()[0])


def test_rollouts_with_the_oldest_kubectl():
    rollouts(clients()[-1])


def test_a_node_dies_in_the_middle_of_a_rollout():
    with Region(edges=3) as world:
        cloud = world.cloud
        cloud.apply(objects.deployment("web", [worker("one")], replicas=4, strategy=STEADY))
        cloud.kubectl("rollout", "status", "deploy/web", "--timeout=60s")
        dying = world.edges[2]
        wait.until("spread", lambda: dying.name in {pod["spec"]["nodeName"] for pod in world.pods("-l", "app=web")})
        cloud.apply(objects.deployment("web", [worker("two")], replicas=4, strategy=STEADY))
        dying.power_off()

        def done():
            pods = live(world.pods("-l", "app=web"))
            assert len(pods) <= 5, [pod["metadata"]["name"] for pod in pods]
            return len(ready(pods)) == 4 and script_of(world) == {"two"} and \
                dying.name not in {pod["spec"]["nodeName"] for pod in pods}

        wait.until("rolled out on the nodes that live", done, 90)
        cloud.kubectl("rollout", "status", "deploy/web", "--timeout=60s")
        world.start_edge(dying)
        world.run_hub(dying)
        wait.until("what it ran is gone", lambda: len(world.pods("-l", "app=web")) == 4, 60)
        wait.until("nothing runs there", lambda: dying.containers() == {})
