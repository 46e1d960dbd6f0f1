# SPDX-License-Identifier: Apache-2.0
"""Many partitions on three nodes: made, idle, a node killed and brought back.

LOGBOOM_PARTITIONS says how many (1,000; 10,000 for the acceptance run); the bounds hold for both.
"""
import os
import re
import time

import pytest

from support.process import wait_until
from test_cluster import make, three  # noqa: F401

pytestmark = [pytest.mark.long, pytest.mark.cluster]

PARTITIONS = int(os.environ.get("LOGBOOM_PARTITIONS", 1000))
TOPIC_PARTITIONS = 100
IDLE_SECONDS = 10


def state(cluster, at, node_id):
    """(partitions, without a leader or led by the node, not in sync on three) as one node tells."""
    seen = cluster.metadata(at.place.address)
    rows = [p for t in (seen or {}).get("topics", []) if t["topic"].startswith("scale-")
            for p in t["partitions"]]
    return (len(rows), sum(p["leader"] in (-1, node_id) for p in rows),
            sum(len(p["isrs"]) < 3 for p in rows))


def settled(cluster):
    return all(state(cluster, n, -1) == (PARTITIONS, 0, 0) for n in cluster)


def figures(what, cluster, since=None, seconds=0.0):
    for n in cluster.live:
        cpu = f"{100 * (n.cpu_seconds() - since[n.place.id]) / seconds:.1f}% CPU, " if since else ""
        files = len(os.listdir(f"/proc/{n.child.pid}/fd"))
        print(f"{what}: node {n.place.id} {cpu}{n.rss_bytes() / 1e6:.1f} MB, {files} files")


def idle(what, cluster):
    """The share of one CPU that each node takes while nobody asks it for anything."""
    before = {n.place.id: n.cpu_seconds() for n in cluster.live}
    time.sleep(IDLE_SECONDS)
    figures(what, cluster, before, IDLE_SECONDS)
    return max(n.cpu_seconds() - before[n.place.id] for n in cluster.live) / IDLE_SECONDS


def fill(cluster, topics):
    """Some records for each partition: its directory and files are there then."""
    lines = b"".join(b"%d\tvalue\n" % i for i in range(8 * TOPIC_PARTITIONS))
    for topic in topics:
        cluster.kcat("-P", "-t", topic, "-K", "\t", stdin=lines, seconds=60)


def test_many_partitions_fail_over_together(three):
    topics = [f"scale-{i:03}" for i in range(PARTITIONS // TOPIC_PARTITIONS)]
    began = time.monotonic()
    for topic in topics:
        three.logboom("topic", "create", topic, "--partitions", str(TOPIC_PARTITIONS),
                      "--replication-factor", "3")
    made = time.monotonic() - began
    wait_until(lambda: settled(three), 60, "all partitions are led and in sync", 0.1)
    print(f"created {PARTITIONS} partitions in {made:.2f} s")
    assert idle("empty", three) < 0.10

    began = time.monotonic()
    fill(three, topics)
    wait_until(lambda: settled(three), 60, "all partitions are in sync", 0.1)
    print(f"filled in {time.monotonic() - began:.1f} s")
    assert idle("filled", three) < 0.10

    victim = three.controller() % 3 + 1  # a broker; then the controller with its broker
    for node in (three[victim], three[three.controller()]):
        others = [n for n in three if n is not node]
        led = state(three, others[0], node.place.id)[1]
        assert led > PARTITIONS // 4
        killed = time.monotonic()
        node.kill()
        wait_until(lambda: all(state(three, n, node.place.id)[1] == 0 for n in others), 30,
                   "all partitions have another leader", 0.02)
        moved = time.monotonic() - killed
        print(f"node {node.place.id} killed: {led} partitions led again in {moved:.2f} s")
        began = time.monotonic()
        node.start()
        wait_until(lambda: settled(three), 60, "all partitions are in sync again", 0.1)
        print(f"restarted, all in sync after {time.monotonic() - began:.2f} s")
        figures("restarted", three)
        assert moved < 2
    assert idle("after", three) < 0.10
    for n in three:
        text = n.log_path.read_text()
        assert not re.search(r"stood still|fenced this broker|level=error", text), n.tail()
        # logs are opened in turns: nobody waits for a node that does nothing else meanwhile
        assert not re.search(r'purpose=\S+ why="timed out"', text), n.tail()
