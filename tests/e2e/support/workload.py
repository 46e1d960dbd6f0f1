# SPDX-License-Identifier: Apache-2.0
"""Producers and groups that run while nodes fall, and what must be true afterwards.

Every producer writes "PARTITION OFFSET PRODUCER N" for each acknowledgement into a journal;
drivers/cluster_load reads the log again and finds what was lost, moved, duplicated or reordered.
"""
import json
import os
import pathlib
import re
import signal
import sys

from . import batches, peers
from .process import BUILD, Process, wait_until

LOAD = BUILD / "tests/e2e/drivers/cluster_load"


class Load(Process):
    """librdkafka's idempotent producer, acks=all, at a steady rate over all partitions."""

    def __init__(self, cluster, topic, number=1, rate=500, seconds=3600, settings=()):
        folder = pathlib.Path(cluster.folder)
        self.journal = folder / f"{topic}-{number}.journal"
        self.out = folder / f"{topic}-{number}.json"
        argv = [*cluster.prefix, LOAD, "produce", cluster.bootstrap, topic, number, rate, seconds,
                self.journal, *settings]
        super().__init__(f"load-{number}", argv, self.out)

    def finish(self, seconds=120, whole=True, may_end=False):
        """Ends the load, waits for all that is due, and returns what it printed. `whole`: every
        record must have been acknowledged, but for those that a client library gave up which ended
        by its own fault, where that `may_end`."""
        if self.alive():
            os.killpg(self.child.pid, signal.SIGTERM)
        wait_until(lambda: not self.alive(), seconds, f"{self.name} ends\n{self.tail()}", every=0.1)
        line = [text for text in self.out.read_text().splitlines() if text.startswith("{")][-1]
        result = json.loads(line)
        self.failed = result["failed"]
        if result["restarts"]:
            print("the client library ended for good, and was begun anew:", result["restarts"],
                  "abandoned:", result["abandoned"])
        done = result["acked"] + (result["abandoned"] if may_end else 0)
        assert not whole or (self.failed == 0 and done == result["sent"]), result
        return result


class Probe(Process):
    """When the cluster itself took records, apart from what a client waits for (probe.py)."""

    def __init__(self, cluster, topic="probe", partitions=6):
        self.out = pathlib.Path(cluster.folder) / f"{topic}.probe"
        argv = [*cluster.prefix, sys.executable, pathlib.Path(__file__).with_name("probe.py"),
                topic, partitions, *[p.address for p in cluster.places]]
        super().__init__("probe", argv, self.out)

    def start(self):
        super().start()
        wait_until(lambda: self.said("ready\n"), 60, "every partition takes a record")
        return self

    def finish(self):
        """Ends it; the distribution, printed."""
        self.stop(20)
        result = json.loads(self.out.read_text().splitlines()[-1])
        told = distribution(result)
        print("unavailable by the cluster (ms, per partition):", told)
        for window in result["windows"]:
            print(f"  from {window['from']}: partition {window['partition']}, {window['ms']} ms")
        return told


class VerifiableProducer(Process):
    """Apache Kafka's own: idempotent, acks=all. Its lines of JSON are the journal."""

    def __init__(self, cluster, topic, number=2, rate=200, folder=None):
        folder = pathlib.Path(folder or cluster.folder)
        self.number = number
        self.journal = folder / f"{topic}-{number}.journal"
        config = folder / "verifiable.properties"
        config.write_text("enable.idempotence=true\nacks=all\nlinger.ms=2\n"
                          "delivery.timeout.ms=2147483647\nretries=2147483647\n"
                          "request.timeout.ms=10000\nreconnect.backoff.max.ms=500\n")
        argv = [*cluster.prefix, *peers.java_argv("128M"), *peers.kafka_classes(),
                f"-Dlog4j2.configurationFile={peers.log4j_file(folder)}",
                peers.KAFKA_TOOLS["kafka-verifiable-producer"], "--bootstrap-server",
                cluster.bootstrap, "--topic", topic, "--throughput", rate, "--acks", "-1",
                "--value-prefix", number, "--command-config", config]
        super().__init__("verifiable-producer", argv, folder / f"{topic}-{number}.out")

    def finish(self, seconds=120):
        self.stop(seconds)
        sent = failed = 0
        with open(self.log_path, errors="replace") as out, open(self.journal, "w") as journal:
            for line in out:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if event.get("name") == "producer_send_success":
                    n = event["value"].split(".")[1]
                    journal.write(f"{event['partition']} {event['offset']} {self.number} {n}\n")
                    sent += 1
                elif event.get("name") == "producer_send_error":
                    failed += 1
        assert failed == 0, self.tail(5)
        return sent


class KcatGroup(Process):
    """A member of a group by kcat (librdkafka). Prints what it gets; commits by itself."""

    def __init__(self, cluster, topic, group, name="kcat"):
        self.group = group
        argv = [*cluster.prefix, "stdbuf", "-oL", "kcat", "-b", cluster.bootstrap, "-X",
                "auto.offset.reset=earliest", "-X", "reconnect.backoff.max.ms=500", "-q", "-f",
                "%p %o %s\\n", "-G", group, topic]
        super().__init__(f"{name}-{group}", argv,
                         pathlib.Path(cluster.folder) / f"{name}-{group}.out")


