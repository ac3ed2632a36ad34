#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""When a merge goes on with what an earlier run left, and when it does not: another recipe, other options, other inputs, a
damaged journal or damaged files are told and never mixed; two runs at once are refused; a signal stops a merge soon."""
import os
import re
import shutil
import signal
import time
import unittest

from stress import Case, digest, has_record, kill, needs_faults, sampled, stop_when, tree, RECIPES, SANITIZED, STOP_SECONDS

PARTIAL = ".out.ladle-partial"
THREADS = ["--io", "threads"]
# Dies when its journal has its first record of something done: the third time that it is written to.
RECORDED = "write:.out.ladle-partial/journal:3:killed"


@needs_faults
class Resume(Case):
    """Every test begins with a merge of ties that was killed when something had been recorded as done."""

    def setUp(self):
        super().setUp()
        self.expected("ties")
        self.merge("ties", faults=RECORDED, code=-signal.SIGKILL)
        self.assertIn("\ndone ", self.journal())
        self.left = self.remains()

    def remains(self):
        """What an earlier run left, but for the lock's file, which holds the number of whoever had it last."""
        return {name: digest for name, digest in tree(self.path(PARTIAL)).items() if name != "lock"}

    def journal(self):
        with open(self.path(PARTIAL, "journal"), encoding="ascii") as file:
            return file.read()

    def write_journal(self, data):
        with open(self.path(PARTIAL, "journal"), "wb") as file:
            file.write(data)

    def change(self, file, text):
        """A file of another content for the length of a test."""
        path = self.path(file)
        with open(path, encoding="utf-8") as old:
            before = old.read()
        self.addCleanup(self.put, path, before)
        self.put(path, text)

    @staticmethod
    def put(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def assert_refused(self, run, *words):
        """It says why and how to begin anew, and touches nothing."""
        self.assertEqual(run.code, 2, run)
        for word in words:
            self.assertIn(word, run.err)
        self.assertIn("--restart", run.err)
        self.assertEqual(self.remains(), self.left)

    def assert_goes_on(self, *options):
        run = self.merge("ties", *options, code=0)
        self.assertIn("going on", run.err)
        self.assert_complete("ties")

    def assert_same_tensors(self):
        """As assert_complete, for a merge whose card and recipe are in other words."""
        made, wanted = ({name: digest for name, digest in found.items() if name.endswith(".safetensors")}
                        for found in (tree(self.path("out")), self.expected("ties")))
        self.assertEqual(made, wanted)
        self.assertFalse(os.path.exists(self.path(PARTIAL)))

    def test_the_same_command_goes_on(self):
        self.assert_goes_on()

    def test_another_recipe(self):
        for new, words in ((RECIPES["ties"].replace("0.3", "0.4"), ["parameters"]),
                           (RECIPES["ties"].replace("weight: 0.4", "weight: [0.4, 0.5]"), ["parameters"]),
                           (RECIPES["ties"].replace("ties", "dare_ties"), ["the method was ties and is dare_ties"]),
                           (RECIPES["ties"].replace("{model: b,", "{model: base,").replace("base_model: base", "base_model: b"), ["its inputs are others", "/b/", "/base/"]),
                           (RECIPES["ties"] + "dtype: float32\n", ["dtype was none and is float32"])):
            with self.subTest(words=words):
                self.change("ties.yml", new)
                self.assert_refused(self.merge("ties"), *words)
        self.change("ties.yml", RECIPES["ties"] + "# the same merge in other words\n")
        run = self.merge("ties", code=0)
        self.assertIn("going on", run.err)
        self.assert_same_tensors()

    def test_another_recipe_begins_anew_when_told_to(self):
        self.assert_refused(self.merge("linear"), "method was ties and is linear")
        self.merge("linear", "--restart", code=0)
        self.assert_complete("linear")

    def test_options_that_change_bytes(self):
        for options, words in ((["--seed", "3"], ["the seed was 0 and is 3"]),
                               (["--shard-size", "2M"], ["--shard-size was 1000000 and is 2000000"]),
                               (["--out-dtype", "float16"], ["out_dtype was none and is float16"])):
            with self.subTest(options=options):
                self.assert_refused(self.merge("ties", *options), *words)
        run = self.merge("ties", "--allow-missing", code=0)  # which changes no tensor here
        self.assertIn("going on", run.err)
        self.assert_same_tensors()

    def test_inputs_that_changed_since(self):
        path = self.path("b", "model.safetensors")
        before = os.stat(path)
        self.addCleanup(os.utime, path, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        self.assert_refused(self.merge("ties"), "/b/model.safetensors changed")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assert_goes_on()

    def test_side_files_are_made_anew(self):
        """The donor's small files changed: the tensors are still good, and nothing of the old files stays."""
        self.put(self.path(PARTIAL, "output", "chat_template.jinja"), "of an earlier run")
        self.put(self.path("base", "added_tokens.json"), "{}")
        self.addCleanup(os.unlink, self.path("base", "added_tokens.json"))
        self.merge("ties", code=0)
        self.assertIn("added_tokens.json", os.listdir(self.path("out")))
        self.assertNotIn("chat_template.jinja", os.listdir(self.path("out")))

    def test_another_working_directory(self):
        os.makedirs(self.path("elsewhere"), exist_ok=True)
        run = self.merge("../ties", out="../out", cwd=self.path("elsewhere"), code=0)
        self.assertIn("going on", run.err)
        self.assert_complete("ties")

    def journals(self):
        """Damaged ones, and whether what is left of each still says enough to go on or nothing at all."""
        whole = self.journal().encode()
        for length in sampled(len(whole) - 1, 40):
            yield f"cut off at {length}", whole[:length]
        for at in sampled(len(whole) - 1, 60):
            yield f"byte {at} changed", whole[:at] + bytes([whole[at] ^ 0x11]) + whole[at + 1 :]
        for chunks in (2, 3, 4):
            yield f"{chunks} done", re.sub(rb"\ndone \d+", b"\ndone %d" % chunks, whole)
        yield "nothing", b""
        yield "zeros", bytes(len(whole))
        yield "zeros behind it", whole + bytes(100)
        yield "another version", whole.replace(b"ladle journal 1", b"ladle journal 2")
        yield "a much larger number", whole + b"done 99999999999999999999999999 0123456789abcdef\n"
        yield "a record of another merge", whole + b"done 5000 0123456789abcdef\n"
        yield "a torn record", whole + b"done 4 01234"
        yield "something else", b"\xff\xfe" * 5000

    def test_damaged_journals(self):
        """Either it goes on from what is certain, or it refuses and --restart helps; the bytes are right in any case."""
        shutil.copytree(self.path(PARTIAL), self.path("saved"))
        self.addCleanup(shutil.rmtree, self.path("saved"))
        refused = went_on = 0
        for name, data in list(self.journals()):
            with self.subTest(name):
                self.remove_outputs()
                shutil.copytree(self.path("saved"), self.path(PARTIAL))
                self.write_journal(data)
                self.left = self.remains()
                run = self.merge("ties")
                if run.code != 0:
                    refused += 1
                    self.assert_refused(run, "journal")
                    self.merge("ties", "--restart", code=0)
                else:
                    went_on += 1
                self.assert_complete("ties")
        self.assertGreater(refused, 10)
        self.assertGreater(went_on, 10)

    def test_a_journal_that_is_no_file(self):
        for make in (os.makedirs, lambda path: os.symlink("/etc/passwd", path), os.mkfifo):
            self.remove_outputs()
            self.merge("ties", faults=RECORDED, code=-signal.SIGKILL)
            os.unlink(self.path(PARTIAL, "journal"))
            make(self.path(PARTIAL, "journal"))
            run = self.merge("ties", code=2)
            self.assertIn("its journal is damaged", run.err)
            self.assertIn("--restart", run.err)
            self.merge("ties", "--restart", code=0)
            self.assert_complete("ties")

    def test_an_output_that_is_no_folder(self):
        def put_file(path):
            self.put(path, "x")
        for make in (put_file, lambda path: os.symlink(self.path("a"), path), os.mkfifo):
            self.remove_outputs()
            self.merge("ties", faults=RECORDED, code=-signal.SIGKILL)
            shutil.rmtree(self.path(PARTIAL, "output"))
            make(self.path(PARTIAL, "output"))
            run = self.merge("ties", code=2)
            self.assertIn("its files are not as its journal says", run.err)
            self.assertIn("--restart", run.err)
            self.merge("ties", "--restart", code=0)
            self.assert_complete("ties")

    def test_files_that_are_somebody_elses_too(self):
        """What has a second name elsewhere is not written to."""
        for name in ("output/model-00001-of-00004.safetensors", "output/model-00004-of-00004.safetensors", "lock"):
            with self.subTest(name=name):
                self.remove_outputs()
                self.merge("ties", faults=RECORDED, code=-signal.SIGKILL)
                os.rename(self.path(PARTIAL, name), self.path("theirs"))
                os.link(self.path("theirs"), self.path(PARTIAL, name))
                before = digest(self.path("theirs"))
                run = self.merge("ties")
                self.assertEqual(digest(self.path("theirs")), before)
                if name != "lock":
                    self.assertEqual(run.code, 2, run)
                    self.merge("ties", "--restart", code=0)
                self.assertEqual(digest(self.path("theirs")), before)
                self.assert_complete("ties")

    def test_a_lock_that_is_no_file(self):
        lock = self.path(PARTIAL, "lock")
        os.unlink(lock)
        for make, remove in ((os.makedirs, os.rmdir), (lambda path: os.symlink("nowhere", path), os.unlink)):
            make(lock)
            run = self.merge("ties", code=1)
            self.assertIn("move it away", run.err)
            self.assertEqual(self.remains(), self.left)
            self.assertFalse(os.path.exists(self.path(PARTIAL, "nowhere")))
            remove(lock)
        self.assert_goes_on()

    def test_damaged_files(self):
        """A file that is missing, too short, too long or no file."""
        def damage(change):
            self.remove_outputs()
            self.merge("ties", faults=RECORDED, code=-signal.SIGKILL)
            path = self.path(PARTIAL, "output", "model-00001-of-00004.safetensors")
            change(path)
            self.left = self.remains()
            self.assert_refused(self.merge("ties"), "files")
            self.merge("ties", "--restart", code=0)
            self.assert_complete("ties")
        damage(os.unlink)
        damage(lambda path: os.truncate(path, os.path.getsize(path) - 4096))
        damage(lambda path: os.truncate(path, os.path.getsize(path) + 4097))
        damage(lambda path: (os.unlink(path), os.makedirs(path)))
        damage(lambda path: (os.unlink(path), os.symlink("../../../a/model.safetensors", path)))
        damage(lambda path: shutil.rmtree(os.path.dirname(path)))

    def test_nothing_is_in_the_way_when_nothing_was_recorded(self):
        """A run that died early, even of another merge, is no obstacle."""
        self.remove_outputs()
        self.merge("linear", faults="sync:output/model:1:kill", code=-signal.SIGKILL)
        self.merge("ties", code=0)
        self.assert_complete("ties")

    def test_two_runs_at_once(self):
        self.remove_outputs()
        first = self.start("ties", faults="cut:output/model:1:pause")
        self.wait_until_paused(first)
        self.left = self.remains()
        for options in ([], ["--restart"], ["--force"]):
            run = self.merge("ties", *options, code=1)
            self.assertIn("another run", run.err)
            self.assertIn(f"process {first.pid}", run.err)
            self.assertEqual(self.remains(), self.left)
        first.send_signal(signal.SIGCONT)
        self.assertEqual(self.finish(first).code, 0)
        self.assert_complete("ties")

    def test_the_lock_of_a_dead_run_is_none(self):
        self.remove_outputs()
        first = self.start("ties", faults="sync:.out.ladle-partial/journal:3:pause")
        self.wait_until_paused(first)
        kill(first)
        self.assert_goes_on()

    def test_an_output_that_appears_meanwhile(self):
        """Somebody else made it: it is not replaced unasked, and the work is not lost."""
        os.makedirs(self.path("out"))
        self.put(self.path("out", "config.json"), "{}")
        self.merge("ties", code=2)
        self.assertEqual(self.remains(), self.left)
        self.assertEqual(os.listdir(self.path("out")), ["config.json"])
        self.merge("ties", "--force", code=0)
        self.assert_complete("ties")


@needs_faults
class Inputs(Case):
    """What happens to inputs while they are merged."""

    def paused_before_reading(self, change):
        """A merge that stops itself when the first tensor data is read from b; then b changes."""
        run = self.start("ties", *THREADS, faults="read:b/model.safetensors:4:pause")
        self.wait_until_paused(run)
        change(self.path("b", "model.safetensors"))
        run.send_signal(signal.SIGCONT)
        return self.finish(run)

    def test_an_input_that_is_cut_off(self):
        shutil.copytree(self.path("b"), self.path("kept"))
        for size in (0, 4096, 1 << 20):
            with self.subTest(size=size):
                run = self.paused_before_reading(lambda path: os.truncate(path, size))
                message = self.assert_failed_well(run)
                self.assertIn("b/model.safetensors", message)
                self.assertFalse(os.path.exists(self.path(PARTIAL)), run)  # nobody could go on with that
                shutil.rmtree(self.path("b"))
                shutil.copytree(self.path("kept"), self.path("b"))

    def test_an_input_that_is_written_to(self):
        before = os.stat(self.path("b", "model.safetensors"))
        run = self.paused_before_reading(lambda path: os.utime(path, ns=(0, before.st_mtime_ns + 10**9)))
        message = self.assert_failed_well(run)
        self.assertRegex(message, "b/model.safetensors.*changed")
        self.assertFalse(os.path.exists(self.path(PARTIAL)), run)

    def test_an_input_on_which_a_read_fails_in_the_middle(self):
        """What was done before stays; once the disk is well again the merge goes on."""
        options, file = [*THREADS, "--memory", "24M", "--block-size", "64K"], "b/model.safetensors"
        last = self.count("ties", "read", *options, path=file)
        for quarters in (3, 2, 1):  # how many reads there are is a matter of time: small tensors may share one
            run = self.merge("ties", *options, faults=f"read:{file}:{last * quarters // 4}+:5")
            if run.code != 0:
                break
            self.remove_outputs()
        message = self.assert_failed_well(run)
        self.assertRegex(message, r"b/model.safetensors: .*Input/output error")
        self.merge("ties", code=0)
        self.assert_complete("ties")


class Signals(Case):
    model_options = ["--hidden", "128", "--layers", "10", "--vocabulary", "4000"]
    in_memory = False

    def test_a_signal_stops_a_merge_soon(self):
        """The journal is synced, and the message says how much is done and that the same command goes on."""
        for number, options in ((signal.SIGTERM, ["--io", "auto"]), (signal.SIGINT, THREADS), (signal.SIGTERM, ["--direct", "off"])):
            with self.subTest(number=number, options=options):
                self.remove_outputs()
                self.stop_once(number, ["--threads", "1", "--memory", "24M", *options])

    def stop_once(self, number, options):
        """A merge that has recorded something gets the signal; if it was past asking for one, another does."""
        for _ in range(20):
            run = self.start("ties", *options)
            if not stop_when(run, lambda: has_record(self.path(PARTIAL))):
                self.assertEqual(self.finish(run).code, 0)
                self.remove_outputs()
                continue
            sent = time.monotonic()
            run.send_signal(number)
            run.send_signal(signal.SIGCONT)
            done = self.finish(run)
            if not SANITIZED:
                self.assertLess(time.monotonic() - sent, STOP_SECONDS)
            if done.code != 0:
                self.assert_stopped(done, number, options)
                return
            self.remove_outputs()
        self.fail("no merge was stopped in its middle")

    def assert_stopped(self, done, number, options):
        self.assertEqual(done.code, 128 + number, done)
        self.assertIsNotNone(self.done_share(done), done)
        self.assertIn("the same command goes on", done.err)
        self.assertFalse(os.path.exists(self.path("out")))
        again = self.merge("ties", *options, code=0)
        self.assertIn("going on", again.err)
        self.assert_complete("ties")


if __name__ == "__main__":
    unittest.main()
