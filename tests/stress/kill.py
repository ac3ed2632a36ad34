#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A merge is killed, at random moments and at every call that leaves a trace, and the same command goes on until it is done:
the bytes are those of a merge that nobody disturbed, and there is never anything that only looks whole."""
import json
import os
import random
import shutil
import signal
import sys
import time
import unittest

from stress import Case, needs_faults, sampled, tree, FAULTS_LIBRARY, LONG

TRACES = "write,sync,rename,exchange,open,reserve,cut,names"
CUT = "cut:output/model:1:then"  # with which the end of a merge begins


class RandomMoments(Case):
    """Larger models, on a disk, so that the moments fall into every part of the merge."""
    model_options = ["--size", "48M", "--hidden", "256"]
    shard_size = "20M"
    in_memory = False
    ways = [(recipe, options) for recipe in ("linear", "ties")
            for options in (["--io", "threads"], ["--io", "auto", "--memory", "64M"])]
    kills = 50 if LONG else 13  # for each of the ways: more than 50 in all

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("LADLE_SEED", "0")) or random.randrange(1, 10**6)
        self.random = random.Random(self.seed)
        print(f"kills at random moments: LADLE_SEED={self.seed}", file=sys.stderr)

    def undisturbed(self, recipe, options):
        """The seconds that a merge takes, and how many calls leave traces once its files are cut to their lengths."""
        begun = time.monotonic()
        run = self.merge(recipe, *options, faults=f"{CUT};{TRACES}::0:5" if FAULTS_LIBRARY else "", code=0)
        seconds = time.monotonic() - begun
        self.assert_complete(recipe)
        self.remove_outputs()
        if not FAULTS_LIBRARY:
            return seconds, 0
        with open(self.path("count"), encoding="ascii") as file:
            calls = int(file.readlines()[1])
        self.assertGreater(calls, 5, run)
        return seconds, calls

    def disturbed(self, recipe, options, seconds, publishing_calls):
        """A merge that is killed at a random moment; or while it is published, if there are such calls."""
        if publishing_calls:
            at, action = self.random.randint(1, publishing_calls), self.random.choice(("kill", "killed"))
            return self.merge(recipe, *options, faults=f"{CUT};{TRACES}::{at}:{action}")
        run = self.start(recipe, *options)
        time.sleep(self.random.uniform(0, 1.2 * seconds))
        run.send_signal(signal.SIGKILL)
        return self.finish(run)

    def kill_until_done(self, recipe, options):
        """Until that many merges were killed and one of those that ended had gone on with what a killed one had left."""
        seconds, calls = self.undisturbed(recipe, options)
        killed = resumed = tries = 0
        while killed < self.kills or not resumed:
            tries += 1
            self.assertLess(tries, 20 * self.kills, f"{killed} were killed, {resumed} went on with what another had left")
            run = self.disturbed(recipe, options, seconds, calls if tries % 3 == 0 else 0)
            self.assertIn(run.code, (-signal.SIGKILL, 0), run)
            killed += run.code != 0
            resumed += run.code == 0 and "an earlier run" in run.err
            if run.code == 0:
                self.assert_complete(recipe)
            if os.path.exists(self.path("out")):
                self.assertEqual(tree(self.path("out")), self.expected(recipe))
                self.remove_outputs()
        self.merge(recipe, *options, code=0)
        self.assert_complete(recipe)

    def test_kills_at_random_moments(self):
        for recipe, options in self.ways:
            with self.subTest(recipe=recipe, options=options, seed=self.seed):
                self.remove_outputs()
                self.kill_until_done(recipe, options)


@needs_faults
class EveryCall(Case):
    def kill_at_each(self, recipe, options, action, wanted):
        calls = self.count(recipe, TRACES, *options)
        for at in sampled(calls + 1, wanted):
            with self.subTest(recipe=recipe, action=action, at=at, of=calls):
                run = self.merge(recipe, *options, faults=f"{TRACES}::{at}:{action}")
                self.assertIn(run.code, (-signal.SIGKILL, 0), run)
                if os.path.exists(self.path("out")):
                    self.assertEqual(tree(self.path("out")), self.expected(recipe))
                left = os.path.exists(self.path(".out.ladle-partial", "journal"))
                again = self.merge(recipe, *options)
                # If it came to its end but for cleaning up there may be nothing left to go on with.
                self.assertEqual(again.code, 0 if left or "exists and is not empty" not in again.err else 2, again)
                self.assert_complete(recipe)
                self.remove_outputs()

    def test_a_kill_before_or_after_each_call(self):
        for recipe in ("linear", "ties"):
            for options in (["--io", "threads"], ["--io", "auto"]):
                for action in ("kill", "killed"):
                    self.kill_at_each(recipe, options, action, 20)

    def test_power_lost_at_each_call(self):
        """What was not synced is not there afterwards: nothing may be taken for done that was not."""
        for recipe in ("linear", "ties"):
            for more in ([], ["--direct", "off"]):
                self.kill_at_each(recipe, ["--io", "threads", *more], "lose", 40)

    def test_a_sync_that_fails_before_power_is_lost(self):
        """A sync that failed is not told again by the next one: what it was to make last is never recorded."""
        lock = "other:.out.ladle-partial/lock"
        for at in range(1, 9):
            for options in (["--io", "threads"], ["--io", "threads", "--direct", "off"]):
                with self.subTest(at=at, options=options):
                    sync = f"sync:output/model:{at}:5"
                    self.merge("ties", *options, faults=f"{lock}:0:5;{sync}")
                    with open(self.path("count"), encoding="ascii") as file:
                        last = int(file.readline())  # closing the lock is the last thing that a merge does
                    self.remove_outputs()
                    self.merge("ties", *options, faults=f"{sync};{lock}:{last}:lose")
                    if not os.path.exists(self.path("out")):
                        self.merge("ties", code=0)
                    self.assert_complete("ties")
                    self.remove_outputs()

    def replace_at_each(self, more_faults, wanted):
        """An old output is replaced; whatever happens, there is the old one or the new one, whole."""
        self.expected("ties")
        self.merge("linear", code=0)
        shutil.copytree(self.path("out"), self.path("old"))
        self.addCleanup(shutil.rmtree, self.path("old"), ignore_errors=True)
        old = tree(self.path("old"))
        self.merge("ties", "--force", faults=f"{TRACES}::0:5{more_faults}", code=0)
        with open(self.path("count"), encoding="ascii") as file:
            calls = int(file.readline())
        for at in sampled(calls + 1, wanted):
            for action in ("kill", "killed"):
                with self.subTest(action=action, at=at, of=calls):
                    shutil.rmtree(self.path("out"))
                    shutil.copytree(self.path("old"), self.path("out"))
                    self.merge("ties", "--force", faults=f"{TRACES}::{at}:{action}{more_faults}")
                    if not more_faults:
                        self.assert_old_or_new("ties", old)
                    # Whoever looks at it without replacing it gets it back if it had been moved aside.
                    self.merge("ties", code=None)
                    self.assert_old_or_new("ties", old)
                    again = self.merge("ties", "--force", code=0)
                    self.assertNotIn("warning", again.err)
                    self.assert_complete("ties")

    def test_replacing_by_exchange(self):
        self.replace_at_each("", 25)

    def test_an_exchange_is_recognised_afterwards(self):
        """What lies in the partial directory is the old output then; it is not taken for the new one, nor made again."""
        self.expected("ties")
        self.merge("linear", code=0)
        self.merge("ties", "--force", faults="exchange::1:killed", code=-signal.SIGKILL)
        self.assertEqual(tree(self.path("out")), self.expected("ties"))
        run = self.merge("ties", "--force", "--progress", "json", code=0)
        self.assertEqual(json.loads(run.lines[-1])["bytes_read"], 0, run)
        self.assert_complete("ties")

    def test_replacing_where_names_cannot_be_exchanged(self):
        self.replace_at_each(";exchange::1+:22", 25)

    def test_another_budget_and_other_threads_go_on(self):
        ways = (["--io", "threads", "--threads", "1", "--memory", "32M"], ["--io", "auto", "--threads", "3"],
                ["--direct", "off"], ["--memory", "64M", "--block-size", "64K"])
        for recipe in ("linear", "ties"):
            for first, second in zip(ways, ways[1:] + ways[:1]):
                with self.subTest(recipe=recipe, first=first, second=second):
                    self.remove_outputs()
                    self.merge(recipe, *first, faults="write:.out.ladle-partial/journal:3:killed", code=-signal.SIGKILL)
                    run = self.merge(recipe, *second, code=0)
                    self.assertIn("going on", run.err)
                    self.assert_complete(recipe)

    def test_what_is_done_is_not_done_again(self):
        """Killed when everything was there but its name: nothing is read again."""
        self.merge("ties", faults="rename:out:2:kill", code=-signal.SIGKILL)
        run = self.merge("ties", "--progress", "json", code=0)
        done = json.loads(run.lines[-1])
        self.assertEqual(done["event"], "done")
        self.assertEqual((done["bytes_read"], done["bytes_written"]), (0, 0), run)
        self.assertEqual(done["bytes_resumed"], done["bytes"])
        self.assert_complete("ties")


if __name__ == "__main__":
    unittest.main()
