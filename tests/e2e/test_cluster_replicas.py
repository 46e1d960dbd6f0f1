# SPDX-License-Identifier: Apache-2.0
"""Replicas of three nodes: how fast they may move, where consumers read, where they lie, and what
becomes of a damaged one."""
import json
import os
import time

import pytest

from support import cluster, workload
from support.process import wait_until
from test_cluster import KIND, make  # noqa: F401

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not workload.LOAD.exists(), reason="librdkafka was not found by configure"),
    pytest.mark.skipif(KIND is not cluster.Node, reason="what we promise")
]
LINE = os.urandom(512).hex().encode() + b"\n"


def fill(c, topic, mb, partition=0):
    """Random text without compression: about so many MB in the log. Returns the lines' number."""
    count = int(mb * 1e6 / len(LINE))
    c.kcat("-P", "-t", topic, "-p", str(partition), "-X", "acks=all",
           stdin=b"".join(b"%d " % i + LINE for i in range(count)), seconds=120)
    return count


def lines(c, topic, partition, *args, **options):
    text = c.kcat("-C", "-t", topic, "-p", str(partition), "-e", "-q", *args, seconds=60, **options)
    return [int(line.split(" ", 1)[0]) for line in text.splitlines()]


def metric(node, name):
    for line in node.http("/metrics").splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"{node.name} has no {name}")


def test_replicas_that_move_keep_to_the_throttle_and_producers_do_not(make):
    c = make().start()
    c.create("slow", 1, 1)
    count = fill(c, "slow", 12)
    began = time.monotonic()
    told = c.logboom("cluster", "rebalance", "--execute", "--replication-factor", "2",
                     "--throttle", "2MiB", "slow", "--json", seconds=120)
    took = time.monotonic() - began
    assert told[-1]["done"] == told[-1]["partitions"] == 1, told
    assert c.whole("slow", 1, 2)
    # 12 MB at 2 MiB/s are 5.7 s; a second's worth may be saved up, and there are the ends.
    assert 4 < took < 14, took
    assert lines(c, "slow", 0) == list(range(count))
    c.stop()
    assert c.replicas_differ("slow", 1) == []


def test_a_throttle_does_not_hold_replicas_in_sync(make):
    c = make(sets=["leader.replication.throttled.rate=1MiB",
                   "follower.replication.throttled.rate=1MiB"]).start()
    c.create("fast", 1, 3, leader_replication_throttled_replicas="*",
             follower_replication_throttled_replicas="*")
    began = time.monotonic()
    count = fill(c, "fast", 12)
    assert time.monotonic() - began < 6
    assert lines(c, "fast", 0) == list(range(count))
    assert all(len(p["isr"]) == 3 for p in c.partitions("fast").values())
