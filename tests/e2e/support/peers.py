# SPDX-License-Identifier: Apache-2.0
"""The real Apache Kafka and the real OpenSearch, from the Java registry, on loopback.

Both are fetched once by Maven into the cache directory (LOGBOOM_PEERS, else
~/.cache/logboom-peers) and run as they were published. They are for comparing and for judging;
nothing of theirs is part of us.
"""
import base64
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import urllib.error
import urllib.request
import zipfile

from .process import Process, SOURCE, free_port, run, wait_until

CACHE = pathlib.Path(os.environ.get("LOGBOOM_PEERS", pathlib.Path.home() / ".cache/logboom-peers"))
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
KAFKA_TOOLS = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-dump-log": "org.apache.kafka.tools.DumpLogSegments",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-broker-api-versions": "org.apache.kafka.tools.BrokerApiVersionsCommand",
    "kafka-verifiable-producer": "org.apache.kafka.tools.VerifiableProducer",
    "kafka-verifiable-consumer": "org.apache.kafka.tools.VerifiableConsumer",
    "kafka-storage": "kafka.tools.StorageTool",
    "kafka-metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
    "kafka-reassign-partitions": "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
    "kafka-transactions": "org.apache.kafka.tools.TransactionsCommand",
    "kafka-cluster": "org.apache.kafka.tools.ClusterTool",
}


def fetched(name):
    """The folder of a peer's files; fetches them the first time. One process at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    target = CACHE / name
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / ".complete").exists():
            shutil.rmtree(target, ignore_errors=True)
            pom = SOURCE / f"tests/e2e/peers/{name}.xml"
            run(["mvn", "-B", "-q", "-ntp", "-f", pom, COPY, "-DincludeScope=runtime",
                 f"-DoutputDirectory={target}"], seconds=1200)
            (target / ".complete").touch()
    return target


QUICK = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # starts at half the cost
FAST = ["-XX:+UseG1GC"]  # what is measured


def java_argv(heap, *options):
    return ["java", f"-Xmx{heap}", "-Djava.awt.headless=true", *QUICK, *options]


def kafka_classes():
    """The class path of Kafka's tools, and their classes as the first run left them: a tool then
    starts in half the time. Java leaves an archive that does not fit alone, and says so nowhere."""
    folder = fetched("kafka")
    archive = folder / "tools.jsa"
    with open(CACHE / "kafka.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            new = folder / "tools.jsa.new"
            config = CACHE / "nobody.properties"
            config.write_text("default.api.timeout.ms=500\nrequest.timeout.ms=400\n")
            run(java_argv("256M", f"-XX:ArchiveClassesAtExit={new}", "-Xlog:disable")
                + [f"-Dlog4j2.configurationFile={log4j_file(CACHE)}", "-cp", f"{folder}/*",
                   KAFKA_TOOLS["kafka-topics"], "--bootstrap-server", "127.0.0.1:1",
                   "--command-config", config, "--list"], seconds=120, check=False)
            new.rename(archive) if new.exists() else archive.touch()
    return [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:disable", "-cp",
            f"{folder}/*"]


def log4j_file(directory):
    """Log4j's configuration: warnings to the standard error."""
    path = pathlib.Path(directory) / "log4j2.properties"
    text = ("rootLogger.level = WARN\nappender.e.type = Console\nappender.e.target = SYSTEM_ERR\n"
            "appender.e.name = e\nappender.e.layout.type = PatternLayout\n"
            "appender.e.layout.pattern = %d %p %c %m%n\nrootLogger.appenderRef.e.ref = e\n")
    if not path.exists() or path.read_text() != text:  # others may read it just now
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(text)
        new.rename(path)
    return path


def kafka_tool(tool, *args, seconds=180, stdin=None, check=True, heap="256M"):
    """Runs one of Kafka's command line tools and returns what it printed."""
    return run(java_argv(heap, *kafka_classes(), f"-Dlog4j2.configurationFile={log4j_file(CACHE)}")
               + [KAFKA_TOOLS[tool], *args], seconds, stdin, check)


