# SPDX-License-Identifier: Apache-2.0
"""The http sink against an endpoint that fails in every way: nothing is lost, nothing is committed
that was not acknowledged, and what can never be delivered becomes a dead letter."""
import email.utils
import json
import time

import pytest

from support.endpoint import OK, Answer, Endpoint
from support.process import BUILD, Connect, run, slowness, wait_until

FLOW = """
  hook:
    commit.interval: 50ms
    shutdown_timeout: {shutdown}
    defaults: {{retry: {{init: 50ms, max: {retry_max}}}}}
    nodes:
      in:  {{type: kafka, group_id: hook, topics: [events], fetch_max_wait: 100ms,
            session_timeout: 6s, heartbeat_interval: 200ms, group_instance_id: "{instance}"}}
      out: {{type: http, from: in, url: "{url}", linger: 20ms, {settings}}}
"""


class Hook:
    """A broker, an endpoint, and a flow between them."""

    def __init__(self, tmp_path, started, broker):
        self.tmp_path, self.started, self.broker = tmp_path, started, broker
        self.endpoint, self.connect, self.count = None, None, 0

    def topic(self, partitions=1):
        run([BUILD / "logboom", "topic", "create", "events", "--partitions", partitions, "-b",
             self.broker.bootstrap])

    def produce(self, count, partition=0, pad=0, poison=()):
        """Continues the numbers of the partition."""
        first = getattr(self, f"next_{partition}", 0)
        setattr(self, f"next_{partition}", first + count)
        self.count += count
        lines = []
        for seq in range(first, first + count):
            record = {"p": partition, "seq": seq, "message": "x" * pad}
            if seq in poison:
                record["poison"] = True
            lines.append(f"k{seq}\t{json.dumps(record)}\n")
        run([
            "kcat", "-b", self.broker.bootstrap, "-P", "-t", "events", "-p", partition, "-K", "\t"
        ], stdin="".join(lines).encode())

    def start(self, endpoint, settings="format: ndjson", retry_max="400ms", shutdown="30s",
              up=True, instance=""):
        """With an instance a killed member takes its own place again, without a wait."""
        self.endpoint = endpoint
        if up:
            endpoint.start()
        flow = FLOW.format(url=endpoint.url, settings=settings, retry_max=retry_max,
                           shutdown=shutdown, instance=instance)
        self.connect = self.started(Connect(self.tmp_path, self.broker.bootstrap, flow)).start()

    def committed(self):
        """The group's offsets, by partition."""
        text = run([BUILD / "logboom", "group", "describe", "hook", "-j", "-b",
                    self.broker.bootstrap], check=False)
        rows = [json.loads(line) for line in text.splitlines()]
        return {r["partition"]: r["committed_offset"] or 0 for r in rows}

    def dead_letters(self):
        text = run(["kcat", "-b", self.broker.bootstrap, "-C", "-t", "hook.dlq", "-e", "-q", "-f",
                    "%k\t%h\t%s\n"], check=False)
        return [line.split("\t") for line in text.splitlines()]

    def wait_done(self, count=None, seconds=60):
        want = self.count if count is None else count
        wait_until(lambda: self.endpoint.done() >= want, seconds,
                   lambda: f"{want} records acknowledged, {self.endpoint.done()} are\n"
                   + self.connect.tail())
        assert not self.endpoint.errors, self.endpoint.errors

    def assert_nothing_committed_ahead(self, dead=()):
        """The offsets were read before the acknowledgements, which only grow."""
        for partition, offset in self.committed().items():
            acked = set(self.endpoint.seqs(partition)) | set(dead)
            missing = set(range(offset)) - acked
            assert not missing, f"committed {offset}, not acknowledged {sorted(missing)[:10]}"

    def assert_all_there(self, partition=0, in_order=True, dead=()):
        """Everything at least once; first arrivals in order."""
        seqs = self.endpoint.seqs(partition)
        want = [s for s in range(getattr(self, f"next_{partition}")) if s not in dead]
        assert sorted(set(seqs)) == want
        if in_order:
            assert list(dict.fromkeys(seqs)) == want, "out of order"

    def finish(self):
        """A clean stop commits everything."""
        assert self.connect.stop() == 0
        self.assert_nothing_committed_ahead(range(self.count))
        for partition, offset in self.committed().items():
            assert offset == getattr(self, f"next_{partition}")


@pytest.fixture
def hook(tmp_path, started, broker):
    h = Hook(tmp_path, started, broker)
    yield h
    if h.endpoint:
        h.endpoint.stop()


@pytest.mark.parametrize("form,kind", [("ndjson", "application/x-ndjson"),
                                       ("json_array", "application/json"),
                                       ("array", "application/json"),
                                       ("single", "application/json")])
