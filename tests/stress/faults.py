#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The n-th call of some kind fails, for every n of a small merge: the merge says what failed, leaves nothing that looks whole,
and the same command completes afterwards with the same bytes. Or the merge succeeds in spite of it."""
import errno
import os
import unittest

from stress import Case, needs_faults, sampled, LONG

THREADS = ["--io", "threads", "--threads", "2"]


@needs_faults
class Faults(Case):
    def fail_each(self, recipe, kinds, action, wanted=25, codes=(1,), named=True):
        """Lets each call of these kinds go wrong in turn. Returns how many of the runs failed."""
        calls, failed = self.count(recipe, kinds, *THREADS), 0
        self.assertGreater(calls, 0)
        for at in sampled(calls + 2, wanted):
            with self.subTest(kinds=kinds, at=at, of=calls, action=action):
                run = self.merge(recipe, *THREADS, faults=f"{kinds}::{at}:{action}")
                if run.code != 0:
                    failed += 1
                    message = self.assert_failed_well(run, codes)
                    if named:
                        self.assertRegex(message, r"ladle: .+: .+", "no file, or not what failed")
                    if LONG:
                        print(f"{kinds} {at}: {run.code} {message}")
                    self.merge(recipe, *THREADS, code=0)
                self.assert_complete_or_left(recipe, run)
                self.remove_outputs()
        return failed

    def assert_complete_or_left(self, recipe, run):
        """A partial directory that could not be removed after success is a warning; the next run removes it."""
        if run.code == 0 and os.path.exists(self.path(".out.ladle-partial")):
            self.assertIn("warning", run.err)
            self.merge(recipe, *THREADS)
        self.assert_complete(recipe)

    def test_reads(self):
        for recipe in ("linear", "ties"):
            self.assertGreater(self.fail_each(recipe, "read", errno.EIO, codes=(1, 3)), 0)

    def test_short_transfers_change_nothing(self):
        for recipe in ("linear", "ties"):
            self.assertEqual(self.fail_each(recipe, "read", "short"), 0)
        self.assertEqual(self.fail_each("ties", "write", "short"), 0)

    def test_writes(self):
        for code in (errno.EIO, errno.ENOSPC):
            self.assertGreater(self.fail_each("ties", "write", code), 0)

    def test_syncs(self):
        self.assertGreater(self.fail_each("ties", "sync", errno.EIO), 0)

    def test_names(self):
        self.assertGreater(self.fail_each("ties", "rename", errno.EIO), 0)
        self.assertGreater(self.fail_each("ties", "names", errno.EACCES), 0)

    def test_space(self):
        for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            self.assertGreater(self.fail_each("ties", "reserve", code), 0)
        self.assertEqual(self.fail_each("ties", "reserve", errno.EOPNOTSUPP), 0)
        self.assertGreater(self.fail_each("ties", "cut", errno.EIO), 0)

    def test_opening(self):
        for code in (errno.EMFILE, errno.EACCES):
            self.assertGreater(self.fail_each("ties", "open", code, codes=(1, 2, 3)), 0)

    def test_memory(self):
        self.assertGreater(self.fail_each("ties", "memory", errno.ENOMEM, wanted=60, codes=(1, 2, 3), named=False), 0)

    def test_other_calls(self):
        self.fail_each("ties", "other", errno.EIO, codes=(1, 2, 3))


if __name__ == "__main__":
    unittest.main()
