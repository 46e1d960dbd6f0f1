# SPDX-License-Identifier: Apache-2.0
"""The agent and a connector over three nodes, one of which stands still (SIGSTOP) as leader and as
coordinator: both go on within seconds, and every line arrives once.
"""
import json
import threading
import time

import pytest

from support.process import Agent, Connect, wait_until
from test_cluster import make  # noqa: F401

pytestmark = [pytest.mark.cluster, pytest.mark.early]
INPUTS = '- {{type: filestream, id: s, paths: ["{logs}/*.log"], fields: {{log_topic: s}}}}'
FLOW = """
  to-file:
    nodes:
      in:    {{type: kafka, group_id: silent, topics: [logs-s], auto_offset_reset: earliest}}
      parse: {{type: json, from: in}}
      out:   {{type: file, from: parse, path: "{out}"}}
"""
GAP_S = 20  # well below the request time-out of 30 s that it was once; speed is no test's business


class Lines(threading.Thread):
    """Appends a numbered line every few milliseconds."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.count, self.end = path, 0, threading.Event()

    def run(self):
        with open(self.path, "a", buffering=1) as f:
            while not self.end.wait(0.02):
                f.write(f"line {self.count}\n")
                self.count += 1


def arrived(out):
    lines = out.read_text().split("\n")[:-1] if out.exists() else []
    return [json.loads(line)["message"] for line in lines]


def test_a_silent_leader_holds_nobody_up_for_long(tmp_path, started, make):  # noqa: F811
    c = make().start()
    c.create("logs-s", 1, 3)
    logs, out = tmp_path / "logs", tmp_path / "out.ndjson"
    logs.mkdir()
    lines = Lines(logs / "a.log")
    lines.start()
    hosts = c.bootstrap.replace(",", '", "')
    started(Agent(tmp_path, hosts, INPUTS.format(logs=logs))).start()
    started(Connect(tmp_path, c.bootstrap, FLOW.format(out=out))).start()
    wait_until(lambda: len(arrived(out)) > 50, 60, "lines arrive")
    gaps = []
    for _ in range(2):
        victim = c[c.leader("logs-s")]
        victim.pause()
        stopped, written = time.monotonic(), lines.count
        last = f"line {written + 10}"
        wait_until(lambda: last in arrived(out), 60, "lines arrive again", every=0.1)
        gaps.append(round(time.monotonic() - stopped, 1))
        time.sleep(2)
        victim.go_on()
        c.wait_healthy(60)
    print("gaps:", gaps)
    lines.end.set()
    lines.join()
    wait_until(lambda: len(arrived(out)) >= lines.count, 60, "all lines arrive", every=0.2)
    time.sleep(1)
    assert sorted(arrived(out)) == sorted(f"line {i}" for i in range(lines.count))
    assert max(gaps) < GAP_S, gaps
