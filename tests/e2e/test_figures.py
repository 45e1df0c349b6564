"""What both hubs tell a monitoring system: /metrics, readable by Prometheus, and true."""

from harness import figures, objects, wait
from harness.world import World


def of_edge(edge):
    done = edge.run(["curl", "-sS", "--fail", "--unix-socket", "/var/lib/holdfast/edge/edge.sock", "http://edge/metrics"])
    return figures.read(done.stdout)


def of_cloud(world):
    return figures.read(world.cloud.kubectl("get", "--raw", "/metrics").stdout)


def test_both_hubs_tell_figures_that_prometheus_reads_and_that_are_true():
    with World(edges=1).up() as world:
        edge = world.edges[0]
        world.cloud.apply(objects.pod("work"))
        wait.until("work ready", lambda: world.running_pod("work"))
        cloud = of_cloud(world)
        assert cloud["holdfast_gateway_sessions"] == 1, cloud
        assert 1 << 20 < cloud["process_resident_memory_bytes"] < 1 << 30, cloud
        here = of_edge(edge)
        assert here["holdfast_link_up"] == 1 and here["holdfast_replica_complete"] == 1, here
        assert here["holdfast_pods"] == 1 and here["holdfast_containers_running"] == 1, here
        assert here['holdfast_clock_state{state="checked"}'] == 1, here
        assert here['holdfast_certificate_expiry_seconds{certificate="node"}'] > 86400, here
        assert 1 << 20 < here["process_resident_memory_bytes"] < 1 << 27, here
        edge.kill_inside(next(iter(edge.containers())))
        wait.until("the restart is counted", lambda: of_edge(edge)["holdfast_container_restarts_total"] == 1)
        wait.until("the outbox empties", lambda: of_edge(edge)["holdfast_outbox_entries"] == 0)
        world.switch.cut(world.cloud)
        wait.until("the link is seen down", lambda: of_edge(edge)["holdfast_link_up"] == 0, 60)
        later = of_edge(edge)
        assert all(later[name] >= value for name, value in here.items() if name.endswith("_total")), (here, later)
