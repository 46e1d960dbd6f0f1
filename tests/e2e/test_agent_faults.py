# SPDX-License-Identifier: Apache-2.0
"""logboom-agent under faults: every line arrives, none under two event.ids, in order per file.

What is sent again after a kill has the event.id of the first time; it counts as the same line.
LOGBOOM_SOAK=1 runs everything longer.
"""
import json
import os
import resource
import shutil
import threading
import time

import pytest

from support.process import BUILD, Agent, Broker, Process, run, wait_until

SOAK = bool(os.environ.get("LOGBOOM_SOAK"))


def scaled(fast, soak):
    return soak if SOAK else fast


def line(i, stream=0):
    return "s%d %09d %s" % (stream, i, "x" * (i * 7919 % 180))


class Lines:
    """What was written, and numbers for further lines."""

    def __init__(self):
        self.want = []

    def write(self, f, count, stream=0):
        first = len(self.want)
        new = [line(i, stream) for i in range(first, first + count)]
        f.write("".join(text + "\n" for text in new))
        f.flush()
        self.want += new


class FileAgent(Process):
    """An agent that writes to a file; reads the file as it grows."""

    def __init__(self, directory, paths="*.log*", extra="", descriptors=None):
        self.logs, out = directory / "logs", directory / "out"
        self.logs.mkdir()
        out.mkdir()
        config = directory / "agent.yml"
        config.write_text(f"""
path.data: {directory}/data
http.enabled: false
filebeat.inputs:
- {{type: filestream, id: t, paths: ["{self.logs}/{paths}"],
   prospector.scanner.check_interval: 300ms{extra}}}
output.file: {{path: {out}, filename: o}}
""")
        self.out, self.read_bytes = out / "o.ndjson", 0
        self.events, self.by_id = [], {}
        argv = [BUILD / "logboom-agent", "--config", config]
        if descriptors:
            argv = ["prlimit", f"--nofile={descriptors}:{descriptors}", *argv]
        super().__init__("logboom-agent", argv, directory / "agent.log")

    def look(self):
        """Takes the whole lines that came; a torn last one is cut off by the next start."""
        if not self.out.exists():
            return
        with open(self.out, "rb") as f:
            f.seek(self.read_bytes)
            whole = f.read().rpartition(b"\n")[0]
        if whole:
            self.read_bytes += len(whole) + 1
            for text in whole.split(b"\n"):
                event = json.loads(text)
                name = event["event"]["id"]
                assert self.by_id.setdefault(name, event["message"]) == event["message"], name
                self.events.append(name)

    def wait(self, count, seconds=90):
        def arrived():
            self.look()
            return len(self.by_id) >= count

        wait_until(arrived, seconds, f"{count} lines")

    def again(self):
        assert self.kill() is not None
        self.start()

    def end(self, want):
        self.wait(len(want))
        assert self.stop() == 0
        self.look()
        check_exact(self.by_id.values(), want)
        check_order(self.events)


def check_exact(got, want):
    got, want = sorted(got), sorted(want)
    lost, extra = len(set(want) - set(got)), len(got) - len(set(got))
    assert got == want, f"{len(got)} lines of {len(want)}: lost {lost}, under two ids {extra}"


def check_order(ids):
    """The first times of a file's lines are in the order of the file."""
    last, seen = {}, set()
    for name in ids:
        generation, offset = name.split("-")
        if name not in seen:
            assert int(offset, 16) > last.get(generation, -1), f"out of order: {name}"
            last[generation] = int(offset, 16)
        seen.add(name)


def rotate(logs, name, newest):
    """Moves older ones up by one; newest(path) makes the new .1."""
    for k in range(25, 0, -1):
        if (logs / f"{name}.{k}").exists():
            (logs / f"{name}.{k}").rename(logs / f"{name}.{k + 1}")
    newest(logs / f"{name}.1")


@pytest.fixture
def agent(tmp_path, started):
    return lambda **kw: started(FileAgent(tmp_path, **kw))


