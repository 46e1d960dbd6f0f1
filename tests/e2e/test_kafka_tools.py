# SPDX-License-Identifier: Apache-2.0
"""Apache Kafka's own tools and clients, unmodified, against our broker and its files."""
import re

import pytest

from support.peers import kafka_tool
from support.process import run

pytestmark = pytest.mark.peers


def kcat(broker, *args, stdin=None):
    return run(["kcat", "-b", broker.bootstrap, *args], stdin=stdin)


def produce(broker, topic, count, first=0):
    kcat(broker, "-P", "-t", topic, stdin="".join(f"m{first + i}\n" for i in range(count)).encode())


def test_topics_are_created_described_altered_and_deleted(broker):
    server = ["--bootstrap-server", broker.bootstrap]
    kafka_tool("kafka-topics", *server, "--create", "--topic", "made", "--partitions", "3",
               "--config", "retention.ms=100000")
    assert kafka_tool("kafka-topics", *server, "--list").split() == ["made"]
    text = kafka_tool("kafka-topics", *server, "--describe", "--topic", "made")
    assert re.search(r"PartitionCount:\s*3", text) and "retention.ms=100000" in text
    assert len(re.findall(r"Leader:\s*1\s", text)) == 3
    kafka_tool("kafka-topics", *server, "--alter", "--topic", "made", "--partitions", "5")
    assert re.search(r"PartitionCount:\s*5",
                     kafka_tool("kafka-topics", *server, "--describe", "--topic", "made"))
    kafka_tool("kafka-configs", *server, "--alter", "--entity-type", "topics", "--entity-name",
               "made", "--add-config", "segment.bytes=1048576")
    assert "segment.bytes=1048576" in kafka_tool("kafka-configs", *server, "--describe",
                                                 "--entity-type", "topics", "--entity-name", "made")
    kafka_tool("kafka-topics", *server, "--delete", "--topic", "made")
    assert kafka_tool("kafka-topics", *server, "--list").split() == []


def test_console_producer_and_consumer(broker):
    """The console producer is idempotent by default."""
    lines = "".join(f"line {i}\n" for i in range(1000))
    kafka_tool("kafka-console-producer", "--bootstrap-server", broker.bootstrap, "--topic",
               "console", stdin=lines.encode())
    got = kafka_tool("kafka-console-consumer", "--bootstrap-server", broker.bootstrap, "--topic",
                     "console", "--from-beginning", "--max-messages", "1000", "--timeout-ms",
                     "30000")
    assert got == lines


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec_of_the_java_producer_is_read_by_kcat(broker, codec):
    kafka_tool("kafka-console-producer", "--bootstrap-server", broker.bootstrap, "--topic", codec,
               "--compression-codec", codec, stdin="".join(f"v{i}\n" for i in range(500)).encode())
    assert kcat(broker, "-C", "-t", codec, "-e", "-q") == "".join(f"v{i}\n" for i in range(500))


def test_idempotent_verifiable_producer(broker):
    text = kafka_tool("kafka-verifiable-producer", "--bootstrap-server", broker.bootstrap,
                      "--topic", "verified", "--max-messages", "20000", "--acks", "-1")
    assert '"sent":20000,"acked":20000' in text
    got = kcat(broker, "-C", "-t", "verified", "-e", "-q").split()
    assert sorted(map(int, got)) == list(range(20000))


def test_producers_are_described(broker):
    server = ["--bootstrap-server", broker.bootstrap]
    kafka_tool("kafka-console-producer", *server, "--topic", "told",
               stdin="".join(f"line {i}\n" for i in range(100)).encode())
    text = kafka_tool("kafka-transactions", *server, "describe-producers", "--topic", "told",
                      "--partition", "0")
    head, *rows = [line.split() for line in text.splitlines()]
    assert head[:4] == ["ProducerId", "ProducerEpoch", "LatestCoordinatorEpoch", "LastSequence"]
    assert [(r[1], r[3], r[-1]) for r in rows] == [("0", "99", "None")]


def test_consumer_groups_are_listed_and_described(broker):
    produce(broker, "grouped", 100)
    kafka_tool("kafka-console-consumer", "--bootstrap-server", broker.bootstrap, "--topic",
               "grouped", "--group", "readers", "--from-beginning", "--max-messages", "60",
               "--timeout-ms", "30000")
    server = ["--bootstrap-server", broker.bootstrap]
    assert "readers" in kafka_tool("kafka-consumer-groups", *server, "--list")
    text = kafka_tool("kafka-consumer-groups", *server, "--describe", "--group", "readers")
    row = next(line.split() for line in text.splitlines() if line.startswith("readers"))
    assert row[1:6] == ["grouped", "0", "60", "100", "40"]
    kafka_tool("kafka-consumer-groups", *server, "--group", "readers", "--topic", "grouped",
               "--reset-offsets", "--to-earliest", "--execute")
    text = kafka_tool("kafka-consumer-groups", *server, "--describe", "--group", "readers")
    row = next(line.split() for line in text.splitlines() if line.startswith("readers"))
    assert row[3] == "0"
    kafka_tool("kafka-consumer-groups", *server, "--delete", "--group", "readers")
    assert "readers" not in kafka_tool("kafka-consumer-groups", *server, "--list")


def test_offsets_by_time_and_log_dirs(broker):
    produce(broker, "timed", 50)
    server = ["--bootstrap-server", broker.bootstrap]
    for when, offset in (("-1", 50), ("-2", 0), ("0", 0)):
        text = kafka_tool("kafka-get-offsets", *server, "--topic", "timed", "--time", when)
        assert text.split() == [f"timed:0:{offset}"]
    assert '"partition":"timed-0"' in kafka_tool("kafka-log-dirs", *server, "--describe",
                                                 "--topic-list", "timed")
    assert "Fetch(1): 4 to" in kafka_tool("kafka-broker-api-versions", *server)


def test_segments_and_indexes_pass_kafka_dump_log(broker):
    kafka_tool("kafka-topics", "--bootstrap-server", broker.bootstrap, "--create", "--topic",
               "dumped", "--config", "segment.bytes=1048576", "--config",
               "index.interval.bytes=4096")
    for i in range(5):
        kcat(broker, "-P", "-t", "dumped", "-X", "batch.size=8000",
             stdin="".join(f"{i} {j} {'x' * 140}\n" for j in range(5000)).encode())
    broker.stop()
    folder = broker.data / "dumped-0"
    logs = sorted(folder.glob("*.log"))
    assert len(logs) > 2
    total = 0
    for path in logs:
        text = kafka_tool("kafka-dump-log", "--files", path, "--deep-iteration")
        assert "isvalid: true" in text and "isvalid: false" not in text
        total += len(re.findall(r"^\| offset: ", text, re.M))
    assert total == 25000
    indexes = ",".join(map(str,
                           sorted(folder.glob("*.index")) + sorted(folder.glob("*.timeindex"))))
    text = kafka_tool("kafka-dump-log", "--files", indexes, "--index-sanity-check")
    assert text.count("passed sanity check") == len(indexes.split(","))
    text = kafka_tool("kafka-dump-log", "--files", indexes, "--verify-index-only")
    assert "Found" not in text and "mismatch" not in text.lower()


def test_the_metadata_log_is_decoded_by_kafka_dump_log(broker):
    produce(broker, "decoded", 1)
    broker.stop()
    path = next((broker.data / "__cluster_metadata-0").glob("*.log"))
    text = kafka_tool("kafka-dump-log", "--cluster-metadata-decoder", "--files", path)
    assert '"type":"TOPIC_RECORD"' in text and '"name":"decoded"' in text
    assert "isvalid: false" not in text
