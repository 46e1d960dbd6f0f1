#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: what the three programs cost, beside their peers, in one run.

MB is 10^6 bytes. CPU is user + system time of the measured process, from /proc.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))
import cluster_bench  # noqa: E402
from support import peers  # noqa: E402
from support.process import (  # noqa: E402
    BUILD, Agent, Broker, Connect, Process, SOURCE, free_port, run, wait_until)

LINES = int(os.environ.get("BENCH_LINES", 3_000_000))
RECORDS = int(os.environ.get("BENCH_RECORDS", 1_500_000))
rows = []


def row(part, what, **figures):
    rows.append((part, what, figures))
    print(f"{part:8} {what:46} " + "  ".join(f"{k} {v}" for k, v in figures.items()), flush=True)


def end_offset(bootstrap, topic):
    total = 0
    text = run(["kcat", "-b", bootstrap, "-L", "-J", "-t", topic])
    for p in json.loads(text)["topics"][0]["partitions"]:
        out = run(["kcat", "-b", bootstrap, "-Q", "-t", f"{topic}:{p['partition']}:-1"])
        total += int(out.rsplit(" ", 1)[1])
    return total


class Meter:
    """CPU and wall time of a process between two moments."""

    def __init__(self, process):
        self.process, self.cpu, self.wall = process, process.cpu_seconds(), time.monotonic()

    def read(self):
        return self.process.cpu_seconds() - self.cpu, time.monotonic() - self.wall


# --- start-up and idle memory -------------------------------------------------------------------

def start_time_ms(daemon):
    began = time.monotonic()
    Process.start(daemon)
    while not daemon.ready():
        time.sleep(0.001)
    return (time.monotonic() - began) * 1000


def bench_startup(folder):
    broker = Broker(folder / "b")
    daemons = [
        broker,
        Agent(
            folder / "a", broker.bootstrap,
            f'- {{type: filestream, id: x, paths: ["{folder}/none*.log"],'
            ' fields: {log_topic: x}}'
        ),
        Connect(
            folder / "c", broker.bootstrap, f"""
  f:
    nodes:
      in:  {{type: kafka, group_id: g, topics: [logs-x], auto_offset_reset: earliest}}
      out: {{type: file, from: in, path: "{folder}/out"}}
""")
    ]
    for d in daemons:
        (folder / d.name).mkdir(exist_ok=True)
        ms = start_time_ms(d)
        time.sleep(1.5)
        meter = Meter(d)
        time.sleep(2)
        cpu, wall = meter.read()
        row("startup", d.name, ready_ms=f"{ms:.0f}", idle_mb=f"{d.rss_bytes() / 1e6:.1f}",
            idle_cpu_percent=f"{100 * cpu / wall:.1f}")
    for d in reversed(daemons):
        d.stop()


# --- agent --------------------------------------------------------------------------------------

def bench_agent_run(folder, what, log, lines, output):
    broker = Broker(folder, sets=["num.partitions=1"]).start()
    size = log.stat().st_size
    agent = Agent(folder, broker.bootstrap,
                  f'- {{type: filestream, id: x, paths: ["{log}"], fields: {{log_topic: x}}}}',
                  output)
    began = time.monotonic()
    agent.start()
    wait_until(lambda: agent.metric("logboom_agent_output_acked_total") >= lines, 300,
               "all lines delivered")
    wall, cpu = time.monotonic() - began, agent.cpu_seconds()
    row("agent", what, mb_s=f"{size / 1e6 / wall:.0f}", lines_s=f"{lines / wall:,.0f}",
        mb_per_cpu_s=f"{size / 1e6 / cpu:.0f}", cpu_s_per_million=f"{cpu / lines * 1e6:.2f}",
        peak_mb=f"{agent.peak_bytes() / 1e6:.1f}")
    assert end_offset(broker.bootstrap, "logs-x") == lines
    agent.stop()
    broker.stop()


