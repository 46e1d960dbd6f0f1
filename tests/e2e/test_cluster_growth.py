# SPDX-License-Identifier: Apache-2.0
"""A cluster that grows and shrinks while it is used, by the commands that docs/CLUSTER.md tells."""
import pytest

from support import cluster, workload
from support.process import BUILD, run, wait_until
from test_cluster import finish, make, run_load, three  # noqa: F401

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not workload.LOAD.exists(), reason="librdkafka was not found by configure")
]


def replicas_of(c, topic, node_id):
    return sum(node_id in p["replicas"] for p in c.partitions(topic).values())


def voters(c):
    return sorted(v["node_id"] for v in c.logboom("quorum", "status", "--json")[0]["voters"])


def test_a_fourth_node_takes_its_share_and_then_the_place_of_the_first(three, started):
    three.create("t", 8)
    load = run_load(three, started, "t")
    place = cluster.Place(4, three.folder)
    node = started(cluster.Node(place, three.places))
    node.format(three.cluster_id, "--no-initial-controllers")
    node.start()
    three.nodes[4] = node
    three.wait_healthy(30)
    assert replicas_of(three, "t", 4) == 0 and voters(three) == [1, 2, 3]

    plan = three.logboom("cluster", "rebalance", "--plan")
    assert "4" in plan
    told = three.logboom("cluster", "rebalance", "--execute", "--throttle", "50MiB", "--json",
                         seconds=120)
    assert told[-1]["done"] == told[-1]["partitions"] > 0, told
    assert [replicas_of(three, "t", i) for i in (1, 2, 3, 4)] == [6, 6, 6, 6]
    three.wait_healthy(30)

    # The first node goes for good: its replicas first, then its vote, then the machine.
    three.logboom("cluster", "rebalance", "--execute", "--drain", "1", seconds=120)
    assert replicas_of(three, "t", 1) == replicas_of(three, "__consumer_offsets", 1) == 0
    three.logboom("quorum", "remove-controller", "1")
    three.logboom("quorum", "add-controller", f"4@{place.controller}")
    assert voters(three) == [2, 3, 4]
    gone = three.nodes.pop(1)
    assert gone.stop() in (0, 143)
    three.places = [n.place for n in three]
    three.wait_healthy(30)
    with pytest.raises(AssertionError, match="broker 1 is down"):
        three.logboom("cluster", "rebalance", "--plan")
    assert "logboom cluster unregister" in three.logboom("cluster", "status", check=False)
    assert three.logboom("cluster", "unregister", "1", "--json") == [{"unregistered": 1}]
    three.logboom("cluster", "rebalance", "--plan")
    assert "broker 1" not in three.logboom("cluster", "status", check=False)
    with pytest.raises(AssertionError, match="BROKER_ID_NOT_REGISTERED"):
        three.logboom("cluster", "unregister", "1")
    run([BUILD / "logboom", "-b", place.address, "topic", "create", "after", "--partitions", "3"])
    assert three.whole("after", 3, 3)

    three[three.controller()].kill()  # the new voter's vote is needed now
    wait_until(lambda: three.controller() in three.nodes, 20, "another controller")
    finish(three, "t", load, ["grown"], bound_ms=30000)
