# SPDX-License-Identifier: Apache-2.0
"""Three nodes, replication factor 3, acks=all: ours, and Apache Kafka's in the same run.

CPU is that of the three nodes together; clients are not counted. Latency is from when a record is
due to its acknowledgement, linger 5 ms included. The producer is set as for the full rate, and
shares the machine with the nodes: client_cores says how much of it.
"""
import json
import os
import resource
import shutil
import time

from support import cluster, peers, workload
from support.process import BUILD, run, wait_until

PARTITIONS, BYTES = 6, 1024
BATCHES = ["batch.size=131072", "linger.ms=5"]
# Not idempotent, as for the full rate: with that, librdkafka 2.0 polls without a pause when answers
# are late, and takes up to a core from the nodes just then.
STEADY = [*BATCHES, "enable.idempotence=false", "skip.ms=1000"]


class Meters:
    def __init__(self, c):
        self.nodes = c.live
        self.cpu = sum(n.cpu_seconds() for n in self.nodes)

    def cpu_seconds(self):
        return sum(n.cpu_seconds() for n in self.nodes) - self.cpu


def memory_mb(c):
    return sum(n.rss_bytes() for n in c.live) / 1e6


def client_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def steady(c, row, what, mb_s, seconds=10):
    """Latencies at a steady rate, and the cost. What the run before it left to be written is on the
    disk first; the first second, when connections are made, is not counted."""
    os.sync()
    time.sleep(3)
    meters, client, began = Meters(c), client_seconds(), time.monotonic()
    out = run([workload.LOAD, "produce", c.bootstrap, "half", "1", mb_s * 1e6 / BYTES, seconds,
               "-", f"pad.bytes={BYTES}", *STEADY], seconds=seconds + 120)
    took = time.monotonic() - began
    result = json.loads(out.splitlines()[-1])
    gb = result["acked"] * BYTES / 1e9
    row("cluster", what, asked_mb_s=f"{mb_s:.0f}", mb_s=f"{gb * 1000 / result['seconds']:.0f}",
        **figures(result["latency_ms"]),
        cpu_s_per_gb=f"{meters.cpu_seconds() / gb if gb else 0:.2f}",
        client_cores=f"{(client_seconds() - client) / took:.2f}")


def figures(ms):
    return {f"{q}_ms": f"{ms[q]:.1f}" for q in ("p50", "p99", "p999")}


def fail_over(c, row, name, kills):
    """The longest pause of any partition at each kill -9 of a leader."""
    load = workload.Load(c, "load-all", 2, 500).start()
    wait_until(lambda: load.journal.exists() and load.journal.stat().st_size > 1000, 30,
               "records flow")
    time.sleep(2)
    for _ in range(kills):
        victim = c[c.leader("load-all")]
        victim.kill()
        time.sleep(12 if c.kind is cluster.KafkaNode else 4)
        victim.start()
        c.wait_healthy(120)
        time.sleep(1)
    told = workload.windows(load.finish())
    row("cluster", f"{name}: kill -9 of a leader, {kills} times", pause_p50_ms=f"{told['p50']:.0f}",
        pause_p99_ms=f"{told['p99']:.0f}", pause_max_ms=f"{told['max']:.0f}")


def run_kind(folder, row, load, records, name, kind, rates=(), **options):
    """Measures three nodes of a kind; Apache Kafka's are warmed before. `rates`: (what, MB/s) more
    to tell the latency at. The rate that it reaches."""
    c = cluster.Cluster(folder, kind, **options)
    c.format()
    began = time.monotonic()
    for node in c:
        node.start()
    c.wait_healthy(120)
    ready = time.monotonic() - began
    time.sleep(3)
    idle, meters = memory_mb(c), Meters(c)
    time.sleep(3)
    row("cluster", f"{name}: three nodes start", healthy_s=f"{ready:.2f}", idle_mb=f"{idle:.0f}",
        idle_cpu_percent=f"{100 * meters.cpu_seconds() / 3:.1f}")
    settings = ["acks=all", *BATCHES]
    for topic in ("warm", "load-all", "half"):
        c.create(topic, PARTITIONS, 3)
    if kind is cluster.KafkaNode:
        load("produce", c.bootstrap, "warm", records // 2, BYTES, *settings)
        load("consume", c.bootstrap, "warm", records // 2)
    gb = records * BYTES / 1e9
    meters = Meters(c)
    got = load("produce", c.bootstrap, "load-all", records, BYTES, *settings)
    row("cluster", f"{name}: produce 1 KiB, acks=all, RF 3", mb_s=got["mb_s"],
        cpu_s_per_gb=f"{meters.cpu_seconds() / gb:.2f}", rss_mb=f"{memory_mb(c):.0f}")
    meters = Meters(c)
    read = load("consume", c.bootstrap, "load-all", records)
    row("cluster", f"{name}: consume 1 KiB", mb_s=read["mb_s"],
        cpu_s_per_gb=f"{meters.cpu_seconds() / gb:.2f}")
    own = float(got["mb_s"])
    for what, mb_s in (("10 MB/s", 10.0), *rates, ("25 % of its own rate", own / 4),
                       ("half of its own rate", own / 2), ("75 % of its own rate", own * 3 / 4)):
        steady(c, row, f"{name}: at {what}", mb_s)
    fail_over(c, row, name, 3)
    row("cluster", f"{name}: after all of that", rss_mb=f"{memory_mb(c):.0f}")
    c.kill()  # nothing of it is needed any more, and Kafka's quorum takes minutes to stop
    shutil.rmtree(folder, ignore_errors=True)
    return own


def run_all(folder, row, load, records):
    """Apache Kafka comes first: the load that it takes well is what both are asked to take."""
    if not workload.LOAD.exists() or not (BUILD / "bench/kafka_load").exists():
        row("cluster", "all", result="not built: librdkafka was not found by configure")
        return
    row("cluster", "every producer", record_bytes=BYTES, partitions=PARTITIONS, acks="all",
        **dict(s.split("=") for s in BATCHES))
    rates = ()
    if shutil.which("java") and shutil.which("mvn"):
        cluster.KafkaNode.java = peers.FAST
        own = run_kind(folder / "kafka", row, load, records, "Apache Kafka 4.3.1 (warm)",
                       cluster.KafkaNode)
        rates = (("half of Kafka's rate", own / 2),)
    else:
        row("cluster", "Apache Kafka 4.3.1", result="not installed: Java 17 and Maven")
    for durability in ("fsync", "page-cache"):
        run_kind(folder / durability, row, load, records, f"logboom ({durability})", cluster.Node,
                 rates, sets=[f"durability={durability}"])
