# SPDX-License-Identifier: Apache-2.0
"""Bad worlds: networks that lose, delay and cut; power cuts; full disks; flipped bits.

Network and FullDisk need root; `why_not()` of each says what is missing.
"""
import os
import pathlib
import shutil
import struct
import subprocess

from .cluster import Place
from .process import BUILD, run

POWERCUT = BUILD / "tests/e2e/faults/powercut.so"
NETWORK = BUILD / "tests/e2e/faults/bad_network"


class Network:
    """Namespaces 0..n-1 for nodes 1..n and one more for clients, joined by bad_network."""

    def __init__(self, nodes=3):
        tag = f"lb{os.getpid() % 100000}{os.urandom(2).hex()}"
        self.spaces = [f"{tag}-{i}" for i in range(nodes + 1)]
        self.child = None

    @staticmethod
    def why_not():
        if os.geteuid() != 0:
            return "network namespaces need root"
        if not shutil.which("ip"):
            return "iproute2 is not installed"
        if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
            return "there is no /dev/net/tun"
        return None

    def start(self):
        for name in self.spaces:
            run(["ip", "netns", "add", name])
        self.child = subprocess.Popen([str(NETWORK), *self.spaces], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == "ok\n"
        return self

    def stop(self):
        if self.child:
            self.child.stdin.close()
            self.child.wait(10)
        for name in self.spaces:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=10)

    def prefix(self, i):
        return ["ip", "netns", "exec", self.spaces[i]]

    @property
    def client_prefix(self):
        return self.prefix(len(self.spaces) - 1)

    def places(self, folder):
        return [Place(i + 1, folder, f"10.77.0.{i + 1}", (9092, 9093), self.prefix(i))
                for i in range(len(self.spaces) - 1)]

    def rule(self, sender="*", receiver="*", loss=0, delay=0, jitter=0):
        """Nodes by their ids (1..n), clients by 0, or "*"."""
        def index(who):
            return who if who == "*" else len(self.spaces) - 1 if who == 0 else who - 1

        self.child.stdin.write(f"rule {index(sender)} {index(receiver)} {loss} {delay} {jitter}\n")
        self.child.stdin.flush()
        assert self.child.stdout.readline() == "ok\n"

    def heal(self):
        self.rule()

    def cut(self, a, b):
        self.rule(a, b, 100)
        self.rule(b, a, 100)

    def cut_off(self, node, clients_too=False):
        """The node hears and reaches no other node."""
        for other in range(0 if clients_too else 1, len(self.spaces)):
            if other != node:
                self.cut(node, other)


def powercut_env(node_folder, data):
    """What a node's environment needs so that power_cut() can take away what it did not sync."""
    state = pathlib.Path(node_folder) / "powercut"
    state.mkdir(exist_ok=True)
    data = pathlib.Path(data)
    data.mkdir(exist_ok=True)
    asan = os.environ.get("ASAN_OPTIONS", "")  # a sanitized program wants to be loaded first
    return {"ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0".lstrip(":"),
            "LD_PRELOAD": str(POWERCUT), "LOGBOOM_POWERCUT": str(state),
            "LOGBOOM_POWERCUT_ROOT": str(data.resolve())}


def undo_records(state, undo_from):
    at = undo_from
    while at + 16 <= len(state):
        pos, length = struct.unpack_from("=QQ", state, at)
        if at + 16 + length > len(state):
            return
        yield pos, state[at + 16:at + 16 + length]
        at += 16 + length


def power_cut(nodes, rng, tear=True):
    """kill -9, then takes away what was not synced: all of it, or, with tear, the tail behind some
    byte of it, the rest being noise. Returns how many bytes were lost."""
    for node in nodes:
        node.kill()
    lost = 0
    for node in nodes:
        states = node.place.folder / "powercut"
        for path in pathlib.Path(node.data).rglob("*"):
            if not path.is_file():
                continue
            state_path = states / str(path.stat().st_ino)
            if not state_path.exists():
                continue
            state = state_path.read_bytes()
            synced, undo_from = struct.unpack_from("=QQ", state)
            size = path.stat().st_size
            with open(path, "r+b") as f:
                for pos, old in reversed(list(undo_records(state, undo_from))):
                    f.seek(pos)
                    f.write(old)
                keep = synced
                if tear and size > synced and rng.random() < 0.5:
                    keep = rng.randrange(synced, size)
                    start = max(synced, keep - rng.randrange(1, 4096))
                    f.seek(start)
                    f.write(rng.randbytes(keep - start))
                f.truncate(keep)
            lost += max(0, size - keep)
        shutil.rmtree(states)
        states.mkdir()
    return lost


class FullDisk:
    """A small file system in memory, mounted on a folder."""

    def __init__(self, folder, megabytes):
        self.folder, self.megabytes = pathlib.Path(folder), megabytes

    @staticmethod
    def why_not():
        return None if os.geteuid() == 0 else "mounting needs root"

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        run(["mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m", "none", self.folder])
        return self

    def stop(self):
        subprocess.run(["umount", "-l", str(self.folder)], capture_output=True, timeout=10)

    def fill(self, leave_bytes=0):
        """Takes all the space but this much; returns the file to remove."""
        st = os.statvfs(self.folder)
        path = self.folder / "ballast"
        with open(path, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, max(1, st.f_bavail * st.f_frsize - leave_bytes))
        return path


def flip(path, rng, bits=1, after=0):
    """Turns bits of a file over; returns where."""
    path = pathlib.Path(path)
    data = bytearray(path.read_bytes())
    places = []
    for _ in range(bits):
        at = rng.randrange(after, len(data))
        data[at] ^= 1 << rng.randrange(8)
        places.append(at)
    path.write_bytes(data)
    return places
