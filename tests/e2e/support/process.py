# SPDX-License-Identifier: Apache-2.0
"""Processes under test: started with bounds, killed for real, always cleaned up."""
import fcntl
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

BUILD = pathlib.Path(os.environ.get("LOGBOOM_BUILD", ".")).resolve()
SOURCE = pathlib.Path(__file__).resolve().parents[3]


class _Ports:
    """Ports of 20000 to 29999, below the ephemeral range, where clients take theirs. One that was
    given out is this process's until it ends, whether anything listens on it or not (a killed
    node's waits for its restart): other workers see the lock on its byte of a common file."""

    first, count = 20000, 10000

    def __init__(self):
        self.file, self.given = None, set()

    def take(self):
        if self.file is None:
            path = f"{tempfile.gettempdir()}/logboom-test-ports-{os.getuid()}"
            self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for port in random.SystemRandom().sample(range(self.first, self.first + self.count), 1000):
            if port in self.given or not self.is_free(port):
                continue
            try:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            except OSError:  # another process's
                continue
            self.given.add(port)
            return port
        raise RuntimeError("no free port between 20000 and 30000")

    @staticmethod
    def is_free(port):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return True
            except OSError:
                return False


_ports = _Ports()


def free_port():
    """A port that nothing listens on, and that no other test is given while this process lives."""
    return _ports.take()


def slowness():
    """By how much a sanitized build is slower than another, for bounds on speed: 1 or 5. What was
    built for finding errors says nothing about speed; the ordinary build has the exact bounds."""
    return 5 if b"__asan_init" in (BUILD / "logboom-broker").read_bytes() else 1


def wait_until(claim, seconds, what, every=0.02):
    """Waits until claim() is true and returns its value; fails with what, or what it returns,
    otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        value = claim()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(every)


class Process:
    """One child in its own session; its output goes to a file."""

    everyone = []  # all that were started, for whoever cleans up after a failure

    def __init__(self, name, argv, log_path, env=None):
        self.name, self.argv, self.log_path = name, [str(a) for a in argv], pathlib.Path(log_path)
        self.env = dict(os.environ, **(env or {}))
        self.child = None
        self.log_begin = 0

    def start(self):
        assert self.child is None
        self.log_begin = self.log_path.stat().st_size if self.log_path.exists() else 0
        Process.everyone.append(self)
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=self.env, start_new_session=True)
        return self

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def _end(self, signum, seconds):
        if self.child is None:
            return None
        if self.child.poll() is None:
            os.killpg(self.child.pid, signum)
        try:
            code = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait(10)
            raise AssertionError(f"{self.name} did not end within {seconds} s of signal {signum}:\n"
                                 + self.tail())
        self.child = None
        return code

    def kill(self):
        """kill -9."""
        return self._end(signal.SIGKILL, 10)

    def pause(self):
        """SIGSTOP: sockets stay open, nothing answers."""
        os.killpg(self.child.pid, signal.SIGSTOP)

    def go_on(self):
        os.killpg(self.child.pid, signal.SIGCONT)

    def stop(self, seconds=30):
        """SIGTERM: drain and stop; returns the exit code."""
        return self._end(signal.SIGTERM, seconds)

    def said(self, text):
        """Whether its output since the last start has this in it."""
        if not self.log_path.exists():
            return False
        with open(self.log_path, "rb") as log:
            log.seek(self.log_begin)
            return text.encode() in log.read()

    def tail(self, lines=30):
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def rss_bytes(self):
        for line in open(f"/proc/{self.child.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def peak_bytes(self):
        for line in open(f"/proc/{self.child.pid}/status"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu_seconds(self):
        fields = open(f"/proc/{self.child.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Daemon(Process):
    """One of our daemons with a configuration of its own."""

    ready_when_unhealthy = False

    def __init__(self, program, directory, config, sets=(), name=None):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.http_port = free_port()
        self.config_path = directory / f"{name or program}.yml"
        self.config_path.write_text(config)
        argv = [
            BUILD / program, "--config", self.config_path, "--set", f"http.port={self.http_port}"
        ]
        for s in sets:
            argv += ["--set", s]
        super().__init__(name or program, argv, directory / f"{name or program}.log")

    def start(self, seconds=60):
        super().start()
        wait_until(self.ready, seconds, lambda: f"{self.name} is ready\n{self.tail()}")
        return self

    def ready(self):
        if not self.alive():
            raise AssertionError(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
        try:
            return self.http("/healthz") is not None
        except urllib.error.HTTPError:
            return self.ready_when_unhealthy
        except OSError:
            return False

    def http(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as r:
            return r.read().decode()

    def metric(self, name):
        """The sum of all samples of a metric."""
        total, found = 0.0, False
        for line in self.http("/metrics").splitlines():
            if line.startswith(name) and line[len(name)] in " {":
                total, found = total + float(line.rsplit(" ", 1)[1]), True
        assert found, f"{self.name} has no metric {name}"
        return total


class Broker(Daemon):
    def __init__(self, directory, extra="", sets=()):
        self.port = free_port()
        self.data = pathlib.Path(directory) / "broker-data"
        super().__init__("logboom-broker", directory, f"""
node.id: 1
listeners: PLAINTEXT://127.0.0.1:{self.port}
log.dirs: {self.data}
group.initial.rebalance.delay.ms: 0
{extra}
""", sets)

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"


class Agent(Daemon):
    def __init__(self, directory, bootstrap, inputs, output="", extra="", name="logboom-agent"):
        self.data = pathlib.Path(directory) / f"{name}-data"
        super().__init__("logboom-agent", directory, f"""
path.data: {self.data}
filebeat.inputs:
{inputs}
output.kafka:
  hosts: ["{bootstrap}"]
  topic: "logs-%{{[fields.log_topic]}}"
{output}
{extra}
""", name=name)


class Connect(Daemon):
    ready_when_unhealthy = True  # from its first request on while a sink fails

    def __init__(self, directory, bootstrap, flows, extra="", name="logboom-connect"):
        self.data = pathlib.Path(directory) / f"{name}-data"
        super().__init__("logboom-connect", directory, f"""
bootstrap.servers: {bootstrap}
path.data: {self.data}
flows:
{flows}
{extra}
""", name=name)


def run(argv, seconds=60, stdin=None, check=True, env=None):
    """Runs a command to its end and returns its standard output."""
    p = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, timeout=seconds,
                       env=dict(os.environ, **(env or {})))
    if check and p.returncode != 0:
        raise AssertionError(
            f"{argv[0]} ended with {p.returncode}\n{p.stdout.decode(errors='replace')}\n"
            f"{p.stderr.decode(errors='replace')}")
    return p.stdout.decode(errors="replace")


def genlog(*args):
    """Lines of bench/genlog as bytes."""
    return subprocess.run([str(BUILD / "bench/genlog"), *map(str, args)], capture_output=True,
                          check=True, timeout=120).stdout
