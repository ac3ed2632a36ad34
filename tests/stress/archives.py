#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives while calls fail and the process is killed: there is none, or a whole one, and the same command makes it
afterwards. Down a pipe what comes is never taken for whole unless it is. And the memory promise holds for them."""
import errno
import hashlib
import os
import signal
import subprocess
import time
import unittest

from memory import BUDGET_MIB, Group
from stress import Case, needs_faults, sampled, skip, TIMEOUT_SECONDS

THREADS = ["--io", "threads", "--threads", "2"]
FORMS = ("tar", "tar.zst")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ArchiveCase(Case):
    def setUp(self):
        super().setUp()
        self.remove_archives()

    def remove_archives(self):
        for name in os.listdir(self.folder):
            if name.startswith("out.tar"):
                os.unlink(self.path(name))
            elif name.startswith(".out.tar"):
                subprocess.run(["rm", "-rf", self.path(name)], check=True)

    def archive(self, form):
        """The digest of what an undisturbed merge makes."""
        if form not in self.references:
            self.merge("ties", "--threads", "1", out=f"out.{form}", code=0)
            self.references[form] = digest(self.path(f"out.{form}"))
            self.remove_archives()
        return self.references[form]

    def calls(self, form, kinds):
        self.merge("ties", *THREADS, out=f"out.{form}", faults=f"{kinds}::0:5", code=0)
        self.remove_archives()
        with open(self.path("count"), encoding="ascii") as file:
            return int(file.read())

    def assert_whole(self, form):
        self.assertEqual(digest(self.path(f"out.{form}")), self.archive(form))
        self.assertFalse(os.path.exists(self.path(f".out.{form}.ladle-partial")))


@needs_faults
class Faults(ArchiveCase):
    def fail_each(self, kinds, action, wanted=20, codes=(1,)):
        """Lets each call of these kinds go wrong in turn. Returns how many of the runs failed."""
        failed = 0
        for form in FORMS:
            self.archive(form)
            calls = self.calls(form, kinds)
            self.assertGreater(calls, 0)
            for at in sampled(calls + 1, wanted):
                with self.subTest(form=form, kinds=kinds, at=at, of=calls, action=action):
                    run = self.merge("ties", *THREADS, out=f"out.{form}", faults=f"{kinds}::{at}:{action}")
                    if run.code != 0:
                        failed += 1
                        self.assertIn(run.code, codes, run)
                        self.assertRegex(run.err, r"\Aladle: ", run)
                        self.assertFalse(os.path.exists(self.path(f"out.{form}")), run)
                    if run.code != 0 or os.path.exists(self.path(f".out.{form}.ladle-partial")):
                        self.merge("ties", *THREADS, "--force", out=f"out.{form}", code=0)
                    self.assert_whole(form)
                    self.remove_archives()
        return failed

    def test_writes(self):
        for code in (errno.EIO, errno.ENOSPC):
            self.assertGreater(self.fail_each("write", code), 0)
        self.assertEqual(self.fail_each("write", "short"), 0)

    def test_syncs_and_names(self):
        self.assertGreater(self.fail_each("sync", errno.EIO), 0)
        self.assertGreater(self.fail_each("rename", errno.EIO), 0)
        self.assertGreater(self.fail_each("names", errno.EACCES), 0)

    def test_reads_and_opening(self):
        self.assertGreater(self.fail_each("read", errno.EIO, codes=(1, 3)), 0)
        self.assertGreater(self.fail_each("open", errno.EMFILE, codes=(1, 2, 3)), 0)

    def test_memory(self):
        self.assertGreater(self.fail_each("memory", errno.ENOMEM, wanted=40, codes=(1, 2, 3)), 0)

    def test_kills(self):
        """Also while the old archive is being replaced."""
        for form in FORMS:
            self.archive(form)
            for kinds in ("write,sync", "rename,exchange,names"):
                calls = self.calls(form, kinds)
                for action in ("kill", "killed", "lose"):
                    for at in sampled(calls, 8):
                        with self.subTest(form=form, kinds=kinds, at=at, action=action):
                            with open(self.path(f"out.{form}"), "w", encoding="ascii") as file:
                                file.write("old")
                            run = self.merge("ties", *THREADS, "--force", out=f"out.{form}",
                                             faults=f"{kinds}::{at}:{action}")
                            self.assertIn(run.code, (0, -signal.SIGKILL))
                            with open(self.path(f"out.{form}"), "rb") as file:
                                old = file.read() == b"old"
                            if not old:
                                self.assertEqual(digest(self.path(f"out.{form}")), self.archive(form))
                            self.merge("ties", *THREADS, "--force", out=f"out.{form}", code=0)
                            self.assert_whole(form)
                            self.remove_archives()

    def test_a_pipe_of_a_merge_that_fails(self):
        """With a read or memory that fails, at any time: what came is not taken for whole."""
        whole = {}
        readers = {"tar": ["tar", "-tf", "-"], "tar.zst": ["zstd", "-tq"]}
        for form in FORMS:
            command = [*self.command("ties", *THREADS, "--format", form, out="-")]
            whole[form] = subprocess.run(command, cwd=self.folder, check=True, capture_output=True).stdout
            calls = self.calls(form, "read")
            failed = 0
            for at in sampled(calls, 40):
                done = subprocess.run(command, cwd=self.folder, env=self.variables(f"read::{at}:5"), capture_output=True,
                                      timeout=TIMEOUT_SECONDS, check=False)
                if done.returncode == 0:
                    self.assertEqual(done.stdout, whole[form])
                    continue
                failed += 1
                self.assertLess(len(done.stdout), len(whole[form]))
                read = subprocess.run(readers[form], input=done.stdout, capture_output=True, check=False)
                self.assertNotEqual(read.returncode, 0, (form, at, len(done.stdout)))
            self.assertGreater(failed, 5)


class Memory(ArchiveCase):
    """In a real memory cgroup of the budget and 16 MiB."""
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

    def limited(self, *options, out, stdout=subprocess.DEVNULL):
        return subprocess.Popen(self.command("ties", "--memory", f"{BUDGET_MIB}M", "--threads", "2", *options, out=out),
                                cwd=self.folder, preexec_fn=self.group.enter, stdout=stdout, stderr=subprocess.PIPE)

    def test_files(self):
        for form in FORMS:
            expected = self.archive(form)
            done = self.finish(self.limited(out=f"out.{form}"))
            self.assertEqual(done.code, 0, done)
            self.assertEqual(digest(self.path(f"out.{form}")), expected)
            self.remove_archives()

    def test_a_pipe_with_a_slow_reader(self):
        for form in FORMS:
            run = self.limited("--format", form, out="-", stdout=subprocess.PIPE)
            while run.stdout.read(8 << 20):
                time.sleep(0.05)
            self.assertEqual(run.wait(timeout=TIMEOUT_SECONDS), 0, run.stderr.read())
            run.stdout.close()
            run.stderr.close()


if __name__ == "__main__":
    unittest.main()
