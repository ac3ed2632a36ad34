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

    def ended_by_the_third(self, number):
        for _ in range(20):
            shutil.rmtree(self.path(PARTIAL), ignore_errors=True)
            shutil.rmtree(self.path("out"), ignore_errors=True)
            run = subprocess.Popen([LADLE, "merge", "recipe.yml", "-o", "out", "--progress", "none", "--threads", "1",
                                    "--memory", "32M"], cwd=self.folder, stderr=subprocess.DEVNULL)
            # Both come when it goes on, and it takes a moment to end; if it has ended by then, again.
            if stop_when(run, lambda: os.path.exists(self.path(PARTIAL, "journal"))):
                for early in (signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
                    run.send_signal(early)
                time.sleep(0.02)
                run.send_signal(number)
            if run.wait(timeout=TIMEOUT_SECONDS) == -number:
                return
            self.assertIn(run.returncode, (0, 130, 143))
        self.fail("no merge was ended")

    def test_after_two_signals_the_next_ends_it_whatever_their_kinds(self):
        self.large_models(8, count=4)
        for number in (signal.SIGINT, signal.SIGTERM):
            self.ended_by_the_third(number)

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
