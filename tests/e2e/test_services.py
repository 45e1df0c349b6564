"""Services: as an unmodified kubectl makes and shows them, and what stands behind them, with the cloud and without it."""

import json

from harness import objects
from harness.machines import BIN
from harness.world import World
from test_kubectl import cloud_only, each_client, out


def spec_of(kubectl, name):
    return json.loads(kubectl("get", "service", name, "-o", "json").stdout)["spec"]


def test_kubectl_makes_and_shows_services():
    def check(kubectl):
        kubectl("create", "service", "clusterip", "plain", "--tcp=80:8080")
        kubectl("create", "service", "clusterip", "headless", "--clusterip=None")
        kubectl("create", "service", "nodeport", "outside", "--tcp=80")
        kubectl("create", "service", "loadbalancer", "balanced", "--tcp=443:8443")
        kubectl("create", "service", "externalname", "elsewhere", "--external-name=db.example.com")
        plain, outside = spec_of(kubectl, "plain"), spec_of(kubectl, "outside")
        assert plain["clusterIP"].startswith("10.") and plain["clusterIPs"] == [plain["clusterIP"]], plain
        assert plain["ipFamilies"] == ["IPv4"] and plain["ipFamilyPolicy"] == "SingleStack", plain
        assert plain["type"] == "ClusterIP" and plain["sessionAffinity"] == "None", plain
        assert plain["internalTrafficPolicy"] == "Cluster" and plain["selector"] == {"app": "plain"}, plain
        assert plain["ports"] == [{"name": "80-8080", "port": 80, "protocol": "TCP", "targetPort": 8080}], plain
        assert 30000 <= outside["ports"][0]["nodePort"] <= 32767, outside
        rows = {line.split()[0]: line.split() for line in kubectl("get", "services", "-o", "wide").stdout.splitlines()}
        assert rows["NAME"] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"], rows["NAME"]
        assert rows["plain"][1:5] == ["ClusterIP", plain["clusterIP"], "<none>", "80/TCP"], rows["plain"]
        assert rows["headless"][1:5] == ["ClusterIP", "None", "<none>", "<none>"], rows["headless"]
        assert rows["outside"][4] == f"80:{outside['ports'][0]['nodePort']}/TCP", rows["outside"]
        assert rows["balanced"][1:4:2] == ["LoadBalancer", "<pending>"], rows["balanced"]
        assert rows["elsewhere"][1:5] == ["ExternalName", "<none>", "db.example.com", "<none>"], rows["elsewhere"]
        assert "service/plain" in out(kubectl("get", "all", "-o", "name"))
        kubectl("run", "one", "--image=localhost/tool:1", "--restart=Never", "--labels=app=one", "--port=8080")
        kubectl("expose", "pod", "one", "--name=exposed")
        assert spec_of(kubectl, "exposed")["ports"][0]["port"] == 8080
        shown = kubectl("describe", "service", "plain").stdout
        assert f"IP:                {plain['clusterIP']}" in shown or plain["clusterIP"] in shown, shown
    each_client(check)


def test_addresses_and_ports_are_given_once():
    def service(name, **spec):
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"ports": [{"port": 80}], **spec}}

    with cloud_only() as cloud:
        def apply(thing, check=True):
            return cloud.kubectl("apply", "-f", "-", stdin=json.dumps(thing), check=check)

        apply(service("a", clusterIP="10.96.0.10"))
        taken = apply(service("b", clusterIP="10.96.0.10"), check=False)
        assert "failed to allocate IP 10.96.0.10: provided IP is already allocated" in taken.stderr, taken.stderr
        outside = apply(service("b", clusterIP="192.0.2.1"), check=False)
        assert "The range of valid IPs is 10.96.0.0/12" in outside.stderr, outside.stderr
        port = [{"port": 80, "nodePort": 30080}]
        apply(service("c", type="NodePort", ports=port))
        taken = apply(service("d", type="NodePort", ports=port), check=False)
        assert "provided port is already allocated" in taken.stderr, taken.stderr
        low = apply(service("d", type="NodePort", ports=[{"port": 80, "nodePort": 80}]), check=False)
        assert "The range of valid ports is 30000-32767" in low.stderr, low.stderr
        moved = cloud.kubectl("patch", "service", "a", "-p", '{"spec":{"clusterIP":"10.96.0.11"}}', check=False)
        assert "may not change once set" in moved.stderr, moved.stderr
        two = apply(service("e", ipFamilyPolicy="RequireDualStack"), check=False)
        assert "not configured for dual-stack" in two.stderr, two.stderr
        cloud.kubectl("patch", "service", "c", "-p", '{"spec":{"type":"ClusterIP"}}')
        assert "nodePort" not in cloud.get("service", "c")["spec"]["ports"][0]
        apply(service("d", type="NodePort", ports=port))

        before = cloud.get("service", "c")["spec"]["clusterIP"]
        cloud.hub.stop()
        cloud.start_hub()
        taken = apply(service("b", clusterIP="10.96.0.10"), check=False)
        assert "already allocated" in taken.stderr, taken.stderr
        assert cloud.get("service", "c")["spec"]["clusterIP"] == before
        cloud.kubectl("delete", "service", "a")
        apply(service("b", clusterIP="10.96.0.10"))


def test_the_range_of_addresses_is_the_operators():
    with World(edges=0) as world:
        world.cloud.configure("services:\n  clusterIPRange: fd00:10::/112\n")
        world.cloud.start_hub()
        world.cloud.kubectl("create", "service", "clusterip", "six", "--tcp=80")
        spec = world.cloud.get("service", "six")["spec"]
        assert spec["clusterIP"].startswith("fd00:10::") and spec["ipFamilies"] == ["IPv6"], spec
        world.cloud.hub.stop()
        world.cloud.configure("services:\n  clusterIPRange: 10.96.0.0\n")
        refused = world.cloud.run([BIN / "cloud-hub", "run", *world.cloud.options], check=False)
        assert refused.returncode and "services.clusterIPRange" in refused.stderr, refused
