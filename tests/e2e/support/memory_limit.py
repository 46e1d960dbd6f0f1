# SPDX-License-Identifier: Apache-2.0
"""Processes in a memory control group of their own, as in a container with a limit.

The page cache of a limited group reuses its own oldest pages. Without a limit each new page is one
that was free, and the host of a virtual machine may have taken that back: its first user then pays
several times what is written to it, and another time nothing at all.
"""
import os
import pathlib

ROOT = pathlib.Path("/sys/fs/cgroup")


def own_group():
    """The folder of this process's memory group and its limit's file name: cgroup v1, else v2."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return ROOT / "memory" / path.lstrip("/"), "memory.limit_in_bytes"
    return ROOT / path.lstrip("/"), "memory.max"


class MemoryLimit:
    """A group below this process's own. `works` is false where none can be made: not root, or the
    controller is not given to this group's children."""

    def __init__(self):
        parent, name = own_group()
        self.folder = parent / f"logboom-{os.getpid()}"
        self.file = self.folder / name
        try:
            self.folder.mkdir(exist_ok=True)
            self.works = self.file.exists()
        except OSError:
            self.works = False

    def take(self, pids):
        for pid in pids:
            (self.folder / "cgroup.procs").write_text(str(pid))

    def set(self, limit_bytes):
        self.file.write_text(str(int(limit_bytes)))

    def release(self, pids):
        """Back to where they came from, without a limit."""
        for pid in pids:
            (self.folder.parent / "cgroup.procs").write_text(str(pid))
        self.folder.rmdir()
