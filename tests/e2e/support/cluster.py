# SPDX-License-Identifier: Apache-2.0
"""Three (or more) nodes as processes: ours, or Apache Kafka's for comparison.

Both kinds offer the same: start, kill, pause, stop a node; ask who leads; wait for health. So a
judge that passes against Apache Kafka is a judge, and then ours stands before it.
"""
import base64
import json
import os
import pathlib
import random
import signal
import subprocess
import time

from . import peers
from .process import BUILD, Daemon, Process, free_port, run, wait_until


def random_uuid():
    """Kafka's: 16 bytes, base64url without padding, no dash in front."""
    while True:
        text = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
        if not text.startswith("-"):
            return text


class Place:
    """Where a node lives: its id, its address, its ports, its folder, how commands run there."""

    def __init__(self, node_id, folder, host="127.0.0.1", ports=None, prefix=()):
        self.id, self.host, self.prefix = node_id, host, list(prefix)
        self.folder = pathlib.Path(folder) / f"node-{node_id}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.controller_port = ports or (free_port(), free_port())
        self.directory_id = random_uuid()

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    @property
    def controller(self):
        return f"{self.host}:{self.controller_port}"

    @property
    def voter(self):
        return f"{self.id}@{self.controller}:{self.directory_id}"


class Node(Daemon):
    """A logboom-broker with a YAML file of its own, as an operator writes it."""

    def __init__(self, place, places, extra="", sets=(), env=None):
        self.place = place
        self.data = place.folder / "data"
        servers = ", ".join(p.controller for p in places)
        super().__init__("logboom-broker", place.folder, f"""
node.id: {place.id}
process.roles: [broker, controller]
listeners: [PLAINTEXT://{place.address}, CONTROLLER://{place.controller}]
controller.quorum.bootstrap.servers: [{servers}]
log.dirs: {self.data}
group.initial.rebalance.delay.ms: 0
{extra}
""", sets, name=f"broker-{place.id}")
        self.env.update(env or {})
        if place.prefix:
            self.argv = place.prefix + self.argv + ["--set", f"http.host={place.host}"]

    def format(self, cluster_id, *args):
        return run([BUILD / "logboom", "storage", "format", "--config", self.config_path,
                    "--cluster-id", cluster_id, *args])

    def start(self, seconds=20):
        """Only starts: a lone node of three is ready when a majority is there."""
        return Process.start(self)

    def kill(self):
        """kill -9 of a node that runs: one that ended by itself is a finding, not a kill."""
        assert self.alive(), f"{self.name} ended before it was killed:\n{self.tail()}"
        return super().kill()

    def is_ready(self):
        """The controller has let in this run of it: nothing it tells is of an earlier one."""
        return self.said("message=ready")


class KafkaNode(Process):
    """One Apache Kafka as broker and controller, in the same place and with the same names."""

    java = peers.QUICK

    def __init__(self, place, places, extra="", sets=(), env=None, heap="512M"):
        self.place = place
        self.data = place.folder / "data"
        self.config_path = place.folder / "server.properties"
        servers = ",".join(p.controller for p in places)
        self.config_path.write_text("\n".join([
            "process.roles=broker,controller", f"node.id={place.id}",
            f"listeners=PLAINTEXT://{place.address},CONTROLLER://{place.controller}",
            f"advertised.listeners=PLAINTEXT://{place.address},CONTROLLER://{place.controller}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT",
            f"controller.quorum.bootstrap.servers={servers}", f"log.dirs={self.data}",
            f"offsets.topic.replication.factor={len(places)}", "min.insync.replicas=2",
            f"default.replication.factor={len(places)}", "offsets.topic.num.partitions=8",
            f"transaction.state.log.replication.factor={len(places)}",
            f"transaction.state.log.min.isr={min(2, len(places))}",
            "group.initial.rebalance.delay.ms=0",
            *[line.replace(": ", "=", 1) for line in extra.strip().splitlines()], *sets]) + "\n")
        log4j = peers.log4j_file(place.folder)
        super().__init__(
            f"kafka-{place.id}",
            place.prefix + ["java", f"-Xmx{heap}", f"-Xms{heap}", *self.java,
                            "-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={log4j}",
                            "-cp", f"{peers.fetched('kafka')}/*", "kafka.Kafka",
                            str(self.config_path)],
            place.folder / "kafka.log", env)

    def format(self, cluster_id, *args):
        return peers.kafka_tool("kafka-storage", "format", "-c", self.config_path, "--cluster-id",
                                cluster_id, *args)

    def start(self, seconds=60):
        return super().start()

    def is_ready(self):
        return True

    def rss_mb(self):
        return self.rss_bytes() / 1e6


