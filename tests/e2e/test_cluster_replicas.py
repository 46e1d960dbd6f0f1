# SPDX-License-Identifier: Apache-2.0
"""Replicas of three nodes: how fast they may move, where consumers read, where they lie, and what
becomes of a damaged one."""
import os
import shutil
import socket
import struct
import subprocess
import time

import pytest

from support import cluster, workload
from support.process import slowness, wait_until
from test_cluster import KIND, make  # noqa: F401

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not workload.LOAD.exists(), reason="librdkafka was not found by configure"),
    pytest.mark.skipif(KIND is not cluster.Node, reason="what we promise")
]
LINE = os.urandom(512).hex().encode() + b"\n"


def fill(c, topic, mb, partition=0):
    """Random text without compression: about so many MB in the log. Returns the lines' number."""
    count = int(mb * 1e6 / len(LINE))
    c.kcat("-P", "-t", topic, "-p", str(partition), "-X", "acks=all", "-X", "batch.size=65536",
           stdin=b"".join(b"%d " % i + LINE for i in range(count)), seconds=120)
    return count


def lines(c, topic, partition, *args, **options):
    text = c.kcat("-C", "-t", topic, "-p", str(partition), "-e", "-q", *args, seconds=60, **options)
    return [int(line.split(" ", 1)[0]) for line in text.splitlines()]


def metric(node, name):
    for line in node.http("/metrics").splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise AssertionError(f"{node.name} has no {name}")


def test_replicas_that_move_keep_to_the_throttle_and_producers_do_not(make):
    c = make().start()
    c.create("slow", 1, 1)
    count = fill(c, "slow", 12)
    began = time.monotonic()
    told = c.logboom("cluster", "rebalance", "--execute", "--replication-factor", "2",
                     "--throttle", "2MiB", "slow", "--json", seconds=120)
    took = time.monotonic() - began
    assert told[-1]["done"] == told[-1]["partitions"] == 1, told
    wait_until(lambda: c.whole("slow", 1, 2), 10, "every node knows", 0.1)
    # 12 MB at 2 MiB/s are 5.7 s; a second's worth may be saved up, and there are the ends.
    assert 4 < took < 14 * slowness(), took
    assert lines(c, "slow", 0) == list(range(count))
    c.stop()
    assert c.replicas_differ("slow", 1) == []


def test_a_throttle_does_not_hold_replicas_in_sync(make):
    c = make(sets=["leader.replication.throttled.rate=1MiB",
                   "follower.replication.throttled.rate=1MiB"]).start()
    c.create("fast", 1, 3, leader_replication_throttled_replicas="*",
             follower_replication_throttled_replicas="*")
    began = time.monotonic()
    count = fill(c, "fast", 16)
    # 15.3 s at 1 MiB/s, if it held them; a second's worth may be saved up.
    assert time.monotonic() - began < 12
    assert lines(c, "fast", 0) == list(range(count))
    assert all(len(p["isr"]) == 3 for p in c.partitions("fast").values())


# --- damage ---------------------------------------------------------------------------------------


