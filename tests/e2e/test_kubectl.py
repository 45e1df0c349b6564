"""An unmodified kubectl, 1.32 and Debian 12's 1.20, does with a cloud-hub what it does with a kube-apiserver."""

import contextlib
import json
import os
import pathlib
import shutil

from harness import objects, wait
from harness.world import World

TOOLS = pathlib.Path(os.environ.get("HOLDFAST_TOOLS", "build/tools/bin")).resolve()


def clients():
    found = [str(path) for path in (TOOLS / "kubectl-1.32", TOOLS / "kubectl-1.20") if path.exists()]
    return found or [shutil.which("kubectl")]


@contextlib.contextmanager
def cloud_only():
    with World(edges=0) as world:
        world.cloud.start_hub()
        yield world.cloud


def each_client(check):
    for binary in clients():
        with cloud_only() as cloud:
            def kubectl(*words, _cloud=cloud, _binary=binary, **more):
                return _cloud.kubectl(*words, binary=_binary, **more)
            try:
                check(kubectl)
            except BaseException:
                print(f"with {binary}")
                raise


def out(done):
    return done.stdout.strip()


def test_generators_create_objects():
    def check(kubectl):
        kubectl("create", "namespace", "shop")
        kubectl("create", "configmap", "settings", "--from-literal=a=1", "-n", "shop")
        kubectl("create", "secret", "generic", "keys", "--from-literal=token=abc", "-n", "shop")
        kubectl("create", "serviceaccount", "worker", "-n", "shop")
        assert out(kubectl("get", "cm", "settings", "-n", "shop", "-o", "jsonpath={.data.a}")) == "1"
        assert out(kubectl("get", "secret", "keys", "-n", "shop", "-o", "jsonpath={.data.token}")) == "YWJj"
        assert "serviceaccount/worker" in out(kubectl("get", "sa", "-n", "shop", "-o", "name"))
        again = kubectl("create", "namespace", "shop", check=False)
        assert again.returncode == 1 and "AlreadyExists" in again.stderr, again.stderr
        kubectl("run", "one", "--image=localhost/tool:1", "--restart=Never", "-n", "shop")
        assert out(kubectl("get", "pod", "one", "-n", "shop", "-o", "jsonpath={.status.phase}")) == "Pending"
    each_client(check)


def test_get_in_every_form():
    def check(kubectl):
        kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": [
            objects.pod("a", labels={"app": "x", "tier": "front"}), objects.pod("b", labels={"app": "y"}),
            objects.pod("c", node="nowhere", labels={"app": "x"})]}))
        assert out(kubectl("get", "pods", "-l", "app=x", "-o", "name")).split() == ["pod/a", "pod/c"]
        assert out(kubectl("get", "pods", "-l", "app in (y),!tier", "-o", "name")) == "pod/b"
        assert out(kubectl("get", "pods", "--field-selector=spec.nodeName=nowhere", "-o", "name")) == "pod/c"
        assert out(kubectl("get", "pods", "-A", "--no-headers")).count("default") == 3
        assert "NODE" in kubectl("get", "pods", "-o", "wide").stdout
        assert "resourceVersion" in kubectl("get", "pod", "a", "-o", "yaml").stdout
        assert out(kubectl("get", "pods", "--chunk-size=1", "-o", "name")).split() == ["pod/a", "pod/b", "pod/c"]
        missing = kubectl("get", "pod", "zzz", check=False)
        assert missing.returncode == 1 and 'pods "zzz" not found' in missing.stderr, missing.stderr
        assert "a" in kubectl("describe", "pod", "a").stdout
        resources = kubectl("api-resources").stdout
        for plural in ("namespaces", "nodes", "pods", "configmaps", "secrets", "serviceaccounts", "events", "leases",
                       "daemonsets"):
            assert plural in resources, resources
        assert "apps/v1" in kubectl("api-versions").stdout
        assert "Server" in kubectl("version").stdout or "Server Version" in kubectl("version").stdout
    each_client(check)


def test_watch_sees_changes_as_they_come():
    for binary in clients():
        with cloud_only() as cloud:
            watch = cloud.start("watch", [binary, "--kubeconfig", cloud.kubeconfig, "get", "cm", "-l", "team=red", "-w",
                                          "-o", "name"], {"HOME": str(cloud.dir)})
            cloud.apply(dict(objects.config_map("first", {"a": "1"})))
            cloud.kubectl("label", "cm", "first", "team=red")
            wait.until("it enters the selection", lambda: "configmap/first" in watch.log.read_text())
            cloud.kubectl("create", "cm", "other")
            cloud.kubectl("label", "cm", "other", "team=red")
            wait.until("the next one too", lambda: "configmap/other" in watch.log.read_text())
            assert watch.alive()