class Cluster:
    """Nodes 1..n. `kind` is Node or KafkaNode; `places` may put them into network namespaces."""

    def __init__(self, folder, kind=Node, size=3, extra="", sets=(), places=None, env=None):
        self.folder = pathlib.Path(folder)
        self.kind, self.extra, self.sets = kind, extra, sets
        self.places = places or [Place(i + 1, folder) for i in range(size)]
        self.cluster_id = random_uuid()
        self.nodes = {p.id: kind(p, self.places, extra, sets, env) for p in self.places}
        self.prefix = []  # how client commands run, when the nodes live in namespaces

    def __getitem__(self, node_id):
        return self.nodes[node_id]

    def __iter__(self):
        return iter(self.nodes.values())

    @property
    def bootstrap(self):
        return ",".join(p.address for p in self.places)

    @property
    def live(self):
        return [n for n in self if n.alive()]

    def format(self):
        voters = ",".join(p.voter for p in self.places)
        for node in self:
            node.format(self.cluster_id, "--initial-controllers", voters)
        return self

    def start(self, seconds=90):
        self.format()
        for node in self:
            node.start()
        self.wait_healthy(seconds)
        return self

    def stop(self):
        """All at once: a quorum that goes away one by one would wait for itself."""
        nodes = self.live
        for node in nodes:
            os.killpg(node.child.pid, signal.SIGTERM)
        codes = {}
        for node in nodes:  # a second SIGTERM would end it at once
            codes[node.name] = node.child.wait(60)
            node.child = None
        return codes

    def kill(self):
        for node in self.live:
            node.kill()

    # --- what the cluster says of itself ----------------------------------------------------------

    def kcat(self, *args, seconds=30, **options):
        return run([*self.prefix, "kcat", "-b", options.pop("at", self.bootstrap), *args], seconds,
                   **options)

    def logboom(self, *args, seconds=30, check=True):
        text = run([*self.prefix, BUILD / "logboom", "-b", self.bootstrap, *args], seconds,
                   check=check)
        return [json.loads(line) for line in text.splitlines()] if "--json" in args else text

    def metadata(self, at=None):
        """One node's view, None when it does not answer within 2 s. Of all topics: asking for one
        would make it."""
        argv = [*self.prefix, "kcat", "-b", at or self.bootstrap, "-L", "-J", "-m", "2"]
        p = subprocess.run(argv, capture_output=True, timeout=30)
        return json.loads(p.stdout) if p.returncode == 0 and p.stdout else None

    def brokers(self, at=None):
        """{id: host:port} as one node tells, which may be asked in a bad moment."""
        seen = wait_until(lambda: self.metadata(at), 20, f"{at or 'a node'} answers", every=0.1)
        return {b["id"]: b["name"] for b in seen["brokers"]}

    def problems(self):
        """What `cluster status` finds, but for this machine's disk, which is no test's business."""
        status = self.logboom("cluster", "status", "--json")[0]
        return [p for p in status["problems"] if "of disk left" not in p["what"]]

    def partitions(self, topic, at=None):
        """{partition: {leader, replicas, isrs}}; empty when there is no such topic."""
        found = {}
        for t in (self.metadata(at) or {}).get("topics", []):
            for p in t["partitions"] if t["topic"] == topic else []:
                found[p["partition"]] = {
                    "leader": p["leader"],
                    "replicas": [r["id"] for r in p["replicas"]],
                    "isr": [r["id"] for r in p["isrs"]]
                }
        return found

    def leader(self, topic, partition=0, seconds=20):
        def known():
            leader = self.partitions(topic).get(partition, {}).get("leader", -1)
            return leader if leader in self.nodes else None

        return wait_until(known, seconds, f"{topic}-{partition} has a leader", every=0.1)

    def controller(self, seconds=20):
        """The id of the active controller."""
        def known():
            try:
                rows = self.logboom("--timeout", "3", "quorum", "status", "--json")
                return rows[0]["leader_id"] if rows and rows[0]["leader_id"] >= 0 else None
            except AssertionError:
                return None

        return wait_until(known, seconds, "there is an active controller", every=0.1)

    def why_unhealthy(self):
        """A sentence, or None: every live node knows all live nodes, and every in-sync set is whole
        as far as its replicas live."""
        live = {n.place.id for n in self.live}
        for node in self.live:
            if not node.is_ready():
                return f"node {node.place.id} is not let in"
            seen = self.metadata(node.place.address)
            if seen is None:
                return f"node {node.place.id} does not answer"
            known = {b["id"] for b in seen["brokers"]}
            if known != live:
                return f"node {node.place.id} knows the brokers {known}, and {live} live"
            for t in seen["topics"]:
                for p in t["partitions"]:
                    isr = {r["id"] for r in p["isrs"]}
                    want = {r["id"] for r in p["replicas"]} & live
                    if isr != want or p["leader"] not in live:
                        return (f"{t['topic']}-{p['partition']} at node {node.place.id}: leader "
                                f"{p['leader']}, in sync {isr} of {want}")
        return None

    def wait_healthy(self, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            for node in self:
                if node.child is not None and not node.alive():
                    raise AssertionError(f"{node.name} ended:\n{node.tail()}")
            why = self.why_unhealthy()
            if why is None:
                return
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {n.name}\n{n.tail(12)}" for n in self)
                raise AssertionError(f"not healthy within {seconds} s: {why}\n{tails}")
            time.sleep(0.1)

    def wait_known(self, seconds=30):
        """Until every live node knows who lives: a node killed just now could be given replicas."""
        def known():
            live = {n.place.id for n in self.live}
            return all({b["id"] for b in (self.metadata(n.place.address) or {}).get("brokers", [])}
                       == live for n in self.live)

        wait_until(known, seconds, "who was killed is fenced", every=0.1)

    def create(self, topic, partitions=6, replicas=3, **configs):
        self.wait_known()
        args = [word for k, v in configs.items()
                for word in ("--config", f"{k.replace('_', '.')}={v}")]
        self.logboom("topic", "create", topic, "--partitions", str(partitions),
                     "--replication-factor", str(replicas), *args)
        wait_until(lambda: self.whole(topic, partitions, replicas), 60, f"{topic} is there",
                   every=0.1)

    def whole(self, topic, partitions, replicas):
        """Every live node tells so many led partitions with so many replicas, all in sync."""
        def at(node):
            found = self.partitions(topic, node.place.address)
            return len(found) == partitions and all(
                p["leader"] in self.nodes and len(p["isr"]) == len(p["replicas"]) == replicas
                for p in found.values())

        return all(at(n) for n in self.live)

    def replicas_differ(self, topic, partitions):
        """After a stop: what the nodes' files of a topic do not have in common, byte by byte."""
        wrong = []
        for partition in range(partitions):
            logs = {}
            for node in self:
                folder = node.data / f"{topic}-{partition}"
                files = sorted(folder.glob("*.log"))
                if files:
                    logs[node.place.id] = b"".join(f.read_bytes() for f in files)
            if len(set(logs.values())) > 1:
                wrong.append((partition, {k: len(v) for k, v in logs.items()}))
        return wrong


class Faults:
    """Does something to one node after the other, with pauses, and remembers when."""

    def __init__(self, cluster, rng, up=(2.0, 6.0), down=(0.1, 3.0)):
        self.cluster, self.rng, self.up, self.down = cluster, rng, up, down
        self.done = []

    def pause(self, span):
        time.sleep(self.rng.uniform(*span))

    def kill_one(self, node=None):
        node = node or self.rng.choice(list(self.cluster))
        self.done.append((time.monotonic(), "kill -9", node.place.id))
        node.kill()
        self.pause(self.down)
        node.start()

    def kill_for(self, seconds, settle=90):
        """kill -9 of any node, one at a time, each time after the cluster is whole again: more than
        one replica of three away at a time is no promise of anybody's."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.kill_one()
            self.cluster.wait_healthy(settle)
            self.pause(self.up)
        return self


def seeded():
    seed = int(os.environ.get("LOGBOOM_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"LOGBOOM_SEED={seed}")
    return random.Random(seed)