def test_rotation_by_rename(agent):
    a, lines = agent().start(), Lines()
    for _ in range(scaled(5, 20)):
        with open(a.logs / "a.log", "a") as f:
            for _ in range(60):
                lines.write(f, 50)
                time.sleep(0.003)
        rotate(a.logs, "a.log", (a.logs / "a.log").rename)
    a.end(lines.want)


def test_rename_to_where_nobody_looks(agent):
    a, lines = agent(paths="*.log").start(), Lines()
    for gen in range(scaled(8, 40)):
        with open(a.logs / "a.log", "a") as f:
            time.sleep(0.05)
            lines.write(f, 1000)
            time.sleep(0.2)
            (a.logs / "a.log").rename(a.logs / f"old.{gen}")
            lines.write(f, 500)  # the writer has not heard of the rotation yet
    a.end(lines.want)


@pytest.mark.parametrize("kills", [False, True])
def test_copytruncate(agent, rng, kills):
    a, lines = agent().start(), Lines()
    with open(a.logs / "a.log", "a") as f:
        for _ in range(scaled(5, 30)):
            for _ in range(40):
                lines.write(f, 100)
                time.sleep(0.004)
                if kills and rng.random() < 0.05:
                    a.again()
            # The writer is quiet: what is written between copy and truncation is lost to everybody.
            rotate(a.logs, "a.log", lambda to: shutil.copyfile(a.logs / "a.log", to))
            if kills and rng.random() < 0.5:
                a.again()
            os.truncate(a.logs / "a.log", 0)
    a.end(lines.want)


def test_truncated_and_written_anew(agent):
    a, lines = agent().start(), Lines()
    for gen in range(scaled(5, 30)):
        with open(a.logs / "a.log", "w") as f:
            lines.write(f, 500 * (gen + 1))
        a.wait(len(lines.want))
    for _ in range(2):
        assert a.stop() == 0
        a.start()
        time.sleep(0.5)
    a.end(lines.want)
    assert len(a.events) == len(lines.want), "sent again after an orderly stop"


def test_deleted_while_written(agent):
    a, lines = agent().start(), Lines()
    for gen in range(scaled(8, 50)):
        path = a.logs / f"a{gen}.log"
        with open(path, "w") as f:
            for part in range(4):
                lines.write(f, 1000)
                time.sleep(0.05)
                if part == 1:
                    path.unlink()
    a.end(lines.want)


def test_many_files(agent):
    a, lines, count = agent(), Lines(), scaled(3000, 10000)
    for i in range(count):
        with open(a.logs / f"{i:05}.log", "w") as f:
            lines.write(f, i % 4)
    a.start()
    a.wait(len(lines.want))
    for i in range(0, count, 7):
        with open(a.logs / f"{i:05}.log", "a") as f:
            lines.write(f, 1)
    a.wait(len(lines.want))
    assert a.stop() == 0
    a.start()
    time.sleep(1)
    a.end(lines.want)
    assert len(a.events) == len(lines.want), "sent again after an orderly stop"


def test_equal_heads(agent):
    a, lines = agent(), Lines()
    head = "# the same header " + "h" * 5000
    for i in range(50):
        (a.logs / f"f{i}.log").write_text(head + "\n")
    for i in range(1000):
        (a.logs / f"e{i}.log").touch()
    a.start()
    a.wait(50)
    for name in [f"f{i}.log" for i in range(50)] + [f"e{i}.log" for i in range(1000)]:
        with open(a.logs / name, "a") as f:
            lines.write(f, 1)
    want = lines.want + [head] * 50
    a.end(want)


def test_long_line_and_odd_bytes(agent):
    a, big = agent(), "B" * 5000000
    with open(a.logs / "a.log", "wb") as f:
        f.write(b"first\n" + big.encode() + b"\n")
        f.write("".join(line(i) + "\n" for i in range(1000)).encode())
        f.write(b"nul \0 inside\n\nlast \xc3\xa4\n")
    a.start()
    a.end(["first", big, *map(line, range(1000)), "nul \0 inside", "", "last \u00e4"])