def bench_rsyslog(folder, log, lines):
    if not shutil.which("rsyslogd") or not list(
            pathlib.Path("/usr/lib").glob("*/rsyslog/omkafka.so")):
        return row("agent", "rsyslog (imfile -> omkafka)",
                   result="not installed: rsyslog rsyslog-kafka")
    broker = Broker(folder, sets=["num.partitions=1"]).start()
    run(["kcat", "-b", broker.bootstrap, "-L", "-t", "logs-x"])
    conf = folder / "rsyslog.conf"
    conf.write_text(f"""
global(workDirectory="{folder}")
module(load="imfile")
module(load="omkafka")
template(name="bare" type="string" string="%msg%")
main_queue(queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="2048")
input(type="imfile" File="{log}" Tag="x" freshStartTail="off" ruleset="out")
ruleset(name="out") {{ action(type="omkafka" broker=["127.0.0.1:{broker.port}"]
  topic="logs-x" template="bare"
  confParam=["queue.buffering.max.messages=500000", "acks=all"] partitions.auto="on"
  queue.type="LinkedList" queue.size="100000") }}
""")
    rsyslog = Process("rsyslog", ["rsyslogd", "-n", "-f", conf, "-i", folder / "rsyslog.pid"],
                      folder / "rsyslog.log")
    began = time.monotonic()
    rsyslog.start()
    wait_until(lambda: end_offset(broker.bootstrap, "logs-x") >= lines, 300, "all lines delivered",
               every=0.5)
    wall, cpu = time.monotonic() - began, rsyslog.cpu_seconds()
    row("agent", "rsyslog, bare lines (imfile -> omkafka)",
        mb_s=f"{log.stat().st_size / 1e6 / wall:.0f}", lines_s=f"{lines / wall:,.0f}",
        cpu_s_per_million=f"{cpu / lines * 1e6:.2f}", peak_mb=f"{rsyslog.peak_bytes() / 1e6:.1f}")
    rsyslog.kill()
    broker.stop()


def bench_agent(folder):
    bare, access = folder / "bare.log", folder / "access.log"
    with open(bare, "wb") as f:
        subprocess.run([BUILD / "bench/genlog", "bare", str(LINES), "200"], stdout=f, check=True)
    with open(access, "wb") as f:
        subprocess.run([BUILD / "bench/genlog", "access", str(LINES)], stdout=f, check=True)
    one_partition = "  compression: none\n"
    bench_agent_run(folder / "1", "bare 200-byte lines", bare, LINES,
                    one_partition + "  codec.format.string: '%{[message]}'\n")
    bench_agent_run(folder / "2", "bare nginx lines, default compression", access, LINES,
                    "  codec.format.string: '%{[message]}'\n")
    bench_agent_run(folder / "3", "nginx lines as Filebeat's JSON", access, LINES, one_partition)
    bench_agent_run(folder / "4", "Filebeat's JSON, default compression", access, LINES, "")
    (folder / "5").mkdir()
    part = folder / "part.log"
    count = min(LINES, 500_000)
    with open(part, "wb") as f:
        subprocess.run([BUILD / "bench/genlog", "bare", str(count), "200"], stdout=f, check=True)
    bench_rsyslog(folder / "5", part, count)


# --- broker -------------------------------------------------------------------------------------

def load(*args):
    text = run([BUILD / "bench/kafka_load", *args], seconds=300)
    return dict(pair.split("=") for pair in text.split())


def bench_broker_run(name, broker, warm):
    settings = ["acks=all", "batch.size=131072", "linger.ms=5"]
    if warm:
        load("produce", broker.bootstrap, "warm", RECORDS, 1024, *settings)
        load("consume", broker.bootstrap, "warm", RECORDS)
    gb = RECORDS * 1024 / 1e9
    for acks in ("all", "1"):
        meter = Meter(broker)
        got = load("produce", broker.bootstrap, f"load-{acks}", RECORDS, 1024, f"acks={acks}",
                   *settings[1:])
        cpu, _ = meter.read()
        row("broker", f"{name}: produce 1 KiB, acks={acks}", mb_s=got["mb_s"],
            cpu_s_per_gb=f"{cpu / gb:.2f}", rss_mb=f"{broker.rss_bytes() / 1e6:.0f}")
    meter = Meter(broker)
    got = load("consume", broker.bootstrap, "load-all", RECORDS)
    cpu, _ = meter.read()
    row("broker", f"{name}: consume 1 KiB", mb_s=got["mb_s"], cpu_s_per_gb=f"{cpu / gb:.2f}",
        rss_mb=f"{broker.rss_bytes() / 1e6:.0f}")


