# SPDX-License-Identifier: Apache-2.0
"""Three nodes, replication factor 3, acks=all: ours, and Apache Kafka's in the same run.

CPU is that of the three nodes together; clients are not counted. Latency is from when a record is
due to its acknowledgement, so that the producer's linger is in it. Full rates are librdkafka's, not
idempotent; steady ones our own producer's, idempotent, since it takes a tenth of a core from the
nodes beside it (client_cores) where librdkafka takes four times as much. The page cache is full
before each run, as on a machine that has been up for a while. stolen_s is what a host kept from the
processors meanwhile: pauses of everything.
"""
import os
import resource
import shutil
import time

from support import cluster, peers, workload
from support.process import BUILD, run, wait_until

PARTITIONS, BYTES = 6, 1024
BATCHES = ["batch.size=131072", "linger.ms=5"]
SETTINGS = ["acks=all", *BATCHES]
DRIVER = BUILD / "tests/e2e/drivers/driver_produce"
LINGERS_MS = (0, 5)
RUNS = 3  # the middle one is told
STEADY_SECONDS, BURST_SECONDS = 20, 6
WARM_ROUNDS_MAX = 8
FREE_LEFT = 1 / 16  # of the machine's memory: what the page cache counts as full with
FILLER_BYTES = 1 << 42


class Meters:
    def __init__(self, c):
        self.nodes = c.live
        self.cpu = sum(n.cpu_seconds() for n in self.nodes)

    def cpu_seconds(self):
        return sum(n.cpu_seconds() for n in self.nodes) - self.cpu


def memory_of_machine(what):
    with open("/proc/meminfo") as f:
        return int(f.read().split(what + ":")[1].split()[0]) * 1024


class PageCache:
    """A machine that has been up for a while has no free pages: a new page is an old one. On one
    that has some, and whose host provides them only when they are touched, their first user pays
    several times what is written to them. A file without blocks fills the cache and costs no disk;
    its pages, which nobody reads again, are the first ones to be used anew."""

    def __init__(self, folder):
        self.path, self.at = folder / "filler", 0
        with open(self.path, "wb") as f:
            f.truncate(FILLER_BYTES)

    def fill(self):
        block, left = bytearray(8 << 20), memory_of_machine("MemTotal")
        with open(self.path, "rb", buffering=0) as f:
            while left > 0 and (memory_of_machine("MemFree") >
                                FREE_LEFT * memory_of_machine("MemTotal")):
                f.seek(self.at)
                f.readinto(block)
                left -= len(block)
                self.at = (self.at + len(block)) % FILLER_BYTES


def memory_mb(c):
    return sum(n.rss_bytes() for n in c.live) / 1e6


