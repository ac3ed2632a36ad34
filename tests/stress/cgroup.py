# SPDX-License-Identifier: Apache-2.0
"""Memory cgroups, of version 1 or 2, that merges are put into; only root can make them."""
import os
import re
import sys
import tempfile
import time

V1, V2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
SETTLE_SECONDS, SETTLED_BYTES = 60, 4 << 20


class Group:
    """One with a limit. Raises OSError where there is none to be had."""

    def __init__(self, limit_bytes):
        old = os.path.exists(os.path.join(V1, "memory.limit_in_bytes"))
        self.events = "memory.oom_control" if old else "memory.events"
        self.usage, self.cache = ("memory.usage_in_bytes", "cache") if old else ("memory.current", "file")
        if not old:
            self.offer()
        # Another container may see the same folder, and have processes of the same numbers.
        self.folder = tempfile.mkdtemp(prefix="ladle-test-", dir=V1 if old else V2)
        try:
            self.write("memory.limit_in_bytes" if old else "memory.max", limit_bytes)
            swap, most = ("memory.memsw.limit_in_bytes", limit_bytes) if old else ("memory.swap.max", 0)
            if os.path.exists(os.path.join(self.folder, swap)):
                self.write(swap, most)  # what does not fit would go there, and nobody would see it
        except OSError:
            self.remove()
            raise

    @staticmethod
    def offer():
        """Lets groups have a limit of memory, where nobody did so before."""
        with open(os.path.join(V2, "cgroup.subtree_control"), "r+", encoding="ascii") as file:
            if "memory" not in file.read().split():
                file.write("+memory")

    def write(self, name, value):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="ascii") as file:
            return file.read()

    def settle(self):
        """Waits for the memory of a killed process that the disk still reads into: it counts until then, and in huge pages."""
        end = time.monotonic() + SETTLE_SECONDS
        while not self.read("cgroup.procs").strip():
            stat = self.read("memory.stat")
            left = int(self.read(self.usage)) - int(re.search(rf"^{self.cache} (\d+)$", stat, re.MULTILINE).group(1))
            if left < SETTLED_BYTES:
                return
            if time.monotonic() > end:
                print(f"{self.folder}: {left} bytes are in use, but by no process:\n{stat}", file=sys.stderr)
                return
            time.sleep(0.01)

    def enter(self):
        """Called by the process that shall be in it."""
        self.write("cgroup.procs", os.getpid())

    def kills(self):
        """How many processes in it were killed because they did not fit."""
        return int(re.search(r"^oom_kill (\d+)$", self.read(self.events), re.MULTILINE).group(1))

    def remove(self):
        for _ in range(50):
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.1)
