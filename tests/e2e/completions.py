#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What shells offer when the tabulator key is pressed."""
import json
import os
import re
import shutil
import subprocess
import unittest

from harness import LADLE, Case

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tools", "completions")
SCRIPT = '''
source "$1"/ladle.bash
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_ladle "$1"
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
'''


class Completions(Case):
    def offered(self, *words):
        """What bash has to offer for the last of the words."""
        done = subprocess.run(["bash", "-c", SCRIPT, "bash", FOLDER, LADLE, *words], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def test_commands(self):
        self.assertEqual(self.offered(""), ["merge", "plan", "inspect", "methods", "help", "--help", "--version"])
        self.assertEqual(self.offered("m"), ["merge", "methods"])
        self.assertEqual(self.offered("help", "p"), ["plan"])
        self.assertEqual(self.offered("mrege", "-"), [])

    def test_options_are_those_of_the_help(self):
        for command in ("merge", "plan", "inspect", "methods", "help"):
            told = re.findall(r"^ {2,6}(?:-\w, )?(--[a-z-]+)", self.ladle("help", command, code=0).out, re.MULTILINE)
            self.assertEqual(self.offered(command, "-"), told)
        self.assertEqual(self.offered("merge", "recipe.yml", "--out"), ["--output", "--out-dtype"])

    def test_values_of_options(self):
        self.assertEqual(self.offered("merge", "--io", ""), ["auto", "uring", "threads"])
        self.assertEqual(self.offered("plan", "recipe.yml", "--progress", "p"), ["plain"])
        self.assertEqual(self.offered("merge", "--seed", ""), [])

    def test_methods(self):
        names = [method["name"] for method in json.loads(self.ladle("methods", "--json", code=0).out)]
        self.assertEqual(self.offered("methods", ""), names)
        self.assertEqual(self.offered("methods", "brea"), ["breadcrumbs", "breadcrumbs_ties"])

    def test_files_are_the_shells(self):
        for words in (["merge", ""], ["inspect", "mod"], ["merge", "recipe.yml", "-o", ""], ["plan", "--output", "x"]):
            self.assertEqual(self.offered(*words), [])
        told = subprocess.run(["bash", "-c", f"source '{FOLDER}/ladle.bash' && complete -p ladle"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.assertIn("-o default", told)

    def test_other_shells_can_read_theirs(self):
        for shell, file in (("zsh", "_ladle"), ("fish", "ladle.fish")):
            with self.subTest(shell=shell):
                if not shutil.which(shell):
                    self.skipTest(f"no {shell}")
                subprocess.run([shell, "-n", os.path.join(FOLDER, file)], check=True)


if __name__ == "__main__":
    unittest.main()
