#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Few descriptors, no memory that may be locked, no more threads: the merge is done all the same, and with the same bytes."""
import json
import os
import resource
import struct
import subprocess
import unittest
import unittest.mock

from stress import Case, needs_faults

SHARDS = 60
NO_FAULT = "other::0:5"


def limit(kind, most):
    return lambda: resource.setrlimit(kind, (most, most))


class Limits(Case):
    model_options = ["--hidden", "64", "--layers", "6", "--vocabulary", "500", "--tiny", "300", "--shards", str(SHARDS)]
    shard_size = "1G"

    def merge_under(self, setter, recipe, *options):
        """What a merge gives whose process `setter` has limited."""
        return self.finish(subprocess.Popen(self.command(recipe, *options), cwd=self.folder, preexec_fn=setter,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))

    def check(self, recipe, setter, *options):
        self.expected(recipe)
        done = self.merge_under(setter, recipe, *options)
        self.assertEqual(done.code, 0, done)
        self.assert_complete(recipe)

    def test_fewer_descriptors_than_shards(self):
        """Of the inputs, each of which lies in more files than may be open."""
        for most in (24, 40):
            for options in ([], ["--io", "threads"], ["--direct", "off"]):
                with self.subTest(most=most, options=options):
                    self.remove_outputs()
                    self.check("ties", limit(resource.RLIMIT_NOFILE, most), *options)

    def test_too_few_descriptors_for_one_tensor(self):
        done = self.merge_under(limit(resource.RLIMIT_NOFILE, 10), "ties")
        self.assertEqual(done.code, 1, done)
        self.assertFalse(os.path.exists(self.path("out")))

    def huge_models(self):
        """Two models of one tensor of 4.4 GB, which are holes: their data is not read."""
        for name in ("huge", "huger"):
            os.makedirs(self.path(name), exist_ok=True)
            header = json.dumps({"w": {"dtype": "F32", "shape": [1100, 1000000], "data_offsets": [0, 4400000000]}}).encode()
            with open(self.path(name, "model.safetensors"), "wb") as file:
                file.write(struct.pack("<Q", len(header)) + header)
                file.truncate(8 + len(header) + 4400000000)
        with open(self.path("huge.yml"), "w", encoding="utf-8") as file:
            file.write("merge_method: linear\nmodels: [{model: huge}, {model: huger}]\nparameters: {weight: 0.5}\n")

    @needs_faults
    def test_files_of_four_gigabytes_on_fat(self):
        """What says that it is FAT holds no file of 4 GiB. That is told before any data is read, and what is smaller goes."""
        self.expected("ties")
        with unittest.mock.patch.dict(os.environ, FAULTS_FAT="1"):
            self.huge_models()
            done = self.merge("huge", faults=NO_FAULT, code=1)
            self.assertIn("a FAT file system allows files of at most 4.29 GB", done.err)
            self.assertIn("--shard-size", done.err)
            self.assertEqual([name for name in os.listdir(self.folder) if "out" in name], [])
            for options in ([], ["--direct", "off"], ["--io", "threads"]):
                self.remove_outputs()
                self.merge("ties", *options, faults=NO_FAULT, code=0)
                self.assert_complete("ties")

    def test_no_memory_may_be_locked(self):
        for most in (0, 65536):
            with self.subTest(most=most):
                self.remove_outputs()
                self.check("ties", limit(resource.RLIMIT_MEMLOCK, most))

    def test_more_shards_of_output_than_descriptors(self):
        """As far as the hard limit allows, more are asked for."""
        self.shard_size = "2K"
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        done = self.merge_under(few, "linear")
        self.assertEqual(done.code, 0, done)
        self.assertGreater(len([name for name in os.listdir(self.path("out")) if name.endswith(".safetensors")]), 32)


if __name__ == "__main__":
    unittest.main()
