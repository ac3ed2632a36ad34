#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM: drained within a second or two, nothing under the output's name, and the same command completes."""
import os
import signal
import subprocess
import time
import unittest

from harness import LADLE, Case


class Interrupt(Case):
    def interrupted_once(self, number, options):
        """Interrupts runs at growing delays until one was still at work; its exit code is 128 and the signal's number."""
        delay = 0.02
        while delay < 5:
            begun = time.monotonic()
            run = subprocess.Popen([LADLE, "merge", "recipe.yml", "-o", "out", "--progress", "none", *options], cwd=self.folder,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(delay)
            sent = time.monotonic()
            run.send_signal(number)
            _, err = run.communicate(timeout=60)
            took = time.monotonic() - sent
            if run.returncode == 128 + number:
                self.assertLess(took, 10, "the merge did not stop soon")
                self.assertNotIn("out", os.listdir(self.folder))
                self.assertTrue(err.startswith(b"ladle: "), err)
                if b"before anything" not in err:
                    return
            elif run.returncode == -number:
                pass  # before the handler was there
            else:
                self.assertEqual(run.returncode, 0, err)
                self.fail(f"the merge was done after {sent - begun:.2f} s and never interrupted")
            delay *= 1.3
        self.fail("no run got far enough to be interrupted")

    def test_interrupt_and_terminate(self):
        self.large_models(48, count=4)
        for number, options in ((signal.SIGINT, []), (signal.SIGTERM, ["--io", "threads"])):
            self.interrupted_once(number, ["--threads", "1", "--memory", "64M", *options])
        self.ladle("merge", "recipe.yml", "-o", "out", code=0)
        self.ladle("merge", "recipe.yml", "-o", "again", "--io", "threads", code=0)
        with open(self.path("out/model.safetensors"), "rb") as one, open(self.path("again/model.safetensors"), "rb") as two:
            self.assertEqual(one.read(), two.read())


if __name__ == "__main__":
    unittest.main()
