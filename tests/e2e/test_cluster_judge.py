# SPDX-License-Identifier: Apache-2.0
"""The judges of the cluster are judged: each kind of broken promise is found, none is made up."""
import shutil
import struct
import subprocess

import pytest

from support import batches, cluster, faults, workload
from support.process import BUILD, Broker, run, wait_until

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


def test_an_acknowledgement_without_a_place_is_true_when_the_record_is_there(filled):
    """librdkafka concludes from a later answer that an earlier request was taken."""
    broker, journal = filled
    lines = journal.read_text().splitlines(True)
    partition, _, rest = lines[5].split(" ", 2)
    lines[5] = f"{partition} -1001 {rest}"
    journal.write_text("".join(lines))
    code, out, err = judge(broker, journal)
    assert code == 0 and '"lost":0' in out and not err, (out, err)
    journal.write_text("".join(lines) + f"{partition} -1001 1 123456\n")
    code, out, err = judge(broker, journal)
    assert code == 1 and '"lost":1' in out and "1.123456" in err, (out, err)


@pytest.mark.parametrize("value,found", [("1.0", '"duplicated":1'), ("1.1000", '"reordered":1')])
def test_a_record_out_of_its_place_is_found(filled, value, found):
    broker, journal = filled
    after = "1.2000\n" if "reordered" in found else ""
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "t", "-p", "0"],
        stdin=f"{after}{value}\n".replace("1.1000", "1.1900").encode())
    code, out, _ = judge(broker, journal)
    assert code == 1 and found in out, out


def test_only_a_copy_of_a_higher_epoch_of_the_same_producer_is_called_sent_anew(filled, tmp_path):
    broker, _ = filled
    before = list(batches.producers(broker.data / "t-0"))
    run(["kcat", "-b", broker.bootstrap, "-P", "-t", "t", "-p", "0"], stdin=b"1.0\n")
    folder = tmp_path / "copy"
    shutil.copytree(broker.data / "t-0", folder)
    *same, (first, last, producer, *_) = batches.producers(folder)
    assert same == before and first == last and producer == -1
    assert not batches.sent_anew(folder, 0, last), "nobody's: no epoch"
    log, written = next(folder.glob("*.log")), before[0]
    at = log.read_bytes().rindex(struct.pack(">qhi", -1, -1, -1))
    for producer, epoch, anew in ((written[2], written[3], False), (written[2] + 1, 1, False),
                                  (written[2], written[3] + 1, True)):
        with open(log, "r+b") as f:
            f.seek(at)
            f.write(struct.pack(">qh", producer, epoch))
        assert batches.sent_anew(folder, 0, last) == anew, (producer, epoch)


def test_a_refusal_is_wrong_when_the_batch_before_is_in_the_log(filled):
    broker, _ = filled
    _, _, producer, epoch, sequence = list(batches.producers(broker.data / "t-0"))[-1]
    for asked, wrong in ((sequence + 1, True), (sequence + 2, False)):
        told = ("level=info message=\"refused records\" topic=t partition=0 client=x "
                f"code=OUT_OF_ORDER_SEQUENCE_NUMBER error=\"missing (producer {producer} epoch "
                f"{epoch} sequence {asked}, after epoch {epoch} sequence {sequence})\"\n")
        found = batches.wrongly_refused(told, "t", lambda p: broker.data / f"t-{p}")
        assert bool(found) == wrong, (asked, found)


class PlainBroker(Broker):
    """One node that power can be cut from."""

    def __init__(self, folder, sets):
        super().__init__(folder, sets=sets)
        self.place = cluster.Place(1, folder)
        self.env.update(faults.powercut_env(self.place.folder, self.data))


@pytest.mark.skipif(not faults.POWERCUT.exists(), reason="powercut.so was not built")
@pytest.mark.parametrize("durability,lost", [("fsync", False), ("page-cache", True)])
def test_a_power_cut_takes_what_was_not_synced_and_nothing_else(tmp_path, started, rng, durability,
                                                                lost):
    broker = started(PlainBroker(tmp_path, [f"durability={durability}"])).start()
    run([BUILD / "logboom", "-b", broker.bootstrap, "topic", "create", "t", "--partitions", "3"])
    journal = tmp_path / "journal"
    run([workload.LOAD, "produce", broker.bootstrap, "t", "1", "3000", "1", journal])
    faults.power_cut([broker], rng, tear=not lost)
    broker.start()
    code, out, err = judge(broker, journal)
    assert (code == 1) == lost, (out, err)
    assert ('"lost":0' in out) != lost and '"moved":0' in out


@pytest.mark.skipif(faults.Network.why_not() is not None, reason=str(faults.Network.why_not()))
def test_a_bad_network_loses_delays_and_cuts_as_it_is_told(tmp_path):
    net = faults.Network(2).start()

    def ping(count, patience="5"):
        p = subprocess.run([*net.prefix(0), "python3", "-c", PING, str(count), patience],
                           capture_output=True, text=True, timeout=60)
        return [float(x) for x in p.stdout.split()]

    server = subprocess.Popen([*net.prefix(1), "python3", "-c", ECHO], stdout=subprocess.PIPE)
    try:
        assert server.stdout.readline() == b"ok\n"
        assert len(ping(20)) == 20
        net.rule(delay=100)
        assert min(ping(5)) > 0.19
        net.rule(loss=30)
        assert 20 < len(ping(80, "0.1")) < 60  # of a request or its answer: about half
        net.heal()
        net.rule(2, 1, loss=100)
        assert ping(5, "0.1") == []
        net.heal()
        assert len(ping(20)) == 20
    finally:
        server.kill()
        server.wait()
        net.stop()


ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.77.0.2", 7))
print("ok", flush=True)
while True:
    s.sendto(*s.recvfrom(100))
"""
PING = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[2]))
for i in range(int(sys.argv[1])):
    began = time.monotonic()
    s.sendto(str(i).encode(), ("10.77.0.2", 7))
    try:
        while s.recv(100) != str(i).encode():
            pass
        print(time.monotonic() - began)
    except OSError:
        pass
"""


@pytest.mark.peers
@pytest.mark.early
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
    # Its quorum may take minutes to stop. What it has is in the files before.
    wait_until(lambda: c.replicas_differ("t", 6) == [], 30, "the replicas are the same")
    c.kill()
