# SPDX-License-Identifier: Apache-2.0
"""The controllers change while the cluster works: it grows from one, a dead one is replaced, the
leader itself is taken out; by our command line here, by Apache Kafka's tool in the peers' lane."""
import json
import re
import shutil

import pytest

from support import cluster
from support.peers import kafka_tool
from support.process import wait_until


class Ours:
    """`logboom quorum`."""

    def __init__(self, c):
        self.c = c

    def add(self, node):
        self.c.logboom("quorum", "add-controller", f"{node.place.id}@{node.place.controller}")

    def remove(self, node_id, directory_id):
        self.c.logboom("quorum", "remove-controller", str(node_id), directory_id)

    def status(self):
        return self.c.logboom("quorum", "status", "--json")[0]

    def voters(self):
        return {v["node_id"]: v["directory_id"] for v in self.status()["voters"]}

    def observers(self):
        return {v["node_id"] for v in self.status()["observers"]}


class Kafkas:
    """kafka-metadata-quorum, to brokers and to controllers in turn."""

    def __init__(self, c):
        self.c = c

    def tool(self, *args, **options):
        return kafka_tool("kafka-metadata-quorum", "--bootstrap-server",
                          ",".join(n.place.address for n in self.c.live), *args, **options)

    def add(self, node):
        properties = node.place.folder / "controller.properties"
        properties.write_text(
            f"process.roles=broker,controller\nnode.id={node.place.id}\n"
            f"listeners=PLAINTEXT://{node.place.address},CONTROLLER://{node.place.controller}\n"
            "controller.listener.names=CONTROLLER\n"
            f"controller.quorum.bootstrap.servers={node.place.controller}\n"
            f"log.dirs={node.data}\n")
        told = self.tool("--command-config", properties, "add-controller")
        assert f"Added controller {node.place.id}" in told, told

    def remove(self, node_id, directory_id):
        controllers = ",".join(n.place.controller for n in self.c.live)
        told = kafka_tool("kafka-metadata-quorum", "--bootstrap-controller", controllers,
                          "remove-controller", "--controller-id", str(node_id),
                          "--controller-directory-id", directory_id)
        assert f"KRaft controller {node_id} with directory id {directory_id}" in told, told

    def status(self):
        text = self.tool("describe", "--status")
        return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.M))

    def voters(self):
        rows = [r.split() for r in self.tool("describe", "--replication").splitlines()[1:]]
        told = {v["id"]: v["directoryId"] for v in json.loads(self.status()["CurrentVoters"])}
        assert told == {int(r[0]): r[1] for r in rows if r and r[-1] in ("Leader", "Follower")}
        return told

    def observers(self):
        return {v["id"] for v in json.loads(self.status()["CurrentObservers"])}


@pytest.fixture
def one_of_three(tmp_path, started):
    """Node 1 is the quorum; 2 and 3 follow it."""
    c = cluster.Cluster(tmp_path)
    for node in c:
        started(node)
        alone = node.place.id == 1
        node.format(c.cluster_id, "--standalone" if alone else "--no-initial-controllers")
        node.start()
    c.wait_healthy(60)
    return c


def change_everything(c, by):
    """1 → 3; node 3's disk is lost and replaced; the leader goes, and the rest leads on."""
    assert set(by.voters()) == {1}
    for node in (c[2], c[3]):
        by.add(node)
    voters = by.voters()
    assert set(voters) == {1, 2, 3} and not by.observers()
    c.create("t", 3)

    c[3].kill()
    shutil.rmtree(c[3].data)
    c[3].format(c.cluster_id, "--no-initial-controllers")
    c[3].start()
    c.wait_healthy(60)
    assert by.voters() == voters and by.observers() == {3}
    by.remove(3, voters[3])
    assert set(by.voters()) == {1, 2}
    by.add(c[3])
    again = by.voters()
    assert set(again) == {1, 2, 3} and again[3] != voters[3] and not by.observers()

    gone = c.controller()
    by.remove(gone, again[gone])
    wait_until(lambda: c.controller() != gone, 20, "another one leads", every=0.1)
    assert set(by.voters()) == {1, 2, 3} - {gone}
    wait_until(lambda: by.observers() == {gone}, 20, "it follows", every=0.2)
    c.wait_healthy(60)  # and is a broker as before
    c.create("u", 3)
    by.add(c[gone])
    assert by.voters() == again

    c[c.controller()].kill()  # the new voters vote
    c.wait_healthy(60)  # until it is fenced, replicas may be placed on it
    c.create("v", 2, 2)


def test_the_quorum_grows_replaces_a_voter_and_loses_its_leader(one_of_three):
    change_everything(one_of_three, Ours(one_of_three))


@pytest.mark.peers
@pytest.mark.early
def test_kafka_metadata_quorum_does_the_same(one_of_three):
    change_everything(one_of_three, Kafkas(one_of_three))


def test_what_cannot_be_changed_is_refused_with_the_reason(one_of_three):
    c = one_of_three
    by = Ours(c)
    directory = by.voters()[1]

    def refused(*args):
        with pytest.raises(AssertionError) as told:
            c.logboom("quorum", *args)
        return str(told.value)

    assert "last voter" in refused("remove-controller", "1", directory)
    assert "no voter" in refused("remove-controller", "2", directory)
    assert "there already" in refused("add-controller", f"1@{c[1].place.controller}:{directory}")
    assert "does not follow" in refused("add-controller", f"9@{c[2].place.controller}")
    by.add(c[2])
    assert set(by.voters()) == {1, 2}
