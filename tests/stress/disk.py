#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real disks without room, quotas and folders without permission: said before the first tensor, with nothing left. A disk that
gets full later ends the merge, as does a quota, and with room again the same command goes on."""
import ctypes
import errno
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from mounts import MountCase, Unavailable, run
from stress import Run, needs_faults, skip, tree, TIMEOUT_SECONDS

NOBODY = 65534
QUOTA_MIB = 24
SMALL_PIECES = ["--io", "threads", "--memory", "24M"]
NO_RESERVING = f"reserve::1+:{errno.EOPNOTSUPP}"  # as in many file systems: space is taken when it is written to


class Quota(ctypes.Structure):
    """struct if_dqblk of the kernel; blocks are of 1 KiB."""
    _fields_ = [(name, ctypes.c_uint64) for name in ("hard", "soft", "space", "inode_hard", "inode_soft", "inodes", "time",
                                                     "inode_time")] + [("valid", ctypes.c_uint32)]


def set_quota(device, user, mebibytes):
    """The most space that a user has on a device; 0: no limit."""
    set_user_quota = 0x800008 << 8
    quota = Quota(hard=mebibytes << 10, soft=mebibytes << 10, valid=1)
    library = ctypes.CDLL(None, use_errno=True)
    if library.quotactl(set_user_quota, device.encode(), user, ctypes.byref(quota)) != 0:
        raise Unavailable("quotactl: " + os.strerror(ctypes.get_errno()))


class Disk(MountCase):
    def check_too_small(self, small):
        before = os.listdir(small)
        said = self.merge("linear", out=os.path.join(small, "out"), code=1)
        self.assertRegex(said.err, r"(?i)space|room|full", said)
        self.assertEqual(os.listdir(small), before)

    def test_a_memory_file_system_that_is_too_small(self):
        self.check_too_small(self.first_of(lambda: self.mount_tmpfs(8)))

    def test_a_disk_that_is_too_small(self):
        self.check_too_small(self.first_of(lambda: self.mount_ext4(16)))

    def test_a_disk_that_is_large_enough(self):
        small = self.first_of(lambda: self.mount_ext4(64))
        self.merge("linear", out=os.path.join(small, "out"), code=0)
        self.assertIn("out", os.listdir(small))

    def test_fat(self):
        """Real FAT: names, renaming, sizes that are written. Its limit of 4 GiB is in limits.py, without it."""
        small = self.first_of(lambda: self.mount_image(64, ["mkfs.vfat"]))
        for options in ([], ["--direct", "off"], ["--io", "threads"]):
            out = os.path.join(small, "out")
            self.merge("linear", *options, out=out, code=0)
            self.assertEqual(tree(out), self.expected("linear"))
            shutil.rmtree(out)

    def as_nobody(self, out, *options, code, faults=""):
        """A merge by a user who may do little."""
        if os.geteuid() != 0:
            skip(self, "only root can become somebody else")
        os.chmod(self.folder, 0o755)
        if not all(os.stat(folder).st_mode & 0o001 for folder in pathlib.Path(self.folder).parents):
            skip(self, "other users cannot go where temporary files are")
        command = self.command("linear", *options, out=out)
        command[0] = shutil.copyfile(command[0], self.path("ladle"))  # nor, perhaps, where it was built
        os.chmod(command[0], 0o755)
        enter = self.limits(command).get("preexec_fn", lambda: None)

        def become_nobody():
            enter()
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        done = Run(subprocess.run(command, cwd=self.folder, preexec_fn=become_nobody, env=self.variables(faults),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False))
        self.assertEqual(done.code, code, done)
        return done.err

    def test_a_folder_without_permission(self):
        closed = self.path("closed")
        os.makedirs(closed, mode=0o755, exist_ok=True)
        said = self.as_nobody(os.path.join(closed, "out"), code=1)
        self.assertIn("closed", said)
        self.assertIn("ermission denied", said)
        self.assertEqual(os.listdir(closed), [])

    def ext4_quota(self):
        small = self.mount_ext4(64, "quota", "loop,usrquota")
        device = self.device()
        set_quota(device, NOBODY, QUOTA_MIB)
        return small, lambda: set_quota(device, NOBODY, 0)

    def btrfs_quota(self):
        small = self.mount_image(128, ["mkfs.btrfs", "-q"])
        folder = os.path.join(small, "limited")
        run("btrfs", "quota", "enable", small)
        run("btrfs", "subvolume", "create", folder)
        run("btrfs", "qgroup", "limit", f"{QUOTA_MIB}M", folder)
        return folder, lambda: run("btrfs", "qgroup", "limit", "none", folder)

    def quota(self):
        """A folder on which nobody may write less than the merge needs, and what lifts that."""
        folder, lift = self.first_of(self.ext4_quota, self.btrfs_quota)
        os.chmod(folder, 0o777)
        return folder, lift

    def test_a_quota_that_is_too_small(self):
        folder, _ = self.quota()
        before = os.listdir(folder)
        said = self.as_nobody(os.path.join(folder, "out"), code=1)
        self.assertRegex(said, r"\Aladle: .*limited|small.*quota")
        self.assertIn("quota", said)
        self.assertEqual(os.listdir(folder), before)

    @needs_faults
    def test_a_quota_that_ends_a_merge_in_its_middle(self):
        expected = self.expected("linear")
        folder, lift = self.quota()
        out = os.path.join(folder, "out")
        for _ in range(2):  # and nothing is lost by trying again
            said = self.as_nobody(out, *SMALL_PIECES, code=1, faults=NO_RESERVING)
            self.assertRegex(said, r"(?m)^ladle: (\S+/config.json|model-0000\S+): .*: Disk quota exceeded$")
            # Records need space too: there is something to go on with if the first one came before the quota was used up.
            left = [".out.ladle-partial"] if "the same command goes on" in said else []
            self.assertEqual("nothing is left of the unfinished output" in said, not left, said)
            self.assertEqual([name for name in os.listdir(folder) if "out" in name], left)
        lift()
        said = self.as_nobody(out, code=0)
        self.assertEqual("going on" in said, bool(left), said)
        self.assertEqual(tree(out), expected)

    def fill_in_the_middle(self, small):
        """Where space cannot be reserved: something else takes it when half of the pieces are written."""
        self.expected("linear")
        pieces = self.count("linear", "write", *SMALL_PIECES, path="output/model")
        folder, filler = os.path.join(small, "merged"), os.path.join(small, "filler")
        os.makedirs(folder)
        out = os.path.join(folder, "out")
        merge = self.start("linear", *SMALL_PIECES, out=out, faults=f"{NO_RESERVING};write:output/model:{pieces // 2}:pause")
        self.wait_until_paused(merge)
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError as full:
                self.assertEqual(full.errno, errno.ENOSPC)
        merge.send_signal(signal.SIGCONT)
        done = self.finish(merge)
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
        self.fill_in_the_middle(self.first_of(lambda: self.mount_tmpfs(48)))

    @needs_faults
    def test_a_disk_that_gets_full(self):
        self.fill_in_the_middle(self.first_of(lambda: self.mount_ext4(64)))


if __name__ == "__main__":
    unittest.main()
