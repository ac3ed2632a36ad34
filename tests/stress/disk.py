#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real disks without room and folders without permission: said before the first tensor, with nothing left."""
import os
import shutil
import subprocess
import unittest

from stress import Case, skip

NOBODY = 65534


class Disk(Case):
    in_memory = False
    model_options = ["--size", "24M", "--hidden", "256"]

    def mount(self, *arguments):
        """A small file system at "small" for the length of a test."""
        small = self.path("small")
        os.makedirs(small, exist_ok=True)
        done = subprocess.run(["mount", *arguments, small], stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            skip(self, "mounting is not allowed: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", small])
        return small

    def mount_ext4(self, megabytes):
        if not shutil.which("mkfs.ext4") or not shutil.which("mount"):
            skip(self, "mkfs.ext4 or mount is not there")
        image = self.path("image")
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        made = subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], stderr=subprocess.PIPE, text=True)
        if made.returncode != 0:
            skip(self, "no ext4 can be made: " + made.stderr.strip())
        self.addCleanup(os.unlink, image)
        return self.mount("-o", "loop", image)

    def check_too_small(self, small):
        before = os.listdir(small)
        run = self.merge("linear", out=os.path.join(small, "out"), code=1)
        self.assertRegex(run.err, r"(?i)space|room|full", run)
        self.assertEqual(os.listdir(small), before)

    def test_a_memory_file_system_that_is_too_small(self):
        self.check_too_small(self.mount("-t", "tmpfs", "-o", "size=8m", "none"))

    def test_a_disk_that_is_too_small(self):
        self.check_too_small(self.mount_ext4(16))

    def test_a_disk_that_is_large_enough(self):
        small = self.mount_ext4(64)
        self.merge("linear", out=os.path.join(small, "out"), code=0)
        self.assertIn("out", os.listdir(small))

    def test_a_folder_without_permission(self):
        if os.geteuid() != 0:
            skip(self, "only root can become somebody else")
        closed = self.path("closed")
        os.makedirs(closed, mode=0o755, exist_ok=True)
        os.chmod(self.folder, 0o755)
        run = subprocess.run(self.command("linear", out=os.path.join(closed, "out")), cwd=self.folder, user=NOBODY, group=NOBODY,
                             extra_groups=[], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("closed", run.stderr)
        self.assertIn("ermission denied", run.stderr)
        self.assertEqual(os.listdir(closed), [])


if __name__ == "__main__":
    unittest.main()
