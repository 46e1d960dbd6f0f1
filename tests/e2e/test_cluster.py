# SPDX-License-Identifier: Apache-2.0
"""Three nodes from three YAML files: they form a cluster, replicate, and go on when one falls.

The short suite of `make check`; test_cluster_faults.py and the others have the long ones.
LOGBOOM_CLUSTER=kafka puts Apache Kafka in our place, to judge the judges.
"""
import json
import os
import signal
import subprocess
import time

import pytest

from support import cluster, faults, workload
from support.process import BUILD, run, slowness, wait_until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not workload.LOAD.exists(), reason="librdkafka was not found by configure")
]
KIND = cluster.KafkaNode if os.environ.get("LOGBOOM_CLUSTER") == "kafka" else cluster.Node
WINDOW_MS = int(os.environ.get("LOGBOOM_WINDOW_MS", 3000 * slowness()))


@pytest.fixture
def make(tmp_path, started):
    """Makes clusters whose nodes end with the test."""
    def build(size=3, **options):
        c = cluster.Cluster(tmp_path, KIND, size, **options)
        for node in c:
            started(node)
        return c

    return build


@pytest.fixture
def three(make):
    return make().start()


def run_load(three, started, topic, rate=300, settings=()):
    load = started(workload.Load(three, topic, 1, rate, settings=settings)).start()
    wait_until(lambda: load.journal.exists() and load.journal.stat().st_size > 2000, 30,
               "records flow")
    return load


def finish(three, topic, load, faults_done=(), bound_ms=WINDOW_MS, may_end=False,
           may_send_anew=False):
    result = load.finish(may_end=may_end)
    told = workload.windows(result, faults_done)
    workload.check(three, topic, [load.journal], may_send_anew=may_send_anew)
    assert told["max"] < bound_ms, (told, faults_done)
    return result


def test_three_yaml_files_make_a_cluster(three):
    wait_until(lambda: not three.problems(), 20, lambda: f"all is well: {three.problems()}", 0.1)
    status = three.logboom("cluster", "status", "--json")[0]
    assert {n["node_id"] for n in status["nodes"] if n["up"]} == {1, 2, 3}
    quorum = three.logboom("quorum", "status", "--json")[0]
    assert {v["node_id"] for v in quorum["voters"]} == {1, 2, 3} and quorum["observers"] == []
    assert quorum["cluster_id"] == three.cluster_id and quorum["leader_id"] in (1, 2, 3)
    text = three.logboom("cluster", "status")
    assert ("all is well" in text) == status["healthy"], text
    for node in three:  # every node gives the same picture, and takes requests for all
        assert set(three.brokers(node.place.address)) == {1, 2, 3}
        run([BUILD / "logboom", "-b", node.place.address, "topic", "create",
             f"by-{node.place.id}", "--partitions", "3"])
    for i in (1, 2, 3):  # the default: as many replicas as nodes, up to three
        wait_until(lambda: three.whole(f"by-{i}", 3, 3), 30, f"by-{i} has three replicas", 0.1)


def test_what_one_node_took_every_node_has(three):
    three.create("t", 6)
    lines = "".join(f"{i}\n" for i in range(20000))
    three.kcat("-P", "-t", "t", "-X", "acks=all", stdin=lines.encode())
    got = three.kcat("-C", "-t", "t", "-e", "-q").split()
    assert sorted(map(int, got)) == list(range(20000))
    three.wait_healthy()
    first = {p["replicas"][0] for p in three.partitions("t").values()}
    assert first == {1, 2, 3}  # who leads them while nothing happens
    assert set(three.stop().values()) == {0} or KIND is not cluster.Node
    assert three.replicas_differ("t", 6) == []


@pytest.mark.parametrize("whom", ["leader", "controller"])
def test_kill_9_of(three, started, whom):
    three.create("t", 6)
    load = run_load(three, started, "t")
    group = started(workload.KcatGroup(three, "t", "g")).start()
    time.sleep(2)
    victim = three[three.leader("t") if whom == "leader" else three.controller()]
    victim.kill()
    time.sleep(3)
    three.logboom("topic", "create", "made-meanwhile", "--partitions", "2",
                  "--replication-factor", "2")
    victim.start()
    three.wait_healthy(60)
    time.sleep(1)
    finish(three, "t", load, [whom])
    workload.GroupCheck([group.log_path], [load.journal]).wait(90)
    group.kill()
    three.stop()
    assert three.replicas_differ("t", 6) == []


def test_a_rolling_restart_with_a_changed_setting_fails_no_request(three, started):
    three.create("t", 6)
    load = run_load(three, started, "t")
    group = started(workload.KcatGroup(three, "t", "g")).start()
    for node in three:
        assert node.stop() in (0, 143)
        if KIND is cluster.Node:
            node.config_path.write_text(node.config_path.read_text() + "num.partitions: 7\n")
        node.start()
        three.wait_healthy(60)
    finish(three, "t", load, ["rolling restart"])
    workload.GroupCheck([group.log_path], [load.journal]).wait(90)
    group.kill()
    if KIND is cluster.Node:
        three.logboom("topic", "create", "after")
        assert len(three.partitions("after")) == 7


def test_a_group_outlives_its_coordinator(three, started):
    three.create("t", 4)
    load = run_load(three, started, "t")
    group = started(workload.KcatGroup(three, "t", "steady")).start()
    check = workload.GroupCheck([group.log_path], [load.journal])
    wait_until(lambda: check.missing()["given"] > 500, 60, "the group reads", every=0.3)
    coordinator = wait_until(lambda: max(0, coordinator_of(three, "steady")), 20,
                             "it has a coordinator", every=0.1)
    three[coordinator].kill()
    before = check.missing()["given"]
    wait_until(lambda: check.missing()["given"] > before + 1500, 60, "the group goes on", every=0.3)
    wait_until(lambda: coordinator_of(three, "steady") not in (-1, coordinator), 20,
               "it has another coordinator", every=0.3)
    three[coordinator].start()
    three.wait_healthy(60)
    finish(three, "t", load, ["coordinator"])
    check.wait(90)
    group.kill()


