# SPDX-License-Identifier: Apache-2.0
"""Disks that fill up, lose what was not synced, rot, or are somebody else's; and misuse.

What cannot be right is refused with a sentence that says what to do, or repaired from a replica:
never two leaders, never a deleted topic.
"""
import os
import shutil
import subprocess
import time

import pytest

from support import cluster, faults, workload
from support.process import BUILD, Broker, Process, run, wait_until
from test_cluster import KIND, finish, make, run_load, three  # noqa: F401
from test_cluster_faults import SECONDS, one_leader_an_epoch
from test_cluster_replicas import delete_records

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not workload.LOAD.exists(), reason="librdkafka was not found by configure"),
    pytest.mark.skipif(KIND is not cluster.Node, reason="what we promise")
]


def refused(node, *hints, seconds=15):
    """The node ends by itself, not by a crash, and says why."""
    before = node.log_path.stat().st_size
    Process.start(node)
    wait_until(lambda: not node.alive(), seconds, f"{node.name} gives up\n{node.tail()}")
    code, text = node.child.returncode, node.log_path.read_bytes()[before:].decode()
    node.child = None
    assert code > 0, (code, text)
    for hint in hints:
        assert hint in text, (hint, text)
    return text


# --- power and space ------------------------------------------------------------------------------


def power_cuts(make, started, rng, choose, may_send_anew=False):
    c = make()
    for node in c:
        node.env.update(faults.powercut_env(node.place.folder, node.data))
    c.start()
    c.create("t", 6)
    load = run_load(c, started, "t")
    end = time.monotonic() + SECONDS
    cuts = 0
    while time.monotonic() < end or cuts < 2:
        time.sleep(rng.uniform(0.5, 3))
        nodes = choose(list(c))
        lost = faults.power_cut(nodes, rng)
        print("power cut of", [n.place.id for n in nodes], "lost bytes:", lost)
        for node in nodes:
            node.start()
        c.wait_healthy(90)
        cuts += 1
    finish(c, "t", load, ["power cut"] * cuts, bound_ms=90000, may_send_anew=may_send_anew)
    c.stop()
    assert c.replicas_differ("t", 6) == []


def test_power_cuts_of_one_node(make, started, rng):
    power_cuts(make, started, rng, lambda nodes: [rng.choice(nodes)])


def test_power_cuts_of_all_nodes(make, started, rng):
    power_cuts(make, started, rng, lambda nodes: nodes, may_send_anew=True)


@pytest.mark.skipif(faults.FullDisk.why_not() is not None, reason=str(faults.FullDisk.why_not()))
def test_a_full_disk_is_a_state_with_an_end(make, started):
    c = make(sets=["log.segment.bytes=1048576"])
    # What is written meanwhile has to fit: 1.2 MB a second.
    disk = faults.FullDisk(c[2].data, 128 + SECONDS).start()
    try:
        c.start()
        c.create("t", 6)
        # Requests wait longer than the disk is full: a client that gives one up and goes on with a
        # new epoch writes it twice, and no broker can know.
        load = run_load(c, started, "t", settings=["pad.bytes=4000", "socket.timeout.ms=60000"])
        ballast = disk.fill(1 << 20)
        wait_until(lambda: "pace" in c[2].tail(200), 60, "the disk is full, and its node says so")
        time.sleep(max(5, SECONDS / 2))
        assert c[1].alive() and c[3].alive()
        got = load.journal.stat().st_size
        wait_until(lambda: load.journal.stat().st_size > got, 20,
                   "the others go on while one disk is full")
        ballast.unlink()
        if not c[2].alive():  # giving up is allowed, if it says why
            assert "space" in c[2].tail(100), c[2].tail(100)
            c[2].child = None
            c[2].start()
        c.wait_healthy(90)
        told = c[2].log_path.read_text(errors="replace")
        assert told.count("the disk of the metadata log is full") < 10, "once, not at every attempt"
        finish(c, "t", load, ["disk full"], bound_ms=60000)
        c.stop()
        assert c.replicas_differ("t", 6) == []
    finally:
        c.kill()
        disk.stop()


# --- misuse ---------------------------------------------------------------------------------------


