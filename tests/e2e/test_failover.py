"""A machine loses its power: what ran there runs elsewhere, and no more of it than was asked for once it is back."""

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


def test_pods_of_a_machine_without_power_run_elsewhere_and_are_not_doubled_when_it_is_back():
    with Shop(edges=3) as world:
        lost = next(edge for edge in world.edges if world.on(edge))
        others = [edge for edge in world.edges if edge is not lost]
        kept = {pod["metadata"]["uid"] for edge in others for pod in world.on(edge)}
        count = len(world.on(lost))
        lost.power_off()
        wait.until("they go", lambda: all("deletionTimestamp" in pod["metadata"] for pod in world.on(lost)), 60)
        wait.until("as many run elsewhere", lambda: world.ready() == REPLICAS, 60)
        assert kept <= {pod["metadata"]["uid"] for edge in others for pod in world.on(edge)}
        assert len(world.on(lost)) == count  # their names are kept until the node has stopped them, or an operator knows better

        # It boots: the cloud says that they are gone, and it starts none of them for long.
        lost.power_on()
        world.switch.plug(lost, lost.address)
        lost.start_containerd()
        world.run_hub(lost)
        wait.until("it is well", lambda: world.is_well(lost), 60)
        wait.until("their names are free", lambda: not any("deletionTimestamp" in pod["metadata"] for pod in world.replicas()), 60)
        assert world.ready() == REPLICAS and len(world.replicas()) == REPLICAS
        wait.until("nothing of them is left", lambda: not [c for c in lost.containers().values() if c["pod"].startswith("shop")], 30)


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
