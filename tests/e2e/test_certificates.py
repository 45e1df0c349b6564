"""Certificates that renew by themselves, and an authority that is succeeded under a running fleet."""

import json
import os
import random
import subprocess
import time

from harness import clients, objects, wait
from harness.clock import YEAR, Clock
from harness.machines import BIN, kubectl_binary
from harness.world import World


RENEW_NAME = "renew.cloud-hub.holdfast"


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
        # Another machine becomes edge-2: the old key is not registered any more.
        join_elsewhere(one, world.cloud.token("--node-name", "edge-2"), "edge-2")
        wait.until("both certificates have run out", lambda: expired(world, one) and expired(world, two), 60, 1)
        one.start_hub()
        wait.until("the node gets in by itself", lambda: linked(one), 30)
        assert certificate(one) != old
        assert count(cloud_log(world), "renewal renewed") >= 1
        # Under an expired certificate nothing else can be had: no session, and at the door to renewal no session either.
        context = clients.node_context(two)
        assert refused_at_tls(one, world.cloud, context, clients.HUB_NAME)
        session = clients.Tunnel(one, world.cloud, context, RENEW_NAME)
        session.send(clients.hello("edge-2"))
        assert session.closed()
        # Expired and not registered: refused, in words that the node can show.
        two.start_hub()
        wait.until("it hears why", lambda: "another key" in two.status()["certificate"]["lastError"], 30)
        wait.holds("it stays out", lambda: not linked(two) and two.hub.alive(), 5)
        assert "another key" in two.run([BIN / "edge-hub", "status"]).stdout


def join_elsewhere(box, token, name):
    """Another machine, as far as the cloud can tell: a data directory of its own."""
    box.run([BIN / "edge-hub", "join", "--cloud", f"{box.world.cloud.address}:7443", "--token", token, "--node-name", name,
             "--data-dir", f"/var/lib/holdfast/{name}"])


def expired(world, edge):
    done = subprocess.run(["openssl", "x509", "-noout", "-checkend", "0"], input=clients.identity_of(edge)["chain"],
                          capture_output=True, text=True, timeout=10)
    return done.returncode != 0


def authority(cloud):
    return json.loads(cloud.operate("authority", "status", "-o", "json").stdout)


def phase(cloud):
    return authority(cloud)["phase"]


def roots_of(edge):
    return subjects(clients.identity_of(edge)["authority"])


