"""Who becomes a node, and who does not: tokens, names, keys; and how both programs behave towards a person or a service manager."""

import base64
import json
import time

from harness import clients, objects, wait
from harness.clients import TUNNEL_PORT
from harness.machines import BIN
from harness.proxy import Proxy
from harness.world import World


class Site(World):
    """A cloud-hub and bare edge machines: joining needs no container runtime."""

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.start_hub()
            for edge in self.edges:
                edge.power_on()
                self.switch.plug(edge, edge.address)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self


def join(edge, token, *options):
    """edge-hub join as typed; the data directory is new unless --data-dir says otherwise."""
    return edge.run([BIN / "edge-hub", "join", "--cloud", edge.world.cloud.address, "--token", token, *options], check=False)


def assert_refused(done, *words, code=1):
    assert done.returncode == code, f"exit {done.returncode}: {done.stderr}"
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("edge-hub: "), done.stderr
    for word in words:
        assert word in lines[0], f"{word!r} not in {lines[0]!r}"


def assert_joined(done):
    assert done.returncode == 0, done.stderr
    assert "joined as node" in done.stdout, done.stdout


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def resealed(parts):
    """A token with a right check over parts that somebody made up."""
    text = ".".join(parts)
    check = base64.urlsafe_b64encode(crc32c(text.encode()).to_bytes(4, "big")).decode().rstrip("=")
    return f"{text}.{check}"


def uses_left(cloud, token):
    listed = cloud.operate("token", "list").stdout.splitlines()
    row = next(line for line in listed if line.startswith(token.split(".")[1]))
    return int(row.split()[2])


def test_a_token_works_as_often_as_it_says_and_no_longer_than_it_lives():
    with Site(edges=3) as site:
        one, two, three = site.edges
        token = site.cloud.token("--uses", "2")
        assert_joined(join(one, token))
        assert_joined(join(two, token))
        assert_refused(join(three, token), "used up")
        assert len(site.cloud.get("nodes")["items"]) == 2

        issued = time.time()
        brief = site.cloud.token("--ttl", "1s")
        wait.until("the token's second is over", lambda: time.time() > issued + 1.2)
        assert_refused(join(three, brief), "expired")

        revoked = site.cloud.token()
        site.cloud.operate("token", "revoke", revoked.split(".")[1])
        assert_refused(join(three, revoked), "not known")
        assert {n["metadata"]["name"] for n in site.cloud.get("nodes")["items"]} == {"edge-1", "edge-2"}


def test_wrong_malformed_and_foreign_tokens_are_told_apart():
    with Site(edges=1) as site:
        edge, cloud = site.edges[0], site.cloud
        token = cloud.token()
        parts = token.split(".")[:-1]
        assert resealed(parts) == token, "the test knows the form of a token"
        # What can be seen to be no token at all is bad usage; nothing is dialled.
        for bad in ("", "nonsense", "hf1.", token[:-1], token + "0", token.replace("hf1", "hf9"), "hf1." * 2000):
            assert_refused(join(edge, bad), code=2)
        typo = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
        assert_refused(join(edge, typo), code=2)
        # Well-formed, but made up.
        secret = parts[2][:-2] + ("AA" if parts[2][-2:] != "AA" else "BB")
        assert_refused(join(edge, resealed([*parts[:2], secret, parts[3]])), "not known")
        assert_refused(join(edge, resealed([parts[0], "0123456789abcdef", *parts[2:]])), "not known")

        # Of another installation: the machine does not even talk to a cloud that the token does not pin.
        other = cloud.start("other-hub", [BIN / "cloud-hub", "run", "--data-dir", "/var/lib/holdfast/other", "--api",
                                          "127.0.0.1:16443", "--tunnel", "127.0.0.1:17443"])
        foreign = wait.until("the other cloud-hub's token", lambda: cloud.run(
            [BIN / "cloud-hub", "token", "create", "--data-dir", "/var/lib/holdfast/other"], check=False).stdout.strip(), 20)
        done = join(edge, foreign)
        assert done.returncode == 1 and done.stderr.startswith("edge-hub: "), done.stderr
        # The pin exchanged for ours: then the cloud says that it never made it.
        assert_refused(join(edge, resealed([*foreign.split(".")[:3], parts[3]])), "not known")
        assert other.stop() == 0
        assert cloud.get("nodes")["items"] == [] and uses_left(cloud, token) == 1
        assert_joined(join(edge, token))


