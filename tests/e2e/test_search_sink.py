# SPDX-License-Identifier: Apache-2.0
"""The elasticsearch sink against a real OpenSearch that is too small, closed to us, or dying.

In the end each document is in the index once, or among the dead letters."""
import json
import time

import pytest

from support import peers
from support.process import BUILD, Connect, run, wait_until

pytestmark = pytest.mark.peers
COUNT = 20000

FLOW = """
  docs:
    commit.interval: 50ms
    defaults: {{retry: {{init: 50ms, max: 1s}}}}
    nodes:
      in: {{type: kafka, group_id: docs, topics: [docs], group_instance_id: one,
           fetch_max_wait: 100ms, session_timeout: 6s, heartbeat_interval: 200ms}}
      es: {{type: elasticsearch, from: in, hosts: ["{url}"], index: "%{{[kind]}}",
           probe_interval: 500ms, linger: 20ms, {settings}}}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One write thread, a queue of one request, and one megabyte a request."""
    server = peers.OpenSearch(
        tmp_path_factory.mktemp("small"), heap="512m", settings=[
            "thread_pool.write.size: 1", "thread_pool.write.queue_size: 1",
            "http.max_content_length: 1mb"]).start()
    yield server
    server.kill()


class Docs:
    def __init__(self, tmp_path, started, broker, server):
        self.tmp_path, self.started, self.broker, self.server = tmp_path, started, broker, server

    def produce(self, kinds, count, bad=(), pad=150, first=0):
        """count documents from number first on, their kinds in turn; the numbers in bad do not fit
        the mapping."""
        lines = []
        for seq in range(first, first + count):
            doc = {"@timestamp": "2026-08-01T10:20:30.000Z", "@metadata": {"beat": "test"},
                   "kind": kinds[seq % len(kinds)], "seq": "bad" if seq in bad else seq,
                   "event": {"id": f"e{seq}"}, "message": "m" * pad}
            lines.append(json.dumps(doc) + "\n")
        run(["kcat", "-b", self.broker.bootstrap, "-P", "-t", "docs"],
            stdin="".join(lines).encode())

    def start(self, settings=""):
        flow = FLOW.format(url=self.server.url, settings=settings)
        self.connect = self.started(Connect(self.tmp_path, self.broker.bootstrap, flow)).start()
        return self.connect

    def index(self, name, shards=3):
        self.server.ask(f"/{name}", {
            "settings": {"number_of_shards": shards, "number_of_replicas": 0},
            "mappings": {"properties": {"seq": {"type": "integer"}}}}, "PUT")

    def committed(self):
        text = run([BUILD / "logboom", "group", "describe", "docs", "-j", "-b",
                    self.broker.bootstrap], check=False)
        return sum(json.loads(line)["committed_offset"] or 0 for line in text.splitlines())

    def dead_letters(self):
        text = run(["kcat", "-b", self.broker.bootstrap, "-C", "-t", "docs.dlq", "-e", "-q", "-f",
                    "%h\t%s\n"], check=False)
        return [line.split("\t") for line in text.splitlines()]

    def wait_count(self, index, count, seconds):
        wait_until(lambda: self.server.count(index) >= count, seconds,
                   f"{count} in {index}\n" + self.connect.tail(), every=0.7)

    def finish(self, index, count, total):
        """Exactly so many, and everything committed."""
        wait_until(lambda: self.committed() == total, 60, f"{total} committed", every=0.2)
        assert self.connect.stop() == 0
        assert self.server.count(index) == count


@pytest.fixture
def docs(tmp_path, started, broker, small):
    return Docs(tmp_path, started, broker, small)


def rejected(server):
    nodes = server.ask("/_nodes/stats/thread_pool")["nodes"]
    return sum(n["thread_pool"]["write"]["rejected"] for n in nodes.values())


@pytest.mark.parametrize("action", ["create", "index"])
def test_storms_of_429_halving_and_kills_leave_an_exact_index(docs, rng, action):
    """Requests are too large at first and too many always; some documents do not fit the mapping;
    connect is killed five times."""
    bad = {rng.randrange(COUNT) for _ in range(20)}
    name = f"storm-{action}"
    docs.index(name)
    docs.produce([name], COUNT, bad)
    before = rejected(docs.server)
    connect = docs.start(f"action: {action}, bulk_max_size: 6000, max_in_flight: 16")
    for _ in range(5):
        time.sleep(rng.uniform(0.3, 1.2))
        connect.kill()
        connect.start()
    docs.wait_count(name, COUNT - len(bad), 180)
    assert rejected(docs.server) > before, "the server was never too busy"
    docs.finish(name, COUNT - len(bad), COUNT)
    log = connect.log_path.read_text()
    assert "request too large for the destination; halving" in log
    letters = docs.dead_letters()
    assert {json.loads(v)["event"]["id"] for _, v in letters} == {f"e{n}" for n in bad}
    assert all("__connect.errors.exception.message=status 400: mapper_parsing_exception" in h
               for h, _ in letters)
    hit = docs.server.ask(f"/{name}/_search?size=1")["hits"]["hits"][0]
    assert hit["_id"] == hit["_source"]["event"]["id"]
    assert "@metadata" not in hit["_source"]


def test_a_closed_index_stops_neither_the_others_nor_a_document(docs):
    kinds = ["free", "readonly", "flooded", "closed"]
    for kind in kinds:
        docs.index(kind, 1)
    ask = docs.server.ask
    ask("/readonly/_settings", {"index.blocks.write": True}, "PUT")
    ask("/flooded/_settings", {"index.blocks.read_only_allow_delete": True}, "PUT")
    ask("/closed/_close", method="POST")
    docs.produce(kinds, 2000)
    connect = docs.start("bulk_max_size: 100")
    docs.wait_count("free", 500, 180)
    assert docs.committed() <= 1, "the second document is in no index yet"
    assert docs.dead_letters() == []
    assert docs.server.count("readonly") == docs.server.count("flooded") == 0
    time.sleep(1)
    requests = connect.metric("logboom_connect_sink_requests_total")
    time.sleep(1.5)
    more = connect.metric("logboom_connect_sink_requests_total") - requests
    assert more < 150, f"{more} requests in 1.5 s while nothing can go"
    ask("/readonly/_settings", {"index.blocks.write": None}, "PUT")
    docs.wait_count("readonly", 500, 180)
    ask("/flooded/_settings", {"index.blocks.read_only_allow_delete": None}, "PUT")
    ask("/closed/_open", method="POST")
    for kind in kinds:
        docs.wait_count(kind, 500, 180)
    docs.finish("free,readonly,flooded,closed", 2000, 2000)
    assert docs.dead_letters() == []


def test_a_server_killed_in_the_middle_has_every_document_in_the_end(docs):
    docs.index("dying")
    docs.produce(["dying"], 4000)
    docs.start("bulk_max_size: 200, max_in_flight: 2")
    docs.wait_count("dying", 800, 180)
    docs.server.pause()  # whatever is sent from now on is under way when it dies
    docs.produce(["dying"], 4000, first=4000)
    time.sleep(0.5)
    docs.server.kill()
    behind = docs.committed()
    assert behind < 8000
    time.sleep(1)
    assert docs.committed() - behind <= 400, "committed without an answer"
    docs.server.start()
    docs.wait_count("dying", 8000, 180)
    docs.finish("dying", 8000, 8000)