def issuer_of(edge):
    done = subprocess.run(["openssl", "x509", "-noout", "-issuer"], input=clients.identity_of(edge)["chain"],
                          capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip().removeprefix("issuer=")


def kubectl_with(cloud, kubeconfig):
    return cloud.run([kubectl_binary(), "--kubeconfig", kubeconfig, "get", "nodes", "-o", "name"], check=False)


def openssl_trusts(cloud, pem):
    """Does OpenSSL, with its own way of building paths, trust the API with these roots?"""
    ca = cloud.dir / "ca.pem"
    ca.write_text(pem)
    done = cloud.run(["openssl", "s_client", "-connect", f"{cloud.address}:6443", "-CAfile", ca, "-verify_return_error"],
                     check=False, stdin="")
    return "Verify return code: 0 (ok)" in done.stdout


def test_an_authority_is_succeeded_under_a_running_fleet():
    with World(edges=3).up() as world:
        cloud, (one, two, away) = world.cloud, world.edges
        cloud.apply([objects.pod(f"work-{i}", node=f"edge-{i}") for i in (1, 2, 3)])
        for i in (1, 2, 3):
            wait.until(f"work-{i} runs", lambda i=i: world.running_pod(f"work-{i}"))
        containers = {edge.name: set(edge.containers()) for edge in world.edges}
        old_config = cloud.dir / "old.kubeconfig"
        old_config.write_bytes(cloud.kubeconfig.read_bytes())
        old_roots = clients.kubeconfig_field(old_config, "certificate-authority-data")
        old_token = cloud.token("--uses", "5")
        away.block_cloud()
        wait.until("one node is away", lambda: not linked(away), 60)

        assert "spreading" in cloud.operate("authority", "rotate").stdout
        for edge in (one, two):
            wait.until(f"{edge.name} trusts both roots", lambda e=edge: len(roots_of(e)) == 2, 20)
        wait.until("the cloud knows that", lambda: authority(cloud)["acknowledged"] == 2, 20)
        assert authority(cloud)["notAcknowledged"]["names"] == ["edge-3"] and phase(cloud) == "spreading"
        refused = cloud.operate("authority", "finish", check=False)
        assert refused.returncode == 1 and "--force" in refused.stderr and "1 of the nodes" in refused.stderr, refused.stderr
        assert cloud.operate("authority", "rotate", check=False).returncode == 1

        # The cloud is killed halfway, and goes on where it was.
        cloud.hub.kill()
        cloud.start_hub()
        for edge in (one, two):
            wait.until(f"{edge.name} is back", lambda e=edge: linked(e), 60)
        assert phase(cloud) == "spreading"
        cloud.operate("authority", "finish", "--force")
        assert phase(cloud) == "renewing"
        for edge in (one, two):
            wait.until(f"{edge.name} has a certificate of the new authority", lambda e=edge: " 2-" in issuer_of(e), 30)
        wait.until("the cloud knows that too", lambda: authority(cloud)["renewed"] == 2, 30)
        # Whoever knows but the old root goes on, and tokens of both are good.
        assert kubectl_with(cloud, old_config).returncode == 0 and kubectl_with(cloud, cloud.kubeconfig).returncode == 0
        assert openssl_trusts(cloud, old_roots)
        both = clients.kubeconfig_field(cloud.kubeconfig, "certificate-authority-data")
        assert len(subjects(both)) == 2 and openssl_trusts(cloud, both)
        for token, name in ((old_token, "by-old"), (cloud.token(), "by-new")):
            join_elsewhere(one, token, name)
        cloud.operate("authority", "finish", "--force")
        assert phase(cloud) == "stable"
        for edge in (one, two):
            wait.until(f"{edge.name} trusts the new root alone", lambda e=edge: len(roots_of(e)) == 1 and " 2-" in roots_of(e)[0],
                       20)
        assert kubectl_with(cloud, old_config).returncode == 0 and openssl_trusts(cloud, old_roots)
        late = one.run([BIN / "edge-hub", "join", "--cloud", f"{cloud.address}:7443", "--token", old_token, "--node-name",
                        "late", "--data-dir", "/var/lib/holdfast/late"], check=False)
        assert late.returncode == 1 and "pinned authority" in late.stderr, late.stderr

        # The one that was away for the whole of it gets in by itself.
        assert len(roots_of(away)) == 1 and " 2-" not in roots_of(away)[0]
        away.unblock_cloud()
        wait.until("the node that was away is linked", lambda: linked(away), 60)
        assert " 2-" in issuer_of(away) and " 2-" in roots_of(away)[0]
        wait.until("the cloud knows", lambda: "edge-3" not in authority(cloud)["notRenewed"]["names"], 20)
        for edge in world.edges:
            assert set(edge.containers()) == containers[edge.name], f"{edge.name}: a container restarted"
        cloud.apply(objects.pod("after", node="edge-3"))
        wait.until("new work reaches it", lambda: world.running_pod("after"))
        assert "holdfast_certificate_expiry_seconds{certificate=\"root\",generation=\"2\"}" in \
            cloud.kubectl("get", "--raw", "/metrics").stdout


def test_a_small_fleet_goes_through_a_rotation_by_itself_and_a_leaked_authority_opens_nothing():
    with World(edges=2) as world:
        start_cloud(world, "log:\n  level: info\n")
        cloud, (one, two) = world.cloud, world.edges
        for edge in world.edges:
            join_and_start(edge)
        before = clients.identity_of(two)
        cloud.operate("authority", "rotate")
        wait.until("it is over", lambda: phase(cloud) == "stable", 60)
        for edge in world.edges:
            wait.until(f"{edge.name} is under the new authority",
                       lambda e=edge: " 2-" in issuer_of(e) and len(roots_of(e)) == 1 and linked(e), 20)
        states = [g["state"] for g in authority(cloud)["generations"]]
        assert states == ["retired", "current"], states
        # What two had before opens the door to renewal and no other.
        old = clients._context(before["authority"], before["chain"], before["key"])
        assert refused_at_tls(one, cloud, old, clients.HUB_NAME)
        assert not refused_at_tls(one, cloud, old, RENEW_NAME)
        session = clients.Tunnel(one, cloud, old, RENEW_NAME)
        session.send(clients.hello("edge-2"))
        assert session.closed() and linked(two)

        assert cloud.operate("authority", "finish", check=False).returncode == 1
        cloud.operate("authority", "finish", "--distrust-old")
        assert [g["state"] for g in authority(cloud)["generations"]] == ["distrusted", "current"]
        assert refused_at_tls(one, cloud, old, RENEW_NAME)
        assert refused_at_tls(one, cloud, old, clients.HUB_NAME)
        assert linked(one) and linked(two)
        one.hub.kill()
        one.start_hub()
        wait.until("nodes of the new authority work", lambda: linked(one), 30)


def test_an_authority_that_ends_within_months_is_spoken_of_in_log_and_api():
    with World(edges=0) as world:
        cloud = world.cloud
        clock = Clock(cloud)
        cloud.start_hub(*configure(cloud, "authority:\n  hubLifetime: 24s\n"))  # so that it looks twice a second
        wait.holds("nothing to say", lambda: not count(cloud_log(world), "authority-ends"), 2)
        clock.add(int(14.7 * YEAR))
        wait.until("the log says so", lambda: count(cloud_log(world), "authority-ends generation=1 days=109") == 1, 20)
        clock.add(0)
        event = wait.until("so does an Event", lambda: next(e for e in cloud.get("events", "-n", "kube-system")["items"]
                                                            if e["reason"] == "AuthorityEnds"), 20)
        assert event["type"] == "Warning" and "in 109 days" in event["message"], event
        assert event["involvedObject"]["name"] == "kube-system", event
        assert count(cloud_log(world), "authority-ends") == 1


def refused_at_tls(box, cloud, context, name):
    """Is the handshake refused? TLS 1.2: the client hears of it in the handshake."""
    try:
        clients.Tunnel(box, cloud, context, name).close()
        return False
    except OSError:
        return True


def test_hubs_killed_at_any_moment_of_a_succession_come_through_it():
    """Eight successions, each with a kill -9 of one hub somewhere in the middle; more than there is room for retired ones."""
    seed = int(os.environ.get("HOLDFAST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    dice = random.Random(seed)
    with World(edges=1) as world:
        start_cloud(world, "log:\n  level: info\n")
        cloud, edge = world.cloud, world.edges[0]
        join_and_start(edge)
        for number in range(2, 10):
            cloud.operate("authority", "rotate")
            moment, victim = dice.uniform(0, 1.2), dice.choice([cloud, edge, edge])
            time.sleep(moment)  # the test is that any moment will do
            victim.hub.kill()
            victim.start_hub()
            wait.until(f"succession {number} is over (killed {victim.name} after {moment:.3f} s)", lambda: phase(cloud) == "stable",
                       60)
            wait.until("the node is linked under it", lambda n=number: linked(edge) and f" {n}-" in issuer_of(edge)
                       and len(roots_of(edge)) == 1, 60)
        assert cloud.get("node", "edge-1")