def test_a_node_of_another_cluster_is_refused(three):
    three.create("t", 3)
    node = three[3]
    node.kill()
    meta = node.data / "meta.properties"
    meta.write_text(meta.read_text().replace(three.cluster_id, cluster.random_uuid()))
    Process.start(node)
    time.sleep(5)
    if node.alive():  # it may wait for a quorum that will have none of it, and says so
        assert "cluster" in node.tail().lower() and "id" in node.tail().lower(), node.tail()
        node.kill()
    else:
        assert node.child.returncode > 0 and "cluster" in node.tail().lower(), node.tail()
        node.child = None
    assert set(three.brokers(three[1].place.address)) <= {1, 2}
    three.kcat("-P", "-t", "t", at=three[1].place.address, stdin=b"x\n")


def test_an_empty_directory_is_not_formatted_by_itself(three):
    node = three[2]
    node.kill()
    shutil.rmtree(node.data)
    node.data.mkdir()
    refused(node, "logboom storage format")
    three.create("t", 2, 2)


def test_a_voter_that_comes_back_empty_does_not_elect_itself(three, started):
    """Formatted anew with the same id and another directory id: it follows, and gets its replicas
    again; it is a voter only after it was removed and added."""
    three.create("t", 6)
    load = run_load(three, started, "t")
    node = three[3]
    node.kill()
    shutil.rmtree(node.data)
    node.format(three.cluster_id, "--no-initial-controllers")
    node.start()
    wait_until(lambda: any(o["node_id"] == 3 for o in three.logboom("quorum", "status", "--json")[0]
                           ["observers"]), 30, f"it follows the quorum\n{node.tail()}", 0.2)
    wait_until(lambda: (node.data / "t-0").exists() and three.whole("t", 6, 3), 60,
               "its replicas are there again", 0.2)
    three.logboom("quorum", "remove-controller", "3")
    three.logboom("quorum", "add-controller", f"3@{node.place.controller}")
    quorum = three.logboom("quorum", "status", "--json")[0]
    assert sorted(v["node_id"] for v in quorum["voters"]) == [1, 2, 3], quorum
    assert quorum["observers"] == []
    three[three.controller()].kill()
    three.create("u", 2, 2)
    finish(three, "t", load, ["empty voter"], bound_ms=30000)


@pytest.mark.parametrize("leads", [False, True])
def test_two_nodes_with_one_id_are_not_both_let_in(three, tmp_path, leads):
    """Whether the one that was there first leads the quorum or not."""
    three.create("t", 3)
    controller = three.controller()
    taken = next(p.id for p in three.places if (p.id == controller) == leads)
    other = next(p for p in three.places if p.id != taken)
    twin = cluster.Node(cluster.Place(taken, tmp_path / "twin"), three.places)
    twin.format(three.cluster_id, "--no-initial-controllers")
    Process.start(twin)
    try:
        time.sleep(8)
        seen = three.brokers(other.address)
        assert seen[taken] == three[taken].place.address, seen
        assert "node.id" in twin.tail(), twin.tail()
    finally:
        if twin.alive():
            twin.kill()
    three.wait_healthy(30)


def test_a_foreign_directory_is_refused_and_left_alone(three):
    node = three[1]
    node.stop()
    meta = node.data / "meta.properties"
    text = meta.read_text()
    meta.write_text(text.replace("node.id=1", "node.id=9"))
    told = refused(node, "9", "1")
    assert "node" in told
    meta.unlink()
    refused(node, "meta.properties")
    assert (node.data / "__cluster_metadata-0").exists()
    meta.write_text(text)
    node.start()
    three.wait_healthy(60)


# --- a damaged voter ------------------------------------------------------------------------------


def cut_the_tail(log, before):
    os.truncate(log, before)