def test_each_format_carries_every_record_in_order(hook, form, kind):
    hook.topic()
    hook.produce(60)
    hook.start(Endpoint(), f"format: {form}, batch_max_size: 25, max_in_flight: 1, "
                           "idempotency_key: true, headers: {X-Team: logs}, bearer_token: secret")
    hook.wait_done()
    hook.assert_all_there()
    assert hook.endpoint.seqs() == list(range(60))
    keys = set()
    for r in hook.endpoint.requests:
        assert r.headers["Content-Type"] == kind
        assert r.headers["X-Team"] == "logs"
        assert r.headers["Authorization"] == "Bearer secret"
        first, last = r.records[0]["seq"], r.records[-1]["seq"]
        assert r.headers["Idempotency-Key"] == f"events-0-{first}-{last}"
        assert r.body.lstrip()[:1] == (b"[" if "array" in form else b"{")
        keys.add(r.headers["Idempotency-Key"])
        assert len(r.records) <= (1 if form == "single" else 25)
    assert len(keys) == len(hook.endpoint.requests)
    hook.finish()


def when(kind):
    return "1" if kind == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)


@pytest.mark.parametrize("status,kind", [(503, "seconds"), (429, "date")])
def test_retry_after_is_waited_for(hook, status, kind):
    hook.topic()
    hook.produce(200)
    hook.start(
        Endpoint(lambda r: Answer(status, {"Retry-After": when(kind)}) if r.n == 1 else OK),
        "batch_max_size: 20, max_in_flight: 1", retry_max="30s")
    hook.wait_done()
    hook.assert_all_there()
    refused, again = hook.endpoint.requests[1], hook.endpoint.requests[2]
    assert again.at - refused.at >= 0.95, "asked again before Retry-After"
    assert again.records == refused.records
    hook.finish()


FAULTS = [Answer(503), Answer(429), Answer(500), Answer(408), Answer(how="half"),
          Answer(how="hang"), Answer(delay=0.2)]


