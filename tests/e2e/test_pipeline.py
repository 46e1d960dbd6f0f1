# SPDX-License-Identifier: Apache-2.0
"""File -> agent -> broker -> connect -> sink: every line exactly once, whatever is killed.

LOGBOOM_LINES sets how many nginx lines there are (30,000; the acceptance run takes 1,000,000), and
LOGBOOM_KILLS how often each program is killed (2; the acceptance run takes 10).
"""
import json
import os
import re
import threading
import time

import pytest

from support.process import Agent, Broker, Connect, genlog, wait_until

LINES = int(os.environ.get("LOGBOOM_LINES", 30000))
KILLS = int(os.environ.get("LOGBOOM_KILLS", 2))
JAVA_EVENTS = LINES // 20

INPUTS = """
- {{type: filestream, id: web, paths: ["{logs}/web*.log*"], fields: {{log_topic: web}}}}
- type: filestream
  id: app
  paths: ["{logs}/app*.log"]
  fields: {{log_topic: app}}
  parsers:
  - multiline: {{type: pattern, pattern: '^[0-9]{{4}}-', negate: true, match: after, timeout: 2s}}
"""

SEARCH_FLOWS = """
  {kind}-to-search:
    nodes:
      in:    {{type: kafka, group_id: {kind}-to-search, topics: [logs-{kind}],
              auto_offset_reset: earliest}}
      parse: {{type: json, from: in}}
      es:    {{type: elasticsearch, from: parse, hosts: ["{url}"], index: "{index}-{kind}",
              document_id: event.id}}
"""

FILE_FLOWS = """
  {kind}-to-file:
    nodes:
      in:    {{type: kafka, group_id: {kind}-to-file, topics: [logs-{kind}],
              auto_offset_reset: earliest}}
      parse: {{type: json, from: in}}
      out:   {{type: file, from: parse, path: "{out}/{kind}.ndjson"}}
"""


def write_logs(logs, lines=LINES, java=JAVA_EVENTS):
    """The lines stand in several files, as after a rotation."""
    logs.mkdir()
    first = lines // 3
    (logs / "web.log.1").write_bytes(genlog("access", first, 1, 0))
    (logs / "web.log").write_bytes(genlog("access", lines - first, 2, first))
    (logs / "app.log").write_bytes(genlog("java", java, 3, 0))