def flip_the_tail(log, before):
    text = bytearray(log.read_bytes())
    text[(before + len(text)) // 2] ^= 4
    log.write_bytes(text)


def empty(log, _):
    os.truncate(log, 0)


def remove(log, _):
    log.unlink()


def remove_all(log, _):
    shutil.rmtree(log.parent)


@pytest.mark.parametrize("damage", [cut_the_tail, flip_the_tail, empty, remove, remove_all])
def test_a_voter_that_lost_what_it_acknowledged_elects_nobody(three, damage):
    """The leader and one follower have a committed record, the other follower has not. The leader
    crashes, and the one that has the record comes back without it: the two that are left must not
    go on without the record, whoever of them would lead."""
    leader = three[three.controller()]
    damaged, behind = (n for n in three if n is not leader)
    log = damaged.data / "__cluster_metadata-0" / f"{0:020d}.log"
    behind.kill()
    three.wait_healthy()  # as two: nothing is placed on it any more
    before = log.stat().st_size
    three.create("kept", 3, 2)
    assert log.stat().st_size > before
    leader.kill()
    damaged.kill()
    damage(log, before)
    behind.start()
    told = refused(damaged, "controller", "remove-controller", str(damaged.data))
    assert "the metadata log" in told and ("damaged" in told or "missing" in told)
    time.sleep(5)
    assert "role=leader" not in behind.tail(1000).rsplit("pid=", 1)[-1], behind.tail()
    leader.start()
    wait_until(lambda: three.controller() == leader.place.id, 30, "it leads: it has the record")
    wait_until(lambda: "kept" in three.logboom("topic", "list"), 20, "the topic is there", 0.2)

    shutil.rmtree(damaged.data)  # as it said: taken out, formatted, added again
    damaged.format(three.cluster_id, "--no-initial-controllers")
    three.logboom("quorum", "remove-controller", str(damaged.place.id),
                  damaged.place.directory_id)
    damaged.start()
    three.wait_healthy(60)
    three.logboom("quorum", "add-controller", f"{damaged.place.id}@{damaged.place.controller}")
    leader.kill()
    wait_until(lambda: three.controller() in (damaged.place.id, behind.place.id), 30,
               "the other two go on")
    leader.start()
    three.wait_healthy(60)
    assert three.whole("kept", 3, 2)
    assert len(one_leader_an_epoch(three)) >= 3


def test_a_node_that_lost_its_metadata_does_not_begin_with_none(broker):
    """Alone, and with a topic that would be gone."""
    run([BUILD / "logboom", "topic", "create", "t", "-b", broker.bootstrap])
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "t"], stdin=b"x\n")
    broker.kill()
    metadata = broker.data / "__cluster_metadata-0"
    metadata.rename(broker.data.parent / "aside")
    refused(broker, str(metadata), "backup")
    shutil.rmtree(metadata)
    (broker.data.parent / "aside").rename(metadata)
    broker.start()
    assert run(["kcat", "-b", broker.bootstrap, "-C", "-t", "t", "-e", "-q"]) == "x\n"


# --- rot ------------------------------------------------------------------------------------------

ROTTEN = [
    "__cluster_metadata-0/quorum-state", "__cluster_metadata-0/synced-offset", "meta.properties",
    "replication-offset-checkpoint", "recovery-point-offset-checkpoint",
    "log-start-offset-checkpoint", "__cluster_metadata-0/*.log",
    "__cluster_metadata-0/*.checkpoint", "__cluster_metadata-0/leader-epoch-checkpoint",
    "t-0/*.log", "t-0/*.index", "t-0/*.timeindex", "t-0/leader-epoch-checkpoint",
    "t-0/partition.metadata", "t-0/*.snapshot"
]


@pytest.fixture
def grown(make):
    """Three nodes whose files have all something in them: snapshots of the metadata, segments with
    indexes and producers' states, deleted records, checkpoints."""
    c = make(extra="""
log.segment.bytes: 1048576
log.index.interval.bytes: 512
metadata.log.max.record.bytes.between.snapshots: 2000
replica.high.watermark.checkpoint.interval.ms: 200
log.flush.offset.checkpoint.interval.ms: 200
""").start()
    c.create("t", 2)
    for i in range(10):
        c.create(f"other-{i}", 1)
    c.create("d", 3)
    for partition in range(3):
        c.kcat("-P", "-t", "d", "-p", str(partition), "-X", "acks=all",
               stdin=b"".join(b"%d\n" % i for i in range(100)))
        leader = c[c.leader("d", partition)]
        assert delete_records(leader, "d", partition, 50) == (50, 0)
    for node in c:
        checkpoint = node.data / "log-start-offset-checkpoint"
        wait_until(lambda f=checkpoint: f.exists() and all(
            f"\nd {i} 50\n" in f.read_text() for i in range(3)), 20,
                   "where logs start is written down", 0.1)
    return c


