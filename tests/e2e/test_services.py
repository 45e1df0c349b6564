"""Services: as an unmodified kubectl makes and shows them, and what stands behind them, with the cloud and without it."""

import json
import time

from harness import objects, wait
from harness.machines import BIN
from harness.world import World
from test_health import Region
from test_kubectl import cloud_only, each_client, out

LABEL = "topology.kubernetes.io/region"


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
        kubectl("apply", "-f", "-", stdin=json.dumps({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "front"},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "front"}}, "template": {
                "metadata": {"labels": {"app": "front"}}, "spec": {"containers": [objects.shell_container("sleep 1")]}}}}))
        kubectl("expose", "replicaset", "front", "--port=80", "--target-port=8080")
        assert spec_of(kubectl, "front")["selector"] == {"app": "front"}
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


def test_a_namespace_takes_its_services_with_it():
    with cloud_only() as cloud:
        cloud.kubectl("create", "namespace", "shop")
        cloud.kubectl("create", "service", "clusterip", "web", "--tcp=80", "-n", "shop")
        address = cloud.get("service", "web", "-n", "shop")["spec"]["clusterIP"]
        wait.until("it has a slice", lambda: cloud.get("endpointslices", "-n", "shop")["items"], 20)
        cloud.kubectl("delete", "namespace", "shop", "--timeout=40s")
        assert not cloud.get("endpointslices", "-A")["items"] and not cloud.get("endpoints", "-A")["items"]
        cloud.kubectl("create", "service", "clusterip", "web", "--tcp=80", f"--clusterip={address}")
        cloud.kubectl("delete", "service", "web", "--cascade=foreground", "--timeout=40s")
        wait.until("all of it is gone", lambda: not cloud.get("endpointslices", "-A")["items"], 20)


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


def local(edge, path):
    """What the API on the node's socket answers; None when it is not 200."""
    done = edge.run(["curl", "-sS", "--fail", "--unix-socket", "/var/lib/holdfast/edge/edge.sock", f"http://edge{path}"], check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def local_endpoints(edge, service):
    """{address: ready} of the Service's endpoints, as a client on the node sees them."""
    slices = local(edge, f"/apis/discovery.k8s.io/v1/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D{service}")
    return {endpoint["addresses"][0]: endpoint["conditions"]["ready"] for item in (slices or {"items": []})["items"]
            for endpoint in item["endpoints"]}


def test_nodes_have_services_and_the_endpoints_of_their_region():
    with Region(edges=3, regions=["east", "east", "west"]) as world:
        one, two, three = world.edges
        cloud = world.cloud
        addresses = {"192.0.2.1": one.name, "192.0.2.2": two.name, "192.0.2.3": three.name, "192.0.2.9": None}
        cloud.apply([
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"ports": [{"port": 80}]}},
            {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "db"}, "subsets": [{
                "addresses": [{"ip": ip, **({"nodeName": node} if node else {})} for ip, node in addresses.items()],
                "ports": [{"port": 80}]}]}])
        east, west = {"192.0.2.1", "192.0.2.2", "192.0.2.9"}, {"192.0.2.3", "192.0.2.9"}
        wait.until("each has its region's", lambda: set(local_endpoints(one, "db")) == set(local_endpoints(two, "db")) == east
                   and set(local_endpoints(three, "db")) == west, 20)
        spec = cloud.get("service", "db")["spec"]
        assert local(one, "/api/v1/namespaces/default/services/db")["spec"]["clusterIP"] == spec["clusterIP"]
        assert one.status()["replica"]["complete"]

        # A node that moves to another region gets the other slices and loses the first.
        cloud.kubectl("label", "node", two.name, f"{LABEL}=west", "--overwrite")
        both = {"192.0.2.2", *west}
        wait.until("it has the other region's", lambda: set(local_endpoints(two, "db")) == both
                   and set(local_endpoints(one, "db")) == {"192.0.2.1", "192.0.2.9"}, 20)

        # All of it is there with the cloud away, after a start too.
        cloud.hub.kill()
        two.hub.kill()
        two.start_hub()
        wait.until("it serves", lambda: set(local_endpoints(two, "db")) == both, 20)
        cloud.start_hub()
        cloud.kubectl("delete", "service", "db")
        wait.until("it went everywhere", lambda: all(local(edge, "/api/v1/namespaces/default/services/db") is None
                                                     and not local_endpoints(edge, "db") for edge in world.edges), 40)


