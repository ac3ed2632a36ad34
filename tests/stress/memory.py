#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The memory promise, in a real memory cgroup of the budget and 16 MiB: merges of models several times larger finish in it, from
tensors that fit and from one that does not, through the page cache as well, and going on after a kill."""
import json
import os
import subprocess
import unittest

from cgroup import Group
from stress import Case, has_record, kill, skip, stop_when, LADLE

FULL_MIB = 128

class Memory(Case):
    model_options = ["--size", "160M", "--hidden", "512", "--huge", "96M"]
    shard_size = "100M"
    in_memory = False

    def setUp(self):
        super().setUp()
        if not self.limited:
            skip(self, "there is no limit")

    def check(self, recipe, *options):
        self.merge(recipe, "--threads", "2", *options, code=0)
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
        run = self.start("ties", "--threads", "2")
        self.assertTrue(stop_when(run, lambda: has_record(self.path(".out.ladle-partial"))))
        kill(run)
        self.check("ties")

    def test_pages_of_files_are_no_memory_in_use(self):
        """A cgroup that is full of them leaves as much as an empty one: the kernel gives them up."""
        group = Group(FULL_MIB << 20)
        self.addCleanup(group.remove)

        def fill():
            group.enter()
            with open(self.path("filler"), "wb", buffering=0) as file:
                for _ in range(FULL_MIB + 16):
                    file.write(bytes(1 << 20))
        self.addCleanup(os.unlink, self.path("filler"))
        done = subprocess.run([LADLE, "plan", "linear.yml", "--json"], cwd=self.folder, preexec_fn=fill, stdout=subprocess.PIPE,
                              check=True)
        self.assertGreater(json.loads(done.stdout)["memory"]["budget_bytes"], FULL_MIB // 2 << 20)

    def test_the_limit_is_one(self):
        """Without the budget the same merge does not fit: the cgroup works, and the tests above say something."""
        group = Group((self.budget_mib + 16) << 20)
        self.addCleanup(group.remove)
        run = subprocess.Popen(self.command("ties", "--memory", "256M", "--threads", "2"), cwd=self.folder,
                               preexec_fn=group.enter, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.assertNotEqual(self.finish(run).code, 0)
        self.assertGreater(group.kills(), 0)


if __name__ == "__main__":
    unittest.main()