def flip_first_segment(node, folder):
    """A bit in the middle of the oldest segment, far from the end that a start looks at."""
    path = sorted((node.data / folder).glob("*.log"))[0]
    with open(path, "r+b") as f:
        f.seek(path.stat().st_size // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 1]))
    return path


def test_a_leader_with_a_damaged_segment_gives_no_bad_byte_and_is_whole_again(make):
    c = make().start()
    c.create("t", 1, 3, segment_bytes=1048576)
    count = fill(c, "t", 4)
    leader = c[c.leader("t")]
    leader.stop()
    flip_first_segment(leader, "t-0")
    leader.start()
    c.wait_healthy(60)

    def leads():  # an election may come too early for it
        c.logboom("cluster", "elect", "t", check=False)
        return c.leader("t") == leader.place.id

    wait_until(leads, 30, "it leads again", 0.2)
    assert lines(c, "t", 0, "-X", "check.crcs=true") == list(range(count))
    wait_until(lambda: c.whole("t", 1, 3), 30, "three replicas in sync\n" + leader.tail(), 0.2)
    assert "cut the damaged part off a log" in leader.tail(200)
    assert metric(leader, "logboom_broker_damaged_partitions_total") == 1
    c.stop()
    assert c.replicas_differ("t", 1) == []


def test_damage_without_another_replica_is_told_and_the_rest_is_served(make):
    c = make().start()
    c.create("one", 1, 1, segment_bytes=1048576)
    count = fill(c, "one", 4)
    leader = c[c.leader("one")]
    leader.stop()
    path = flip_first_segment(leader, "one-0")
    leader.start()
    c.wait_healthy(60)
    segments = sorted((leader.data / "one-0").glob("*.log"))
    good = int(segments[1].stem)
    assert lines(c, "one", 0, "-o", str(good)) == list(range(good, count))
    got = subprocess.run(["timeout", "4", "kcat", "-b", c.bootstrap, "-C", "-t", "one", "-p", "0",
                          "-o", "0", "-u", "-q", "-X", "check.crcs=true"],
                         capture_output=True, text=True, timeout=20).stdout
    numbers = [int(line.split(" ", 1)[0]) for line in got.splitlines()]
    assert 0 < len(numbers) < good and numbers == list(range(len(numbers)))
    assert "records are damaged on this node's disk" in leader.tail(100)
    assert path.exists() and c.leader("one") == leader.place.id
    fill(c, "one", 1)


# --- where consumers read, how replicas are fetched, where they lie -------------------------------


def test_consumers_read_from_the_replica_in_their_rack(make):
    c = make()
    for node in c:
        node.argv += ["--set", f"broker.rack=rack-{node.place.id}"]
    c.start()
    c.create("near", 1, 3)
    count = fill(c, "near", 4)
    leader = c.leader("near")
    name = "logboom_broker_fetched_bytes_total"
    for node in c:
        before = {n.place.id: metric(n, name) for n in c}
        rack = f"rack-{node.place.id}"
        assert lines(c, "near", 0, "-X", f"client.rack={rack}") == list(range(count))
        served = {n.place.id: metric(n, name) - before[n.place.id] for n in c}
        assert served[node.place.id] > 3.5e6, (rack, leader, served)
        assert sum(served.values()) < 6e6, (rack, leader, served)
    before = metric(c[leader], name)
    assert lines(c, "near", 0, "-X", "client.rack=elsewhere") == list(range(count))
    assert metric(c[leader], name) - before > 3.5e6
    # A replica that is gone is no reason not to be served.
    other = next(n for n in c if n.place.id != leader)
    other.kill()
    assert lines(c, "near", 0, "-X", f"client.rack=rack-{other.place.id}") == list(range(count))


def test_several_fetchers_of_one_leader_replicate_and_survive_kills(make, started):
    c = make(sets=["num.replica.fetchers=3"]).start()
    c.create("t", 12, 3)
    load = started(workload.Load(c, "t", 1, 400)).start()
    wait_until(lambda: load.journal.exists() and load.journal.stat().st_size > 2000, 30,
               "records flow")
    for node in c:
        wait_until(lambda n=node: metric(n, "logboom_broker_peer_connections") >= 6, 20,
                   "three connections to each leader", 0.2)
    for node in list(c)[:2]:
        node.kill()
        time.sleep(0.5)
        node.start()
        c.wait_healthy(60)
    result = load.finish()
    assert workload.windows(result)["max"] < 10000
    workload.check(c, "t", [load.journal])
    c.stop()
    assert c.replicas_differ("t", 12) == []


def test_replicas_of_a_directory_that_is_gone_are_fetched_into_another(make):
    c = make()
    for node in c:
        text = node.config_path.read_text()
        dirs = f"[{node.data}, {node.place.folder / 'second'}]"
        node.config_path.write_text(text.replace(f"log.dirs: {node.data}", f"log.dirs: {dirs}"))
    c.start()
    c.create("t", 8, 3)
    for partition in range(8):
        c.kcat("-P", "-t", "t", "-p", str(partition), stdin=b"%d one\n" % partition)
    wait_until(lambda: c.whole("t", 8, 3), 30, "all in sync", 0.1)
    node = next(n for n in c if n.place.id != c.controller())
    second = node.place.folder / "second"
    gone = {p.name for p in second.glob("t-*")}
    stays = {p.name for p in node.data.glob("t-*")}
    assert 2 <= len(gone) <= 6 and gone | stays == {f"t-{i}" for i in range(8)}
    node.stop()
    second.rename(node.place.folder / "third")
    text = node.config_path.read_text()
    node.config_path.write_text(text.replace(f", {second}", ""))
    node.start()
    c.wait_healthy(60)
    wait_until(lambda: c.whole("t", 8, 3), 30, "all in sync again\n" + node.tail(), 0.1)
    assert {p.name for p in node.data.glob("t-*")} == gone | stays
    for partition in range(8):
        assert lines(c, "t", partition) == [partition]
    c.stop()
    assert c.replicas_differ("t", 8) == []


def test_replicas_on_a_new_disk_may_lead(make):
    """A node whose disk was replaced has its replicas again, in a directory of another id: those
    lead when the others fall, the empty ones too."""
    c = make().start()
    node = next(n for n in c if n.place.id != c.controller())
    c.create("full", 3, 3, min_insync_replicas=1)
    c.create("bare", 3, 3, min_insync_replicas=1)
    for partition in range(3):
        c.kcat("-P", "-t", "full", "-p", str(partition), stdin=b"%d one\n" % partition)
    node.kill()
    shutil.rmtree(node.data)
    node.format(c.cluster_id, "--no-initial-controllers")
    node.start()
    c.wait_healthy(60)
    c.logboom("quorum", "remove-controller", str(node.place.id), node.place.directory_id)
    c.logboom("quorum", "add-controller", f"{node.place.id}@{node.place.controller}")

    def first_ones_lead():
        c.logboom("cluster", "elect", "full", "bare", check=False)
        return [p for t in ("full", "bare") for p in c.partitions(t).values()
                if p["leader"] == p["replicas"][0]]

    wait_until(lambda: len(first_ones_lead()) == 6, 20, "the first replicas lead", 0.5)
    assert node.place.id in {p["leader"] for p in first_ones_lead()}
    for partition in range(3):
        assert lines(c, "full", partition) == [partition]


def delete_records(node, topic, partition, offset, timeout_ms=10000):
    """DeleteRecords version 1, by hand: (low watermark, error code)."""
    def text(s):
        return struct.pack(">h", len(s)) + s.encode()

    body = struct.pack(">hhi", 21, 1, 7) + text("test") + struct.pack(">i", 1) + text(topic)
    body += struct.pack(">iiqi", 1, partition, offset, timeout_ms)
    with socket.create_connection((node.place.host, node.place.port), 20) as s:
        s.sendall(struct.pack(">i", len(body)) + body)
        f = s.makefile("rb")
        answer = f.read(struct.unpack(">i", f.read(4))[0])
    return struct.unpack(">qh", answer[-10:])


def test_deleted_records_stay_deleted_whoever_leads_next(make):
    c = make().start()
    c.create("t", 1, 3)
    count = fill(c, "t", 1)
    leader = c[c.leader("t")]
    assert delete_records(leader, "t", 0, 300) == (300, 0)
    leader.kill()  # the others know already
    wait_until(lambda: c.leader("t") != leader.place.id, 20, "another one leads", 0.05)
    assert lines(c, "t", 0) == list(range(300, count))
    other = c[c.leader("t")]
    assert delete_records(other, "t", 0, -1) == (count, 0)  # who is dead is not waited for
    assert lines(c, "t", 0) == []
    leader.start()
    c.wait_healthy(60)
    assert delete_records(other, "t", 0, -1) == (count, 0)  # who is back is waited for again
    c.logboom("cluster", "elect", "t", check=False)
    assert lines(c, "t", 0) == []