def test_apply_merges_three_ways():
    def deployment(containers, **more):
        return json.dumps(objects.daemon_set("app", containers, **more))

    def check(kubectl):
        first = [objects.shell_container("sleep 1", name="one", env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]),
                 objects.shell_container("sleep 2", name="two")]
        kubectl("apply", "-f", "-", stdin=deployment(first, nodeSelector={"disk": "ssd", "zone": "a"}))
        # Somebody else adds something: it must survive the next apply.
        kubectl("label", "ds", "app", "owner=ops")
        kubectl("set", "env", "ds/app", "-c", "two", "EXTRA=kept")
        # Order reversed, one env removed, one changed, a selector key removed, a container added.
        second = [objects.shell_container("sleep 3", name="three"), objects.shell_container("sleep 22", name="two"),
                  objects.shell_container("sleep 1", name="one", env=[{"name": "B", "value": "3"}])]
        kubectl("apply", "-f", "-", stdin=deployment(second, nodeSelector={"disk": "nvme"}))
        ds = json.loads(kubectl("get", "ds", "app", "-o", "json").stdout)
        spec = ds["spec"]["template"]["spec"]
        by_name = {c["name"]: c for c in spec["containers"]}
        assert set(by_name) == {"one", "two", "three"}, by_name
        assert by_name["one"]["env"] == [{"name": "B", "value": "3"}]
        assert by_name["two"]["command"][-1] == "sleep 22"
        assert by_name["two"]["env"] == [{"name": "EXTRA", "value": "kept"}]
        assert spec["nodeSelector"] == {"disk": "nvme"}
        assert ds["metadata"]["labels"]["owner"] == "ops"
        generation = ds["metadata"]["generation"]
        assert "unchanged" in kubectl("apply", "-f", "-", stdin=deployment(second, nodeSelector={"disk": "nvme"})).stdout
        third = [second[2]]
        kubectl("apply", "-f", "-", stdin=deployment(third, nodeSelector={"disk": "nvme"}))
        ds = json.loads(kubectl("get", "ds", "app", "-o", "json").stdout)
        assert [c["name"] for c in ds["spec"]["template"]["spec"]["containers"]] == ["one"]
        assert ds["metadata"]["generation"] == generation + 1
    each_client(check)


def test_edit_label_annotate_delete_wait():
    def check(kubectl):
        kubectl("create", "cm", "c", "--from-literal=a=1")
        kubectl("label", "cm", "c", "x=1")
        kubectl("label", "cm", "c", "x=2", "--overwrite")
        kubectl("annotate", "cm", "c", "note=hello there")
        kubectl("edit", "cm", "c", env={"EDITOR": "sed -i 's/note: hello there/note: edited/'"})
        assert out(kubectl("get", "cm", "c", "-o", "jsonpath={.metadata.annotations.note}")) == "edited"
        kubectl("patch", "cm", "c", "-p", '{"data":{"b":"2"}}')
        kubectl("patch", "cm", "c", "--type=json", "-p", '[{"op":"remove","path":"/data/a"}]')
        kubectl("patch", "cm", "c", "--type=merge", "-p", '{"data":{"z":"3"}}')
        cm = json.loads(kubectl("get", "cm", "c", "-o", "json").stdout)
        assert cm["data"] == {"b": "2", "z": "3"} and cm["metadata"]["labels"] == {"x": "2"}, cm
        kubectl("apply", "-f", "-", stdin=json.dumps(objects.pod("p", node="nowhere")))
        kubectl("delete", "pod", "p", "--grace-period=0", "--force")
        assert kubectl("get", "pod", "p", check=False).returncode == 1
        kubectl("apply", "-f", "-", stdin=json.dumps(objects.pod("q")))
        kubectl("wait", "--for=jsonpath={.status.phase}=Pending" if "1.20" not in out(kubectl("version", "--client"))
                else "--for=condition=PodScheduled=false", "pod/q", "--timeout=10s")
        kubectl("create", "ns", "n")
        kubectl("create", "cm", "inside", "-n", "n")
        kubectl("delete", "ns", "n", "--timeout=30s")
        gone = kubectl("get", "cm", "inside", "-n", "n", check=False)
        assert gone.returncode == 1 and "NotFound" in gone.stderr
        kubectl("delete", "cm", "--all")
        kubectl("auth", "can-i", "create", "pods")
    each_client(check)


def test_bad_input_is_refused_with_upstreams_words():
    def check(kubectl):
        def refused(words, *expected, stdin=None):
            done = kubectl(*words, check=False, stdin=stdin)
            assert done.returncode != 0, words
            for text in expected:
                assert text in done.stderr, f"{text!r} not in {done.stderr!r}"

        refused(["create", "cm", "Bad_Name"], "Invalid value", "RFC 1123")
        kubectl("create", "cm", "good")
        refused(["label", "cm", "good", "a=b c"], "valid label")
        pod = objects.pod("p")
        pod["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "fast"}}
        refused(["apply", "-f", "-"], "quantit", stdin=json.dumps(pod))
        pod = objects.pod("p")
        pod["spec"]["containers"].append(dict(pod["spec"]["containers"][0]))
        refused(["apply", "-f", "-"], "Duplicate", stdin=json.dumps(pod))
        pod = objects.pod("p")
        pod["spec"]["contaners"] = []
        refused(["apply", "-f", "-"], "contaners", stdin=json.dumps(pod))
        refused(["get", "pods", "-l", "a in ("], "selector")
        refused(["apply", "-f", "-"], "no matches for kind", stdin=json.dumps(
            {"apiVersion": "v1", "kind": "Gizmo", "metadata": {"name": "x"}}))
        cm = json.loads(kubectl("get", "cm", "good", "-o", "json").stdout)
        kubectl("label", "cm", "good", "new=1")
        cm["data"] = {"x": "y"}
        refused(["replace", "-f", "-"], "the object has been modified", stdin=json.dumps(cm))
    each_client(check)
