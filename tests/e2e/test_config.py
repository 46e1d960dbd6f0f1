# SPDX-License-Identifier: Apache-2.0
"""What people type wrong: the message names file, line, column and the nearest right name."""
import subprocess

import pytest

from support.process import BUILD

BROKER = "node.id: 1\nlog.dirs: /tmp/never-used\n"
AGENT = "path.data: /tmp/never-used\noutput.kafka: {hosts: [\"127.0.0.1:1\"], topic: t}\n"
CONNECT = "bootstrap.servers: 127.0.0.1:1\npath.data: /tmp/never-used\n"

CASES = [
    ("logboom-broker", BROKER + "log.retention.hour: 3\n", ":3:1:", "log.retention.hours"),
    ("logboom-broker", BROKER + "num.partitions: many\n", ":3:", "num.partitions"),
    ("logboom-broker", BROKER + "num.partitions: -4\n", ":3:", "num.partitions"),
    ("logboom-broker", "node.id: 1\nlisteners: [unclosed\nx: y\n", ":3:", ""),
    ("logboom-broker", "node.id: 1\n\tlog.dirs: /tmp\n", ":2:", ""),
    ("logboom-broker", "listeners: SASL_SSL://127.0.0.1:9092\n", ":1:", "SASL_SSL"),
    ("logboom-agent", AGENT + "filebeat.inputs:\n- {type: filestream, id: a, path: [\"/x\"]}\n",
     ":4:", "paths"),
    ("logboom-agent", AGENT + "filebeat.inputs:\n- {type: filestrem, id: a, paths: [\"/x\"]}\n",
     ":4:", "filestream"),
    ("logboom-agent", "output.kafka: {host: [\"127.0.0.1:1\"], topic: t}\n"
     "filebeat.inputs:\n- {type: filestream, id: a, paths: [\"/x\"]}\n", ":1:", "hosts"),
    ("logboom-connect",
     CONNECT + "flows:\n  f:\n    nodes:\n      in: {type: kafk, topics: [t], group_id: g}\n",
     ":6:", "kafka"),
    ("logboom-connect",
     CONNECT + "flows:\n  f:\n    nodes:\n      in: {type: kafka, topics: [t], group_id: g}\n"
     "      out: {type: file, from: inn, path: /tmp/x}\n", ":7:", "in"),
    ("logboom-connect",
     CONNECT + "flows:\n  f:\n    nodes:\n      in: {type: kafka, topics: [t], group_id: g}\n"
     "      out: {type: file, form: in, path: /tmp/x}\n", ":7:", "from"),
]


@pytest.mark.parametrize("program,text,place,hint", CASES)
def test_a_wrong_configuration_is_refused_with_its_place(tmp_path, program, text, place, hint):
    path = tmp_path / "wrong.yml"
    path.write_text(text)
    for extra in (["--check-config"], []):
        p = subprocess.run([BUILD / program, "--config", path, *extra], capture_output=True,
                           text=True, timeout=20)
        assert p.returncode == 78, p.stderr
        assert f"wrong.yml{place}" in p.stderr and hint in p.stderr, p.stderr


@pytest.mark.parametrize("program", ["logboom-broker", "logboom-agent", "logboom-connect"])
def test_help_version_and_unknown_options(program):
    for option, code in (("--help", 0), ("--version", 0), ("--hlep", 64)):
        p = subprocess.run([BUILD / program, option], capture_output=True, text=True, timeout=20)
        assert p.returncode == code
        assert (p.stdout if code == 0 else p.stderr).strip()


def test_set_wins_over_the_file(tmp_path):
    path = tmp_path / "broker.yml"
    path.write_text(BROKER + "num.partitions: 3\n")
    argv = [BUILD / "logboom-broker", "--config", path, "--check-config"]
    assert subprocess.run(argv, capture_output=True, timeout=20).returncode == 0
    p = subprocess.run(argv + ["--set", "num.partitions=none"], capture_output=True, text=True,
                       timeout=20)
    assert p.returncode == 78 and "--set" in p.stderr