def bench_broker(folder):
    if not (BUILD / "bench/kafka_load").exists():
        return row("broker", "all", result="not built: librdkafka was not found by configure")
    for durability in ("fsync", "page-cache"):
        ours = Broker(folder / durability, sets=[f"durability={durability}"]).start()
        bench_broker_run(f"logboom-broker ({durability})", ours, False)
        ours.stop()
        shutil.rmtree(folder / durability)
    if not shutil.which("java") or not shutil.which("mvn"):
        return row("broker", "Apache Kafka 4.3.1", result="not installed: Java 17 and Maven")
    theirs = peers.Kafka(folder / "kafka", heap="1G", java=peers.FAST).start()
    bench_broker_run("Apache Kafka 4.3.1 (warm)", theirs, True)
    theirs.stop()


# --- connector ----------------------------------------------------------------------------------

def bench_connect(folder):
    if not shutil.which("nginx"):
        return row("connect", "null HTTP sink", result="not installed: nginx-light")
    web = folder / "nginx"
    web.mkdir()
    port = free_port()
    (web / "nginx.conf").write_text(
        (SOURCE / "bench/nginx-null.conf").read_text().replace("@PORT@", str(port)))
    nginx = Process("nginx", ["nginx", "-p", web, "-c", web / "nginx.conf"], web / "log").start()
    lines = LINES // 3
    log = folder / "access.log"
    with open(log, "wb") as f:
        subprocess.run([BUILD / "bench/genlog", "access", str(lines)], stdout=f, check=True)
    broker = Broker(folder, sets=["num.partitions=1"]).start()
    agent = Agent(
        folder, broker.bootstrap,
        f'- {{type: filestream, id: x, paths: ["{log}"], fields: {{log_topic: x}}}}').start()
    wait_until(lambda: agent.metric("logboom_agent_output_acked_total") >= lines, 300,
               "all lines delivered")
    agent.stop()
    for gzip in ("false", "true"):
        connect = Connect(
            folder, broker.bootstrap, f"""
  f{gzip}:
    nodes:
      in:    {{type: kafka, group_id: g-{gzip}, topics: [logs-x], auto_offset_reset: earliest}}
      parse: {{type: json, from: in}}
      es:    {{type: elasticsearch, from: parse, hosts: ["http://127.0.0.1:{port}"],
              index: "web-%{{+yyyy.MM.dd}}",
              document_id: event.id, compression_level: {1 if gzip == "true" else 0}}}
""", name=f"connect-{gzip}")
        connect.argv[0] = str(BUILD / "logboom-connect")
        began = time.monotonic()
        connect.start()
        wait_until(lambda: connect.metric("logboom_connect_sink_delivered_total") >= lines, 300,
                   "all delivered")
        wall, cpu = time.monotonic() - began, connect.cpu_seconds()
        row("connect", f"documents to a null sink, gzip {gzip}", docs_s=f"{lines / wall:,.0f}",
            docs_per_cpu_s=f"{lines / cpu:,.0f}", peak_mb=f"{connect.peak_bytes() / 1e6:.1f}")
        connect.stop()
    broker.stop()
    nginx.stop()


def bench_cluster(folder):
    cluster_bench.run_all(folder, row, load, RECORDS)


PARTS = {
    "startup": bench_startup,
    "agent": bench_agent,
    "broker": bench_broker,
    "cluster": bench_cluster,
    "connect": bench_connect
}


def main():
    wanted = sys.argv[1:] or os.environ.get("LOGBOOM_BENCH", "").split() or list(PARTS)
    for name in wanted:
        if name not in PARTS:
            sys.exit(f"run.py: no part {name!r}; there are: {', '.join(PARTS)}")
    for name in wanted:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"logboom-bench-{name}-"))
        try:
            PARTS[name](folder)
        finally:
            for p in Process.everyone:
                if p.alive():
                    p.kill()
            shutil.rmtree(folder, ignore_errors=True)
    print("\n" + "=" * 100)
    for part, what, figures in rows:
        print(f"{part:8} {what:46} " + "  ".join(f"{k} {v}" for k, v in figures.items()))


if __name__ == "__main__":
    main()
