# SPDX-License-Identifier: Apache-2.0
"""logboom-agent in front of a broker: Filebeat's configuration, a topic that takes less."""
import json
import urllib.request

from support.process import BUILD, SOURCE, Agent, Process, free_port, run, wait_until


def consumed(broker, topic):
    """The values in a topic, up to its end."""
    text = run(["kcat", "-b", broker.bootstrap, "-C", "-t", topic, "-o", "beginning", "-e", "-q"],
               check=False)  # the topic may not be there yet
    return [json.loads(line) for line in text.splitlines()]


def test_a_configuration_of_filebeat_is_taken_as_it_stands(tmp_path, started, broker):
    port, logs = free_port(), tmp_path / "logs"
    logs.mkdir()
    argv = [BUILD / "logboom-agent", "--config", SOURCE / "tests/e2e/filebeat.yml",
            "--set", f"path.data={tmp_path}/data", "--set", f"http.port={port}"]
    env = {"BROKER": broker.bootstrap, "LOGS": str(logs)}
    run([*argv, "--check-config"], env=env)
    agent = started(Process("logboom-agent", argv, tmp_path / "agent.log", env=env)).start()

    def healthy():
        assert agent.alive(), agent.tail()
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)
        except OSError:
            return None

    wait_until(healthy, 60, "the agent is ready")
    (logs / "a.log").write_text("[1] first\n  and more\nDBG no\n[2] second\n[3] third\n")
    wait_until(lambda: len(consumed(broker, "stock")) >= 2, 60, "two events")
    first = consumed(broker, "stock")[0]
    assert first["message"] == "[1] first\n  and more\nDBG no"
    assert first["agent"]["name"] == "shipper-1" and "ephemeral_id" not in first["agent"]
    assert first["fields"]["log_topic"] == "stock"
    assert agent.stop() == 0


def test_a_line_too_large_for_the_topic_is_cut_and_no_other_is_lost(tmp_path, started, broker):
    logs = tmp_path / "logs"
    logs.mkdir()
    run([BUILD / "logboom", "topic", "create", "logs-small", "-b", broker.bootstrap,
         "--config", "max.message.bytes=20000"])
    lines = [f"line {i} " + "y" * (i % 150) for i in range(1000)]
    lines[500] = "large " + "".join(chr(33 + i * i % 90) for i in range(300000))
    (logs / "a.log").write_text("".join(line + "\n" for line in lines))
    agent = started(
        Agent(
            tmp_path, broker.bootstrap,
            f'- {{type: filestream, id: t, paths: ["{logs}/*.log"], fields: {{log_topic: small}}}}',
            output="  compression: none")).start()
    events = {}

    def all_there():  # before the file is found there is no lag either
        events.update((e["event"]["id"], e) for e in consumed(broker, "logs-small"))
        return len(events) >= 1000 and agent.metric("logboom_agent_lag_bytes") == 0

    wait_until(all_there, 60, lambda: f"everything is acknowledged, {len(events)} are", every=0.1)
    got = [e["message"] for e in sorted(events.values(), key=lambda e: e["log"]["offset"])]
    assert len(got) == 1000 and got[:500] == lines[:500] and got[501:] == lines[501:]
    assert lines[500].startswith(got[500]) and len(got[500]) > 5000
    cut = [e for e in events.values() if e["log"].get("flags") == ["truncated"]]
    assert [e["message"] for e in cut] == [got[500]]
    assert agent.metric("logboom_agent_output_cut_total") > 0
    assert agent.metric("logboom_agent_output_dropped_total") == 0
    assert agent.stop() == 0
