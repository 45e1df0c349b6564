"""A machine nobody reaches any more, and which runs on: what it ran runs elsewhere, and what is too many is stopped once it is back."""

from harness import objects, wait
from harness.region import Region

REPLICAS = 4


class Shop(Region):
    """A region with a ReplicaSet beside the pods that are bound to their nodes."""

    def __enter__(self):
        super().__enter__()
        try:
            self.cloud.apply([objects.replica_set("shop", [objects.shell_container("sleep 1000000 & wait")], REPLICAS)])
            wait.until("all replicas are ready", lambda: self.ready() == REPLICAS, 60)
        except BaseException:
            self.__exit__(AssertionError, None, None)
            raise
        return self

    def replicas(self):
        return self.pods("-l", "app=shop")

    def ready(self):
        """How many replicas are ready and not going."""
        return sum(self.condition(pod, "Ready") == "True" for pod in self.replicas() if "deletionTimestamp" not in pod["metadata"])

    def on(self, edge):
        return [pod for pod in self.replicas() if pod["spec"].get("nodeName") == edge.name]


def test_pods_behind_a_cut_cable_are_stopped_only_when_the_cloud_has_said_so():
    with Shop(edges=3) as world:
        lost = next(edge for edge in world.edges if world.on(edge))
        before = world.containers(lost)
        world.switch.cut(lost)
        wait.until("as many run elsewhere", lambda: world.ready() == REPLICAS and all(
            "deletionTimestamp" in pod["metadata"] for pod in world.on(lost)), 60)
        assert world.containers(lost) == before  # nobody there knows
        world.switch.mend(lost)
        wait.until("what moved is stopped", lambda: not [c for c in lost.containers().values() if c["pod"].startswith("shop")], 60)
        wait.until("there are as many as asked for", lambda: len(world.replicas()) == REPLICAS and world.ready() == REPLICAS, 30)