class Writer(threading.Thread):
    """Appends the lines in portions while everything runs, and rotates web.log by renaming it."""

    def __init__(self, logs, lines, java, portions, pause):
        super().__init__(daemon=True)
        logs.mkdir()
        self.logs, self.pause, self.error = logs, pause, None
        web = genlog("access", lines, 1).splitlines(True)
        app = re.split(rb"(?m)^(?=[0-9]{4}-)", genlog("java", java, 3))[1:]  # whole events
        self.web = [web[i * lines // portions:(i + 1) * lines // portions] for i in range(portions)]
        self.app = [app[i * java // portions:(i + 1) * java // portions] for i in range(portions)]

    def run(self):
        try:
            for i, (web, app) in enumerate(zip(self.web, self.app)):
                for name, part in (("web.log", web), ("app.log", app)):
                    with open(self.logs / name, "ab") as f:
                        f.write(b"".join(part))
                if i % 5 == 4:
                    (self.logs / "web.log").rename(self.logs / f"web.log.{i}")
                time.sleep(self.pause)
        except BaseException as e:  # told by the test's own thread
            self.error = e


class Pipeline:
    """The three programs over one directory."""

    def __init__(self, tmp_path, started, flows):
        self.logs = tmp_path / "logs"
        self.broker = started(Broker(tmp_path))
        self.agent = started(Agent(tmp_path, self.broker.bootstrap, INPUTS.format(logs=self.logs)))
        self.connect = started(Connect(tmp_path, self.broker.bootstrap, flows))

    def start(self):
        for p in (self.broker, self.agent, self.connect):
            p.start()

    def stop(self):
        assert self.agent.stop() == 0
        assert self.connect.stop() == 0
        assert self.broker.stop() == 0


class Killer(threading.Thread):
    """Kills each program `times` times at random moments and starts it again."""

    def __init__(self, programs, times, rng, pause):
        super().__init__(daemon=True)
        self.victims = [p for p in programs for _ in range(times)]
        rng.shuffle(self.victims)
        self.rng, self.pause, self.error = rng, pause, None

    def run(self):
        try:
            for victim in self.victims:
                time.sleep(self.rng.uniform(*self.pause))
                victim.kill()
                time.sleep(self.rng.uniform(0, 0.5))
                victim.start(seconds=60)
        except BaseException as e:  # told by the test's own thread
            self.error = e


def numbers(messages):
    """The lines' own numbers, from 0 on when every line is there once."""
    return sorted(int(m.split("seq=")[1].split()[0]) for m in messages)


def run_both(writer, killer):
    writer.start()
    killer.start()
    for thread in (writer, killer):
        thread.join(600)
        assert thread.error is None and not thread.is_alive(), thread.error


def values(path, key):
    with open(path) as f:
        for line in f:
            event = json.loads(line)
            for part in key:
                event = event[part]
            yield event


def test_every_line_arrives_in_a_file_once(tmp_path, started):
    out = tmp_path / "out"
    out.mkdir()
    write_logs(tmp_path / "logs", 20000, 1000)
    p = Pipeline(tmp_path, started,
                 "".join(FILE_FLOWS.format(kind=k, out=out) for k in ("web", "app")))
    p.start()
    for kind, count in (("web", 20000), ("app", 1000)):
        path = out / f"{kind}.ndjson"
        wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count, 120,
                   f"{count} {kind} lines")
        ids = list(values(path, ["event", "id"]))
        assert len(ids) == len(set(ids)) == count
        assert numbers(values(path, ["message"])) == list(range(count))
    p.stop()


def test_lines_appended_while_everything_runs_arrive(tmp_path, started):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "logs").mkdir()
    p = Pipeline(tmp_path, started, FILE_FLOWS.format(kind="web", out=out))
    p.start()
    path = out / "web.ndjson"
    for round_ in range(5):
        with open(tmp_path / "logs/web.log", "ab") as f:
            f.write(genlog("access", 10, round_, round_ * 10))
        wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= (round_ + 1) * 10,
                   60, f"round {round_}")
    p.stop()


def test_no_line_is_lost_when_each_program_is_killed(tmp_path, started, rng):
    """The file sink may repeat after a kill (at least once); the event ids tell repeats apart."""
    out = tmp_path / "out"
    out.mkdir()
    writer = Writer(tmp_path / "logs", 30000, 1500, 20, 0.1)
    p = Pipeline(tmp_path, started,
                 "".join(FILE_FLOWS.format(kind=k, out=out) for k in ("web", "app")))
    p.start()
    run_both(writer, Killer([p.broker, p.agent, p.connect], 2, rng, (0.1, 0.6)))
    for kind, count in (("web", 30000), ("app", 1500)):
        path = out / f"{kind}.ndjson"

        def distinct():
            with open(path, "rb") as f:
                lines = f.read().split(b"\n")[:-1]
            return {json.loads(line)["event"]["id"] for line in lines if line}

        wait_until(lambda: path.exists() and len(distinct()) >= count, 120,
                   f"{count} {kind} events", every=0.5)
        time.sleep(1)
        assert len(distinct()) == count
    p.stop()


@pytest.mark.peers
def test_the_index_holds_every_line_exactly_once(tmp_path, started, opensearch):
    write_logs(tmp_path / "logs")
    p = Pipeline(
        tmp_path, started, "".join(
            SEARCH_FLOWS.format(kind=k, url=opensearch.url, index="calm") for k in ("web", "app")))
    p.start()
    for kind, count in (("web", LINES), ("app", JAVA_EVENTS)):
        wait_until(lambda: opensearch.count(f"calm-{kind}") >= count, 180 + LINES / 1000,
                   f"{count} in calm-{kind}", every=1)
    time.sleep(3)
    assert opensearch.count("calm-web") == LINES
    assert opensearch.count("calm-app") == JAVA_EVENTS
    traces = opensearch.ask("/calm-app/_search",
                            {"query": {"match_phrase": {"message": "Caused by"}}})
    assert "\tat com.example.shop.Layer0.handle" in traces["hits"]["hits"][0]["_source"]["message"]
    p.stop()


@pytest.mark.peers
def test_the_index_is_exact_after_kill_9_of_every_program(tmp_path, started, opensearch, rng):
    pause = max(1.0, LINES / 10000 / KILLS / 3)
    writer = Writer(tmp_path / "logs", LINES, JAVA_EVENTS, KILLS * 6, pause / 4)
    p = Pipeline(
        tmp_path, started, "".join(
            SEARCH_FLOWS.format(kind=k, url=opensearch.url, index="killed")
            for k in ("web", "app")))
    p.start()
    run_both(writer, Killer([p.broker, p.agent, p.connect], KILLS, rng, (0.2, pause)))
    for kind, count in (("web", LINES), ("app", JAVA_EVENTS)):
        wait_until(lambda: opensearch.count(f"killed-{kind}") >= count, 180 + LINES / 1000,
                   f"{count} in killed-{kind}", every=1)
    time.sleep(5)
    for kind, count in (("web", LINES), ("app", JAVA_EVENTS)):
        assert opensearch.count(f"killed-{kind}") == count
        assert numbers(opensearch.messages(f"killed-{kind}")) == list(range(count))
    p.stop()


@pytest.mark.peers
def test_agent_and_connect_do_the_same_job_over_a_real_kafka(tmp_path, started, kafka):
    logs, out = tmp_path / "logs", tmp_path / "out"
    out.mkdir()
    write_logs(logs, 20000, 1000)
    agent = started(Agent(tmp_path, kafka.bootstrap, INPUTS.format(logs=logs))).start()
    connect = started(
        Connect(tmp_path, kafka.bootstrap,
                "".join(FILE_FLOWS.format(kind=k, out=out) for k in ("web", "app")))).start()
    for kind, count in (("web", 20000), ("app", 1000)):
        path = out / f"{kind}.ndjson"
        wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= count, 180,
                   f"{count} {kind} lines")
        ids = list(values(path, ["event", "id"]))
        assert len(ids) == len(set(ids)) == count
    assert agent.stop() == 0
    assert connect.stop() == 0