def test_a_name_belongs_to_the_first_key_that_came_for_it():
    with Site(edges=2) as site:
        one, two = site.edges
        cloud = site.cloud
        bound = cloud.token("--node-name", "edge-1")
        assert_refused(join(two, bound), "another node name")
        assert_joined(join(one, bound))
        assert_refused(join(two, cloud.token(), "--node-name", "edge-1"), "exists under another key")
        for bad in ("Edge_1", "-x", "a" * 250, "a..b", "../x", ""):
            done = join(two, cloud.token(), "--node-name", bad)
            assert done.returncode in (1, 2) and len(done.stderr.strip().splitlines()) == 1, (bad, done)

        # A token for that very name replaces the machine; what the old one had opens nothing any more.
        one.start_hub()
        wait.until("the first machine is linked", lambda: one.status()["link"]["state"] == "up", 30)
        assert_joined(join(two, cloud.token("--node-name", "edge-1"), "--node-name", "edge-1"))
        one.hub.kill()
        one.start_hub()
        wait.until("the old machine is refused", lambda: "another key" in one.status()["link"]["lastError"], 30)
        assert one.status()["link"]["state"] != "up" and one.hub.alive()
        two.start_hub()
        wait.until("the new one is linked", lambda: two.status()["link"]["state"] == "up", 30)


def test_joining_again_after_a_lost_answer_costs_no_second_use():
    with Site(edges=1) as site:
        edge, cloud = site.edges[0], site.cloud
        token = cloud.token()
        proxy = Proxy(edge, (cloud.address, TUNNEL_PORT), lose_answers=True)
        try:
            attempt = edge.start("join", [BIN / "edge-hub", "join", "--cloud", proxy.address, "--token", token])
            wait.until("the cloud has registered the node", lambda: uses_left(cloud, token) == 0, 30)
            wait.until("the answer is lost", lambda: proxy.lost > 500, 30)
            proxy.hang_up()
            assert attempt.popen.wait(30) == 1, attempt.tail()
        finally:
            proxy.close()
        assert not (edge.data / "identity" / "node.json").exists()
        assert_joined(join(edge, token))
        # And once joined, saying it again changes nothing.
        assert_joined(join(edge, token))
        assert len(cloud.get("nodes")["items"]) == 1
        other = cloud.token("--region", "east")
        assert_refused(join(edge, other, "--node-name", "another"), "already", "edge-1")


def test_region_and_labels_come_from_the_token_and_the_first_join():
    with Site(edges=2) as site:
        one, two = site.edges
        cloud = site.cloud
        regions = ("--region", "east", "--region", "west")
        assert_refused(join(one, cloud.token(*regions), "--region", "north"), "region")
        assert_joined(join(one, cloud.token(*regions), "--region", "west", "--labels", "rack=7,team=blue"))
        labels = cloud.get("node", "edge-1")["metadata"]["labels"]
        assert labels["topology.kubernetes.io/region"] == "west" and labels["rack"] == "7" and labels["team"] == "blue", labels
        assert_joined(join(two, cloud.token(*regions)))
        assert cloud.get("node", "edge-2")["metadata"]["labels"]["topology.kubernetes.io/region"] == "east"

        # Labels are the operator's from then on.
        cloud.kubectl("label", "node", "edge-1", "rack=8", "--overwrite")
        assert_joined(join(one, cloud.token("--node-name", "edge-1", *regions), "--labels", "rack=9,more=1"))
        labels = cloud.get("node", "edge-1")["metadata"]["labels"]
        assert labels["rack"] == "8" and "more" not in labels, labels

        # What the operator or the token says, a node does not say of itself.
        for bad in ("topology.kubernetes.io/region=moon", "node-role.kubernetes.io/control-plane=", "node-restriction.kubernetes.io/x=y",
                    "kubernetes.io/hostname=other"):
            assert_refused(join(two, cloud.token(), "--node-name", "edge-7", "--data-dir", "/var/lib/holdfast/seven", "--labels", bad),
                           bad.split("=")[0])
        # The region is not asked for by label, and a label that Kubernetes would refuse is refused.
        for bad in ("nolabel", "a=b c", "=x", "-bad-=1"):
            done = join(two, cloud.token(), "--node-name", "edge-9", "--data-dir", "/var/lib/holdfast/nine", "--labels", bad)
            assert done.returncode in (1, 2) and len(done.stderr.strip().splitlines()) == 1, (bad, done.stderr)
        done = join(two, cloud.token(), "--node-name", "edge-8", "--data-dir", "/var/lib/holdfast/eight", "--labels",
                    "topology.kubernetes.io/region=moon")
        if done.returncode == 0:
            labels = cloud.get("node", "edge-8")["metadata"]["labels"]
            assert labels.get("topology.kubernetes.io/region") != "moon", labels


