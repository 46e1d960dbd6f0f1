# SPDX-License-Identifier: Apache-2.0
"""The whole pipeline over three nodes: agent -> cluster -> two connectors of one group -> a real
OpenSearch, with kill -9 of any process every few seconds (LOGBOOM_SECONDS; the acceptance run takes
600). The index is exact, and nothing is committed before it was delivered.
"""
import json
import subprocess
import threading
import time

import pytest

from support.process import Agent, Connect, run, wait_until
from test_cluster import make  # noqa: F401
from test_cluster_faults import SECONDS
from test_pipeline import INPUTS, SEARCH_FLOWS, Writer, numbers

pytestmark = [pytest.mark.peers, pytest.mark.long]
LINES_A_SECOND = 500


class Killer(threading.Thread):
    """kill -9 of any program, each as often as the others; of the nodes only one at a time, each
    after the cluster is whole."""

    def __init__(self, cluster, others, rng, stop):
        super().__init__(daemon=True)
        self.cluster, self.others, self.rng, self.stop = cluster, others, rng, stop
        self.error, self.kills = None, {p.name: 0 for p in [*cluster, *others]}

    def run(self):
        victims = []
        try:
            while not self.stop.wait(self.rng.uniform(1, 4)):
                if not victims:
                    victims = list(self.cluster) + self.others
                    self.rng.shuffle(victims)
                victim = victims.pop()
                self.kills[victim.name] += 1
                victim.kill()
                self.stop.wait(self.rng.uniform(0, 1.5))
                victim.start()
                if victim not in self.others:
                    self.cluster.wait_healthy(90)
        except BaseException as e:  # told by the test's own thread
            self.error = e


class Ledger:
    """What the groups have committed, and that all of it was in the index when that was read."""

    def __init__(self, cluster, opensearch):
        self.cluster, self.opensearch = cluster, opensearch
        self.looked_up = {}

    def group(self, kind):
        """Its rows; none when it cannot be asked just now."""
        try:
            return self.cluster.logboom("--timeout", "5", "group", "describe", f"{kind}-to-search",
                                        "--json")
        except (AssertionError, subprocess.TimeoutExpired):
            return []

    def ids(self, topic, partition, first, end):
        """(offset, id) of the records; fewer when they cannot be read just now."""
        try:
            text = run(["kcat", "-b", self.cluster.bootstrap, "-C", "-q", "-t", topic, "-p",
                        partition, "-o", first, "-c", end - first, "-f", "%o %s\n"], check=False)
        except subprocess.TimeoutExpired:
            return []
        words = [line.split(" ", 1) for line in text.split("\n") if line]
        return [(int(offset), json.loads(value)["event"]["id"]) for offset, value in words]

    def look(self, kind):
        """Commits are read first, the index after them: every record from where the last look
        ended up to what is committed must be there, whatever was killed in between."""
        for row in self.group(kind):
            at = row["topic"], row["partition"]
            first, end = self.looked_up.get(at, 0), max(0, row["committed_offset"])
            while first < end:
                found = self.ids(*at, first, min(end, first + 2000))
                if not found:
                    break
                assert [o for o, _ in found] == list(range(first, first + len(found))), (at, first)
                docs = self.opensearch.ask(f"/cluster-{kind}/_mget?_source=false", {
                    "ids": [name for _, name in found]})["docs"]
                missing = [d["_id"] for d in docs if not d.get("found")]
                assert not missing, f"{at}: committed {end}, not in the index: {missing[:3]}"
                first += len(found)
            self.looked_up[at] = first

    def total(self):
        return sum(self.looked_up.values())


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
    ledger = Ledger(c, opensearch)
    try:
        while writer.is_alive():
            time.sleep(1)
            assert killer.error is None, killer.error
            for kind in ("web", "app"):
                ledger.look(kind)
    finally:
        stop.set()
        killer.join(120)
    assert killer.error is None and writer.error is None, (killer.error, writer.error)
    print("kills:", killer.kills, "looked up:", ledger.total())
    assert seconds < 120 or min(killer.kills.values()) > 0
    for kind, count in (("web", lines), ("app", java)):
        wait_until(lambda: opensearch.count(f"cluster-{kind}") >= count, 300,
                   f"{count} in cluster-{kind}", every=1)
    time.sleep(5)
    for p in (agent, *connects):
        assert p.stop() == 0
    for kind, count in (("web", lines), ("app", java)):
        assert opensearch.count(f"cluster-{kind}") == count
        assert numbers(opensearch.messages(f"cluster-{kind}")) == list(range(count))
        rows = wait_until(lambda: ledger.group(kind), 30, "the group is told")
        assert all(r["lag"] == 0 for r in rows), rows  # a stop commits the rest
        ledger.look(kind)
    # At least once: a killed agent may have sent some again, under the same ids.
    assert ledger.total() == sum(r["end_offset"] for k in ("web", "app") for r in ledger.group(k))
    assert ledger.total() >= lines + java
