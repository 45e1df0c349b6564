"""How edges reach their cloud: through proxies, by several addresses, after restarts of either end, and releases apart."""

import contextlib
import signal
import stat
import time

from harness import wait
from harness.box import Box
from harness.clients import TUNNEL_PORT
from harness.machines import BIN
from harness.proxy import Proxy
from harness.world import CLOUD_ADDRESS, World

PROXY_ADDRESS = "10.88.0.9"
PROXY_PORT = 8888
PASSWORD = "open-sesame-17"


class ProxyHost(Box):
    """A machine with Debian's tinyproxy between a site and the world."""

    def __init__(self, world):
        super().__init__(world, "proxy")
        self.process = None

    def configure(self, *lines):
        conf = self.dir / "tinyproxy.conf"
        conf.write_text("\n".join([f"Port {PROXY_PORT}", "Timeout 600", "MaxClients 20", "LogLevel Connect",
                                   *lines]) + "\n")

    def start_proxy(self, *lines):
        self.configure(*lines)
        self.process = self.start("tinyproxy", ["tinyproxy", "-d", "-c", self.dir / "tinyproxy.conf"])
        wait.until("tinyproxy listens", lambda: self.dial(("127.0.0.1", PROXY_PORT)).close() or True, 10)


@contextlib.contextmanager
def proxy_host(world):
    host = ProxyHost(world)
    host.power_on()
    try:
        world.switch.plug(host, PROXY_ADDRESS)
        yield host
    finally:
        host.power_off()


class Site(World):
    """A cloud-hub that runs, and edge machines with power and cable."""

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


def join(edge, token, *options, cloud=CLOUD_ADDRESS):
    return edge.run([BIN / "edge-hub", "join", "--cloud", cloud, "--token", token, *options], check=False)


def is_up(edge):
    return edge.status()["link"]["state"] == "up"


def went_up(edge, timeout=30):
    wait.until(f"{edge.name} is connected", lambda: is_up(edge), timeout)


def only_through_proxy(edge):
    edge.run(["ip", "route", "add", "unreachable", f"{CLOUD_ADDRESS}/32"])


def test_an_edge_behind_an_http_proxy_joins_and_works():
    with Site() as site, proxy_host(site) as proxy:
        edge, cloud = site.edges[0], site.cloud
        only_through_proxy(edge)
        url = f"http://{PROXY_ADDRESS}:{PROXY_PORT}"
        token = cloud.token("--uses", "3")
        assert join(edge, token).returncode == 1

        done = join(edge, token, "--proxy", url)  # nobody listens yet
        assert done.returncode == 1 and f"connecting to the proxy {PROXY_ADDRESS}" in done.stderr, done.stderr
        allow = (f"ConnectPort {TUNNEL_PORT}", f"BasicAuth site {PASSWORD}")
        proxy.start_proxy(*allow)
        done = join(edge, token, "--proxy", url)
        assert done.returncode == 1 and "wants credentials (407)" in done.stderr, done.stderr
        done = join(edge, token, "--proxy", f"http://site:wrong@{PROXY_ADDRESS}:{PROXY_PORT}")
        assert done.returncode == 1 and "does not accept the credentials" in done.stderr, done.stderr
        done = join(edge, token, "--proxy", f"http://site:{PASSWORD}@{PROXY_ADDRESS}:{PROXY_PORT}", cloud="10.88.0.1:9")
        assert done.returncode == 1 and "proxy" in done.stderr and PASSWORD not in done.stderr, done.stderr

        secret = edge.dir / "proxy-credentials"
        secret.write_text(f"site:{PASSWORD}\n")
        secret.chmod(0o644)
        done = join(edge, token, "--proxy", url, "--proxy-credentials", secret)
        assert "chmod 600" in done.stderr, done.stderr
        secret.chmod(0o600)
        done = join(edge, token, "--proxy", url, "--proxy-credentials", secret)
        assert done.returncode == 0, done.stderr

        edge.start_hub()
        went_up(edge)
        link = edge.status()["link"]
        assert link["proxy"] == f"{PROXY_ADDRESS}:{PROXY_PORT}", link
        cloud.kubectl("label", "node", edge.name, "seen=through-proxy")
        first = link["connects"]

        # The proxy restarts: noticed at once, and found again.
        proxy.process.stop()
        wait.until("the edge notices", lambda: not is_up(edge), 15)
        proxy.start_proxy(*allow)
        went_up(edge)
        assert edge.status()["link"]["connects"] > first

        # It refuses: the reason is shown, the password is not.
        proxy.process.stop()
        proxy.start_proxy("ConnectPort 443", f"BasicAuth site {PASSWORD}")
        wait.until("the refusal is shown", lambda: "(403)" in edge.status()["link"]["lastError"], 20)
        proxy.process.stop()
        proxy.start_proxy(*allow)
        went_up(edge)

        # A hub configured to do without the proxy says what is wrong; and the secret is in no log and no loose file.
        assert edge.hub.stop() == 0
        assert PASSWORD not in edge.hub.log.read_text()
        holders = [path for path in edge.data.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in holders), holders
        config = edge.dir / "edge.yaml"
        config.write_text("link:\n  proxy: none\n")
        edge.start_hub("--config", config)
        wait.until("no way without the proxy", lambda: "No route to host" in edge.status()["link"]["lastError"], 20)
        assert edge.hub.stop() == 0
        config.write_text(f"link:\n  proxy: {url}\n  proxyCredentials: {secret}\n  noProxy: 192.168.0.0/16,.inner\n")
        edge.start_hub("--config", config)
        went_up(edge)


