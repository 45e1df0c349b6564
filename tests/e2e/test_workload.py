"""What an operator does first: deliver an application to all edge nodes, change it, take it away."""

from harness import objects, wait
from harness.world import World


def web_pods(world):
    pods = [p for p in world.pods("-l", "app=web") if world.condition(p, "Ready") == "True"]
    return pods if len(pods) == len(world.edges) else None


def edge_of(world, pod):
    return next(edge for edge in world.edges if edge.name == pod["spec"]["nodeName"])


def test_an_application_reaches_every_edge_node_and_changes_there():
    with World(edges=2, regions=("east", "west")).up() as world:
        cloud = world.cloud
        cloud.apply(objects.web_app(page="one"))
        cloud.kubectl("rollout", "status", "ds/web", "--timeout=60s")
        pods = wait.until("a ready pod on every node", lambda: web_pods(world))
        for pod in pods:
            assert edge_of(world, pod).http(pod["status"]["podIP"]) == "one"
            assert cloud.get("node", pod["spec"]["nodeName"])["metadata"]["labels"]["topology.kubernetes.io/region"] \
                == edge_of(world, pod).region

        # A ConfigMap change shows in the running pods, whose containers stay.
        before = [set(edge.containers()) for edge in world.edges]
        cloud.apply(objects.config_map("web-page", {"index.html": "two"}))
        for pod in pods:
            wait.until("the new page", lambda p=pod: edge_of(world, p).http(p["status"]["podIP"]) == "two", 90)
        assert before == [set(edge.containers()) for edge in world.edges]

        # A new image is rolled out, pod by pod.
        cloud.kubectl("set", "image", "ds/web", "web=localhost/web:2")
        cloud.kubectl("rollout", "status", "ds/web", "--timeout=90s")
        for pod in wait.until("ready again", lambda: web_pods(world)):
            assert pod["spec"]["containers"][0]["image"] == "localhost/web:2"

        # Deleting it leaves nothing: pods by owner reference, containers on the nodes, Secret bytes in the replicas.
        cloud.kubectl("delete", "ds/web", "--timeout=60s")
        wait.until("pods collected", lambda: world.pods("-l", "app=web") == [])
        wait.until("containers gone", lambda: all(edge.containers() == {} for edge in world.edges))


def test_pod_features_an_application_relies_on():
    with World(edges=1).up() as world:
        cloud, edge = world.cloud, world.edges[0]
        cloud.apply([
            objects.config_map("settings", {"MODE": "fast", "file.txt": "from a file"}),
            objects.secret("keys", {"token": "s3cret"}),
            objects.pod("all", containers=[objects.shell_container(
                "echo $MODE $TOKEN $NAME; cat /cfg/file.txt /keys/token; echo; echo x > /scratch/x; sleep 1000000 & wait",
                env=[{"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "MODE"}}},
                     {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
                     {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                resources={"requests": {"cpu": "50m", "memory": "16Mi"}, "limits": {"memory": "64Mi", "cpu": "500m"}},
                livenessProbe={"exec": {"command": ["/bin/test", "-f", "/scratch/x"]}, "periodSeconds": 1,
                               "failureThreshold": 1},
                volumeMounts=[{"name": "cfg", "mountPath": "/cfg"}, {"name": "keys", "mountPath": "/keys"},
                              {"name": "scratch", "mountPath": "/scratch"}, {"name": "host", "mountPath": "/host"}])],
                volumes=[{"name": "cfg", "configMap": {"name": "settings"}}, {"name": "keys", "secret": {"secretName": "keys"}},
                         {"name": "scratch", "emptyDir": {}}, {"name": "host", "hostPath": {"path": "/var/lib/holdfast"}}]),
        ])
        pod = wait.until("pod ready", lambda: world.running_pod("all"))
        uid = pod["metadata"]["uid"]

        def log():
            return edge.run(["sh", "-c", f"cat /var/log/pods/default_all_{uid}/main/0.log"]).stdout

        for text in ("fast s3cret all", "from a file", "s3cret"):
            wait.until(f"{text!r} in its log", lambda expected=text: expected in log(), 20)
        container = next(iter(edge.containers().values()))
        limit = edge.run(["sh", "-c", f"cat /proc/{container['pid']}/cgroup"]).stdout
        assert uid.replace("-", "_") in limit or uid in limit, limit

        # The liveness probe fails: only that container is restarted, and counted.
        edge.run(["rm", f"/proc/{container['pid']}/root/scratch/x"])
        wait.until("restarted by its liveness probe", lambda: world.running_pod("all") and
                   cloud.get("pod", "all")["status"]["containerStatuses"][0]["restartCount"] >= 1)

        # A pod that ends stays ended; one that fails keeps its exit code.
        cloud.apply([objects.pod("once", containers=[objects.shell_container("exit 0")], restartPolicy="Never"),
                     objects.pod("fails", containers=[objects.shell_container("exit 3")], restartPolicy="Never")])
        wait.until("Succeeded", lambda: cloud.get("pod", "once")["status"]["phase"] == "Succeeded")
        failed = wait.until("Failed", lambda: (p := cloud.get("pod", "fails"))["status"]["phase"] == "Failed" and p)
        assert failed["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3

        # Graceful termination: the process hears SIGTERM before it goes.
        cloud.apply(objects.pod("polite", terminationGracePeriodSeconds=20, containers=[objects.shell_container(
            "trap 'echo bye > /host/bye; exit 0' TERM; while true; do sleep 0.1; done",
            volumeMounts=[{"name": "host", "mountPath": "/host"}])],
            volumes=[{"name": "host", "hostPath": {"path": "/var/lib/holdfast"}}]))
        wait.until("polite pod ready", lambda: world.running_pod("polite"))
        cloud.kubectl("delete", "pod", "polite", "--timeout=30s")
        assert edge.run(["cat", "/var/lib/holdfast/bye"]).stdout.strip() == "bye"


def test_a_node_tells_the_truth_about_itself():
    with World(edges=1).up() as world:
        node = world.cloud.get("node", "edge-1")
        status = node["status"]
        memory_kib = int(world.edges[0].run(["sh", "-c", "grep MemTotal /proc/meminfo"]).stdout.split()[1])
        assert status["capacity"]["memory"] == f"{memory_kib}Ki", status["capacity"]
        assert {"type": "InternalIP", "address": "10.88.1.1"} in status["addresses"]
        assert {"type": "Hostname", "address": "edge-1"} in status["addresses"]
        assert status["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://1.")
        assert status["nodeInfo"]["architecture"] == "amd64" and status["nodeInfo"]["operatingSystem"] == "linux"
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure"):
            assert world.condition(node, kind) == "False"
        assert "edge-1" in world.cloud.kubectl("get", "nodes", "-o", "wide").stdout
        assert "containerd://" in world.cloud.kubectl("describe", "node", "edge-1").stdout
