#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line itself: help, versions, mistakes."""
import errno
import json
import os
import subprocess
import unittest

from harness import LADLE, Case, floats

COMMANDS = ["merge", "plan", "inspect", "methods", "help"]


class Arguments(Case):
    def test_version(self):
        self.assertRegex(self.ladle("--version", code=0).out, r"^ladle \d+\.\d+\.\d+\n$")

    def test_help_names_every_command(self):
        for words in (["help"], ["--help"], ["-h"]):
            run = self.ladle(*words, code=0)
            self.assertEqual(run.err, "")
            for command in COMMANDS:
                self.assertIn(f"ladle {command}", run.out)

    def test_help_of_a_command(self):
        for command in COMMANDS:
            one, other = self.ladle("help", command, code=0), self.ladle(command, "--help", code=0)
            self.assertEqual(one.out, other.out)
            self.assertIn(f"ladle {command}", one.out)
        for option in ("--memory", "--threads", "--io", "--direct", "--shard-size", "--seed", "--dtype", "--out-dtype",
                       "--allow-missing", "--unsafe-truncate-embeddings", "--force", "--restart", "--zstd-level", "--progress",
                       "--quiet", "--verbose", "--output"):
            self.assertIn(option, self.ladle("help", "merge").out)

    def test_help_has_no_long_lines_and_no_options_for_tests(self):
        for command in [[], *([command] for command in COMMANDS)]:
            out = self.ladle("help", *command).out
            self.assertLessEqual(max(map(len, out.splitlines())), 80)
            self.assertNotIn("--cpu-mask", out)

    def wrong(self, *words, says):
        run = self.ladle(*words, code=2)
        self.assert_stands_alone(run)
        self.assertEqual(run.out, "")
        for part in says:
            self.assertIn(part, run.err)

    def test_mistakes(self):
        self.wrong(says=["ladle help"])
        self.wrong("mrege", says=["mrege", "ladle merge"])
        self.wrong("recipe.yml", says=["ladle merge recipe.yml -o"])
        self.wrong("--memory", "1G", says=["--memory", "command"])
        self.wrong("help", "plann", says=["plann", "ladle plan"])
        self.wrong("merge", says=["RECIPE"])
        self.wrong("merge", "r.yml", says=["-o"])
        self.wrong("merge", "r.yml", "-o", says=["--output", "missing"])
        self.wrong("merge", "r.yml", "more", "-o", "out", says=["more"])
        self.wrong("merge", "r.yml", "-o", "out", "--memroy", "1G", says=["--memroy", "--memory"])
        self.wrong("merge", "r.yml", "-o", "out", "--memroy=1G", says=["--memroy", "--memory"])
        self.wrong("merge", "r.yml", "-o", "out", "--force=yes", says=["--force", "yes"])
        self.wrong("merge", "r.yml", "-o", "out", "--json", says=["--json", "merge"])
        self.wrong("merge", "r.yml", "-o", "out", "--io", "urign", says=["urign", "uring", "threads"])
        self.wrong("inspect", says=["MODEL"])
        self.wrong("methods", "tie", says=["tie", "ties"])

    def test_numbers_are_read_strictly(self):
        for option, values in {
            "--memory": ["", "0", "1X", "-1", "1G2", "M", "1e999", "99999999999T", " 1G"],
            "--shard-size": ["", "x", "-5G"],
            "--threads": ["0", "-1", "2.5", "two", "99999", ""],
            "--seed": ["-1", "18446744073709551616", "1.0", "0x10"],
            "--zstd-level": ["0", "20", "fast"],
            "--dtype": ["bf17", ""],
            "--out-dtype": ["inputs"],
        }.items():
            for value in values:
                with self.subTest(option=option, value=value):
                    self.wrong("merge", "r.yml", "-o", "out", option, value, says=[option])

    def test_numbers_as_people_write_them(self):
        self.two_models()
        for memory in ("1G", "512m", "1GiB", "0.5G", "256MB"):
            self.ladle("plan", "recipe.yml", "--memory", memory, code=0)
            self.ladle("plan", f"--memory={memory}", "--", "recipe.yml", code=0)
        for size in ("5GB", "5B", "0", "100M", "4GiB"):
            self.ladle("plan", "recipe.yml", "--shard-size", size, code=0)

    def test_control_characters_are_masked(self):
        run = self.ladle("merge", "r.yml", "-o", "out", "--\033[31mred\nladle: done", code=2)
        self.assertNotIn("\033", run.err)
        self.assertFalse(any(line.startswith("ladle: done") for line in run.lines))

    def test_names_from_files_cannot_reach_the_terminal(self):
        name = "a\033[31mred\u009b1mX\u202eevil\nz"
        self.model("a", [1, 2, 3, 4], more={name: ("F32", (1,), floats([1]))})
        self.write("recipe.yml", "merge_method: passthrough\nmodels: [{model: a}]\n")
        for words in (["inspect", "a"], ["plan", "-v", "recipe.yml"], ["merge", "-v", "recipe.yml", "-o", "out"]):
            run = self.ladle(*words, code=0)
            for character in "\033\u009b\u202e":
                self.assertNotIn(character, run.out + run.err, words)
            self.assertNotIn("\nz", run.out)
        self.assertIn("a?[31mred?1mX?evil?z", self.ladle("inspect", "a").out)
        for words in (["inspect", "a"], ["plan", "recipe.yml"]):
            run = self.ladle(*words, "--json", code=0)
            self.assertNotIn("\033", run.out)
            self.assertNotIn("\u009b", run.out)
            self.assertIn(name, [tensor["name"] for tensor in json.loads(run.out)["tensors"]])

    def test_columns_are_counted_in_characters(self):
        self.model("a", [1, 2, 3, 4], more={"\u00e4" * 40: ("F32", (1,), floats([1])), "b" * 40: ("F32", (1,), floats([1]))})
        lines = self.ladle("inspect", "a", code=0).out.splitlines()
        columns = {line.index("F32") for line in lines if " F32 " in line and not line.startswith(" ")}
        self.assertEqual(len(columns), 1, lines)

    def test_endings_of_files_that_are_not_made(self):
        self.two_models()
        for name in ("m.tar.gz", "m.tgz", "m.zip", "m.TAR", "m.safetensors", "dir/m.zst"):
            for command in ("merge", "plan"):
                self.wrong(command, "recipe.yml", "-o", name, says=[name, ".tar.zst", "--format directory"])
        for words in (["m.zip", "--format", "directory"], ["Model-7.5B-v0.1"], ["m.gz/"]):
            self.ladle("merge", "recipe.yml", "-o", *words, code=0)
            self.assertTrue(os.path.isdir(self.path(words[0])))

    def test_a_full_standard_output_is_a_failure(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        self.assertEqual(os.system(f"'{LADLE}' help > /dev/full 2> '{self.path('err')}'") >> 8, 1)
        self.assertIn("standard output", self.read("err"))

    def test_closed_standard_descriptors_are_not_taken_for_files(self):
        self.two_models()
        for command in ("plan recipe.yml", "merge recipe.yml -o -"):
            self.assertEqual(os.system(f"cd '{self.folder}' && '{LADLE}' {command} >&- 2>err") >> 8, 1, command)
            self.assertIn(os.strerror(errno.EBADF), self.read("err"), command)
        self.assertEqual(os.system(f"cd '{self.folder}' && '{LADLE}' merge recipe.yml -o out -v <&- >&- 2>&-"), 0)
        self.assert_values("out/model.safetensors", [2, 3, 4, 5])

    def test_a_recipe_from_a_pipe_that_has_a_name(self):
        self.two_models()
        os.mkfifo(self.path("pipe"))
        for text, code in ((self.read("recipe.yml"), 0), ("no recipe", 3)):
            with subprocess.Popen([LADLE, "plan", "pipe"], cwd=self.folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE) as run:
                with open(self.path("pipe"), "w", encoding="utf-8") as pipe:
                    pipe.write(text)
                _, err = run.communicate(timeout=60)
            self.assertEqual(run.returncode, code, err)
        self.assertIn(b"ladle: pipe:1:1: ", err)

    def test_a_folder_is_no_recipe(self):
        self.assertIn("is a directory, a file was expected", self.ladle("plan", ".", code=3).err)

    def test_a_reader_that_goes_away_is_no_crash(self):
        reader, writer = os.pipe()
        os.close(reader)  # before the first byte
        with os.fdopen(writer, "wb") as out:
            run = subprocess.run([LADLE, "methods", "--json"], stdout=out, stderr=subprocess.PIPE)
        self.assertEqual((run.returncode, run.stderr), (1, b""))


if __name__ == "__main__":
    unittest.main()