@pytest.mark.parametrize("window", [1, 5])
def test_every_way_to_fail_loses_nothing(hook, window):
    """Every other request fails, each time in another way; of the bodies, some are cut by RST."""

    def script(request):
        return FAULTS[request.n // 2 % len(FAULTS)] if request.n % 2 else OK

    hook.topic(2)
    for p in (0, 1):
        hook.produce(400, p, pad=4000)
    hook.start(Endpoint(script, lambda n: "reset" if n % 7 == 2 else None),
               f"batch_max_size: 40, max_in_flight: {window}, timeout: 500ms")

    def half():
        hook.assert_nothing_committed_ahead()
        return hook.endpoint.done() >= hook.count // 2

    wait_until(half, 60, "half of it is there", every=0)
    hook.wait_done()
    hook.assert_nothing_committed_ahead()
    for p in (0, 1):
        hook.assert_all_there(p, in_order=window == 1)
    assert any(r.answer.how == "reset" for r in hook.endpoint.requests)
    assert hook.connect.metric("logboom_connect_sink_retried_total") > 0
    hook.finish()


def test_413_halves_until_requests_fit_and_remembers(hook):
    limit = 20000
    hook.topic()
    hook.produce(500, pad=200)
    hook.start(Endpoint(lambda r: Answer(413) if len(r.body) > limit else OK),
               "batch_max_size: 500, max_in_flight: 1")
    hook.wait_done()
    hook.assert_all_there()
    refused = [r for r in hook.endpoint.requests if r.answer.status == 413]
    assert 1 <= len(refused) <= 12
    before = len(refused)
    hook.produce(500, pad=200)
    hook.wait_done()
    assert len([r for r in hook.endpoint.requests if r.answer.status == 413]) == before
    hook.assert_all_there()
    assert hook.dead_letters() == []
    hook.finish()


def test_a_record_too_large_for_the_server_becomes_a_dead_letter(hook):
    hook.topic()
    hook.produce(20, pad=100)
    hook.produce(1, pad=50000)
    hook.produce(20, pad=100)
    hook.start(Endpoint(lambda r: Answer(413) if len(r.body) > 20000 else OK))
    hook.wait_done(40)
    wait_until(lambda: hook.committed().get(0) == 41, 30, "everything committed")
    hook.assert_all_there(in_order=False, dead=[20])
    key, headers, value = hook.dead_letters()[0]
    assert key == "k20" and json.loads(value)["seq"] == 20
    assert "__connect.errors.exception.class.name=record_too_large" in headers
    hook.finish()


@pytest.mark.parametrize("form", ["ndjson", "json_array"])
def test_poison_records_are_found_and_become_dead_letters(hook, form):
    poison = {3, 77, 78, 199}
    hook.topic()
    hook.produce(200, poison=poison)
    hook.start(
        Endpoint(lambda r: Answer(400) if any("poison" in x for x in r.records) else OK),
        f"format: {form}, batch_max_size: 50, max_in_flight: 1")
    hook.wait_done(200 - len(poison))
    wait_until(lambda: hook.committed().get(0) == 200, 30, "everything committed")
    hook.assert_all_there(dead=poison)
    letters = hook.dead_letters()
    assert sorted(json.loads(value)["seq"] for _, _, value in letters) == sorted(poison)
    for key, text, value in letters:
        seq = json.loads(value)["seq"]
        headers = dict(h.split("=", 1) for h in text.split(",__connect"))
        headers = {k.replace("__connect", "").lstrip("."): v for k, v in headers.items()}
        assert key == f"k{seq}"
        assert headers["errors.topic"] == "events"
        assert headers["errors.partition"] == "0"
        assert headers["errors.offset"] == str(seq)
        assert headers["errors.connector.name"] == "hook"
        assert headers["errors.task.id"] == "0"
        assert headers["errors.stage"] == "TASK_PUT"
        assert headers["errors.class.name"] == "logboom.connect.http"
        assert headers["errors.exception.class.name"] == "record_refused"
        assert "400" in headers["errors.exception.message"]
        assert "errors.exception.stacktrace" in headers
    hook.finish()


def test_401_pauses_until_an_operator_acts(hook):
    locked = {"yes": True}
    hook.topic()
    hook.produce(300)
    hook.start(Endpoint(lambda r: Answer(401) if locked["yes"] else OK),
               "batch_max_size: 50, probe_interval: 400ms, max_in_flight: 5")
    wait_until(lambda: hook.endpoint.requests, 30, "a first request")
    first = hook.endpoint.requests[0].at
    time.sleep(1.5)
    assert hook.endpoint.done() == 0
    requests = len(hook.endpoint.requests)
    probes = (time.monotonic() - first) / 0.4
    assert requests <= 5 + probes + 1, "a refused sink probes, it does not hammer"
    status = {}

    def told():
        status.update(json.loads(hook.connect.http("/connectors/hook/status")))
        return "an operator must act" in status["connector"].get("trace", "")

    wait_until(told, 10, lambda: f"it says who must act: {status}")
    assert hook.committed().get(0, 0) == 0
    locked["yes"] = False
    hook.wait_done()
    hook.assert_all_there(in_order=False)
    assert hook.dead_letters() == []
    hook.finish()


@pytest.mark.early
def test_an_outage_of_ten_seconds_and_a_kill_in_it_lose_nothing(hook):
    """The endpoint is absent at the start, comes, goes for ten seconds, and comes again."""
    hook.topic(2)
    hook.produce(300, 0)
    hook.start(Endpoint(), "batch_max_size: 20, max_in_flight: 3", retry_max="1s", up=False)
    time.sleep(0.5)
    assert hook.committed().get(0, 0) == 0
    hook.endpoint.start()
    hook.wait_done()
    hook.endpoint.stop()
    down = time.monotonic()
    for p in (0, 1):
        hook.produce(300, p)
    wait_until(lambda: hook.connect.metric("logboom_connect_sink_failed_requests_total") > 1, 30,
               "requests fail")
    hook.assert_nothing_committed_ahead()
    hook.connect.kill()
    hook.assert_nothing_committed_ahead()
    hook.connect.start()
    time.sleep(max(0, down + 10 - time.monotonic()))
    hook.assert_nothing_committed_ahead()
    hook.endpoint.start()
    hook.wait_done()
    for p in (0, 1):
        hook.assert_all_there(p, in_order=False)
    hook.finish()


@pytest.mark.early
def test_kill_9_at_any_moment_loses_nothing_and_commits_nothing_ahead(hook, rng):
    """Some requests fail, some records are poison; connect is killed again and again."""
    poison = {rng.randrange(2000) for _ in range(5)}

    def script(request):
        if any("poison" in r for r in request.records):
            return Answer(400)
        return rng.choice([OK, OK, OK, Answer(503), Answer(how="half"), Answer(delay=0.05)])

    hook.topic()
    hook.produce(2000, poison=poison)
    hook.start(Endpoint(script), "batch_max_size: 20, max_in_flight: 4", instance="one")
    for _ in range(6):
        time.sleep(rng.uniform(0.05, 0.5))
        hook.connect.kill()
        dead = [json.loads(value)["seq"] for _, _, value in hook.dead_letters()]
        hook.assert_nothing_committed_ahead(dead)
        hook.connect.start()
    hook.wait_done(2000 - len(poison))
    wait_until(lambda: hook.committed().get(0) == 2000, 30, "everything committed")
    hook.assert_all_there(in_order=False, dead=poison)
    assert {json.loads(value)["seq"] for _, _, value in hook.dead_letters()} == poison
    hook.finish()


def test_sigterm_in_an_outage_ends_in_time_and_commits_nothing_undelivered(hook):
    up = {"yes": True}
    hook.topic()
    hook.produce(100)
    hook.start(Endpoint(lambda r: OK if up["yes"] else Answer(how="hang")),
               "batch_max_size: 10, timeout: 30s", shutdown="1s")
    hook.wait_done()
    up["yes"] = False
    before, count = hook.endpoint.done(), hook.endpoint.count
    hook.produce(100)
    wait_until(lambda: hook.endpoint.count > count + 1, 30, "requests hang")
    began = time.monotonic()
    assert hook.connect.stop() == 0
    assert time.monotonic() - began < 4 * slowness(), "well below the requests' 30 s"
    assert hook.endpoint.done() == before
    assert hook.committed()[0] == before
    up["yes"] = True
    hook.connect.start()
    hook.wait_done()
    hook.assert_all_there(in_order=False)
    hook.finish()