def grown_files(node, what):
    """The files of a node that are meant, each of them with something to flip."""
    wait_until(lambda: any(p.stat().st_size for p in node.data.glob(what)), 30,
               f"{node.name} has {what} with something in it", 0.1)
    return [p for p in sorted(node.data.glob(what)) if p.stat().st_size]


@pytest.mark.parametrize("end", ["kill", "stop"])
@pytest.mark.parametrize("what", ROTTEN)
def test_a_flipped_bit_is_refused_or_repaired(grown, started, rng, what, end):
    """Whatever rots on one node, the cluster keeps its topics and its records: the node says what
    to do and stays away, or comes back whole."""
    load = run_load(grown, started, "t", 500, ["pad.bytes=4000"])
    node = grown[grown.partitions("t")[0]["replicas"][0]]
    wait_until(lambda: len(list((node.data / "t-0").glob("*.log"))) >= 3, 60,
               "there are three segments", 0.1)
    grown_files(node, what)
    node.kill() if end == "kill" else node.stop()
    path = rng.choice(grown_files(node, what))
    before = node.log_path.stat().st_size
    print(node.name, path.name, path.stat().st_size, faults.flip(path, rng))
    Process.start(node)
    time.sleep(3)
    wait_until(lambda: not node.alive() or grown.whole("t", 2, 3), 60,
               f"it gives up or is whole again\n{node.tail()}", 0.2)
    told = node.log_path.read_bytes()[before:].decode()
    gave_up = not node.alive()
    print("gave up:" if gave_up else "goes on:",
          [t for t in told.splitlines() if "level=warn" in t or "level=error" in t])
    if gave_up:
        assert node.child.returncode > 0, (node.child.returncode, node.tail())  # no crash
        names = (path.name, str(path.parent), "log dir")
        todo = ("format", "give the node its own directory", "use this cluster's log directories")
        assert any(name in told for name in names) and any(t in told for t in todo), told
        node.child = None
        shutil.rmtree(node.data)  # what it said: take the disk away, and follow anew
        node.format(grown.cluster_id, "--no-initial-controllers")
        node.start()
    wait_until(lambda: grown.whole("t", 2, 3), 60,
               f"three replicas again\n{node.tail()}", 0.2)
    grown.logboom("cluster", "elect", "t", "d", check=False)  # it leads, and is read from
    finish(grown, "t", load, [what], bound_ms=60000)
    assert len(grown.partitions("t")) == 2
    for partition in range(3):
        got = grown.kcat("-C", "-t", "d", "-p", str(partition), "-e", "-q", "-X", "check.crcs=true")
        assert list(map(int, got.split())) == list(range(50, 100)), partition
    wait_until(lambda: grown.whole("t", 2, 3) and grown.whole("d", 3, 3), 60,
               f"what was damaged is repaired\n{node.tail()}", 0.2)
    one_leader_an_epoch(grown)
    for n in grown:
        n.stop(60)
    assert grown.replicas_differ("t", 2) == []


def test_a_start_of_a_log_that_rot_raised_hides_no_record(grown):
    """One bit of a digit: what lies between is there, and whoever leads gives it."""
    node = grown[grown.partitions("d")[0]["replicas"][0]]
    checkpoint = node.data / "log-start-offset-checkpoint"
    node.kill()
    text = checkpoint.read_text()
    assert "\nd 0 50\n" in text
    checkpoint.write_text(text.replace("\nd 0 50\n", "\nd 0 70\n", 1))
    node.start()
    grown.wait_healthy()
    grown.logboom("cluster", "elect", "d", check=False)
    wait_until(lambda: grown.leader("d") == node.place.id, 20, "it leads", 0.1)
    got = grown.kcat("-C", "-t", "d", "-p", "0", "-e", "-q")
    assert list(map(int, got.split())) == list(range(50, 100))


