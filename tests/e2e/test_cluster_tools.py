# SPDX-License-Identifier: Apache-2.0
"""Apache Kafka's own tools, unmodified, against three nodes and their files."""
import json
import os
import re
import time

import pytest

from support import cluster, workload
from support.peers import kafka_tool
from support.process import wait_until
from test_cluster import KIND, make  # noqa: F401

pytestmark = [pytest.mark.peers, pytest.mark.cluster]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One cluster for all tools that leave it whole."""
    c = cluster.Cluster(tmp_path_factory.mktemp("tools"), KIND)
    try:
        yield c.start()
    finally:
        c.kill()


def tool(c, name, *args, **options):
    return kafka_tool(name, "--bootstrap-server", c.bootstrap, *args, **options)


def test_kafka_metadata_quorum_describes_the_voters(shared):
    text = tool(shared, "kafka-metadata-quorum", "describe", "--status")
    fields = dict(re.findall(r"^(\w+):\s+(.*)$", text, re.M))
    assert fields["ClusterId"] == shared.cluster_id
    assert int(fields["LeaderId"]) in (1, 2, 3) and int(fields["LeaderEpoch"]) >= 1
    assert {v["id"] for v in json.loads(fields["CurrentVoters"])} == {1, 2, 3}
    assert all(v["directoryId"] in {p.directory_id for p in shared.places}
               for v in json.loads(fields["CurrentVoters"]))
    assert int(fields["MaxFollowerLag"]) < 100
    rows = tool(shared, "kafka-metadata-quorum", "describe", "--replication").splitlines()
    assert sorted(r.split()[-1] for r in rows[1:4]) == ["Follower", "Follower", "Leader"], rows
    controllers = ",".join(p.controller for p in shared.places)
    text = kafka_tool("kafka-metadata-quorum", "--bootstrap-controller", controllers, "describe",
                      "--status")
    assert shared.cluster_id in text


def test_kafka_topics_creates_describes_alters_and_deletes(shared):
    tool(shared, "kafka-topics", "--create", "--topic", "made", "--partitions", "4",
         "--replication-factor", "3", "--config", "min.insync.replicas=2")
    wait_until(lambda: shared.whole("made", 4, 3), 20, "made is there", 0.1)
    text = tool(shared, "kafka-topics", "--describe", "--topic", "made")
    rows = [dict(re.findall(r"(\w+): (\S+)", r)) for r in text.splitlines() if "Partition:" in r]
    assert len(rows) == 4 and all(len(r["Isr"].split(",")) == 3 for r in rows), text
    assert {r["Leader"] for r in rows} == {"1", "2", "3"}
    assert "min.insync.replicas=2" in text
    tool(shared, "kafka-topics", "--alter", "--topic", "made", "--partitions", "6")
    wait_until(lambda: shared.whole("made", 6, 3), 20, "made has six partitions", 0.1)
    assert "made" not in tool(shared, "kafka-topics", "--describe", "--under-replicated-partitions")
    tool(shared, "kafka-topics", "--delete", "--topic", "made")
    wait_until(lambda: not shared.partitions("made"), 20, "made is gone", 0.1)
    assert "made" not in tool(shared, "kafka-topics", "--list")


def test_kafka_reassign_partitions_moves_and_tells(shared, tmp_path):
    shared.create("moved", 2, 2)
    shared.kcat("-P", "-t", "moved", stdin=b"".join(b"%d\n" % i for i in range(5000)))
    before = shared.partitions("moved")
    wanted = {p: [({1, 2, 3} - set(v["replicas"])).pop(), v["replicas"][0]]
              for p, v in before.items()}
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": "moved", "partition": p, "replicas": r} for p, r in wanted.items()]}))
    text = tool(shared, "kafka-reassign-partitions", "--reassignment-json-file", plan, "--execute",
                "--throttle", "50000000")
    assert "Successfully started" in text
    wait_until(lambda: {p: v["replicas"] for p, v in shared.partitions("moved").items()} == wanted
               and shared.whole("moved", 2, 2), 60, "the replicas moved", 0.2)
    text = tool(shared, "kafka-reassign-partitions", "--reassignment-json-file", plan, "--verify")
    assert text.count("is completed") == 2 or text.count("is complete") == 2, text
    text = tool(shared, "kafka-reassign-partitions", "--list")
    assert "No partition reassignments found" in text
    got = shared.kcat("-C", "-t", "moved", "-e", "-q").split()
    assert sorted(map(int, got)) == list(range(5000))


def test_the_plan_of_rebalance_is_what_kafka_reassign_partitions_takes(shared, tmp_path):
    shared.create("thin", 3, 1)
    plan = tmp_path / "plan.json"
    told = shared.logboom("cluster", "rebalance", "--plan", "--replication-factor", "3", "thin",
                          "--json")
    plan.write_text(json.dumps(told[0]))
    tool(shared, "kafka-reassign-partitions", "--reassignment-json-file", plan, "--execute")
    wait_until(lambda: shared.whole("thin", 3, 3), 60, "thin has three replicas", 0.2)


def test_rebalance_drains_a_node_and_fills_it_again(shared):
    shared.create("spread", 6, 2)
    shared.kcat("-P", "-t", "spread", stdin=b"".join(b"%d\n" % i for i in range(5000)))
    told = shared.logboom("cluster", "rebalance", "--execute", "--drain", "3", "--throttle",
                          "100MiB", "spread", "--json", seconds=120)
    assert told[-1]["done"] == told[-1]["partitions"] > 0
    wait_until(lambda: shared.whole("spread", 6, 2), 20, "every node knows", 0.1)
    found = shared.partitions("spread").values()
    assert all(3 not in p["replicas"] and p["leader"] != 3 for p in found), found
    shared.logboom("cluster", "rebalance", "--execute", "spread", seconds=120)
    wait_until(lambda: [sum(i in p["replicas"] for p in shared.partitions("spread").values())
                        for i in (1, 2, 3)] == [4, 4, 4], 20, "four replicas on each", 0.1)
    got = shared.kcat("-C", "-t", "spread", "-e", "-q").split()
    assert sorted(map(int, got)) == list(range(5000))
    text = tool(shared, "kafka-configs", "--describe", "--entity-type", "topics", "--entity-name",
                "spread")
    assert "throttled" not in text


def test_kafka_leader_election_gives_leadership_back(shared):
    shared.create("led", 3, 3)
    node = shared[shared.partitions("led")[0]["replicas"][0]]
    node.stop()
    node.start()
    shared.wait_healthy(60)
    text = tool(shared, "kafka-leader-election", "--election-type", "preferred",
                "--all-topic-partitions")
    assert "Error" not in text, text
    wait_until(lambda: all(p["leader"] == p["replicas"][0]
                           for p in shared.partitions("led").values()), 20, "first ones lead", 0.1)


def test_kafka_features_tells_the_levels(shared):
    text = tool(shared, "kafka-features", "describe")
    assert re.search(r"metadata.version\s+SupportedMinVersion: \S+\s+SupportedMaxVersion: \S+\s+"
                     r"FinalizedVersionLevel: 4\.\S+\s+Epoch: \d+", text), text
    assert re.search(r"kraft.version.*FinalizedVersionLevel: 1", text), text
    assert shared.cluster_id in kafka_tool("kafka-cluster", "cluster-id", "--bootstrap-server",
                                           shared.bootstrap)


def test_kafka_features_changes_levels_or_says_why_not(shared):
    """Everything without a change first; a level goes down and up again."""
    text = tool(shared, "kafka-features", "downgrade", "--feature",
                "eligible.leader.replicas.version=0", "--dry-run")
    assert "can be downgraded to 0" in text, text
    assert "FinalizedVersionLevel: 1" in elr_row(shared)
    text = tool(shared, "kafka-features", "upgrade", "--feature", "metadata.version=99",
                check=False)
    assert "metadata.version" in text and "99" in text and "Could not upgrade" in text, text
    text = tool(shared, "kafka-features", "downgrade", "--feature",
                "eligible.leader.replicas.version=0")
    assert "was downgraded to 0" in text, text
    assert "FinalizedVersionLevel: 0" in elr_row(shared)
    text = tool(shared, "kafka-features", "upgrade", "--feature",
                "eligible.leader.replicas.version=1")
    assert "was upgraded to 1" in text, text


def elr_row(c):
    text = tool(c, "kafka-features", "describe")
    return next(r for r in text.splitlines() if r.startswith("Feature: eligible.leader"))


def test_kafka_configs_changes_the_settings_of_all_nodes_at_once(shared):
    shared.create("sized", 3)
    big = b"x" * 2000 + b"\n"
    tool(shared, "kafka-configs", "--alter", "--entity-type", "brokers", "--entity-default",
         "--add-config", "message.max.bytes=1000")
    text = tool(shared, "kafka-configs", "--describe", "--entity-type", "brokers",
                "--entity-default")
    assert "message.max.bytes=1000" in text, text

    def takes(partition):
        try:
            shared.kcat("-P", "-t", "sized", "-p", partition, stdin=big)
            return True
        except AssertionError:
            return False

    for partition in "012":  # led by three nodes
        wait_until(lambda: not takes(partition), 10, f"{partition} is limited", 0.1)
    tool(shared, "kafka-configs", "--alter", "--entity-type", "brokers", "--entity-default",
         "--delete-config", "message.max.bytes")
    for partition in "012":
        wait_until(lambda: takes(partition), 10, f"{partition} is not limited any more", 0.1)


def test_kafka_reassign_partitions_takes_a_move_back(shared, tmp_path):
    shared.create("back", 1, 2)
    shared.kcat("-P", "-t", "back", "-X", "acks=all", stdin=(b"x" * 999 + b"\n") * 3000)
    before = shared.partitions("back")[0]["replicas"]
    third = ({1, 2, 3} - set(before)).pop()
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": "back", "partition": 0, "replicas": [third, before[0]]}]}))
    tool(shared, "kafka-reassign-partitions", "--reassignment-json-file", plan, "--execute",
         "--throttle", "10000")  # five minutes
    wait_until(lambda: third in shared.partitions("back").get(0, {}).get("replicas", []), 20,
               "the move is under way")
    text = tool(shared, "kafka-reassign-partitions", "--reassignment-json-file", plan, "--cancel")
    assert "Successfully cancelled" in text, text
    wait_until(lambda: shared.partitions("back").get(0, {}).get("replicas") == before, 20,
               "all is as before")
    shared.wait_healthy()


def test_kafka_leader_election_is_unclean_only_when_asked(shared):
    shared.create("risky", 1, 2, min_insync_replicas=1)
    first, second = shared.partitions("risky")[0]["replicas"]
    shared.kcat("-P", "-t", "risky", "-X", "acks=all", stdin=b"1\n")
    shared[second].kill()
    at = next(n for n in shared if n.place.id not in (first, second)).place.address
    wait_until(lambda: shared.partitions("risky", at).get(0, {}).get("isr") == [first], 20,
               "first is alone")
    shared[first].kill()
    shared[second].start()
    wait_until(lambda: shared.partitions("risky", at).get(0, {}).get("leader") == -1, 30,
               "nobody leads", 0.1)
    text = tool(shared, "kafka-leader-election", "--election-type", "unclean", "--topic", "risky",
                "--partition", "0")
    assert "Successfully completed" in text, text
    wait_until(lambda: shared.partitions("risky", at).get(0, {}).get("leader") == second, 20,
               "second leads", 0.1)
    shared[first].start()
    shared.wait_healthy()


def test_kafka_storage_info_reads_our_directories(shared):
    for node in shared:
        properties = node.place.folder / "info.properties"
        properties.write_text(
            f"process.roles=broker,controller\nnode.id={node.place.id}\n"
            f"listeners=PLAINTEXT://{node.place.address},CONTROLLER://{node.place.controller}\n"
            "controller.listener.names=CONTROLLER\n"
            f"controller.quorum.bootstrap.servers={node.place.controller}\nlog.dirs={node.data}\n")
        text = kafka_tool("kafka-storage", "info", "-c", properties)
        assert "Found log director" in text and str(node.data) in text
        assert f"cluster.id={shared.cluster_id}" in text and f"node.id={node.place.id}" in text


def test_kafka_dump_log_decodes_the_metadata_of_every_node(shared):
    shared.create("decoded", 2, 3)  # every node has read of it
    kinds = {"REGISTER_BROKER_RECORD", "TOPIC_RECORD", "PARTITION_RECORD"}
    for node in shared:
        seen = set()
        for path in sorted((node.data / "__cluster_metadata-0").glob("*.*")):
            if path.suffix in (".log", ".checkpoint") and os.path.getsize(path):
                text = kafka_tool("kafka-dump-log", "--cluster-metadata-decoder",
                                  "--skip-record-metadata", "--files", path)
                assert "isvalid: false" not in text and "Could not" not in text, text[:2000]
                seen |= set(re.findall(r'"type":"(\w+)"', text))
        assert kinds <= seen, (node.name, seen)


def test_kafka_metadata_quorum_removes_and_adds_a_controller(shared):
    c = shared
    victim = next(i for i in (1, 2, 3) if i != c.controller())
    place = c[victim].place
    tool(c, "kafka-metadata-quorum", "remove-controller", "--controller-id", victim,
         "--controller-directory-id", place.directory_id)
    voters = {v["node_id"] for v in c.logboom("quorum", "status", "--json")[0]["voters"]}
    assert voters == {1, 2, 3} - {victim}
    c.logboom("quorum", "add-controller", f"{victim}@{place.controller}")
    voters = {v["node_id"] for v in c.logboom("quorum", "status", "--json")[0]["voters"]}
    assert voters == {1, 2, 3}
    c.wait_healthy(30)


def test_kafka_topics_and_kafka_cluster_bear_a_dead_broker(shared):
    """Partitions are added while it is down, it is taken out, and it comes back by itself."""
    c = shared
    c.create("grown", 2, 3)
    dead = next(i for i in (1, 2, 3) if i != c.controller())
    c[dead].kill()
    others = {1, 2, 3} - {dead}
    c.wait_healthy(30)
    tool(c, "kafka-topics", "--alter", "--topic", "grown", "--partitions", "8")

    def added():
        found = c.partitions("grown")
        return len(found) == 8 and found

    for number, p in wait_until(added, 20, "grown has eight partitions", 0.1).items():
        assert set(p["replicas"]) == {1, 2, 3} and set(p["isr"]) == others, (number, p)
        assert p["leader"] in others, (number, p)
        c.kcat("-P", "-t", "grown", "-p", str(number), "-X", "acks=all",
               stdin=f"to {number}\n".encode())
    text = kafka_tool("kafka-cluster", "unregister", "--bootstrap-server", c.bootstrap, "--id",
                      dead)
    assert f"Broker {dead} is no longer registered" in text, text
    with pytest.raises(AssertionError, match=f"Broker ID {dead} is not currently registered"):
        kafka_tool("kafka-cluster", "unregister", "--bootstrap-server", c.bootstrap, "--id", dead)
    endpoints = kafka_tool("kafka-cluster", "list-endpoints", "--bootstrap-server", c.bootstrap,
                           "--include-fenced-brokers")
    assert c[dead].place.address not in endpoints, endpoints
    assert "Replicas: " in tool(c, "kafka-topics", "--describe", "--topic", "grown")
    c[dead].start()
    c.wait_healthy(60)
    wait_until(lambda: c.whole("grown", 8, 3), 30, "grown is whole again", 0.1)
    for number in range(8):
        text = c.kcat("-C", "-t", "grown", "-p", str(number), "-o", "beginning", "-e", "-q")
        assert f"to {number}" in text, (number, text)


def test_a_java_group_of_either_protocol_outlives_kills(tmp_path, started, make):
    c = make().start()
    c.create("t", 4)
    load = started(workload.Load(c, "t", 1, 200)).start()
    groups = [started(workload.JavaGroup(c, "t", "classic", "classic")).start()]
    if KIND is cluster.KafkaNode:
        groups.append(started(workload.JavaGroup(c, "t", "consumer", "consumer")).start())
    for g in groups:
        wait_until(lambda: g.log_path.stat().st_size > 2000, 90, f"{g.name} reads", 0.2)
    for i in (1, 2, 3):
        c[i].kill()
        time.sleep(1)
        c[i].start()
        c.wait_healthy(90)
    load.finish()
    for g in groups:
        workload.GroupCheck([g.log_path], [load.journal]).wait(90)
        g.kill()
