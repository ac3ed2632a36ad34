#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM: drained within a second or two, nothing under the output's name, and the same command completes."""
import os
import shutil
import signal
import subprocess
import time
import unittest

from harness import LADLE, SANITIZED, STOP_SECONDS, TIMEOUT_SECONDS, Case, has_record, stop_when

PARTIAL = ".out.ladle-partial"


class Interrupt(Case):
    def interrupted_once(self, number, options):
        """Interrupts a merge that has something done, and another one if that one had nothing left to be stopped in."""
        for _ in range(20):
            for name in ("out", PARTIAL):
                shutil.rmtree(self.path(name), ignore_errors=True)
            run = subprocess.Popen([LADLE, "merge", "recipe.yml", "-o", "out", "--progress", "none", "--checkpoint-ms", "1",
                                    *options], cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            at_work = stop_when(run, lambda: has_record(self.path(PARTIAL)))
            sent = time.monotonic()
            if at_work:
                run.send_signal(number)
                run.send_signal(signal.SIGCONT)
            _, err = run.communicate(timeout=TIMEOUT_SECONDS)
            if run.returncode == 128 + number:
                if not SANITIZED:
                    self.assertLess(time.monotonic() - sent, STOP_SECONDS, "the merge did not stop soon")
                self.assertNotIn("out", os.listdir(self.folder))
                self.assertTrue(err.startswith(b"ladle: "), err)
                self.assertIn(b"the same command goes on", err)
                return
            self.assertEqual(run.returncode, 0, err)
        self.fail("no merge was stopped in its middle")

    def test_interrupt_and_terminate(self):
        self.large_models(8, count=4)
        for number, options in ((signal.SIGINT, []), (signal.SIGTERM, ["--io", "threads"])):
            self.interrupted_once(number, ["--threads", "1", "--memory", "32M", *options])
        self.ladle("merge", "recipe.yml", "-o", "out", code=0)
        self.ladle("merge", "recipe.yml", "-o", "again", "--io", "threads", code=0)
        with open(self.path("out/model.safetensors"), "rb") as one, open(self.path("again/model.safetensors"), "rb") as two:
            self.assertEqual(one.read(), two.read())


if __name__ == "__main__":
    unittest.main()
