#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The memory promise, in a real memory cgroup of the budget and 16 MiB: merges of models several times larger finish in it, from
tensors that fit and from one that does not, through the page cache as well, and going on after a kill."""
import os
import subprocess
import time
import unittest

from stress import Case, has_record, kill, skip, stop_when

BUDGET_MIB = 32
V1, V2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"


class Group:
    """A memory cgroup with a limit, of version 1 or 2; made as root only."""

    def __init__(self, limit_bytes):
        old = os.path.exists(os.path.join(V1, "memory.limit_in_bytes"))
        self.folder = os.path.join(V1 if old else V2, f"ladle-test-{os.getpid()}")
        os.mkdir(self.folder)
        try:
            self.write("memory.limit_in_bytes" if old else "memory.max", limit_bytes)
        except OSError:
            self.remove()
            raise

    def write(self, name, value):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def enter(self):
        """Called by the process that shall be in it."""
        self.write("cgroup.procs", os.getpid())

    def remove(self):
        for _ in range(50):
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.1)


class Memory(Case):
    model_options = ["--size", "160M", "--hidden", "512", "--huge", "96M"]
    shard_size = "100M"
    in_memory = False

    def setUp(self):
        super().setUp()
        if os.environ.get("SANITIZED"):
            skip(self, "a sanitizer takes memory of its own")
        try:
            self.group = Group((BUDGET_MIB + 16) << 20)
        except OSError as why:
            skip(self, f"no memory cgroup to be had: {why}")
        self.addCleanup(self.group.remove)

    def limited(self, recipe, *options):
        return subprocess.Popen(self.command(recipe, "--memory", f"{BUDGET_MIB}M", "--threads", "2", *options),
                                cwd=self.folder, preexec_fn=self.group.enter, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def check(self, recipe, *options):
        done = self.finish(self.limited(recipe, *options))
        self.assertEqual(done.code, 0, done)
        self.assert_complete(recipe)

    def test_one_pass(self):
        self.check("linear")

    def test_statistics_of_tensors_that_do_not_fit(self):
        self.check("ties")

    def test_blocking_threads(self):
        self.check("linear", "--io", "threads")

    def test_through_the_page_cache(self):
        self.check("ties", "--direct", "off")

    def test_going_on_after_a_kill(self):
        self.expected("ties")
        run = self.limited("ties")
        self.assertTrue(stop_when(run, lambda: has_record(self.path(".out.ladle-partial"))))
        kill(run)
        self.check("ties")

    def test_the_limit_is_one(self):
        """Without the budget the same merge does not fit: the cgroup works, and the tests above say something."""
        run = subprocess.Popen(self.command("ties", "--memory", "256M", "--threads", "2"), cwd=self.folder,
                               preexec_fn=self.group.enter, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertNotEqual(self.finish(run).code, 0)


if __name__ == "__main__":
    unittest.main()