def client_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def stolen_seconds():
    """What the host kept from this machine's processors, all of them together."""
    with open("/proc/stat") as f:
        return int(f.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def paced(c, mb_s, linger_ms, seconds, topic="warm"):
    """What driver_produce tells of a steady rate; the first second is not in the latencies."""
    rate = int(mb_s * 1e6 / BYTES)
    out = run([DRIVER, c.bootstrap.split(",")[0], topic, rate * seconds, BYTES, "-1", "none", rate,
               131072, linger_ms], seconds=seconds * 10 + 60)
    return {k: float(v) for k, v in (p.split("=") for p in out.splitlines()[-1].split())}


def quiet(cache):
    """What the runs before left to be written is on the disk, and the page cache is full."""
    os.sync()
    cache.fill()
    time.sleep(2)


def steady(c, row, cache, name, what, mb_s, seconds=STEADY_SECONDS):
    """Latencies at a steady rate, and the cost: the run with the middle p99. A short one shows a
    single pause of the disk or of the machine, or none."""
    for linger_ms in LINGERS_MS:
        topic, runs = f"steady-{linger_ms}", []
        c.create(topic, PARTITIONS, 3, file_delete_delay_ms=1000)
        for _ in range(RUNS):
            quiet(cache)
            meters, client, began = Meters(c), client_seconds(), time.monotonic()
            stolen = stolen_seconds()
            got = paced(c, mb_s, linger_ms, seconds, topic)
            got["stolen"] = stolen_seconds() - stolen
            got["cost"] = meters.cpu_seconds() / (got["delivered"] * BYTES / 1e9)
            got["client"] = (client_seconds() - client) / (time.monotonic() - began)
            runs.append(got)
        c.logboom("topic", "delete", topic)  # gigabytes
        got = sorted(runs, key=lambda run: run["p99_ms"])[RUNS // 2]
        row("cluster", f"{name}: at {what}, linger {linger_ms} ms", asked_mb_s=f"{mb_s:.0f}",
            mb_s=f"{got['MB/s']:.0f}",
            **{q: f"{got[q]:.1f}" for q in ("p50_ms", "p99_ms", "p999_ms")},
            p99_of_all="/".join(f"{run['p99_ms']:.0f}" for run in runs),
            stolen_s="/".join(f"{run['stolen']:.1f}" for run in runs),
            cpu_s_per_gb=f"{got['cost']:.2f}", client_cores=f"{got['client']:.2f}")


def timed_appends(path, size, until):
    """Seconds of each append of `size` bytes and its sync, until `until` of them says enough."""
    took, block = [], os.urandom(size)
    with open(path, "ab", buffering=0) as f:
        while not until(took):
            began = time.monotonic()
            f.write(block)
            os.fdatasync(f)
            took.append(time.monotonic() - began)
    path.unlink()
    return took


def disk(folder, row):
    """What the disk does by itself: every acknowledged byte goes to it three times. Virtual ones
    may take a burst quickly and then write fresh blocks at a fraction of that."""
    small = sorted(timed_appends(folder / "small", 65536, lambda took: len(took) == 500))
    large = timed_appends(folder / "large", 8 << 20, lambda took: sum(took) > 10)[-20:]
    row("cluster", "the disk alone, an append and a sync", p50_ms=f"{small[250] * 1000:.1f}",
        p99_ms=f"{small[495] * 1000:.1f}",
        sustained_mb_s=f"{len(large) * (8 << 20) / 1e6 / sum(large):.0f}")


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
    told = workload.windows(load.finish(whole=False))
    row("cluster", f"{name}: kill -9 of a leader, {kills} times", pause_p50_ms=f"{told['p50']:.0f}",
        pause_p99_ms=f"{told['p99']:.0f}", pause_max_ms=f"{told['max']:.0f}", failed=load.failed)


def warm(c, load, records):
    """A JVM compiles what it runs: until the rate hardly grows, then at steady rates."""
    last, mb_s = 0.0, 1.0
    for _ in range(WARM_ROUNDS_MAX):
        if mb_s < last * 1.1:
            break
        last = mb_s
        mb_s = float(load("produce", c.bootstrap, "warm", records // 2, BYTES, *SETTINGS)["mb_s"])
    load("consume", c.bootstrap, "warm", records // 2)
    for linger_ms in LINGERS_MS:
        paced(c, mb_s / 2, linger_ms, 15)
    return mb_s


def full_rate(c, row, cache, load, records, name):
    """The run with the middle cost; its rate."""
    runs = []
    for _ in range(RUNS):
        quiet(cache)
        meters = Meters(c)
        got = load("produce", c.bootstrap, "load-all", records, BYTES, *SETTINGS)
        runs.append((meters.cpu_seconds() / (records * BYTES / 1e9), float(got["mb_s"])))
    cost, mb_s = sorted(runs)[RUNS // 2]
    row("cluster", f"{name}: produce 1 KiB, acks=all, RF 3", mb_s=f"{mb_s:.0f}",
        cpu_s_per_gb=f"{cost:.2f}", cpu_of_all="/".join(f"{run[0]:.1f}" for run in runs),
        rss_mb=f"{memory_mb(c):.0f}")
    return mb_s


def consume(c, row, load, records, name):
    meters = Meters(c)
    read = load("consume", c.bootstrap, "load-all", records)
    row("cluster", f"{name}: consume 1 KiB", mb_s=read["mb_s"],
        cpu_s_per_gb=f"{meters.cpu_seconds() / (records * BYTES / 1e9):.2f}")


def started(folder, row, name, kind, sets):
    c = cluster.Cluster(folder, kind, sets=sets)
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
    for topic in ("warm", "load-all"):
        c.create(topic, PARTITIONS, 3)
    return c


def ended(c, folder, row, name):
    row("cluster", f"{name}: after all of that", rss_mb=f"{memory_mb(c):.0f}")
    c.kill()  # nothing of it is needed any more, and Kafka's quorum takes minutes to stop
    shutil.rmtree(folder, ignore_errors=True)


def run_kafka(folder, row, cache, load, records):
    """The rate that Apache Kafka sustains. Then once more with every record synced before it is
    acknowledged, which is what we do by default: no reading, no fail-over."""
    cluster.KafkaNode.java = peers.FAST
    name = "Apache Kafka 4.3.1"
    c = started(folder, row, name, cluster.KafkaNode, ())
    warm(c, load, records)
    own = full_rate(c, row, cache, load, records, name)
    consume(c, row, load, records, name)
    steady(c, row, cache, name, "half of its own rate", own / 2)
    fail_over(c, row, name, 3)
    ended(c, folder, row, name)
    name += ", synced"
    c = started(folder, row, name, cluster.KafkaNode, ["log.flush.interval.messages=1"])
    warm(c, load, records)
    mb_s = full_rate(c, row, cache, load, records // 2, name)
    steady(c, row, cache, name, "half of its own rate", mb_s / 2)
    ended(c, folder, row, name)
    return {"Kafka": own, "synced Kafka": mb_s}


def run_ours(folder, row, cache, load, records, durability, peers_mb_s):
    name = f"logboom ({durability})"
    c = started(folder, row, name, cluster.Node, [f"durability={durability}"])
    own = full_rate(c, row, cache, load, records, name)
    consume(c, row, load, records, name)
    for peer, mb_s in peers_mb_s.items():
        if peer == "synced Kafka" and durability != "fsync":
            continue  # what is equal in durability
        steady(c, row, cache, name, f"half of {peer}'s rate", mb_s / 2)
    # What a burst reaches: a disk that takes it for some seconds need not take it for long.
    steady(c, row, cache, name, "half of its own rate", own / 2, BURST_SECONDS)
    fail_over(c, row, name, 3)
    ended(c, folder, row, name)


def run_all(folder, row, load, records):
    """Apache Kafka comes first: the load that it takes well is what both are asked to take."""
    if not workload.LOAD.exists() or not (BUILD / "bench/kafka_load").exists():
        row("cluster", "all", result="not built: librdkafka was not found by configure")
        return
    disk(folder, row)
    cache = PageCache(folder)
    row("cluster", "every producer", record_bytes=BYTES, partitions=PARTITIONS, acks="all",
        **dict(s.split("=") for s in BATCHES))
    peers_mb_s = {}
    if shutil.which("java") and shutil.which("mvn"):
        peers_mb_s = run_kafka(folder / "kafka", row, cache, load, records)
    else:
        row("cluster", "Apache Kafka 4.3.1", result="not installed: Java 17 and Maven")
    for durability in ("fsync", "page-cache"):
        run_ours(folder / durability, row, cache, load, records, durability, peers_mb_s)