def test_reused_inodes(agent):
    a, lines, path = agent(paths="*.log").start(), Lines(), None
    path = a.logs / "f.log"
    for i in range(scaled(40, 300)):
        with open(path, "w") as f:
            lines.write(f, 5 + i % 30)
        a.wait(len(lines.want))
        path.unlink()
        if i % 10 == 9:
            a.kill()
            with open(path, "w") as f:
                lines.write(f, 50)
            a.start()
            a.wait(len(lines.want))
            path.unlink()
    a.end(lines.want)


class Writers:
    """Threads that write, and rename every 5,000 lines, until stopped."""

    def __init__(self, logs, count=2):
        self.logs, self.want, self.stopping = logs, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(k,), daemon=True)
                        for k in range(count)]
        for t in self.threads:
            t.start()

    def run(self, k):
        path, n, mine = self.logs / f"w{k}.log", 0, []
        f = open(path, "a")
        while not self.stopping.wait(0.003):
            new = [line(i, k) for i in range(n, n + 20)]
            f.write("".join(text + "\n" for text in new))
            f.flush()
            mine += new
            n += len(new)
            if n % 5000 == 0:
                path.rename(self.logs / f"w{k}.log.{n // 5000}")
                f.close()
                f = open(path, "a")
        f.close()
        self.want += mine

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join()
        return self.want


def test_killed_again_and_again(agent, rng):
    a = agent()
    writers = Writers(a.logs)
    for _ in range(scaled(10, 100)):
        a.start()
        time.sleep(rng.uniform(0, 0.4))
        a.kill()
    a.start()
    a.end(writers.stop())


def test_harvester_limit(agent):
    a, lines = agent(extra=", harvester_limit: 10"), Lines()
    for i in range(1000):
        with open(a.logs / f"{i}.log", "w") as f:
            lines.write(f, 20)
    a.start()
    a.end(lines.want)


def test_few_descriptors(agent):
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 64
    a, lines = agent(descriptors=64), Lines()
    for i in range(1000):
        with open(a.logs / f"{i}.log", "w") as f:
            lines.write(f, 1)
    a.start()
    a.end(lines.want)


def test_kills_of_agent_and_broker_alternately(tmp_path, started, rng):
    logs = tmp_path / "logs"
    logs.mkdir()
    broker = started(Broker(tmp_path)).start()
    a = started(
        Agent(tmp_path, broker.bootstrap,
              f'- {{type: filestream, id: t, paths: ["{logs}/w*.log*"], fields: {{log_topic: t}}}}',
              output="  backoff.max: 1s")).start()
    writers = Writers(logs)
    for i in range(scaled(10, 60)):
        time.sleep(rng.uniform(0.1, 0.7))
        victim = broker if i % 2 else a
        victim.kill()
        time.sleep(rng.uniform(0, 0.3))
        victim.start()
    want = writers.stop()

    def events():
        text = run(["kcat", "-b", broker.bootstrap, "-C", "-t", "logs-t", "-o", "beginning", "-e",
                    "-q"])
        return [json.loads(record) for record in text.splitlines()]

    wait_until(lambda: len({e["event"]["id"] for e in events()}) >= len(want), 90,
               "everything is there", every=1)
    wait_until(lambda: a.metric("logboom_agent_lag_bytes") == 0, 30, "everything is acknowledged")
    assert a.stop() == 0
    by_id, ids, hours = {}, [], {}
    for event in events():
        name = event["event"]["id"]
        assert by_id.setdefault(name, event["message"]) == event["message"], name
        assert hours.setdefault(name, event["@timestamp"][:13]) == event["@timestamp"][:13], name
        ids.append(name)
    check_exact(by_id.values(), want)
    check_order(ids)
    assert broker.stop() == 0