def with_config(hub, name, text):
    """Options that make a hub read this configuration."""
    path = hub.dir / name
    path.write_text(text)
    return ["--config", path]


def connects(edge):
    return edge.status()["link"]["connects"]


def comes_back(edge, before, timeout=30):
    """Whether the edge's next connection after `before` of them was a resumed one."""
    wait.until(f"{edge.name} connects again", lambda: connects(edge) > before and is_up(edge), timeout)
    return edge.status()["link"]["resumed"]


def restart_cloud(site, options, kill=False):
    if kill:
        site.cloud.hub.kill()
    else:
        assert site.cloud.hub.stop() == 0
    site.cloud.start_hub(*options)


def metric(site, name):
    text = site.cloud.kubectl("get", "--raw", "/metrics").stdout
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(f"holdfast_{name} ")))


def test_sessions_are_resumed_after_a_restart_of_either_end():
    with Site() as site:
        edge, cloud = site.edges[0], site.cloud
        options = with_config(cloud, "cloud.yaml", "tunnel:\n  ticketLifetime: 10s\n")
        restart_cloud(site, options)
        assert join(edge, cloud.token()).returncode == 0
        quick = with_config(edge, "edge.yaml", "link:\n  pingInterval: 1s\n")
        edge.start_hub(*quick)
        went_up(edge)
        assert not edge.status()["link"]["resumed"], "the first one is a full handshake"

        for kill in (False, True):
            before = connects(edge)
            restart_cloud(site, options, kill)
            assert comes_back(edge, before), f"the hub was {'killed' if kill else 'stopped'}"
        assert metric(site, "gateway_full_handshakes_total") == 0
        assert metric(site, "gateway_resumed_handshakes_total") == 1

        for kill in (False, True):
            if kill:
                edge.hub.kill()
            else:
                assert edge.hub.stop() == 0
            edge.start_hub(*quick)
            went_up(edge)
            assert edge.status()["link"]["resumed"], f"the edge was {'killed' if kill else 'stopped'}"

        # A connection that is older than its first ticket was given others, and so is resumed all the same.
        kept = edge.data / "identity" / "tls-session"
        written = kept.stat().st_mtime_ns
        wait.holds("nothing is written meanwhile", lambda: kept.stat().st_mtime_ns == written and is_up(edge), 23, 1)
        before = connects(edge)
        restart_cloud(site, options)
        assert comes_back(edge, before)
        # On a clean stop the fresh ticket goes to the disk.
        assert edge.hub.stop() == 0
        assert kept.stat().st_mtime_ns > written
        edge.start_hub(*quick)
        went_up(edge)
        assert edge.status()["link"]["resumed"]

        # Both are sealed; a hub without its keys says so and starts all the same.
        for path in (cloud.data / "tickets", kept):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert b"holdfast tickets" not in path.read_bytes() and b"cloud-hub.holdfast" not in path.read_bytes()
        before = connects(edge)
        assert cloud.hub.stop() == 0
        (cloud.data / "tickets").write_bytes(b"rubbish")
        cloud.start_hub(*options)
        assert not comes_back(edge, before)
        assert "ticket-keys-lost" in cloud.hub.log.read_text()


def swallow(edge, address):
    """Packets from the edge to this address vanish without a trace, as behind a firewall that drops."""
    edge.run(["ip", "neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent"])


