# SPDX-License-Identifier: Apache-2.0
"""What kafka-storage formats our node starts on, and what our node writes Kafka's tools read."""
import re

import pytest

from support import process
from support.peers import kafka_tool
from support.process import free_port, run

pytestmark = pytest.mark.peers
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qk"


class Node:
    """A standalone voter: one directory, a file for Kafka's tools and settings for our programs."""

    def __init__(self, folder):
        self.bootstrap, controller = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        listeners = f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}"
        settings = [f"listeners={listeners}", f"controller.quorum.bootstrap.servers={controller}",
                    "metadata.log.max.record.bytes.between.snapshots=2000"]
        self.broker = process.Broker(folder, sets=settings)
        self.sets = [word for s in settings for word in ("--set", s)]
        self.properties = folder / "server.properties"
        self.properties.write_text(
            f"process.roles=broker,controller\nnode.id=1\nlisteners={listeners}\n"
            "controller.listener.names=CONTROLLER\n"
            f"controller.quorum.bootstrap.servers={controller}\n"
            f"log.dirs={self.broker.data}\n")

    def metadata_files(self, suffix):
        return sorted((self.broker.data / "__cluster_metadata-0").glob(f"*.{suffix}"))


def check_files(node):
    """Two starts and enough topics for snapshots; then Kafka's tool reads every file."""
    for start in range(2):
        node.broker.start()
        for i in range(20):
            run([process.BUILD / "logboom", "topic", "create", f"t{start}-{i}",
                 "--bootstrap-server", node.bootstrap])
        assert node.broker.stop() == 0
    assert len(node.metadata_files("checkpoint")) == 2
    seen = set()
    for path in node.metadata_files("checkpoint") + node.metadata_files("log"):
        text = kafka_tool("kafka-dump-log", "--cluster-metadata-decoder", "--files", path)
        assert "isvalid: false" not in text and "Could not" not in text, text[:2000]
        seen |= set(re.findall(r'"type":"(\w+)"', text))
        seen |= set(re.findall(r"\] (SnapshotHeader|KRaftVoters|SnapshotFooter|LeaderChange)",
                               text))
    assert {"FEATURE_LEVEL_RECORD", "REGISTER_BROKER_RECORD", "TOPIC_RECORD", "PARTITION_RECORD",
            "SnapshotHeader", "KRaftVoters", "SnapshotFooter"} <= seen, seen


def test_what_kafka_storage_formatted_starts_and_stays_readable(tmp_path, started):
    node = Node(tmp_path)
    started(node.broker)
    kafka_tool("kafka-storage", "format", "-t", CLUSTER, "-c", node.properties, "--standalone")
    check_files(node)


def test_what_storage_format_made_is_formatted_for_kafka(tmp_path, started):
    node = Node(tmp_path)
    started(node.broker)
    run([process.BUILD / "logboom-broker", "storage", "format", "--config",
         node.broker.config_path, "--cluster-id", CLUSTER, "--standalone", *node.sets])
    text = kafka_tool("kafka-storage", "info", "-c", node.properties)
    assert f"cluster.id={CLUSTER}" in text and "directory.id=" in text, text
    text = kafka_tool("kafka-dump-log", "--cluster-metadata-decoder", "--files",
                      node.broker.data / "bootstrap.checkpoint")
    assert '"name":"metadata.version","featureLevel":30' in text, text
    check_files(node)
