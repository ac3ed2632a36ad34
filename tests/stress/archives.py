#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives while calls fail and the process is killed: there is none, or a whole one, and the same command makes it
afterwards. Down a pipe what comes is never taken for whole unless it is. And the memory promise holds for them."""
import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import unittest

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
            whole[form] = subprocess.run(command, cwd=self.folder, check=True, capture_output=True,
                                         **self.limits(command)).stdout
            calls = self.calls(form, "read")
            failed = 0
            for at in sampled(calls, 40):
                done = subprocess.run(command, cwd=self.folder, env=self.variables(f"read::{at}:5"), capture_output=True,
                                      timeout=TIMEOUT_SECONDS, check=False, **self.limits(command))
                if done.returncode == 0:
                    self.assertEqual(done.stdout, whole[form])
                    continue
                failed += 1
                self.assertLess(len(done.stdout), len(whole[form]))
                read = subprocess.run(readers[form], input=done.stdout, capture_output=True, check=False)
                self.assertNotEqual(read.returncode, 0, (form, at, len(done.stdout)))
            self.assertGreater(failed, 5)


@needs_faults
class Resume(ArchiveCase):
    """What was synced of an archive that a run left unfinished is not made again."""
    def left(self, form, *options):
        """Leaves an archive of which something was recorded as done."""
        self.archive(form)
        run = self.merge("ties", *THREADS, *options, out=f"out.{form}",
                         faults=f"write:.out.{form}.ladle-partial/journal:3:killed")
        self.assertEqual(run.code, -signal.SIGKILL)

    def partial(self, form, name):
        return self.path(f".out.{form}.ladle-partial", name)

    def change(self, name, text):
        """A file of another content for the length of a test."""
        with open(self.path(name), encoding="utf-8") as file:
            before = file.read()
        self.addCleanup(self.put, name, before)
        self.put(name, text)

    def put(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def assert_refused(self, form, *options, says):
        """It says why and how to begin anew, and touches nothing."""
        before = {name: digest(self.partial(form, name)) for name in ("output", "journal")}
        run = self.merge("ties", *options, out=f"out.{form}", code=2)
        self.assertIn(says, run.err)
        self.assertIn("--restart", run.err)
        self.assertEqual({name: digest(self.partial(form, name)) for name in before}, before)

    def test_other_threads_and_budgets_go_on(self):
        ways = ["--threads", "1", "--memory", "32M"], ["--threads", "3", "--io", "auto"], ["--direct", "off"]
        for form in FORMS:
            for way in ways:
                with self.subTest(form=form, way=way):
                    self.left(form)
                    run = self.merge("ties", *way, out=f"out.{form}", code=0)
                    self.assertIn("going on", run.err)
                    self.assert_whole(form)
                    self.remove_archives()

    def test_it_may_be_interrupted_many_times(self):
        for form in FORMS:
            self.archive(form)
            for at in range(200):
                run = self.merge("ties", *THREADS, out=f"out.{form}",
                                 faults=f"sync:.out.{form}.ladle-partial/journal:{2 + at % 2}:killed")
                if run.code == 0:
                    break
            self.assertEqual(run.code, 0)
            self.assertGreater(at, 1)
            self.assert_whole(form)

    def killed_in_publishing(self, form, action):
        """What the run says that goes on with an archive which was killed before or after it got its name."""
        self.archive(form)
        self.merge("ties", out=f"out.{form}", faults=f"exchange:out.{form}:1:{action}", code=-signal.SIGKILL)
        run = self.merge("ties", "--progress", "json", out=f"out.{form}", code=0)
        self.assert_whole(form)
        done = json.loads(run.lines[-1])
        self.assertEqual((done["event"], done["bytes_read"]), ("done", 0), run)
        self.assertEqual(done["bytes"], os.path.getsize(self.path(f"out.{form}")))
        return done

    def test_what_is_done_is_not_done_again(self):
        """Killed when everything was there but its name: nothing is read again."""
        for form in FORMS:
            self.killed_in_publishing(form, "kill")

    def test_a_merge_that_fails_says_that_it_can_go_on(self):
        for form in FORMS:
            self.archive(form)
            run = self.merge("ties", *THREADS, out=f"out.{form}", faults=f"write:.out.{form}.ladle-partial/output:3+:28", code=1)
            self.assertIn("No space left", run.err)
            self.assertRegex(run.err, r"\(\d+ %\) are done and stay in")
            self.assertIn("the same command goes on", run.err)
            run = self.merge("ties", out=f"out.{form}", code=0)
            self.assertIn("going on", run.err)
            self.assert_whole(form)

    def test_what_is_another_archive(self):
        self.left("tar.zst")
        self.assert_refused("tar.zst", "--zstd-level", "5", says="the output's form was tar by zstd")
        self.assert_refused("tar.zst", "--format", "tar", says="the output's form was tar by zstd")
        self.assert_refused("tar.zst", "--format", "directory", says="and is folder")
        self.assert_refused("tar.zst", "--seed", "7", says="the seed was 0 and is 7")
        for name, says in (("ties.yml", "the recipe's text is another"), ("base/tokenizer.json", "the file tokenizer.json changed")):
            self.change(name, "# more\n" + self.text(name))
            self.assert_refused("tar.zst", says=says)
            self.doCleanups()
            self.left("tar.zst", "--restart")
        self.merge("ties", out="out.tar.zst", code=0)
        self.assert_whole("tar.zst")

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_an_archive_where_a_folder_was_begun(self):
        self.archive("tar")
        self.merge("ties", *THREADS, "--format", "directory", out="out.tar",
                   faults="write:.out.tar.ladle-partial/journal:3:killed", code=-signal.SIGKILL)
        run = self.merge("ties", out="out.tar", code=2)
        self.assertIn("the output's form was folder and is tar", run.err)
        self.merge("ties", "--restart", out="out.tar", code=0)
        self.assert_whole("tar")

    def test_what_was_damaged(self):
        for form, name, size in (("tar", "output", 1000), ("tar.zst", "output", 1000), ("tar.zst", "frames", 3)):
            with self.subTest(form=form, name=name):
                self.left(form)
                os.truncate(self.partial(form, name), size)
                self.assert_refused(form, says="its files are not as its journal says")
                self.merge("ties", "--restart", out=f"out.{form}", code=0)
                self.assert_whole(form)
                self.remove_archives()

    def test_what_is_no_file(self):
        """It is refused, not waited for, and what another name leads to stays as it is."""
        self.put("theirs", "x" * 5_000_000)
        before = digest(self.path("theirs"))
        ways = (os.makedirs, os.mkfifo, lambda path: os.symlink(self.path("theirs"), path),
                lambda path: os.link(self.path("theirs"), path))
        for form, name in (("tar", "output"), ("tar.zst", "output"), ("tar.zst", "frames")):
            for at, make in enumerate(ways):
                with self.subTest(form=form, name=name, at=at):
                    self.left(form)
                    os.unlink(self.partial(form, name))
                    make(self.partial(form, name))
                    run = self.merge("ties", out=f"out.{form}", code=2)
                    self.assertIn("its files are not as its journal says", run.err)
                    self.assertIn("--restart", run.err)
                    self.merge("ties", "--restart", out=f"out.{form}", code=0)
                    self.assertEqual(digest(self.path("theirs")), before)
                    self.assert_whole(form)
                    self.remove_archives()

    def test_a_list_of_frames_that_is_another(self):
        self.left("tar.zst")
        with open(self.partial("tar.zst", "frames"), "r+b") as file:
            first = int.from_bytes(file.read(4), sys.byteorder)
            file.seek(0)
            file.write((first - 5).to_bytes(4, sys.byteorder))
        self.assert_refused("tar.zst", says="its files are not as its journal says")
        self.merge("ties", "--restart", out="out.tar.zst", code=0)
        self.assert_whole("tar.zst")

    def test_what_an_earlier_run_had_completed(self):
        """It died between putting the archive in place and cleaning up; the next run says how large the archive is."""
        for form in FORMS:
            done = self.killed_in_publishing(form, "killed")
            self.assertEqual((done["bytes_resumed"], done["bytes_written"]), (done["bytes"], 0))

    def test_what_took_the_place_of_a_completed_archive(self):
        """Nobody takes it for the archive that an earlier run had completed, nor replaces it unasked."""
        self.archive("tar")
        self.merge("ties", out="out.tar", faults="exchange:out.tar:1:killed", code=-signal.SIGKILL)
        self.put("another", "of somebody")
        os.rename(self.path("another"), self.path("out.tar"))
        run = self.merge("ties", out="out.tar", code=2)
        self.assertIn("out.tar: exists", run.err)
        self.assertEqual(self.text("out.tar"), "of somebody")
        self.merge("ties", "--force", out="out.tar", code=0)
        self.assert_whole("tar")

    def test_what_is_behind_the_last_record_does_not_count(self):
        for form in FORMS:
            self.left(form)
            for name in sorted(os.listdir(self.partial(form, ""))):
                if name in ("output", "frames"):
                    with open(self.partial(form, name), "ab") as file:
                        file.write(b"x" * 12_000_000)
            self.merge("ties", out=f"out.{form}", code=0)
            self.assert_whole(form)


class Memory(ArchiveCase):
    """In a real memory cgroup of the budget and 16 MiB."""
    model_options = ["--size", "160M", "--hidden", "512", "--huge", "96M"]
    shard_size = "100M"
    in_memory = False

    def setUp(self):
        super().setUp()
        if not self.limited:
            skip(self, "there is no limit")

    def test_files(self):
        for form in FORMS:
            expected = self.archive(form)
            self.merge("ties", "--threads", "2", out=f"out.{form}", code=0)
            self.assertEqual(digest(self.path(f"out.{form}")), expected)
            self.remove_archives()

    def test_a_pipe_with_a_slow_reader(self):
        for form in FORMS:
            run = self.start("ties", "--threads", "2", "--format", form, out="-", stdout=subprocess.PIPE)
            while run.stdout.read(8 << 20):
                time.sleep(0.05)
            self.assertEqual(run.wait(timeout=TIMEOUT_SECONDS), 0, run.stderr.read())
            run.stdout.close()
            run.stderr.close()


if __name__ == "__main__":
    unittest.main()