def test_dead_and_moved_addresses_cost_seconds_not_nodes():
    nowhere, second = "10.88.0.77", "10.88.0.2"
    with Site() as site:
        edge, cloud = site.edges[0], site.cloud
        cloud.run(["ip", "addr", "add", f"{second}/16", "dev", "eth0"])
        swallow(edge, nowhere)
        began = time.monotonic()
        done = join(edge, cloud.token(), cloud=f"{nowhere}:{TUNNEL_PORT},{CLOUD_ADDRESS}:9,{CLOUD_ADDRESS}:{TUNNEL_PORT}")
        assert done.returncode == 0, done.stderr
        assert time.monotonic() - began < 9, "an address that swallows packets held up the join"

        # The first that works is found in seconds, and is tried first from then on.
        began = time.monotonic()
        edge.start_hub()
        went_up(edge, 12)
        assert edge.status()["link"]["cloud"] == f"{CLOUD_ADDRESS}:{TUNNEL_PORT}"
        assert edge.hub.stop() == 0
        began = time.monotonic()
        edge.start_hub()
        went_up(edge, 12)
        assert time.monotonic() - began < 3, "the good address was not tried first"

        # The cloud is told of a second address while it runs, and edges learn it at once; what is wrong is refused.
        identity = edge.data / "identity" / "node.json"
        config = with_config(cloud, "cloud.yaml", "")
        before = connects(edge)
        restart_cloud(site, config)
        assert comes_back(edge, before)
        config[1].write_text("tunnel:\n  advertise: [nonsense]\n")
        cloud.hub.signal(signal.SIGHUP)
        wait.until("the refusal is logged", lambda: "not-reloaded" in cloud.hub.log.read_text(), 10)
        written = identity.stat().st_mtime_ns
        config[1].write_text(f"tunnel:\n  advertise: ['{second}:{TUNNEL_PORT}']\n")
        cloud.hub.signal(signal.SIGHUP)
        wait.until("the edge stores it", lambda: identity.stat().st_mtime_ns > written, 10)
        assert is_up(edge), "the old address still serves"
        edge.hub.kill()

        # The cloud moves; the edge was killed in between, and finds it by what it had learnt.
        swallow(edge, CLOUD_ADDRESS)
        edge.start_hub()
        went_up(edge, 15)
        assert edge.status()["link"]["cloud"] == f"{second}:{TUNNEL_PORT}"


def test_one_name_is_verified_whatever_is_dialled():
    with Site(edges=3) as site:
        cloud = site.cloud
        assert cloud.hub.stop() == 0
        cloud.start_hub("--tunnel", "0.0.0.0:443")
        token = cloud.token("--uses", "3")
        hosts = site.dir / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{CLOUD_ADDRESS} cloud.test\n")
        by_name, by_forward, by_address = site.edges
        by_name.run(["mount", "--bind", hosts, "/etc/hosts"])
        forward = Proxy(by_forward, (CLOUD_ADDRESS, 443))
        for edge, dialled in ((by_name, "cloud.test:443"), (by_forward, forward.address), (by_address, f"{CLOUD_ADDRESS}:443")):
            done = join(edge, token, cloud=dialled)
            assert done.returncode == 0, done.stderr
            edge.start_hub()
            went_up(edge)
            assert edge.status()["link"]["cloud"] == dialled
        forward.close()


def assert_refused_though_resumed(site, edge, start):
    resumed = metric(site, "gateway_resumed_handshakes_total")
    start()
    wait.until(f"{edge.name} is refused", lambda: "refused" in edge.status()["link"]["lastError"], 20)
    assert metric(site, "gateway_resumed_handshakes_total") > resumed, "it was no resumed session"
    assert edge.status()["link"]["connects"] == 0


def test_a_resumed_session_is_checked_like_a_new_one():
    with Site(edges=2) as site:
        (old, new), cloud = site.edges, site.cloud
        assert join(old, cloud.token()).returncode == 0
        old.start_hub()
        went_up(old)
        assert old.hub.stop() == 0
        old.start_hub()
        went_up(old)
        assert old.status()["link"]["resumed"], "its ticket is good"

        # The name goes to another machine: the ticket is as good as before, the key behind it is not. Then the node is revoked.
        assert old.hub.stop() == 0
        assert join(new, cloud.token("--node-name", old.name), "--node-name", old.name).returncode == 0
        new.start_hub()
        went_up(new)
        assert_refused_though_resumed(site, old, old.start_hub)
        cloud.operate("node", "revoke", old.name)
        wait.until("the new machine is refused", lambda: "refused" in new.status()["link"]["lastError"], 20)
        assert new.hub.stop() == 0
        assert_refused_though_resumed(site, new, new.start_hub)


def test_a_hub_without_time_names_one_and_everybody_gets_in():
    with Site(edges=4) as site:
        restart_cloud(site, with_config(site.cloud, "cloud.yaml", "tunnel:\n  fullHandshakesPerSecond: 1\n"))
        token = site.cloud.token("--uses", "4")
        waited = 0
        for edge in site.edges:
            done = join(edge, token)
            assert done.returncode == 0, done.stderr
            waited += "asks to come back" in done.stderr
        assert waited >= 2, "four joins within a second, one of them allowed"
        for edge in site.edges:
            edge.start_hub()
        for edge in site.edges:
            went_up(edge, 40)
        assert metric(site, "gateway_deferred_handshakes_total") >= waited
        # With sessions to resume nobody waits.
        deferred = metric(site, "gateway_deferred_handshakes_total")
        for edge in site.edges:
            edge.hub.kill()
            edge.start_hub()
        for edge in site.edges:
            went_up(edge, 10)
            assert edge.status()["link"]["resumed"], edge.name
        assert metric(site, "gateway_deferred_handshakes_total") == deferred