def entries(text):
    """Of a leader-epoch-checkpoint, when it can be read."""
    words = [line.split(" ") for line in text.split("\n")[2:-1]]
    if not all(len(w) == 2 and all(n.isdigit() for n in w) for w in words):
        return None
    numbers = [tuple(map(int, w)) for w in words]
    lines = "".join(f"{epoch} {offset}\n" for epoch, offset in numbers)
    grows = all(a < c and b < d for (a, b), (c, d) in zip(numbers, numbers[1:]))
    return numbers if grows and text == f"0\n{len(words)}\n{lines}" else None


def believable_flips(text):
    """With one bit flipped, a table all the same: where offsets move, by several batches."""
    for at in range(len(text) * 8):
        flipped = bytearray(text.encode())
        flipped[at // 8] ^= 1 << at % 8
        true, lie = entries(text), entries(flipped.decode("latin-1"))
        if lie and lie != true and lie[0][1] == 0 and all(
                a[1] == b[1] or abs(a[1] - b[1]) >= 10 for a, b in zip(lie, true)):
            yield bytes(flipped)


@pytest.fixture
def alone(tmp_path, started):
    """One node whose topic t has been written to, two records a batch."""
    b = started(Broker(tmp_path, "log.flush.offset.checkpoint.interval.ms: 200")).start()
    write(b, 0, 160)
    return b


def write(broker, first, count):
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "t", "-p", "0", "-X", "batch.num.messages=2"],
        stdin=b"".join(b"%d\n" % i for i in range(first, first + count)))


def read(broker, first=0, seconds=20):
    got = run(["timeout", str(seconds), "kcat", "-b", broker.bootstrap, "-C", "-t", "t", "-p", "0",
               "-o", str(first), "-e", "-q"], check=False)
    return list(map(int, got.split()))


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_flipped_bit_of_a_sole_replicas_epochs_hides_no_record(alone, rng, end):
    """No checksum covers leader-epoch-checkpoint, and every batch tells its epoch."""
    path = alone.data / "t-0" / "leader-epoch-checkpoint"
    points = alone.data / "recovery-point-offset-checkpoint"
    count = 160
    for _ in range(4):
        write(alone, count, 20)
        count += 20
        wait_until(lambda n=f"\nt 0 {count}\n": points.exists() and n in points.read_text(), 20,
                   "the recovery point is written down", 0.05)
        alone.kill() if end == "kill" else alone.stop()
        before = alone.log_path.stat().st_size
        lie = rng.choice([f for f in believable_flips(path.read_text())])
        print(path.read_text().split("\n"), "->", lie.decode().split("\n"))
        path.write_bytes(lie)
        alone.start()
        assert read(alone) == list(range(count))
        told = alone.log_path.read_bytes()[before:].decode()
        assert "leader-epoch-checkpoint contradicted the batches" in told, told
        assert "damaged" not in told and "cut" not in told, told


def test_an_epoch_to_come_in_a_sole_replicas_batch_harms_no_other(alone):
    """A bit flips in the epoch of the last batch: it alone is refused, and what is written behind
    it is there after every stop."""
    log = alone.data / "t-0" / f"{0:020d}.log"
    path = alone.data / "t-0" / "leader-epoch-checkpoint"
    before = log.stat().st_size
    write(alone, 160, 2)
    alone.stop()
    with open(log, "r+b") as f:
        f.seek(before + 13)
        f.write(b"\x01")
    path.unlink()  # or else it would be known from the file
    count = 162
    for _ in range(3):
        alone.start()
        assert read(alone, 162) == list(range(162, count))
        write(alone, count, 10)
        count += 10
        assert read(alone, 162) == list(range(162, count))
        alone.stop()
    alone.start()
    assert "records are damaged" in alone.tail(1000)
    assert read(alone, 162) == list(range(162, count))


def test_storage_info_tells_what_is_there(three):
    out = subprocess.run([BUILD / "logboom", "storage", "info", "--config", three[1].config_path],
                         capture_output=True, text=True, timeout=20)
    assert out.returncode == 0 and three.cluster_id in out.stdout, out
    assert os.fspath(three[1].data) in out.stdout
