# SPDX-License-Identifier: Apache-2.0
"""Files that would take memory without end: whatever they hold, a run takes no more than its budget and 16 MiB."""
import json
import os
import re
import struct
import subprocess
import unittest

from harness import LADLE, SANITIZED, Case, floats, write_safetensors

BUDGET_MIB, SPARE_MIB = 16, 16


def repeated(unit, end, count):
    return unit * (count // len(unit)) + end


def configs(count):
    """config.json of about so many bytes that make much of little."""
    layers = '{"num_hidden_layers": 1, "x": '
    return {
        "numbers": layers + "[" + repeated("1,", "1]", count) + "}",
        "objects": layers + "[" + repeated("{},", "1]", count) + "}",
        "deep": layers + "[" * 50 + repeated("1,", "1", count) + "]" * 50 + "}",
        "text": layers + '"' + repeated("x", '"', 16 * 2**20 - 100) + "}",
        "keys": layers + "{" + ",".join(f'"{i:x}":1' for i in range(count // 8)) + "}}",
    }


class Hostile(Case):
    def model(self, name, config='{"num_hidden_layers": 1}'):
        os.mkdir(self.path(name))
        write_safetensors(self.path(name, "model.safetensors"),
                          {"model.layers.0.a.weight": ("F32", (4,), floats([1, 2, 3, 4]))})
        self.write(name + "-config", config)
        os.symlink(f"../{name}-config", self.path(name, "config.json"))  # as in the Hub's cache

    def recipe(self, model):
        return self.write("recipe.yml", f"merge_method: linear\nmodels: [{{model: {model}}}, {{model: b}}]\n"
                                        "parameters: {weight: 0.5}\n")

    def limited(self, *arguments, budget_mib=BUDGET_MIB):
        """Runs the program, which gets no more memory than it may take; returns the exit code and what it said."""
        limit = "" if SANITIZED else f"ulimit -d {(budget_mib + SPARE_MIB) * 1024}; "
        done = subprocess.run(["sh", "-c", limit + 'exec "$0" "$@"', LADLE, *arguments], cwd=self.folder,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stderr

    def refused(self, *arguments):
        code, said = self.limited(*arguments, "--memory", f"{BUDGET_MIB}M")
        self.assertEqual(code, 4, said)
        return said

    def test_config(self):
        self.model("b")
        for name, config in configs(2 * 2**20).items():
            with self.subTest(name):
                self.model(name, config)
                self.recipe(name)
                for arguments in (("plan", "recipe.yml"), ("merge", "recipe.yml", "-o", "out")):
                    said = self.refused(*arguments)
                    self.assertIn(f"{name}/config.json: what must be kept of it", said)
                    self.assertNotIn("out", os.listdir(self.folder))
                if name != "text":
                    said = self.refused("inspect", name)
                    self.assertIn(f"{name}/config.json: what must be kept of it", said)
                    enough = re.search(r"--memory (\S+) is enough", said).group(1)
                    self.assertEqual(self.limited("inspect", name, "--memory", enough, budget_mib=1000)[0], 0)

    def test_the_budget_that_is_named_works(self):
        self.model("b")
        self.model("numbers", configs(300000)["numbers"])
        self.recipe("numbers")
        enough, said = f"{BUDGET_MIB}M", self.refused("plan", "recipe.yml")
        for _ in range(3):  # first enough to read it, then what planning finds out
            enough = re.search(r"--memory (\S+)", said).group(1)
            code, said = self.limited("plan", "recipe.yml", "--memory", enough, budget_mib=1000)
            if code == 0:
                break
        self.assertEqual(code, 0, said)
        plan = self.ladle("plan", "recipe.yml", "--memory", enough, code=0)
        least = int(re.search(r"the smallest that works is (\d+)M", plan.out).group(1))
        for output in ("out", "out.tar", "out.tar.zst"):
            run = self.ladle("merge", "recipe.yml", "-o", output, "--memory", f"{least}M", "--progress", "json", code=0)
            done = json.loads(run.lines[-1])
            if not SANITIZED:
                self.assertLessEqual(done["peak_memory_bytes"], (least + SPARE_MIB) << 20, output)
        code, said = self.limited("plan", "recipe.yml", "--memory", f"{least - 1}M", budget_mib=least)
        self.assertEqual(code, 4, said)

    def test_index(self):
        self.model("b")
        self.model("a")
        os.rename(self.path("a", "model.safetensors"), self.path("a", "c.safetensors"))
        for shard in ("c.safetensors", None):
            with self.subTest(shard):
                self.write("a/model.safetensors.index.json", '{"weight_map": {' + ",".join(
                    f'"{i:x}":"{shard or i}"' for i in range(400000)) + "}}")
                self.recipe("a")
                self.assertIn("a/model.safetensors.index.json: what must be kept", self.refused("plan", "recipe.yml"))
                self.assertIn("a/model.safetensors.index.json: what must be kept", self.refused("inspect", "a"))

    def test_header(self):
        self.model("b")
        self.model("a")
        count = 300000
        header = ("{" + ",".join(f'"{i:x}":{{"dtype":"U8","shape":[],"data_offsets":[{i},{i + 1}]}}'
                                 for i in range(count)) + "}").encode()
        with open(self.path("a", "model.safetensors"), "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            file.truncate(8 + len(header) + count)
        self.recipe("a")
        self.assertIn("a/model.safetensors: what must be kept", self.refused("plan", "recipe.yml"))
        self.assertIn("a/model.safetensors: what must be kept", self.refused("inspect", "a"))
        self.assertEqual(self.limited("inspect", "a", budget_mib=256)[0], 0)

    def test_lists_that_do_not_fit_are_told_the_smallest_budget(self):
        """Also where reading the models fits, and only what is made of them does not."""
        count = 50000
        for name in ("a", "b"):
            self.model(name)
            write_safetensors(self.path(name, "model.safetensors"),
                              {f"model.layers.0.expert{i}.weight": ("F32", (), floats([i])) for i in range(count)})
        self.recipe("a")
        plan = self.ladle("plan", "recipe.yml", code=0)
        least = int(re.search(r"the smallest that works is (\d+)M", plan.out).group(1))
        self.assertGreater(least, 10)
        said = ""
        for budget in range(least - 1, 5, -1):
            code, said = self.limited("plan", "recipe.yml", "--memory", f"{budget}M", budget_mib=2 * least)
            self.assertEqual(code, 4, said)
            if "what must be kept of it" in said:
                break
            self.assertIn(f"the smallest that can: --memory {least}M", said)
        self.assertIn("b/model.safetensors: what must be kept of it", said)
        self.assertEqual(self.limited("merge", "recipe.yml", "-o", "out", "--memory", f"{least}M", budget_mib=least)[0], 0)

    def test_recipe(self):
        self.model("a")
        self.model("b")
        start = self.recipe("a")
        with open(start, encoding="utf-8") as file:
            good = file.read()
        for more in ("x: [" + repeated("1,", "1]", 6 * 2**20), 'x: "' + repeated("y", '"', 7 * 2**20),
                     "#" + "y" * (9 * 2**20), "x:\n" + repeated("- 1\n", "", 2**21), "x: " + repeated("y ", "", 2**22)):
            with self.subTest(more[:4]):
                self.write("recipe.yml", good + more + "\n")
                self.assertIn("recipe.yml: what must be kept", self.refused("plan", "recipe.yml"))
        self.write("recipe.yml", good + "#" + "y" * (17 * 2**20))
        code, said = self.limited("plan", "recipe.yml", "--memory", "64M", budget_mib=64)
        self.assertEqual(code, 3)
        self.assertIn("larger than the 16777216 bytes", said)


if __name__ == "__main__":
    unittest.main()
