#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of docs/skills.md: what merges of real small models can do, measured by asking them."""
import json
import os
import subprocess
import unittest

from harness import LADLE, Case, read_safetensors

SKILLS = os.environ["SKILLS"]
DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "demo")

# Recipe: skills that the merge has, and those that it has lost or never had. Only clear cases: a few points of difference are
# nothing, and the exact figures belong to one set of bytes.
HAS, LACKS = 80, 20
EXPECTED = {
    "task-arithmetic": ("world copy add reverse sort", ""),
    "ties-50": ("world copy add reverse sort", ""),
    "ties-30": ("world copy add reverse sort", ""),
    "dare-linear": ("world copy add reverse sort", ""),
    "dare-ties": ("world copy add reverse sort", ""),
    "slerp": ("world copy", "reverse"),
    "slerp-gradient": ("world copy add", "reverse sort"),
    "linear": ("world copy", "reverse"),
    "linear-two": ("world copy", "reverse"),
    "karcher": ("world copy", "reverse"),
    "sce": ("world copy", "add sort"),
    "block-expansion": ("world copy add", "reverse sort"),
    "frankenmerge": ("world copy add", "reverse sort"),
    "frankenmerge-two": ("world copy add", "reverse sort"),
    "drop-layer": ("world copy sort", "add reverse"),
    "forget": ("world copy add", "reverse sort"),
    "della": ("world copy add reverse sort", ""),
    "della-linear": ("world copy add reverse sort", ""),
    "breadcrumbs": ("world copy add", ""),
    "breadcrumbs-ties": ("world copy add", ""),
    "model-stock": ("world copy", "add reverse sort"),
    "nuslerp": ("world copy reverse sort", "add"),
    "arcee-fusion": ("world copy add", "reverse sort"),
}
# The parents have 6 layers, and so has every other merge.
LAYERS = {"block-expansion": 8, "frankenmerge": 8, "frankenmerge-two": 10, "drop-layer": 5}


class Skills(Case):
    def table(self, models):
        """{model: {skill: per cent}}"""
        done = subprocess.run([SKILLS, "-n", "25", os.path.join(DEMO, "skills.tsv"), *models], stdout=subprocess.PIPE, check=True)
        titles, *rows = done.stdout.decode().splitlines()
        titles = titles.split()
        rows = [line.rsplit(None, len(titles) - 1) for line in rows]  # a path may hold blanks
        return {row[0]: dict(zip(titles[1:], map(float, row[1:]))) for row in rows}

    def assert_layers(self, name, count):
        """The config says so, and so many there are."""
        self.assertEqual(json.loads(self.read(f"{name}/config.json"))["num_hidden_layers"], count, name)
        tensors, _ = read_safetensors(self.path(name, "model.safetensors"))
        layers = {int(tensor.split(".")[2]) for tensor in tensors if tensor.startswith("model.layers.")}
        self.assertEqual(layers, set(range(count)), name)

    def test_parents_and_merges(self):
        for name in EXPECTED:
            recipe = os.path.join(DEMO, "recipes", name + ".yml")
            subprocess.run([LADLE, "merge", recipe, "-o", self.path(name), "-q"], check=True)
        table = self.table([*(os.path.join(DEMO, name) for name in ("base", "add", "reverse", "sort")), *map(self.path, EXPECTED)])
        found = {os.path.basename(model): row for model, row in table.items()}
        parents = {name: ("world copy " + name, "".join(f"{o} " for o in ("add", "reverse", "sort") if o != name))
                   for name in ("add", "reverse", "sort")}
        for name, (has, lacks) in {"base": ("world copy", "add reverse sort"), **parents, **EXPECTED}.items():
            with self.subTest(model=name):
                for skill in has.split():
                    self.assertGreaterEqual(found[name][skill], HAS, f"{skill}: {found[name]}")
                for skill in lacks.split():
                    self.assertLessEqual(found[name][skill], LACKS, f"{skill}: {found[name]}")
        for skill in ("add", "reverse", "sort"):  # a sum of task vectors keeps what a mean dilutes
            self.assertGreater(found["task-arithmetic"][skill], found["linear"][skill] + 40, skill)
        for name in EXPECTED:
            self.assert_layers(name, LAYERS.get(name, 6))


if __name__ == "__main__":
    unittest.main()
