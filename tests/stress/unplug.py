#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A drive is pulled out while a merge reads from it or writes to it: the merge ends and names a file. When the drive is
back the same command goes on."""
import os
import shutil
import signal
import unittest

from mounts import MountCase
from stress import needs_faults, tree, RECIPES

WAYS = (["--io", "threads"], ["--io", "auto"], ["--io", "auto", "--direct", "off"])
JOURNAL = "sync:.out.ladle-partial/journal"
SMALL_PIECES = ["--memory", "24M", "--block-size", "64K"]


@needs_faults
class Unplug(MountCase):
    def pulled_out(self, recipe, *options, pause, out="out"):
        """What a merge says whose drive is gone when it goes on after a pause."""
        run = self.start(recipe, *options, out=out, faults=pause + ":pause")
        self.wait_until_paused(run)
        self.pull_out()
        run.send_signal(signal.SIGCONT)
        done = self.finish(run)
        self.assertEqual(done.code, 1, done)
        return done

    def assert_names(self, done, file):
        self.assertRegex(done.err, rf"(?m)^ladle: .*{file}.*: .*(Input/output error|Read-only file system)$")

    def test_the_drive_of_the_output(self):
        """Pulled out before the first, or the second, record of something done is on it."""
        expected = self.expected("ties")
        for way in WAYS:
            for syncs in (3, 4):
                with self.subTest(way=way, syncs=syncs):
                    out = os.path.join(self.first_of(lambda: self.mount_ext4(128, "has_journal")), "out")
                    done = self.pulled_out("ties", *way, pause=f"{JOURNAL}:{syncs}", out=out)
                    self.assert_names(done, "(model-0000|small)")
                    self.put_back()
                    self.assertFalse(os.path.exists(out))
                    again = self.merge("ties", *way, out=out, code=0)
                    if syncs == 4:
                        self.assertIn("an earlier run", again.err)
                    self.assertEqual(tree(out), expected)
                    self.assertEqual(sorted(os.listdir(self.small)), ["lost+found", "out"])
                    self.unmount()

    def test_the_drive_of_an_input(self):
        """Pulled out before the first byte of a tensor is read, or in the middle."""
        self.first_of(lambda: self.mount_ext4(128, "has_journal"))
        os.rename(self.path("b"), self.path("whole"))
        self.addCleanup(os.rename, self.path("whole"), self.path("b"))
        shutil.copytree(self.path("whole"), os.path.join(self.small, "b"))
        self.put_back()  # so that it is on it, and not in memory
        with open(self.path("pulled.yml"), "w", encoding="utf-8") as file:
            file.write(RECIPES["ties"].replace("model: b,", "model: small/b,"))
        expected = self.expected("pulled")
        reads = self.count("pulled", "read", "--io", "threads", *SMALL_PIECES, path="small/b/")
        middle = f"read:small/b/:{reads * 3 // 4}"
        for way, pause in ((WAYS[0], middle), *((way, JOURNAL + ":2") for way in WAYS)):
            with self.subTest(way=way, pause=pause):
                options = [*way, *SMALL_PIECES]
                done = self.pulled_out("pulled", *options, pause=pause)
                self.assert_names(done, "small/b/model.safetensors")
                self.assertNotIn("out", os.listdir(self.folder))
                self.put_back()
                again = self.merge("pulled", *options, code=0)
                if pause == middle:
                    self.assertIn("going on", again.err)
                self.assertEqual(tree(self.path("out")), expected)
                self.remove_outputs()


if __name__ == "__main__":
    unittest.main()
