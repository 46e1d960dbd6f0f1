#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""faults.py AGENT [CASE...] - logboom-agent under faults: every line must arrive, none under two
event.ids, in order per file generation. Output goes to a file (output.file); each case makes its
own directory.
Exit code 0 only when all cases are right."""
import json, os, random, shutil, signal, subprocess, sys, tempfile, threading, time

AGENT = sys.argv[1]
RNG = random.Random(int(os.environ.get("SEED", "1")))


class Run:
    """One agent with its directory."""

    def __init__(self, name, paths="*.log*", extra=""):
        self.dir = tempfile.mkdtemp(prefix="agent-%s-" % name)
        self.logs = self.dir + "/logs"
        self.out = self.dir + "/out"
        os.makedirs(self.logs)
        os.makedirs(self.out)
        with open(self.dir + "/agent.yml", "w") as f:
            f.write("""path.data: %s/data
http.enabled: false
filebeat.inputs:
- {type: filestream, id: t, paths: ["%s/%s"], prospector.scanner.check_interval: 500ms%s}
output.file: {path: %s, filename: o}
""" % (self.dir, self.logs, paths, extra, self.out))
        self.proc = None

    def start(self, **kw):
        self.proc = subprocess.Popen([AGENT, "--config", self.dir + "/agent.yml"],
                                     stderr=open(self.dir + "/stderr", "a"), **kw)

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        rc = self.proc.wait(30)
        assert rc == 0, "exit code %d" % rc

    def events(self):
        path = self.out + "/o.ndjson"
        if not os.path.exists(path):
            return []
        with open(path, "rb") as f:
            whole = f.read().rpartition(b"\n")[0]  # a torn last line is cut at the next start
            return [json.loads(line) for line in whole.split(b"\n") if line.strip()]

    def wait(self, count, seconds=30):
        end = time.time() + seconds
        path = self.out + "/o.ndjson"
        while time.time() < end:
            if os.path.exists(path):
                with open(path, "rb") as f:
                    ready = f.read().count(b"\n") >= count
                if ready and len({e["event"]["id"] for e in self.events()}) >= count:
                    time.sleep(0.05)
                    return
            time.sleep(0.05)

    def check(self, expected, ordered=True):
        """expected: the multiset of messages. A repeated event.id is the same line sent again."""
        by_id = {}
        for e in self.events():
            i = e["event"]["id"]
            assert by_id.setdefault(i, e["message"]) == e["message"], "one id, two messages"
        got = sorted(by_id.values())
        want = sorted(expected)
        missing = len(want) - len(set(want) & set(got)) if len(set(want)) == len(want) else None
        extra = len(got) - len(set(got)) if len(set(want)) == len(want) else None
        assert got == want, "%d lines of %d expected; lost %s, twice %s (%s)" % (
            len(got), len(want), missing, extra, self.dir)
        if ordered:
            last, seen = {}, set()
            for e in self.events():
                i, off = e["event"]["id"].split("-")
                if e["event"]["id"] not in seen:  # a repeat may be anywhere
                    assert int(off, 16) > last.get(i, -1), "out of order: %s" % e
                    last[i] = int(off, 16)
                seen.add(e["event"]["id"])
        shutil.rmtree(self.dir)


def line(i, stream=0):
    return "s%d %09d %s" % (stream, i, "x" * (i * 7919 % 180))


def rename_rotation():
    r = Run("rename")
    r.start()
    want = []
    n = 0
    for gen in range(10):
        with open(r.logs + "/a.log", "a") as f:
            end = time.time() + 0.3
            while time.time() < end:
                for _ in range(50):
                    f.write(line(n) + "\n")
                    want.append(line(n))
                    n += 1
                f.flush()
                time.sleep(0.002)
        for k in range(25, 0, -1):
            if os.path.exists(r.logs + "/a.log.%d" % k):
                os.rename(r.logs + "/a.log.%d" % k, r.logs + "/a.log.%d" % (k + 1))
        os.rename(r.logs + "/a.log", r.logs + "/a.log.1")
    r.wait(len(want))
    r.stop()
    r.check(want)


def rename_out_of_glob():
    r = Run("renameout", paths="*.log")
    r.start()
    want = []
    n = 0
    for gen in range(15):
        with open(r.logs + "/a.log", "a") as f:
            time.sleep(0.05)
            for _ in range(1000):
                f.write(line(n) + "\n")
                want.append(line(n))
                n += 1
            f.flush()
            time.sleep(0.2)
            os.rename(r.logs + "/a.log", r.logs + "/old.%d" % gen)
            for _ in range(500):  # the writer has not heard of the rotation yet
                f.write(line(n) + "\n")
                want.append(line(n))
                n += 1
    r.wait(len(want))
    r.stop()
    r.check(want)


def copytruncate(kills=0):
    r = Run("copytruncate")
    r.start()
    want = []
    n = 0
    f = open(r.logs + "/a.log", "a")
    for gen in range(12):
        for _ in range(40):
            for _ in range(100):
                f.write(line(n) + "\n")
                want.append(line(n))
                n += 1
            f.flush()
            time.sleep(0.005)
            if kills and RNG.random() < 0.05:
                r.kill()
                r.start()
        # logrotate: older ones move up, then copy and truncate; the writer is quiet meanwhile:
        # what is written between the two is lost to everybody
        for k in range(25, 0, -1):
            if os.path.exists(r.logs + "/a.log.%d" % k):
                os.rename(r.logs + "/a.log.%d" % k, r.logs + "/a.log.%d" % (k + 1))
        shutil.copyfile(r.logs + "/a.log", r.logs + "/a.log.1")
        if kills and RNG.random() < 0.5:
            r.kill()
            r.start()
        os.truncate(r.logs + "/a.log", 0)
    f.close()
    r.wait(len(want))
    r.stop()
    r.check(want)


def copytruncate_kill():
    copytruncate(kills=1)


def truncate_regrow():
    r = Run("regrow")
    r.start()
    want = []
    n = 0
    for gen in range(10):
        with open(r.logs + "/a.log", "w") as f:
            for _ in range(500 * (gen + 1)):
                f.write(line(n) + "\n")
                want.append(line(n))
                n += 1
        r.wait(len(want), 5)
    for _ in range(3):
        r.stop()
        r.start()
        time.sleep(0.3)
    r.stop()
    assert len(r.events()) == len(want), "sent again after restarts"
    r.check(want)


def delete_while_written():
    r = Run("delete")
    r.start()
    want = []
    n = 0
    for gen in range(10):
        f = open(r.logs + "/a%d.log" % gen, "w")
        for part in range(4):
            for _ in range(1000):
                f.write(line(n) + "\n")
                want.append(line(n))
                n += 1
            f.flush()
            time.sleep(0.05)
            if part == 1:
                os.unlink(r.logs + "/a%d.log" % gen)
        f.close()
    r.wait(len(want))
    r.stop()
    r.check(want)


def many_files():
    r = Run("many")
    want = []
    for i in range(10000):
        with open(r.logs + "/%05d.log" % i, "w") as f:
            for k in range(i % 4):
                f.write(line(i * 10 + k) + "\n")
                want.append(line(i * 10 + k))
    r.start()
    r.wait(len(want))
    for i in range(0, 10000, 7):
        with open(r.logs + "/%05d.log" % i, "a") as f:
            f.write(line(i, 1) + "\n")
            want.append(line(i, 1))
    r.wait(len(want))
    r.stop()
    r.start()
    time.sleep(1.5)
    r.stop()
    assert len(r.events()) == len(want), "sent again after a restart"
    r.check(want)


def equal_heads():
    r = Run("heads")
    want = []
    head = "# the same header " + "h" * 5000
    for i in range(50):
        with open(r.logs + "/f%d.log" % i, "w") as f:
            f.write(head + "\n")
            want.append(head)
    for i in range(1000):
        open(r.logs + "/e%d.log" % i, "w").close()
    r.start()
    r.wait(len(want))
    for i in range(50):
        with open(r.logs + "/f%d.log" % i, "a") as f:
            f.write(line(i) + "\n")
            want.append(line(i))
    for i in range(1000):
        with open(r.logs + "/e%d.log" % i, "a") as f:
            f.write(line(i, 2) + "\n")
            want.append(line(i, 2))
    r.wait(len(want))
    r.stop()
    r.check(want)


def long_line_and_odd_bytes():
    r = Run("bytes", extra="")
    big = "B" * 5000000
    with open(r.logs + "/a.log", "wb") as f:
        f.write(b"first\n" + big.encode() + b"\n")
        for i in range(1000):
            f.write(line(i).encode() + b"\n")
        f.write(b"nul \0 inside\n\nlast \xc3\xa4\n")
    r.start()
    want = ["first", big] + [line(i) for i in range(1000)] + ["nul \0 inside", "", "last \u00e4"]
    r.wait(len(want))
    r.stop()
    r.check(want)


def inode_reuse():
    r = Run("inode", paths="*.log")
    r.start()
    want = []
    n = 0
    seen = set()
    reused = 0
    for i in range(200):
        p = r.logs + "/f.log"
        with open(p, "w") as f:
            for _ in range(5 + i % 30):
                f.write(line(n) + "\n")
                want.append(line(n))
                n += 1
        ino = os.stat(p).st_ino
        reused += ino in seen
        seen.add(ino)
        r.wait(len(want), 5)
        os.unlink(p)
        if i % 10 == 9:
            r.kill()
            with open(p, "w") as f:
                for _ in range(50):
                    f.write(line(n) + "\n")
                    want.append(line(n))
                    n += 1
            reused += os.stat(p).st_ino in seen
            r.start()
            r.wait(len(want), 5)
            os.unlink(p)
    r.stop()
    print("  inodes reused: %d" % reused)
    r.check(want)


def kill_loop():
    r = Run("kill")
    stop = threading.Event()
    want = []

    def writer(k):
        n = 0
        gen = 0
        mine = []
        f = open(r.logs + "/w%d.log" % k, "a")
        while not stop.is_set():
            for _ in range(20):
                f.write(line(n, k) + "\n")
                mine.append(line(n, k))
                n += 1
            f.flush()
            time.sleep(0.002)
            if n % 5000 == 0:
                os.rename(r.logs + "/w%d.log" % k, r.logs + "/w%d.log.%d" % (k, gen))
                gen += 1
                f.close()
                f = open(r.logs + "/w%d.log" % k, "a")
        f.close()
        want.extend(mine)

    threads = [threading.Thread(target=writer, args=(k,)) for k in range(2)]
    for t in threads:
        t.start()
    for _ in range(10):
        r.start()
        time.sleep(RNG.random() * 0.4)
        r.kill()
    stop.set()
    for t in threads:
        t.join()
    r.start()
    r.wait(len(want))
    r.stop()
    print("  lines %d, sent again %d" % (len(want), len(r.events()) - len(want)))
    r.check(want)


def limit():
    r = Run("limit", extra=", harvester_limit: 10")
    want = []
    for i in range(1000):
        with open(r.logs + "/%d.log" % i, "w") as f:
            for k in range(20):
                f.write(line(k, i) + "\n")
                want.append(line(k, i))
    r.start()
    r.wait(len(want))
    r.stop()
    r.check(want)


def few_descriptors():
    import resource
    r = Run("emfile")
    want = []
    for i in range(1000):
        with open(r.logs + "/%d.log" % i, "w") as f:
            f.write(line(0, i) + "\n")
            want.append(line(0, i))
    r.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    r.wait(len(want))
    r.stop()
    r.check(want)


CASES = [rename_rotation, rename_out_of_glob, copytruncate, copytruncate_kill, truncate_regrow,
         delete_while_written, many_files, equal_heads, long_line_and_odd_bytes, inode_reuse,
         kill_loop, limit, few_descriptors]


def main():
    names = sys.argv[2:]
    failed = 0
    for case in CASES:
        if names and case.__name__ not in names:
            continue
        begin = time.time()
        try:
            case()
            print("%-28s ok      %.1f s" % (case.__name__, time.time() - begin), flush=True)
        except AssertionError as e:
            failed += 1
            print("%-28s FAILED  %s" % (case.__name__, e), flush=True)
    return failed > 0


sys.exit(main())
