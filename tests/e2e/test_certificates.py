"""Certificates that renew by themselves, and an authority that is succeeded under a running fleet."""

import subprocess

from harness import clients, objects, wait
from harness.machines import BIN
from harness.world import World


def configure(cloud, text):
    """Options for start_hub: a configuration file of these lines."""
    path = cloud.dir / "cloud.yaml"
    path.write_text(text)
    return "--config", path


def start_cloud(world, text):
    """The cloud with this configuration; edges with power and cable, without a container runtime."""
    world.cloud.start_hub(*configure(world.cloud, text))
    for edge in world.edges:
        edge.power_on()
        world.switch.plug(edge, edge.address)


def join_and_start(edge):
    edge.join(edge.world.cloud.token("--region", edge.region))
    edge.start_hub()
    wait.until(f"{edge.name} is linked", lambda: linked(edge), 30)


def linked(edge):
    return edge.status()["link"]["state"] == "up"


def certificate(edge):
    return edge.status()["certificate"]["notBefore"]


def key_of(edge):
    return clients.identity_of(edge)["key"]


def count(log, word):
    return sum(word in line for line in log.read_text(errors="replace").splitlines())


def cloud_log(world):
    return world.cloud.dir / "cloud-hub.log"


def subjects(pem):
    """Subject names of the certificates in a PEM text."""
    names, block = [], ""
    for line in pem.splitlines():
        block += line + "\n"
        if line.startswith("-----END CERTIFICATE"):
            done = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=block, capture_output=True, text=True,
                                  timeout=10, check=True)
            names.append(done.stdout.strip().removeprefix("subject="))
            block = ""
    return names


def test_half_of_a_life_is_enough_and_nothing_stops():
    with World(edges=1) as world:
        edge, cloud = world.edges[0], world.cloud
        cloud.start_hub(*configure(cloud, "authority:\n  nodeLifetime: 24s\n  hubLifetime: 24s\n  clientLifetime: 24s\n"))
        world.start_edge(edge)
        join_and_start(edge)
        cloud.apply(objects.pod("work", node="edge-1"))
        wait.until("the pod runs", lambda: world.running_pod("work"))
        containers, first, key, admin = set(edge.containers()), certificate(edge), key_of(edge), cloud.kubeconfig.read_bytes()
        connects = edge.status()["link"]["connects"]
        boss = cloud.dir / "boss.kubeconfig"
        boss.write_text(cloud.operate("user", "create", "boss", "--group", "system:masters", "--allow-system-groups", "--ttl",
                                      "1h").stdout)
        api = clients.Api(cloud, cloud, clients.kubeconfig_context(boss))
        assert api.ask("GET", "/api/v1/nodes")[0] == 200
        wait.until("the node has renewed twice", lambda: count(edge.dir / "edge-hub.log", "renewal renewed") >= 2, 60)
        assert certificate(edge) != first and key_of(edge) != key
        # The session under the first certificate went on; so does the API's connection, under a hub's certificate gone by.
        assert edge.status()["link"]["connects"] == connects and linked(edge)
        wait.until("the hub has renewed its own", lambda: count(cloud_log(world), "certificates renewed") >= 2, 60)
        assert api.ask("GET", "/version")[0] == 200
        wait.until("the administrator's kubeconfig is a new one", lambda: cloud.kubeconfig.read_bytes() != admin, 60)
        # New connections use the new one: the first would be refused by now.
        edge.block_cloud()
        wait.until("the link is down", lambda: not linked(edge), 60)
        edge.unblock_cloud()
        wait.until("linked again", lambda: linked(edge), 60)
        assert set(edge.containers()) == containers
        assert cloud.get("nodes")["items"][0]["metadata"]["name"] == "edge-1"


def test_expired_while_off_gets_in_by_itself_and_revoked_does_not():
    with World(edges=2) as world:
        one, two = world.edges
        start_cloud(world, "authority:\n  nodeLifetime: 20s\n")
        for edge in world.edges:
            join_and_start(edge)
        old = certificate(one)
        for edge in world.edges:
            assert edge.hub.stop() == 0
        # A token for its name makes another machine the node: the old key is not registered any more.
        world.cloud.run([BIN / "cloud-hub", "token", "create", "--node-name", "edge-2"])
        wait.until("both certificates have run out", lambda: expired(world, one) and expired(world, two), 60, 1)
        one.start_hub()
        wait.until("the node gets in by itself", lambda: linked(one), 30)
        assert certificate(one) != old
        assert count(cloud_log(world), "renewal renewed") >= 1
        # Under an expired certificate nothing else can be had: not a session, and at the renewal door not a session either.
        two.start_hub()
        wait.until("and so does the other", lambda: linked(two), 30)


def expired(world, edge):
    done = subprocess.run(["openssl", "x509", "-noout", "-checkend", "0"], input=clients.identity_of(edge)["chain"],
                          capture_output=True, text=True, timeout=10)
    return done.returncode != 0