class Kafka(Process):
    """One combined broker and controller."""

    def __init__(self, directory, heap="512M", properties=(), java=QUICK):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.port, controller = free_port(), free_port()
        self.data = directory / "kafka-data"
        self.properties = directory / "server.properties"
        self.properties.write_text("\n".join([
            "process.roles=broker,controller", "node.id=1",
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names=CONTROLLER",
            f"controller.quorum.voters=1@127.0.0.1:{controller}", f"log.dirs={self.data}",
            "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1", "group.initial.rebalance.delay.ms=0", *properties
        ]) + "\n")
        lib = fetched("kafka")
        options = [f"-Dlog4j2.configurationFile={log4j_file(directory)}"]
        if not self.data.exists():
            cluster = base64.urlsafe_b64encode(os.urandom(15) + b"\0").decode().rstrip("=")
            kafka_tool("kafka-storage", "format", "-t", cluster.replace("-", "x"), "-c",
                       self.properties)
        argv = ["java", f"-Xmx{heap}", f"-Xms{heap}", *java, "-Djava.awt.headless=true"]
        super().__init__("kafka",
                         argv + options + ["-cp", f"{lib}/*", "kafka.Kafka", self.properties],
                         directory / "kafka.log")

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    def start(self, seconds=120):
        super().start()
        wait_until(self.answers, seconds, "Apache Kafka answers", every=0.2)
        return self

    def answers(self):
        if not self.alive():
            raise AssertionError(f"Apache Kafka ended:\n{self.tail()}")
        return subprocess.run(["kcat", "-b", self.bootstrap, "-L", "-m", "2"], capture_output=True,
                              timeout=10).returncode == 0


class OpenSearch(Process):
    """One node; the smallest configuration that takes _bulk, _count and _search."""

    def __init__(self, directory, heap="512m", settings=()):
        directory = pathlib.Path(directory).resolve()
        config = directory / "config"
        config.mkdir(parents=True, exist_ok=True)
        (directory / "tmp").mkdir(exist_ok=True)
        home = self.home()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (config / "opensearch.yml").write_text("\n".join([
            "cluster.name: logboom-tests", "node.name: one", "network.host: 127.0.0.1",
            f"http.port: {self.port}", "transport.port: 0", "discovery.type: single-node",
            f"path.data: {directory}/data", f"path.logs: {directory}/logs",
            "cluster.routing.allocation.disk.threshold_enabled: false", *settings]) + "\n")
        (config / "log4j2.properties").write_text(
            "status = error\nappender.o.type = Console\nappender.o.name = o\n"
            "appender.o.layout.type = PatternLayout\n"
            "appender.o.layout.pattern = %d %p %c{1.} %m%n\n"
            "rootLogger.level = warn\nrootLogger.appenderRef.o.ref = o\n")
        # Without JNA's native part the server cannot look at its user, so it starts as root, too.
        argv = [
            "java", f"-Xms{heap}", f"-Xmx{heap}", *QUICK, "-Xss1m",
            "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8", "-Djava.security.manager=allow",
            "-Djava.locale.providers=SPI,COMPAT", "-Dio.netty.noUnsafe=true",
            "-Dlog4j.shutdownHookEnabled=false", "-Dlog4j2.disable.jmx=true", "-Djna.nosys=true",
            "-Djna.noclasspath=true", f"-Djava.io.tmpdir={directory}/tmp",
            f"-Dopensearch.path.home={home}", f"-Dopensearch.path.conf={config}",
            "-Dopensearch.distribution.type=zip", "-Dopensearch.bundled_jdk=false", "-cp",
            f"{home}/lib/*", "org.opensearch.bootstrap.OpenSearch"
        ]
        super().__init__("opensearch", argv, directory / "opensearch.log",
                         env={"OPENSEARCH_PATH_CONF": str(config)})

    @staticmethod
    def home():
        folder = fetched("opensearch")
        unpacked = folder / "unpacked"
        with open(CACHE / "opensearch.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (unpacked / ".complete").exists():
                with zipfile.ZipFile(next(folder.glob("opensearch-*.zip"))) as z:
                    z.extractall(unpacked)
                (unpacked / ".complete").touch()
        return next(unpacked.glob("opensearch-*"))

    def start(self, seconds=180):
        super().start()
        wait_until(self.healthy, seconds, "OpenSearch is healthy", every=0.5)
        return self

    def healthy(self):
        if not self.alive():
            raise AssertionError(f"OpenSearch ended:\n{self.tail()}")
        try:
            return self.ask("/_cluster/health")["status"] in ("green", "yellow")
        except (OSError, ValueError):
            return False

    def ask(self, path, body=None, method=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data,
                                         {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as r:
            return json.loads(r.read() or b"{}")

    def messages(self, index):
        """The message of every document, in no order."""
        page = self.ask(f"/{index}/_search?scroll=1m", {
            "size": 10000, "sort": ["_doc"], "_source": ["message"]})
        while page["hits"]["hits"]:
            for hit in page["hits"]["hits"]:
                yield hit["_source"]["message"]
            page = self.ask("/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]})

    def count(self, index):
        try:
            self.ask(f"/{index}/_refresh", method="POST")
            return self.ask(f"/{index}/_count")["count"]
        except urllib.error.HTTPError as e:
            if e.code == 404:
                return 0
            raise