def test_what_the_store_keeps_of_a_token_opens_nothing():
    with Site(edges=1) as site:
        edge, cloud = site.edges[0], site.cloud
        token = cloud.token("--uses", "3")
        assert_joined(join(edge, token))
        item = json.loads(cloud.operate("token", "list", "-o", "json").stdout)["items"][0]
        assert item["usesLeft"] == 2 and item["lastUsed"] and item["expires"] > item["lastUsed"], item
        secret = token.split(".")[2]
        raw = b"".join(path.read_bytes() for path in cloud.data.rglob("*") if path.is_file())
        for form in (token, secret, secret.replace("-", "+").replace("_", "/"), base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4)).hex()):
            assert form.encode() not in raw
        assert base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4)) not in raw


def test_who_guesses_tokens_is_slowed_down_and_shuts_nobody_else_out():
    with Site(edges=2) as site:
        guesser, honest = site.edges
        cloud = site.cloud
        cloud.hub.stop()
        config = cloud.data.parent / "slow.yaml"
        config.write_text("tunnel:\n  joinsPerSecond: 20\n")
        cloud.start_hub("--config", "/var/lib/holdfast/slow.yaml")
        guesser_token, token = cloud.token(), cloud.token()
        parts = guesser_token.split(".")[:-1]
        wrong = resealed([parts[0], "0123456789abcdef", *parts[2:]])
        for _ in range(2):
            assert_refused(join(guesser, wrong), "not known")
        assert "not known" in join(guesser, wrong).stderr  # by now on credit: three seconds' worth
        began = time.time()
        done = join(guesser, wrong)
        assert done.returncode == 1 and "come back later; waiting" in done.stderr and "not known" in done.stderr, done.stderr
        waited = time.time() - began
        assert_joined(join(honest, token))
        assert 1 < waited < 30, waited
        assert "holdfast_gateway_joins_deferred_total 0" not in cloud.kubectl("get", "--raw", "/metrics").stdout
        # Patience is all that the right token needs.
        assert_joined(join(guesser, guesser_token))


def test_a_machine_without_a_cloud_to_join_says_so():
    with Site(edges=1) as site:
        edge = site.edges[0]
        token = site.cloud.token()
        done = edge.run([BIN / "edge-hub", "join", "--cloud", "127.0.0.1:9", "--token", token], check=False)
        assert_refused(done, "127.0.0.1:9")
        done = edge.run([BIN / "edge-hub", "run"], check=False, timeout=20)
        assert_refused(done, "has not joined")
        done = edge.run([BIN / "edge-hub", "status"], check=False)
        assert_refused(done, "is the edge-hub running?")
        done = site.cloud.run([BIN / "cloud-hub", "token", "create", "--data-dir", "/nowhere"], check=False)
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
        # The first address is dead, the second one lives.
        assert_joined(edge.run([BIN / "edge-hub", "join", "--cloud", f"127.0.0.1:9,{site.cloud.address}:7443", "--token", token],
                               check=False))


