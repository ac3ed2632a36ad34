#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real disks without room, quotas and folders without permission: said before the first tensor, with nothing left. A disk that
gets full later ends the merge, and with room again the same command goes on."""
import ctypes
import errno
import os
import shutil
import signal
import subprocess
import unittest

from stress import Case, needs_faults, skip, tree, TIMEOUT_SECONDS

NOBODY = 65534
QUOTA_MIB = 12


class Quota(ctypes.Structure):
    """struct if_dqblk of the kernel; blocks are of 1 KiB."""
    _fields_ = [(name, ctypes.c_uint64) for name in ("hard", "soft", "space", "inode_hard", "inode_soft", "inodes", "time",
                                                     "inode_time")] + [("valid", ctypes.c_uint32)]


def set_quota(device, user, mebibytes):
    """Returns None or why it could not be set."""
    set_user_quota = 0x800008 << 8
    quota = Quota(hard=mebibytes << 10, soft=mebibytes << 10, valid=1)
    library = ctypes.CDLL(None, use_errno=True)
    if library.quotactl(set_user_quota, device.encode(), user, ctypes.byref(quota)) != 0:
        return os.strerror(ctypes.get_errno())
    return None


class Disk(Case):
    in_memory = False
    model_options = ["--size", "24M", "--hidden", "256"]

    def mount(self, *arguments):
        """A small file system at "small" for the length of a test."""
        small = self.path("small")
        os.makedirs(small, exist_ok=True)
        done = subprocess.run(["mount", *arguments, small], stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            skip(self, "it cannot be mounted here: " + " ".join(done.stderr.split()))
        self.addCleanup(subprocess.run, ["umount", small])
        return small

    def mount_ext4(self, megabytes, features="^has_journal", options="loop"):
        if not shutil.which("mkfs.ext4") or not shutil.which("mount"):
            skip(self, "mkfs.ext4 or mount is not there")
        image = self.path("image")
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        made = subprocess.run(["mkfs.ext4", "-q", "-O", features, image], stderr=subprocess.PIPE, text=True)
        if made.returncode != 0:
            skip(self, "no ext4 can be made: " + made.stderr.strip())
        self.addCleanup(os.unlink, image)
        return self.mount("-o", options, image)

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

    def as_nobody(self, out):
        """A merge by a user who may do little."""
        if os.geteuid() != 0:
            skip(self, "only root can become somebody else")
        os.chmod(self.folder, 0o755)
        run = subprocess.run(self.command("linear", out=out), cwd=self.folder, user=NOBODY, group=NOBODY, extra_groups=[],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(run.returncode, 1, run.stderr)
        return run.stderr

    def test_a_folder_without_permission(self):
        closed = self.path("closed")
        os.makedirs(closed, mode=0o755, exist_ok=True)
        said = self.as_nobody(os.path.join(closed, "out"))
        self.assertIn("closed", said)
        self.assertIn("ermission denied", said)
        self.assertEqual(os.listdir(closed), [])

    def test_a_quota_that_is_too_small(self):
        small = self.mount_ext4(64, "quota", "loop,usrquota")
        device = subprocess.run(["findmnt", "-no", "SOURCE", small], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        why = set_quota(device, NOBODY, QUOTA_MIB)
        if why:
            skip(self, "no quota to be had: " + why)
        os.chmod(small, 0o777)
        before = os.listdir(small)
        said = self.as_nobody(os.path.join(small, "out"))
        self.assertIn("quota", said)
        self.assertEqual(os.listdir(small), before)

    def fill_in_the_middle(self, small):
        """Where space cannot be reserved: something else takes it while the merge, with its first part recorded, is at work."""
        self.expected("linear")
        folder, filler = os.path.join(small, "merged"), os.path.join(small, "filler")
        os.makedirs(folder)
        out = os.path.join(folder, "out")
        faults = f"reserve::1+:{errno.EOPNOTSUPP};sync:.out.ladle-partial/journal:3:pause"
        run = subprocess.Popen(self.command("linear", "--io", "threads", "--memory", "24M", out=out), cwd=self.folder,
                               env=self.variables(faults), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.wait_until_paused(run)
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError as full:
                self.assertEqual(full.errno, errno.ENOSPC)
        run.send_signal(signal.SIGCONT)
        done = self.finish(run)
        self.assertEqual(done.code, 1, done)
        self.assertRegex(done.lines[0], r"ladle: .*model-0000\d.*: .*No space left on device")
        self.assertIn("the same command goes on", done.err)
        self.assertEqual(os.listdir(folder), [".out.ladle-partial"])
        # It is still full, or free space is too small to begin with: said again, with nothing lost.
        still = self.merge("linear", out=out, code=1)
        self.assertRegex(still.err, "space")
        os.unlink(filler)
        again = self.merge("linear", out=out, code=0)
        self.assertIn("going on", again.err)
        self.assertEqual(tree(out), self.expected("linear"))

    @needs_faults
    def test_a_memory_file_system_that_gets_full(self):
        self.fill_in_the_middle(self.mount("-t", "tmpfs", "-o", "size=48m", "none"))

    @needs_faults
    def test_a_disk_that_gets_full(self):
        self.fill_in_the_middle(self.mount_ext4(64))


if __name__ == "__main__":
    unittest.main()
