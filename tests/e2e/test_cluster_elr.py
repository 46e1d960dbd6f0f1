# SPDX-License-Identifier: Apache-2.0
"""Eligible leader replicas (KIP-966): who may lead when nobody is in sync, and who may not."""
import re
import time

import pytest

from support import cluster
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
