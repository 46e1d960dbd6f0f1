# SPDX-License-Identifier: Apache-2.0
"""Flows as members of a consumer group: topics that come later, members that come and go."""
import json
import time

from support.endpoint import Answer, Endpoint, OK
from support.process import BUILD, Broker, Connect, Process, run, wait_until

FLOW = """
  shared:
    commit.interval: 50ms
    defaults: {{retry: {{init: 50ms, max: 400ms}}}}
    nodes:
      in:  {{type: kafka, group_id: shared, topics: [events], fetch_max_wait: 100ms,
            session_timeout: 6s, heartbeat_interval: 200ms}}
      out: {{type: http, from: in, url: "{url}", linger: 10ms, batch_max_size: 20}}
"""


def create_topic(broker, partitions):
    run([BUILD / "logboom", "topic", "create", "events", "--partitions", partitions, "-b",
         broker.bootstrap])


def produce(broker, partition, first, count):
    lines = [json.dumps({"p": partition, "seq": s}) + "\n" for s in range(first, first + count)]
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "events", "-p", partition],
        stdin="".join(lines).encode())


def owners(broker):
    """Partition to the member that holds it, and to the committed offset."""
    text = run([BUILD / "logboom", "group", "describe", "shared", "-j", "-b", broker.bootstrap],
               check=False)
    rows = [json.loads(line) for line in text.splitlines()]
    return {r["partition"]: (r["member_id"], r["committed_offset"]) for r in rows}


def test_a_flow_starts_before_its_topic_and_takes_it_up(tmp_path, started):
    broker = started(Broker(tmp_path, "auto.create.topics.enable: false")).start()
    endpoint = Endpoint().start()
    connect = started(Connect(tmp_path, broker.bootstrap, FLOW.format(url=endpoint.url))).start()
    time.sleep(1)
    assert connect.alive()
    create_topic(broker, 2)
    wait_until(lambda: len(owners(broker)) == 2 and all(m for m, _ in owners(broker).values()), 60,
               "partitions without an offset show, and who has them")
    assert all(offset == -1 for _, offset in owners(broker).values())
    for p in (0, 1):
        produce(broker, p, 0, 50)
    wait_until(lambda: endpoint.done() == 100, 60, "100 records\n" + connect.tail())
    assert connect.stop() == 0
    assert {p: row[1] for p, row in owners(broker).items()} == {0: 50, 1: 50}
    endpoint.stop()


def test_a_topic_that_comes_while_the_only_member_is_down_is_taken_up(tmp_path, started):
    """The member is static: it comes back into the generation that had no partitions to assign."""
    broker = started(Broker(tmp_path, "auto.create.topics.enable: false")).start()
    endpoint = Endpoint().start()
    connect = started(Connect(tmp_path, broker.bootstrap, FLOW.format(url=endpoint.url))).start()
    wait_until(lambda: "group is stable" in connect.tail(), 60, "a generation without partitions")
    connect.kill()
    create_topic(broker, 2)
    for p in (0, 1):
        produce(broker, p, 0, 50)
    connect.start()
    wait_until(lambda: endpoint.done() == 100, 60, "100 records\n" + connect.tail())
    assert connect.stop() == 0
    endpoint.stop()


def test_two_members_share_partitions_and_one_takes_over_from_the_killed(
        tmp_path, started, broker):
    """Four partitions; requests fail in between; one of two processes is killed in the middle."""
    endpoint = Endpoint(lambda r: Answer(503) if r.n % 5 == 4 else OK).start()
    create_topic(broker, 4)
    flow = FLOW.format(url=endpoint.url)
    a, b = (started(Connect(tmp_path, broker.bootstrap, flow, name=f"connect-{n}")).start()
            for n in "ab")
    wait_until(lambda: all("count=2" in m.tail() for m in (a, b)), 60, "each holds two partitions")
    for p in range(4):
        produce(broker, p, 0, 500)
    wait_until(lambda: endpoint.done() >= 300, 60, "some are there")
    b.kill()
    for p in range(4):
        produce(broker, p, 500, 100)
    wait_until(lambda: endpoint.done() == 2400, 60, "everything is there\n" + a.tail())
    for p in range(4):
        assert set(endpoint.seqs(p)) == set(range(600))
    wait_until(lambda: [c for _, c in owners(broker).values()] == [600] * 4, 30, "committed")
    assert len({o for o, _ in owners(broker).values()}) == 1
    assert a.stop() == 0
    endpoint.stop()


def test_a_member_that_comes_later_gets_its_share_without_a_loss(tmp_path, started, broker):
    endpoint = Endpoint(lambda r: Answer(delay=0.02)).start()
    create_topic(broker, 4)
    flow = FLOW.format(url=endpoint.url)
    a = started(Connect(tmp_path, broker.bootstrap, flow, name="connect-a")).start()
    for p in range(4):
        produce(broker, p, 0, 1000)
    wait_until(lambda: endpoint.done() > 100, 60, "the first goes alone")
    b = started(Connect(tmp_path, broker.bootstrap, flow, name="connect-b")).start()
    wait_until(lambda: "count=2" in b.tail(), 60, "the second holds two partitions")
    assert b.stop() == 0
    wait_until(lambda: endpoint.done() == 4000, 60, "everything is there\n" + a.tail())
    for p in range(4):
        seqs = endpoint.seqs(p)
        assert set(seqs) == set(range(1000))
        assert len(seqs) == 1000, "a clean hand-over repeats nothing"
    assert a.stop() == 0
    endpoint.stop()


def test_a_killed_worker_takes_its_partitions_over_at_once(tmp_path, started, broker):
    """It is a static member by its path.data: nobody waits for the session of 45 s."""
    endpoint = Endpoint().start()
    create_topic(broker, 2)
    flow = FLOW.format(url=endpoint.url).replace("session_timeout: 6s", "session_timeout: 45s")
    connect = started(Connect(tmp_path, broker.bootstrap, flow)).start()
    for round_ in range(1, 4):
        for p in (0, 1):
            produce(broker, p, 50 * (round_ - 1), 50)
        wait_until(lambda: endpoint.done() >= 100 * round_, 20,
                   f"round {round_}\n" + connect.tail())
        connect.kill()
        connect.start()
    assert connect.stop() == 0
    endpoint.stop()


def test_two_workers_do_not_share_a_data_directory(tmp_path, started, broker):
    endpoint = Endpoint().start()
    flow = FLOW.format(url=endpoint.url)
    first = started(Connect(tmp_path, broker.bootstrap, flow)).start()
    second = Connect(tmp_path, broker.bootstrap, flow)
    second.log_path = tmp_path / "second.log"
    Process.start(started(second))
    assert second.child.wait(20) != 0
    assert "another logboom-connect" in second.tail()
    assert first.stop() == 0
    endpoint.stop()
