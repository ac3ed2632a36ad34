#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM: drained within a second or two, nothing under the output's name, and the same command completes."""
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

from harness import LADLE, SANITIZED, STOP_SECONDS, TIMEOUT_SECONDS, Case, has_record, stop_when

PARTIAL = ".out.ladle-partial"
NOBODY = 65534


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

    def as_somebody(self):
        """What makes a run obey the permissions of folders: root does not."""
        if os.geteuid() != 0:
            return {}
        os.chmod(self.folder, 0o755)
        try:
            subprocess.run([LADLE, "--version"], user=NOBODY, group=NOBODY, extra_groups=[], stdout=subprocess.DEVNULL,
                           check=True)
        except PermissionError:
            self.skipTest("other users cannot run the program where it is")
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []}

    def killed(self, output, who):
        """A merge that was killed when something was done; returns its command."""
        command = [LADLE, "merge", "recipe.yml", "-o", output, "--threads", "1", "--memory", "32M", "--progress", "none"]
        folder, name = os.path.split(output)
        partial = self.path(folder, f".{name}.ladle-partial")
        for _ in range(20):
            run = subprocess.Popen(command + ["--force", "--restart", "--checkpoint-ms", "1"], cwd=self.folder,
                                   stderr=subprocess.DEVNULL, **who)
            stop_when(run, lambda: has_record(partial))
            run.kill()
            run.wait(timeout=TIMEOUT_SECONDS)
            if has_record(partial):
                return command
        return self.fail("no merge was killed in its middle")

    def test_another_file_in_the_place_of_an_unfinished_one_is_refused(self):
        """Of the same size, so that only its contents tell."""
        self.large_models(8, count=4)
        for output in ("out", "out.tar"):
            command = self.killed(output, {})
            path = self.path(f".{output}.ladle-partial", "output")
            path = os.path.join(path, "model.safetensors") if os.path.isdir(path) else path
            theirs = self.path("theirs")
            with open(theirs, "wb") as file:
                file.write(b"another".ljust(os.path.getsize(path), b"."))
            kept = self.path("kept")
            os.rename(path, kept)
            os.rename(theirs, path)
            run = self.ladle(*command[1:], code=2)
            self.assertIn("its files are not as its journal says", run.err)
            self.assertIn("--restart", run.err)
            with open(path, "rb") as file:
                self.assertTrue(file.read().startswith(b"another..."), "it was written to")
            os.rename(kept, path)
            self.assertIn("going on", self.ladle(*command[1:], code=0).err)

    def test_what_became_read_only_is_told_before_any_tensor(self):
        self.large_models(8, count=4)
        who = self.as_somebody()
        for output in ("out", "out.tar"):
            folder = self.path("of-" + output)
            os.mkdir(folder)
            os.chmod(folder, 0o777)
            command = self.killed(os.path.join("of-" + output, output), who)
            partial = os.path.join(folder, f".{output}.ladle-partial")
            with open(os.path.join(partial, "journal"), "rb") as file:
                journal = file.read()
            for closed in (folder, partial, os.path.join(partial, "output")):
                if not os.path.isdir(closed):
                    continue
                mode = os.stat(closed).st_mode
                os.chmod(closed, 0o555)
                run = subprocess.run(command, cwd=self.folder, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_SECONDS,
                                     check=False, **who)
                os.chmod(closed, mode)
                self.assertEqual(run.returncode, 1, run.stderr)
                self.assertIn(f"{closed}: cannot be written to", run.stderr)
                self.assertIn(f"chmod u+wx {closed}", run.stderr)
                with open(os.path.join(partial, "journal"), "rb") as file:
                    self.assertEqual(file.read(), journal, "it went on all the same")
            subprocess.run(command, cwd=self.folder, timeout=TIMEOUT_SECONDS, check=True, **who)
            self.assertIn(output, os.listdir(folder))

    def wait_for_handlers(self, run, wanted):
        """Until a process has handlers for SIGINT and SIGTERM, or none any more."""
        mask, end = 1 << signal.SIGINT - 1 | 1 << signal.SIGTERM - 1, time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < end:
            with open(f"/proc/{run.pid}/status", encoding="ascii") as file:
                caught = int(re.search(r"^SigCgt:\s*(\w+)$", file.read(), re.MULTILINE).group(1), 16)
            if caught & mask == (mask if wanted else 0):
                return
            time.sleep(0.002)
        self.fail("handlers stay" if not wanted else "no handlers")

    @unittest.skipIf(SANITIZED, "the thread sanitizer keeps signals back while a thread writes")
    def test_after_two_signals_the_next_ends_it_whatever_their_kinds(self):
        """It cannot end before by itself: there is no room for its last line."""
        self.two_models()
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(writer, False)
        with self.assertRaises(BlockingIOError):
            while os.write(writer, bytes(4096)):
                pass
        os.set_blocking(writer, True)
        for number in (signal.SIGINT, signal.SIGTERM):
            run = subprocess.Popen([LADLE, "merge", "recipe.yml", "-o", "out", "--force", "--progress", "none"], cwd=self.folder,
                                   stderr=writer)
            self.addCleanup(run.kill)
            self.wait_for_handlers(run, True)
            for early in (signal.SIGINT, signal.SIGTERM):
                run.send_signal(early)
            self.wait_for_handlers(run, False)
            self.assertIsNone(run.poll())
            run.send_signal(number)
            self.assertEqual(run.wait(timeout=TIMEOUT_SECONDS), -number)

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
