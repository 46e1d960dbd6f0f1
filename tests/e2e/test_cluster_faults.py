# SPDX-License-Identifier: Apache-2.0
"""Long runs under faults: kill -9 again and again, bad networks, nodes that stand still.

Nothing acknowledged may be lost, moved, reordered or duplicated, and the replicas must be the same
bytes in the end. LOGBOOM_SECONDS sets how long each lasts (20; the acceptance run of the kills
takes 900).
"""
import os
import re
import threading
import time

import pytest

from support import cluster, faults, workload
from support.process import wait_until
from test_cluster import KIND, WINDOW_MS, finish, make, run_load, three  # noqa: F401

SECONDS = int(os.environ.get("LOGBOOM_SECONDS", 20))
NETWORK = faults.Network.why_not()
ROLE_LEADER = re.compile(r'message="role in the quorum" role=leader epoch=(\d+)')
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not workload.LOAD.exists(), reason="librdkafka was not found by configure")
]


def test_kill_9_of_any_node_again_and_again(three, started, rng):
    """The issue's first point: Kafka's verifiable producer and librdkafka's, groups of kcat and of
    Java, kill -9 of any node; every pause of a partition is told as a distribution."""
    three.create("t", 6)
    load = run_load(three, started, "t")
    java = started(workload.VerifiableProducer(three, "t")).start()
    groups = [started(workload.KcatGroup(three, "t", "kcat")).start(),
              started(workload.JavaGroup(three, "t", "java")).start()]
    wait_until(lambda: java.log_path.exists() and java.log_path.stat().st_size > 10000, 60,
               "the Java producer runs")
    done = cluster.Faults(three, rng).kill_for(SECONDS).done
    print("kills:", len(done))
    assert java.finish() > 0
    result = load.finish()
    told = workload.windows(result, done)
    journals = [load.journal, java.journal]
    workload.check(three, "t", journals)
    for group in groups:
        print(group.name, workload.GroupCheck([group.log_path], journals).wait(60))
        group.kill()
    three.stop()
    assert three.replicas_differ("t", 6) == []
    one_leader_an_epoch(three)
    assert told["max"] < WINDOW_MS, told


def test_sigstop_of_a_leader_a_follower_and_the_controller(three, started):
    """A node that stands still keeps its connections; when it goes on it must not think that it
    leads."""
    three.create("t", 6)
    seen = probe(three, started)
    load = run_load(three, started, "t")
    stand = min(30, max(10, SECONDS))

    def follower():
        return next(n.place.id for n in three
                    if n.place.id not in (three.leader("t"), three.controller()))

    for whom in (lambda: three.leader("t"), follower, three.controller):
        victim = whom()
        tell("SIGSTOP", victim)
        three[victim].pause()
        time.sleep(stand)
        three[victim].go_on()
        three.wait_healthy(60)
        time.sleep(1)
    by_cluster = seen.finish()
    finish(three, "t", load, ["SIGSTOP"] * 3, bound_ms=stand * 1000)
    assert by_cluster["max"] < WINDOW_MS, by_cluster
    three.stop()
    assert three.replicas_differ("t", 6) == []
    one_leader_an_epoch(three)


# --- networks -------------------------------------------------------------------------------------


@pytest.fixture
def net():
    if NETWORK:
        pytest.skip(NETWORK)
    network = faults.Network(3).start()
    yield network
    network.stop()


@pytest.fixture
def apart(net, make, tmp_path):
    """Three nodes, each in a namespace of its own, clients in a fourth."""
    c = make(places=net.places(tmp_path))
    c.prefix = net.client_prefix
    yield c.start()
    c.kill()


def probe(three, started):
    """The cluster's own part of each outage: what a client waits for is another thing."""
    three.create("probe", 6)
    return started(workload.Probe(three)).start()


def tell(what, *nodes):
    """When a fault began, by the clock of the probe's windows."""
    print(f"  at {time.monotonic():.3f}: {what}", *nodes)


def settle(apart, net, load, done, bound_ms, seen=None, cluster_ms=None, may_end=False):
    net.heal()
    apart.wait_healthy(90)
    time.sleep(1)
    cluster_told = seen.finish() if seen else None
    result = finish(apart, "t", load, done, bound_ms, may_end)
    if cluster_ms:
        assert cluster_told["max"] < cluster_ms, cluster_told
    apart.stop()
    assert apart.replicas_differ("t", 6) == []
    return result