class JavaGroup(Process):
    """A member of a group by Apache Kafka's console consumer; protocol `classic` or `consumer`."""

    def __init__(self, cluster, topic, group, protocol="classic"):
        self.group = group
        folder = pathlib.Path(cluster.folder)
        argv = [*cluster.prefix, *peers.java_argv("128M"), *peers.kafka_classes(),
                f"-Dlog4j2.configurationFile={peers.log4j_file(folder)}",
                peers.KAFKA_TOOLS["kafka-console-consumer"], "--bootstrap-server",
                cluster.bootstrap, "--topic", topic, "--group", group, "--from-beginning",
                "--property", "print.partition=true", "--property", "print.offset=true",
                "--consumer-property", f"group.protocol={protocol}"]
        super().__init__(f"java-{group}", argv, folder / f"java-{group}.out")


def journal_entries(journals):
    for path in journals:
        with open(path) as f:
            for line in f:
                if line.endswith("\n"):
                    partition, offset, producer, n = line.split()
                    yield int(partition), int(offset), f"{producer}.{n}"


def given(out):
    """(partition, offset, value) of each line that a group's member printed, in its order."""
    with open(out, errors="replace") as f:
        for line in f:
            words = line.replace("Partition:", "").replace("Offset:", "").split()
            if line.endswith("\n") and len(words) == 3 and words[0].isdigit() and \
                    words[1].isdigit():
                yield int(words[0]), int(words[1]), words[2]


class GroupCheck:
    """Every acknowledged record was given to the group, as it was acknowledged, at least once."""

    def __init__(self, outs, journals):
        self.outs, self.journals = [pathlib.Path(o) for o in outs], journals

    def missing(self):
        got, count, wrong = {}, 0, []
        for out in self.outs:
            for partition, offset, value in given(out):
                seen = got.setdefault((partition, offset), value)
                if seen != value:
                    wrong.append((partition, offset, seen, value))
                count += 1
        absent, values = 0, set(got.values())
        for partition, offset, value in journal_entries(self.journals):
            placed = offset >= 0
            if got.get((partition, offset)) != value if placed else value not in values:
                absent += 1
        return {"given": count, "repeated": count - len(got), "missing": absent, "wrong": wrong}

    def wait(self, seconds):
        result = wait_until(lambda: (lambda r: r if not r["missing"] else None)(self.missing()),
                            seconds, "the group was given every record", every=1)
        assert not result["wrong"], result["wrong"][:5]
        return result


def sent_anew(cluster, topic, told):
    """Of the duplicates that the check tells: those that their producer sent again under a higher
    epoch, so that no broker could know them (batches.py), and had a reason to."""
    found = []
    for node in cluster:
        wrong = batches.wrongly_refused(node.log_path.read_text(errors="replace"), topic,
                                        lambda p, n=node: n.data / f"{topic}-{p}")
        assert not wrong, wrong
    for partition, offset, record in re.findall(
            r"^duplicated: partition (\d+) offset (\d+) record (\S+)$", told, re.M):
        read = cluster.kcat("-C", "-t", topic, "-p", partition, "-o", "beginning", "-e", "-q",
                            "-f", "%o %s\n", seconds=120)
        first = next(int(at) for at, value, *_ in map(str.split, read.splitlines())
                     if value == record)
        folders = [node.data / f"{topic}-{partition}" for node in cluster]
        if all(batches.sent_anew(f, first, int(offset)) for f in folders if f.exists()):
            found.append((record, first, int(offset)))
    return found


def check(cluster, topic, journals, seconds=300, may_send_anew=False):
    """Reads everything with a fresh consumer; fails when an acknowledgement was not true, or a
    record is there twice, unless its producer `may_send_anew` and did."""
    process = Process("check", [*cluster.prefix, LOAD, "check", cluster.bootstrap, topic,
                                *journals], pathlib.Path(cluster.folder) / f"{topic}.check")
    process.log_path.unlink(missing_ok=True)
    process.start()
    wait_until(lambda: not process.alive(), seconds, f"the log is read\n{process.tail()}",
               every=0.1)
    told = process.log_path.read_text()
    try:
        result = json.loads(told.splitlines()[-1])
    except (ValueError, IndexError):
        raise AssertionError(told) from None
    print("check:", result)
    anew = sent_anew(cluster, topic, told) if may_send_anew and result["duplicated"] else []
    if anew:
        print("sent again by a producer that had raised its epoch:", anew)
    wrong = {k: result[k] for k in ("lost", "moved", "reordered", "unread_partitions")}
    assert not any(wrong.values()) and result["duplicated"] == len(anew), process.tail(40)
    return result


def distribution(result):
    """Of the times without an acknowledgement, in milliseconds."""
    spans = sorted(w["ms"] for w in result["windows"])

    def quantile(q):
        return spans[min(len(spans) - 1, int(len(spans) * q))] if spans else 0.0

    return {"count": len(spans), "p50": quantile(0.5), "p90": quantile(0.9), "p99": quantile(0.99),
            "max": spans[-1] if spans else 0.0}


def windows(result, faults=()):
    """The distribution as a client saw it; printed."""
    told = {**distribution(result), "faults": len(faults)}
    print("unavailable (ms, per partition):", told, "latency:", result["latency_ms"])
    return told
