# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline over three nodes: agent -> cluster -> two connectors of one group -> a real
OpenSearch, with kill -9 of any process every few seconds (LOGBOOM_SECONDS; the acceptance run takes
600). The index is exact, and nothing is committed before it was delivered.
"""
import json
import threading
import time

import pytest

from support.process import Agent, Connect, run, wait_until
from test_cluster import make  # noqa: F401
from test_cluster_faults import SECONDS
from test_pipeline import INPUTS, SEARCH_FLOWS, Writer

pytestmark = [pytest.mark.peers, pytest.mark.long]
LINES_A_SECOND = 500


class Killer(threading.Thread):
    """kill -9 of any program; of the nodes only one at a time, each after the cluster is whole."""

    def __init__(self, cluster, others, rng, stop):
        super().__init__(daemon=True)
        self.cluster, self.others, self.rng, self.stop = cluster, others, rng, stop
        self.error, self.kills = None, {}

    def run(self):
        try:
            while not self.stop.wait(self.rng.uniform(1, 4)):
                victim = self.rng.choice(list(self.cluster) + self.others)
                self.kills[victim.name] = self.kills.get(victim.name, 0) + 1
                victim.kill()
                self.stop.wait(self.rng.uniform(0, 1.5))
                victim.start()
                if victim not in self.others:
                    self.cluster.wait_healthy(90)
        except BaseException as e:  # told by the test's own thread
            self.error = e


def committed(cluster, group):
    """[(topic, partition, offset)]; empty when the group cannot be asked just now."""
    try:
        rows = cluster.logboom("--timeout", "5", "group", "describe", group, "--json")
    except AssertionError:
        return []
    return [(r["topic"], r["partition"], r["committed_offset"]) for r in rows
            if r["committed_offset"] > 0]


def delivered_before_committed(cluster, opensearch, group, index):
    """Looks up the last records before each committed offset; returns how many it found."""
    found = 0
    for topic, partition, offset in committed(cluster, group):
        count = min(20, offset)
        text = run(["kcat", "-b", cluster.bootstrap, "-C", "-q", "-t", topic, "-p", partition, "-o",
                    offset - count, "-c", count], seconds=60, check=False)
        ids = [json.loads(line)["event"]["id"] for line in text.splitlines()]
        if ids:
            docs = opensearch.ask(f"/{index}/_mget", {"ids": ids})["docs"]
            missing = [d["_id"] for d in docs if not d.get("found")]
            assert not missing, (topic, partition, offset, missing[:3])
            found += len(ids)
    return found


def test_the_index_is_exact_whatever_is_killed(tmp_path, started, make, opensearch, rng):
    c = make().start()
    for kind in ("web", "app"):
        c.create(f"logs-{kind}", 6, 3)
    seconds = max(30, SECONDS)
    lines, java = seconds * LINES_A_SECOND, seconds * LINES_A_SECOND // 20
    portions = seconds * 2
    writer = Writer(tmp_path / "logs", lines, java, portions, 0.5)
    flows = "".join(SEARCH_FLOWS.format(kind=k, url=opensearch.url, index="cluster")
                    for k in ("web", "app"))
    hosts = c.bootstrap.replace(",", '", "')
    agent = started(Agent(tmp_path, hosts, INPUTS.format(logs=tmp_path / "logs")))
    connects = [started(Connect(tmp_path, c.bootstrap, flows, name=f"connect-{i}"))
                for i in (1, 2)]
    for p in (agent, *connects):
        p.start()
    stop = threading.Event()
    killer = Killer(c, [agent, *connects], rng, stop)
    writer.start()
    killer.start()
    looked = 0
    try:
        while writer.is_alive():
            time.sleep(5)
            assert killer.error is None, killer.error
            for kind in ("web", "app"):
                looked += delivered_before_committed(c, opensearch, f"{kind}-to-search",
                                                     f"cluster-{kind}")
    finally:
        stop.set()
        killer.join(120)
    assert killer.error is None and writer.error is None, (killer.error, writer.error)
    print("kills:", killer.kills, "looked up:", looked)
    for kind, count in (("web", lines), ("app", java)):
        wait_until(lambda: opensearch.count(f"cluster-{kind}") >= count, 120,
                   f"{count} in cluster-{kind}", every=1)
    time.sleep(5)
    assert opensearch.count("cluster-web") == lines
    assert opensearch.count("cluster-app") == java
    for p in (agent, *connects):
        assert p.stop() == 0
