# SPDX-License-Identifier: Apache-2.0
"""The client library against a broker that stands still or dies, through the drivers.

LOGBOOM_KILLS sets how often the broker is killed (10).
"""
import os
import time

import pytest

from support.process import BUILD, Broker, Process, run, wait_until

DRIVERS = BUILD / "tests/e2e/drivers"
KILLS = int(os.environ.get("LOGBOOM_KILLS", 10))
PARTITIONS = 4


def new_topic(broker, name):
    run([BUILD / "logboom", "topic", "create", name, "-b", broker.bootstrap, "--partitions",
         PARTITIONS])


def produce(tmp_path, started, broker, topic, count, rate):
    argv = [DRIVERS / "driver_produce", broker.bootstrap, topic, count, 100, -1, "none", rate]
    return started(Process("driver_produce", argv, tmp_path / "produce.log")).start()


def consume(tmp_path, started, broker, topic, group, idle, name):
    argv = [DRIVERS / "driver_consume", broker.bootstrap, topic, group, 1 << 40, "range", idle,
            "print"]
    return started(Process("driver_consume", argv, tmp_path / f"{name}.log")).start()


def numbers(log):
    """What a consumer printed: a list for each partition, in the order it was given."""
    parts = [[] for _ in range(PARTITIONS)]
    for line in log.read_text().splitlines():
        words = line.split()
        if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
            parts[int(words[0])].append(int(words[1]))
    return parts


def exactly(count):
    return [list(range(p, count, PARTITIONS)) for p in range(PARTITIONS)]


def check_log(tmp_path, started, broker, topic, count):
    """Reads the whole topic in a fresh group: nothing lost, nothing twice, order kept."""
    reader = consume(tmp_path, started, broker, topic, "after", 60, "after")
    wait_until(lambda: sum(map(len, numbers(reader.log_path))) >= count, 60, "the log is read")
    reader.kill()
    assert numbers(reader.log_path) == exactly(count)
    text = run(["kcat", "-b", broker.bootstrap, "-C", "-t", topic, "-e", "-q", "-f", "%o\n"])
    assert len(text.splitlines()) == count, "there is more behind"


def delivered(writer, seconds):
    wait_until(lambda: not writer.alive(), seconds, f"all is delivered\n{writer.tail()}")
    assert writer.child.returncode == 0, writer.tail()


def given_all(reader, count, seconds):
    """At least once: what was not committed comes again after a loss, and from there in order."""
    def given():
        return [sorted(set(p)) for p in numbers(reader.log_path)] == exactly(count)
    wait_until(given, seconds, "the group was given everything", every=0.2)
    reader.kill()


@pytest.mark.early
def test_a_broker_that_stands_still_is_waited_for(tmp_path, started, broker):
    """Connections are accepted and not answered for 20 s, beyond the group's session of 10 s."""
    new_topic(broker, "still")
    count = 40000
    reader = consume(tmp_path, started, broker, "still", "g", 30, "consume")
    writer = produce(tmp_path, started, broker, "still", count, 10000)
    wait_until(lambda: sum(map(len, numbers(reader.log_path))) > count // 8, 30, "records flow")
    broker.pause()
    time.sleep(20)
    broker.go_on()
    delivered(writer, 60)
    given_all(reader, count, 60)
    check_log(tmp_path, started, broker, "still", count)


def test_records_outlive_a_broker_that_is_killed(tmp_path, started, rng):
    broker = started(Broker(tmp_path)).start()
    new_topic(broker, "killed")
    count = 60000
    reader = consume(tmp_path, started, broker, "killed", "g", 30, "consume")
    writer = produce(tmp_path, started, broker, "killed", count, 12000)
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.05, 0.8))
        broker.kill()
        time.sleep(rng.uniform(0, 0.2))
        broker.start()
    delivered(writer, 60)
    given_all(reader, count, 60)
    check_log(tmp_path, started, broker, "killed", count)