def coordinator_of(c, group):
    """By the partition of __consumer_offsets that the group's name falls on."""
    h = 0
    for ch in group:
        h = (31 * h + ord(ch)) & 0xffffffff
    found = c.partitions("__consumer_offsets")
    h = h - (1 << 32) if h >> 31 else h
    return found[abs(h) % len(found)]["leader"] if found else -1


def test_all_nodes_killed_at_once_lose_nothing_acknowledged(three, started):
    three.create("t", 6)
    load = run_load(three, started, "t")
    time.sleep(1)
    for node in three:
        node.kill()
    for node in three:
        node.start()
    three.wait_healthy(60)
    time.sleep(1)
    finish(three, "t", load, ["all"], bound_ms=60000)
    three.stop()
    assert three.replicas_differ("t", 6) == []


@pytest.mark.skipif(KIND is not cluster.Node, reason="Apache Kafka does not promise this")
@pytest.mark.skipif(not faults.POWERCUT.exists(), reason="powercut.so was not built")
def test_a_power_cut_of_all_nodes_loses_nothing_acknowledged(make, started, rng):
    three = make()
    for node in three:
        node.env.update(faults.powercut_env(node.place.folder, node.data))
    three.start()
    three.create("t", 6)
    load = run_load(three, started, "t")
    for _ in range(2):
        time.sleep(rng.uniform(0.5, 2))
        print("lost bytes:", faults.power_cut(list(three), rng))
        for node in three:
            node.start()
        three.wait_healthy(60)
    finish(three, "t", load, ["power"], bound_ms=60000, may_send_anew=True)


@pytest.mark.skipif(KIND is not cluster.Node, reason="our own tool")
def test_dev_cluster_runs_nodes_until_it_is_stopped(tmp_path):
    child = subprocess.Popen([BUILD / "logboom", "dev", "cluster", "3", "--dir", tmp_path / "dev",
                              "--json"], stdout=subprocess.PIPE, text=True)
    try:
        first = json.loads(child.stdout.readline())
        nodes = [json.loads(child.stdout.readline()) for _ in range(3)]
        ask = [BUILD / "logboom", "-b", first["bootstrap"], "--timeout", "3", "cluster", "status",
               "--json"]

        def healthy():
            p = subprocess.run(ask, capture_output=True, text=True, timeout=30)
            status = json.loads(p.stdout) if p.returncode == 0 else {"problems": [], "nodes": []}
            return sum(n["up"] for n in status["nodes"]) == 3 and all(
                "of disk left" in problem["what"] for problem in status["problems"])

        wait_until(healthy, 60, "the cluster is healthy", every=0.2)
        os.kill(nodes[1]["pid"], signal.SIGKILL)
        told = json.loads(child.stdout.readline())
        assert told["node_id"] == 2 and "signal 9" in told["state"]  # and stays down
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
        for node in nodes:
            with pytest.raises(ProcessLookupError):
                os.kill(node["pid"], 0)
    finally:
        child.kill()
        child.wait()


@pytest.mark.skipif(KIND is not cluster.Node, reason="our own tool")
def test_status_tells_of_a_controller_that_is_no_broker(make):
    three = make()
    place = three.places[2]
    three[3].argv += ["--set", "process.roles=controller",
                      "--set", f"listeners=CONTROLLER://{place.controller}"]
    three.format()
    for node in three:
        node.start()
    at = three.places[0].address
    wait_until(lambda: len((three.metadata(at) or {}).get("brokers", [])) == 2, 30,
               "two brokers are there", 0.1)
    wait_until(three[3].is_ready, 20, "the controller is there", 0.1)
    wait_until(lambda: [p["severity"] for p in three.problems()] == ["notice"], 20,
               lambda: f"there is but a notice: {three.problems()}", 0.1)
    assert "controller 3 is not registered" in three.problems()[0]["what"]
    text = three.logboom("cluster", "status")
    assert "notice: controller 3" in text and "all is well" not in text


@pytest.mark.skipif(KIND is not cluster.Node, reason="our own files")
def test_a_node_stopped_before_it_could_join_does_not_call_its_logs_whole(make):
    """Killed, started alone and stopped in order: its logs were never looked at meanwhile."""
    three = make(extra="replica.high.watermark.checkpoint.interval.ms: 200").start()
    three.create("t", 1)
    three.kcat("-P", "-t", "t", stdin=b"".join(b"%d\n" % i for i in range(100)))
    node = three[1]
    checkpoint = node.data / "replication-offset-checkpoint"
    wait_until(lambda: checkpoint.exists() and checkpoint.read_text().count("\nt ") == 1, 20,
               "high watermarks are written")
    time.sleep(0.5)
    three.kill()
    before = checkpoint.read_text()
    node.start()
    wait_until(lambda: node.said("prospective"), 20,
               "the node looks for its quorum")
    assert node.stop() == 0
    assert not (node.data / ".kafka_cleanshutdown").exists()
    assert checkpoint.read_text() == before
    for n in three:
        n.start()
    three.wait_healthy()
    lines = three.kcat("-C", "-t", "t", "-o", "beginning", "-e", "-q").split()
    assert sorted(map(int, lines)) == list(range(100))
