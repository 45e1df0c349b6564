"""Regions: who belongs to which, what its members are told, and what an operator sets."""

import json

from harness import clients, wait
from harness.clients import Api
from harness.world import World

REGIONS = "/apis/health.holdfast.io/v1/regions"
LABEL = "topology.kubernetes.io/region"


def region(cloud, name):
    done = cloud.kubectl("get", "region", name, "-o", "json", check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def members(cloud, name):
    found = region(cloud, name)
    return sorted(member["name"] for member in (found or {}).get("status", {}).get("roster", {}).get("members", []))


def test_a_region_is_what_its_nodes_say_they_belong_to():
    with World(edges=2).up() as world:
        cloud = world.cloud
        wait.until("both are members", lambda: members(cloud, "east") == ["edge-1", "edge-2"], 20)
        roster = region(cloud, "east")["status"]["roster"]
        addresses = {member["name"]: member["addresses"] for member in roster["members"]}
        for edge in world.edges:
            assert f"{edge.address}:51005" in addresses[edge.name], addresses
        line = cloud.kubectl("get", "regions").stdout.splitlines()[1].split()
        assert line[:2] == ["east", "2"], line

        # Each node may read its own region and no other.
        cloud.kubectl("label", "node", "edge-2", f"{LABEL}=west", "--overwrite")
        wait.until("it moved", lambda: members(cloud, "east") == ["edge-1"] and members(cloud, "west") == ["edge-2"], 20)
        assert region(cloud, "east")["status"]["roster"]["version"] > roster["version"]
        api = Api(world.edges[1], cloud, clients.node_context(world.edges[1]))
        assert api.ask("GET", f"{REGIONS}/west")[0] == 200
        assert api.ask("GET", f"{REGIONS}/east")[0] == 403
        assert api.ask("GET", REGIONS)[0] == 403
        assert api.ask("PUT", f"{REGIONS}/west", region(cloud, "west"))[0] == 403

        # What an operator set stays when nobody is left; what nobody touched goes.
        bad = cloud.kubectl("patch", "region", "east", "--type=merge", "-p", '{"spec":{"fenceAfter":"1s"}}', check=False)
        assert bad.returncode != 0 and "spec.fenceAfter" in bad.stderr, bad
        cloud.kubectl("patch", "region", "east", "--type=merge", "-p", '{"spec":{"gracePeriod":"20s"}}')
        cloud.kubectl("label", "node", "edge-1", f"{LABEL}=west", "--overwrite")
        wait.until("all are in the west", lambda: members(cloud, "west") == ["edge-1", "edge-2"], 20)
        wait.until("nobody is in the east", lambda: members(cloud, "east") == [], 20)
        assert region(cloud, "east")["spec"] == {"gracePeriod": "20s"}
        cloud.kubectl("label", "nodes", "--all", f"{LABEL}=east", "--overwrite")
        wait.until("the west is gone", lambda: region(cloud, "west") is None, 20)
        wait.until("all are in the east", lambda: members(cloud, "east") == ["edge-1", "edge-2"], 20)

        # Maintenance is said to the others, and a restart of the cloud changes nothing.
        cloud.kubectl("annotate", "node", "edge-1", "health.holdfast.io/maintenance=true")
        wait.until("maintenance", lambda: any(m.get("maintenance") for m in region(cloud, "east")["status"]["roster"]["members"]), 20)
        # Keys of before stay until every member has the newest: what goes on until then is no doing of the restart.
        wait.until("one key is left", lambda: len(region(cloud, "east")["status"]["roster"]["keys"]) == 1, 30)
        before = region(cloud, "east")
        cloud.hub.kill()
        cloud.start_hub()
        wait.until("both are back", lambda: all(world.node_ready(edge.name) for edge in world.edges), 60)
        wait.holds("nothing was written", lambda: region(cloud, "east") == before, 3)

        # Who is revoked is no member any more; who deletes the object gets it back.
        cloud.operate("node", "revoke", "edge-2")
        wait.until("one is left", lambda: members(cloud, "east") == ["edge-1"], 20)
        cloud.kubectl("delete", "region", "east")
        wait.until("it is made anew", lambda: members(cloud, "east") == ["edge-1"], 20)