def pull_plug(world, edge):
    """Its network goes with the machine: what is left of a namespace would refuse connections, as a host does whose hub is gone."""
    world.switch.cut(edge)
    edge.power_off()


def test_on_a_node_that_is_cut_off_endpoints_of_dead_neighbours_are_withdrawn():
    with World(edges=3).up() as world:
        one, two, three = world.edges
        cloud = world.cloud
        cloud.apply([{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
                      "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}},
                     *objects.web_app()])
        wait.until("all are ready for all", lambda: all(list(local_endpoints(edge, "web").values()) == [True] * 3
                                                        for edge in world.edges), 60)
        shown = cloud.kubectl("describe", "service", "web").stdout
        assert "Endpoints:" in shown and ":8080" in shown, shown
        rows = cloud.kubectl("get", "endpoints,endpointslices").stdout
        assert "endpoints/web" in rows and "endpointslice.discovery.k8s.io/web-" in rows, rows
        address = next(pod["status"]["podIP"] for pod in cloud.get("pods")["items"] if pod["spec"]["nodeName"] == three.name)
        watch = one.start("watch", ["curl", "-sSN", "--unix-socket", "/var/lib/holdfast/edge/edge.sock",
                                    "http://edge/apis/discovery.k8s.io/v1/endpointslices?watch=true"])

        # The cloud's cable is out, and then one machine goes.
        world.switch.cut(cloud)
        wait.until("the tunnels are down", lambda: all(edge.status()["link"]["state"] != "up" for edge in (one, two)), 40)
        commits = one.status()["replica"]["commits"]
        assert local_endpoints(one, "web")[address]
        start = time.monotonic()
        pull_plug(world, three)
        wait.until("it is withdrawn", lambda: not any(local_endpoints(edge, "web")[address] for edge in (one, two)), 10, 0.1)
        took = time.monotonic() - start
        print(f"        withdrawn {took:.1f} s after the power cut")
        assert took < 8, took  # 5 s on a machine that does nothing else
        assert sorted(local_endpoints(one, "web").values()) == [False, True, True]
        wait.until("watchers were told", lambda: '"MODIFIED"' in watch.log.read_text(), 10)
        assert one.status()["services"]["withdrawnEndpoints"] == 1
        assert "1 endpoints on dead neighbours" in one.run([BIN / "edge-hub", "status"]).stdout
        described = local(one, "/apis/discovery.k8s.io/v1/endpointslices")["items"][0]["metadata"]
        assert "holdfast.io/withdrawn" in described["annotations"], described

        # It stays so through a start of the hub, without a write, and is over when the neighbour is back.
        one.hub.kill()
        one.start_hub()
        wait.until("it serves", lambda: local_endpoints(one, "web"), 20, 0.1)
        assert not local_endpoints(one, "web")[address]
        assert one.status()["replica"]["commits"] <= commits + 10, one.status()["replica"]
        three.power_on()
        world.switch.plug(three, three.address)
        three.start_containerd()
        three.start_hub()
        wait.until("it is back", lambda: all(local_endpoints(edge, "web")[address] for edge in (one, two)), 40)

        # The cloud comes back to a region of which one is dead: nobody is sent there in between.
        pull_plug(world, three)
        wait.until("it is withdrawn again", lambda: not any(local_endpoints(edge, "web")[address] for edge in (one, two)), 20)
        world.switch.mend(cloud)
        wait.until("the cloud knows", lambda: not any(
            endpoint["conditions"]["ready"] for item in cloud.get("endpointslices")["items"] for endpoint in item["endpoints"]
            if endpoint["addresses"] == [address]), 90)
        assert not any(local_endpoints(edge, "web")[address] for edge in (one, two))
        assert "NotReadyAddresses:  " + address in cloud.kubectl("describe", "endpoints", "web").stdout
