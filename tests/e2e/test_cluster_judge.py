# SPDX-License-Identifier: Apache-2.0
"""The judges of the cluster are judged: each kind of broken promise is found, none is made up."""
import subprocess

import pytest

from support import cluster, workload
from support.process import BUILD, run

pytestmark = pytest.mark.skipif(not workload.LOAD.exists(),
                                reason="librdkafka was not found by configure")


@pytest.fixture
def filled(broker, tmp_path):
    """A topic of one broker with some records, and the journal of what was acknowledged."""
    run([BUILD / "logboom", "-b", broker.bootstrap, "topic", "create", "t", "--partitions", "3"])
    journal = tmp_path / "journal"
    run([workload.LOAD, "produce", broker.bootstrap, "t", "1", "3000", "0.5", journal])
    return broker, journal


def judge(broker, journal):
    p = subprocess.run([workload.LOAD, "check", broker.bootstrap, "t", journal],
                       capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout, p.stderr


def test_a_whole_log_passes(filled):
    broker, journal = filled
    code, out, err = judge(broker, journal)
    assert code == 0 and '"lost":0' in out and not err, (out, err)
    assert f'"acked":{len(journal.read_text().splitlines())}' in out


@pytest.mark.parametrize("lie,found", [
    (lambda lines: lines + ["0 999999 1 77\n"], '"lost":1'),
    (lambda lines: lines[1:] + [lines[0].rsplit(" ", 1)[0] + " 123456\n"], '"moved":1'),
], ids=["lost", "moved"])
def test_an_acknowledgement_that_is_not_true_is_found(filled, lie, found):
    broker, journal = filled
    journal.write_text("".join(lie(journal.read_text().splitlines(True))))
    code, out, err = judge(broker, journal)
    assert code == 1 and found in out and err, (out, err)


@pytest.mark.parametrize("value,found", [("1.0", '"duplicated":1'), ("1.1000", '"reordered":1')])
def test_a_record_out_of_its_place_is_found(filled, value, found):
    broker, journal = filled
    after = "1.2000\n" if "reordered" in found else ""
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "t", "-p", "0"],
        stdin=f"{after}{value}\n".replace("1.1000", "1.1900").encode())
    code, out, _ = judge(broker, journal)
    assert code == 1 and found in out, out


@pytest.mark.peers
def test_three_nodes_of_apache_kafka_pass_what_ours_must_pass(tmp_path, started, rng):
    c = cluster.Cluster(tmp_path, cluster.KafkaNode)
    for node in c:
        started(node)
    c.start()
    c.create("t", 6, 3)
    load = started(workload.Load(c, "t", 1, 300)).start()
    java = started(workload.VerifiableProducer(c, "t")).start()
    groups = [started(workload.KcatGroup(c, "t", "g")), started(workload.JavaGroup(c, "t", "j"))]
    for g in groups:
        g.start()
    cluster.Faults(c, rng).kill_for(8)
    assert java.finish() > 0
    result = load.finish()
    workload.windows(result)
    journals = [load.journal, java.journal]
    workload.check(c, "t", journals)
    for g in groups:
        workload.GroupCheck([g.log_path], journals).wait(60)
        g.kill()
    c.stop()
    assert c.replicas_differ("t", 6) == []
