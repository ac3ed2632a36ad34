# SPDX-License-Identifier: Apache-2.0
"""Memory cgroups, of version 1 or 2, that merges are put into; only root can make them."""
import os
import re
import time

V1, V2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
made = 0


class Group:
    """One with a limit. Raises OSError where there is none to be had."""

    def __init__(self, limit_bytes):
        global made
        made += 1
        old = os.path.exists(os.path.join(V1, "memory.limit_in_bytes"))
        self.events = "memory.oom_control" if old else "memory.events"
        self.folder = os.path.join(V1 if old else V2, f"ladle-test-{os.getpid()}-{made}")
        if not old:
            self.offer()
        os.mkdir(self.folder)
        try:
            self.write("memory.limit_in_bytes" if old else "memory.max", limit_bytes)
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

    def enter(self):
        """Called by the process that shall be in it."""
        self.write("cgroup.procs", os.getpid())

    def kills(self):
        """How many processes in it were killed because they did not fit."""
        with open(os.path.join(self.folder, self.events), encoding="ascii") as file:
            return int(re.search(r"^oom_kill (\d+)$", file.read(), re.MULTILINE).group(1))

    def remove(self):
        for _ in range(50):
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.1)