def test_bad_usage_and_bad_configuration_are_one_line_and_exit_code_2():
    with Site(edges=1) as site:
        edge, cloud = site.edges[0], site.cloud

        def refused(box, *words, expect=()):
            done = box.run([BIN / words[0], *words[1:]], check=False, timeout=20)
            lines = done.stderr.strip().splitlines()
            assert done.returncode == 2 and len(lines) == 1 and lines[0].startswith(words[0] + ": "), (words, done)
            for word in expect:
                assert word in lines[0], (word, lines)

        for program in ("cloud-hub", "edge-hub"):
            refused(edge, program)
            refused(edge, program, "fly")
            refused(edge, program, "run", "--no-such-option")
            refused(edge, program, "run", "extra")
            refused(edge, program, "run", "--data-dir")
            refused(edge, program, "run", "--log-level", "loud", expect=["loud"])
            refused(edge, program, "run", "--config", "/no/such/file", expect=["/no/such/file"])
            config = edge.data.parent / f"{program}.yaml"
            for text, expect in (("dataDri: /x\n", "dataDri"), ("log:\n  level: 7\n  colour: red\n", "colour"),
                                 ("store: [1, 2]\n", "store"), (":\n  - ][\n", f"{program}.yaml"),
                                 ("store:\n  ballast: much\n", "much")):
                config.write_text(text)
                refused(edge, program, "run", "--config", f"/var/lib/holdfast/{program}.yaml", expect=[expect, f"{program}.yaml"])
            for flag in ("--version", "--help"):
                done = edge.run([BIN / program, flag])
                assert program in done.stdout and done.stderr == "", done
            sample = edge.run([BIN / program, "print-config"]).stdout
            assert "dataDir" in sample
        refused(edge, "edge-hub", "join", "--cloud", "x")
        refused(edge, "edge-hub", "join", "--token", "x")
        refused(edge, "edge-hub", "status", "-o", "xml")
        refused(cloud, "cloud-hub", "token", "create", "--ttl", "soon")
        refused(cloud, "cloud-hub", "token", "create", "--uses", "many")
        for words in (("--uses", "0"), ("--uses", "999999999"), ("--ttl", "0s"), ("--node-name", "Not_A_Name")):
            done = cloud.operate("token", "create", *words, check=False)
            assert done.returncode in (1, 2) and len(done.stderr.strip().splitlines()) == 1, (words, done)


def test_both_end_cleanly_on_sigterm_and_share_no_data_directory():
    with Site(edges=1) as site:
        edge, cloud = site.edges[0], site.cloud
        assert_joined(join(edge, cloud.token()))
        edge.start_hub()
        wait.until("linked", lambda: edge.status()["link"]["state"] == "up", 30)
        second = edge.run([BIN / "edge-hub", "run"], check=False, timeout=20)
        assert_refused(second, "another edge-hub")
        second = cloud.run([BIN / "cloud-hub", "run"], check=False, timeout=20)
        assert second.returncode == 1 and "another cloud-hub" in second.stderr, second
        assert edge.hub.stop(10) == 0, edge.hub.tail()
        assert cloud.hub.stop(10) == 0, cloud.hub.tail()
        # What they left serves the next start.
        uid = clients.identity_of(edge)["node"]
        cloud.start_hub()
        edge.start_hub()
        wait.until("linked again", lambda: edge.status()["link"]["state"] == "up", 30)
        assert uid == "edge-1" and edge.hub.stop(10) == 0


def test_an_edge_that_is_told_to_end_while_it_takes_in_its_pods_ends_cleanly():
    with Site(edges=1) as site:
        edge, cloud = site.edges[0], site.cloud
        assert_joined(join(edge, cloud.token()))
        for turn in range(12):
            cloud.apply([objects.pod(f"p-{turn}-{i}", node="edge-1") for i in range(5)])
            edge.start_hub()
            ups = turn + 1
            wait.until("linked", lambda n=ups: edge.hub.log.read_text().count("link up") >= n, 30, 0.002)
            assert edge.hub.stop(10) == 0, edge.hub.tail()
