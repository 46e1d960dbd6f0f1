# SPDX-License-Identifier: Apache-2.0
"""Eligible leader replicas (KIP-966): who may lead when nobody is in sync, and who may not."""
import re
import time

import pytest

from support import cluster, peers
from support.process import wait_until
from test_cluster import KIND, make, three  # noqa: F401

pytestmark = [pytest.mark.long, pytest.mark.cluster]


def two_replicas(three):
    """A topic on two nodes that wants both in sync; (its leader, the other one)."""
    three.create("t", 1, 2, min_insync_replicas=2)
    three.kcat("-P", "-t", "t", "-X", "acks=all", stdin=b"".join(b"%d\n" % i for i in range(100)))
    p = three.partitions("t")[0]
    return three[p["leader"]], three[(set(p["replicas"]) - {p["leader"]}).pop()]


def in_sync(three, at, nodes):
    seen = three.partitions("t", at.place.address).get(0, {})
    return sorted(seen.get("isr", [-1])) == sorted(n.place.id for n in nodes)


def leader(three, at):
    return three.partitions("t", at.place.address).get(0, {}).get("leader", -1)


def check(three):
    lines = three.kcat("-C", "-t", "t", "-o", "beginning", "-e", "-q").split()
    assert sorted(map(int, lines)) == list(range(100))


def test_a_replica_that_stopped_in_order_may_lead_alone(three):
    first, second = two_replicas(three)
    third = next(n for n in three if n not in (first, second))
    second.stop()
    wait_until(lambda: in_sync(three, third, [first]), 20, "the leader is alone in sync")
    first.kill()
    second.start()
    wait_until(lambda: leader(three, third) == second.place.id, 30,
               "the eligible replica leads without the other one", 0.1)
    first.start()
    three.wait_healthy()
    check(three)


@pytest.mark.skipif(KIND is not cluster.Node, reason="how fast it is asked for is ours")
def test_a_replica_that_was_killed_waits_for_the_last_leader(three):
    first, second = two_replicas(three)
    third = next(n for n in three if n not in (first, second))
    second.kill()
    wait_until(lambda: in_sync(three, third, [first]), 20, "the leader is alone in sync")
    first.kill()
    second.start()
    wait_until(lambda: re.search(r"to=running", second.tail()), 30, "the killed one is back")
    wait_until(lambda: leader(three, third) == -1, 20, "nobody leads", 0.1)
    time.sleep(6)  # elections without a candidate are tried every 5 s
    assert leader(three, third) == -1
    first.start()
    wait_until(lambda: leader(three, third) == first.place.id, 30, "the last leader leads", 0.1)
    three.wait_healthy()
    check(three)


def settings(c, *args):
    return peers.kafka_tool("kafka-configs", "--bootstrap-server", c.bootstrap, "--entity-type",
                            "brokers", *args)


@pytest.mark.skipif(KIND is not cluster.Node, reason="Apache Kafka's nodes warn of nothing")
def test_nodes_that_are_configured_otherwise_have_the_clusters_min_isr(make):
    """The first controllers have 1, and make it the cluster's; the node with 2 comes late."""
    c = make().format()
    for node, value in zip(c, (1, 1, 2)):
        node.config_path.write_text(node.config_path.read_text() +
                                    f"min.insync.replicas: {value}\n")
    other = c[3]
    c[1].start()
    c[2].start()
    c.wait_healthy()
    other.start()
    c.wait_healthy()
    told = r"min\.insync\.replicas of this node's configuration does not count.*kafka-configs"
    assert re.search(told, other.tail()), other.tail()
    assert not re.search(told, c[1].tail())
    c.create("t", 6, 2)
    partition, p = next((i, p) for i, p in c.partitions("t").items() if p["leader"] == 3)
    text = settings(c, "--describe", "--all", "--entity-name", "3")
    row = next(r.strip() for r in text.splitlines() if "min.insync.replicas" in r)
    assert row.startswith("min.insync.replicas=1 "), row
    assert "{DYNAMIC_DEFAULT_BROKER_CONFIG:" in row, row
    with pytest.raises(AssertionError, match="Broker-level min.insync.replicas cannot be altered"):
        settings(c, "--alter", "--entity-name", "3", "--add-config", "min.insync.replicas=2")
    with pytest.raises(AssertionError, match="Cluster-level min.insync.replicas cannot be removed"):
        settings(c, "--alter", "--entity-default", "--delete-config", "min.insync.replicas")
    c[(set(p["replicas"]) - {3}).pop()].kill()
    wait_until(lambda: c.partitions("t", other.place.address).get(partition, {}).get("isr") == [3],
               20, "it is alone in sync")
    c.kcat("-P", "-t", "t", "-p", str(partition), "-X", "acks=all", "-X",
           "message.timeout.ms=10000", stdin=b"alone\n", at=other.place.address)