def one_leader_an_epoch(apart):
    """From the nodes' logs of who became leader of the quorum: never two in one epoch."""
    leaders = {}
    for node in apart:
        for line in node.log_path.read_text(errors="replace").splitlines():
            if found := ROLE_LEADER.search(line):
                leaders.setdefault(int(found[1]), set()).add(node.place.id)
    print("epochs of the quorum:", len(leaders))
    assert leaders or KIND is not cluster.Node, "somebody led"
    assert all(len(ids) == 1 for ids in leaders.values()), leaders
    return leaders


@pytest.mark.parametrize("whom", ["leader", "controller"])
def test_a_node_cut_off_from_the_others_is_replaced(apart, net, started, whom):
    apart.create("t", 6)
    seen = probe(apart, started)
    load = run_load(apart, started, "t")
    victim = apart.leader("t") if whom == "leader" else apart.controller()
    tell("cut off", victim)
    net.cut_off(victim)
    time.sleep(max(15, SECONDS / 2))
    others = [n.place.address for n in apart if n.place.id != victim]
    now = apart.partitions("t", others[0])
    assert all(p["leader"] not in (victim, -1) for p in now.values()), now
    settle(apart, net, load, [whom], 30000, seen, WINDOW_MS)
    one_leader_an_epoch(apart)


def test_one_way_cuts_and_bridges(apart, net, started, rng):
    """A reaches B and not the other way round; then two nodes that only a third one reaches."""
    apart.create("t", 6)
    seen = probe(apart, started)
    load = run_load(apart, started, "t")
    end = time.monotonic() + SECONDS
    turn = 0
    while time.monotonic() < end or turn < 2:
        a, b = rng.sample([1, 2, 3], 2)
        tell("cut" if turn % 2 else "one-way cut", a, b)
        if turn % 2:
            net.cut(a, b)
        else:
            net.rule(a, b, loss=100)
        time.sleep(rng.uniform(3, 8))
        net.heal()
        time.sleep(rng.uniform(2, 5))
        turn += 1
    settle(apart, net, load, ["cut"] * turn, 60000, seen)
    one_leader_an_epoch(apart)


def test_flapping_links(apart, net, started, rng):
    apart.create("t", 6)
    seen = probe(apart, started)
    load = run_load(apart, started, "t")
    end = time.monotonic() + SECONDS
    flaps = 0
    while time.monotonic() < end:
        a, b = rng.sample([1, 2, 3], 2)
        net.cut(a, b)
        time.sleep(rng.uniform(0.1, 1.5))
        net.heal()
        time.sleep(rng.uniform(0.1, 1.5))
        flaps += 1
    settle(apart, net, load, ["flap"] * flaps, 60000, seen)
    one_leader_an_epoch(apart)


@pytest.mark.parametrize("bad", [{"loss": 30}, {"delay": 300}, {"delay": 100, "jitter": 100,
                                                                "loss": 5}],
                         ids=["loss-30", "delay-300ms", "jitter"])
def test_bad_links_slow_everything_and_lose_nothing(apart, net, started, bad):
    apart.create("t", 6)
    load = run_load(apart, started, "t", rate=100)
    net.rule(**bad)
    time.sleep(SECONDS)
    before = load.journal.stat().st_size
    time.sleep(5)
    assert load.journal.stat().st_size > before, "records flow, however slowly"
    settle(apart, net, load, [str(bad)], 60000)
    one_leader_an_epoch(apart)


def test_kills_on_a_bad_network(apart, net, started, rng):
    apart.create("t", 6)
    load = run_load(apart, started, "t", rate=100)
    net.rule(loss=5, delay=20, jitter=20)
    stop = threading.Event()

    def flap():
        while not stop.wait(rng.uniform(1, 4)):
            a, b = rng.sample([1, 2, 3], 2)
            net.cut(a, b)
            if stop.wait(rng.uniform(0.1, 1)):
                return
            net.rule(loss=5, delay=20, jitter=20)

    thread = threading.Thread(target=flap)
    thread.start()
    kills = 0
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            node = rng.choice(list(apart))
            node.kill()
            time.sleep(rng.uniform(0.1, 2))
            node.start()
            time.sleep(rng.uniform(3, 8))
            kills += 1
    finally:
        stop.set()
        thread.join()
    settle(apart, net, load, ["kill -9"] * kills, 120000, may_end=True)
    one_leader_an_epoch(apart)
