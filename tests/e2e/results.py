#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What plan, inspect and methods print."""
import json
import unittest

from harness import Case, write_safetensors


class Plan(Case):
    def test_nothing_is_written(self):
        self.two_models()
        run = self.ladle("plan", "recipe.yml", "-o", "out", code=0)
        self.assertEqual(run.err, "")
        for part in ("linear", "3 tensors", "12 parameters", "256 MiB"):
            self.assertIn(part, run.out)
        self.assertNotIn("up_proj", run.out)

    def test_verbose_lists_tensors_and_parameters(self):
        self.two_models()
        run = self.ladle("plan", "recipe.yml", "-v", code=0)
        self.assertIn("model.layers.0.mlp.up_proj.weight", run.out)
        self.assertIn("weight 1", run.out)

    def test_json(self):
        self.two_models()
        self.write("recipe.yml", "merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\n"
                                 "parameters: {t: [{filter: norm, value: 0.25}, {value: 0.5}]}\nseed: 7\n")
        plan = json.loads(self.ladle("plan", "recipe.yml", "--json", code=0).out)
        self.assertEqual(plan["method"], "slerp")
        self.assertEqual(plan["seed"], 7)
        self.assertEqual(plan["output"]["tensors"], 3)
        self.assertEqual(plan["output"]["parameters"], 12)
        self.assertEqual(plan["read_bytes"], 96)
        self.assertGreater(plan["memory"]["least_bytes"], 0)
        tensors = {tensor["name"]: tensor for tensor in plan["tensors"]}
        self.assertEqual(len(tensors), 3)
        self.assertEqual(tensors["model.norm.weight"]["parameters"]["t"], 0.25)
        self.assertEqual(tensors["model.embed_tokens.weight"]["parameters"]["t"], 0.5)
        self.assertEqual(tensors["model.norm.weight"]["shape"], [4])
        self.assertEqual(tensors["model.norm.weight"]["dtype"], "F32")

    def test_the_smallest_budget_is_true(self):
        self.two_models()
        least = json.loads(self.ladle("plan", "recipe.yml", "--json", code=0).out)["memory"]["least"]
        self.ladle("plan", "recipe.yml", "--memory", least, code=0)

    def test_mistakes_have_the_same_codes_as_in_a_merge(self):
        self.two_models()
        self.ladle("plan", "nowhere.yml", code=3)
        self.ladle("plan", "recipe.yml", "--memory", "4K", code=4)


class Inspect(Case):
    def test_table(self):
        self.model("a", [1, 2, 3, 4], layers=2)
        run = self.ladle("inspect", "a", code=0)
        self.assertEqual(run.err, "")
        for part in ("model.layers.1.mlp.up_proj.weight", "F32", "[2, 2]", "4 tensors", "16 parameters", "2 layers"):
            self.assertIn(part, run.out)

    def test_json(self):
        self.model("a", [1, 2, 3, 4], layers=2)
        for name in ("a", "a/model.safetensors"):
            model = json.loads(self.ladle("inspect", name, "--json", code=0).out)
            self.assertEqual((model["parameters"], model["bytes"], model["layers"]), (16, 64, 2))
            self.assertEqual([t["shape"] for t in model["tensors"]], [[2, 2]] * 3 + [[4]])
            self.assertEqual(len(model["files"]), 1)

    def test_strange_names_do_no_harm(self):
        write_safetensors(self.path("x.safetensors"), {'we"ird\n\033[31m\\ü': ("U8", (3,), b"abc"), " ": ("F32", (), b"\0" * 4)})
        model = json.loads(self.ladle("inspect", "x.safetensors", "--json", code=0).out)
        self.assertEqual({t["name"] for t in model["tensors"]}, {'we"ird\n\033[31m\\ü', " "})
        self.assertNotIn("\033", self.ladle("inspect", "x.safetensors", code=0).out)

    def test_what_is_no_model(self):
        self.write("empty/config.json", "{}")
        for name in ("nowhere", "empty", "empty/config.json"):
            run = self.ladle("inspect", name, code=3)
            self.assert_stands_alone(run)
            self.assertIn(name, run.err)


class Methods(Case):
    def test_list(self):
        methods = json.loads(self.ladle("methods", "--json", code=0).out)
        names = [method["name"] for method in methods]
        table = self.ladle("methods", code=0).out
        for name in ("linear", "slerp", "task_arithmetic", "ties", "dare_linear", "dare_ties", "passthrough"):
            self.assertIn(name, names)
            self.assertIn(name, table)

    def test_one(self):
        for method in json.loads(self.ladle("methods", "--json", code=0).out):
            text = self.ladle("methods", method["name"], code=0).out
            one = json.loads(self.ladle("methods", method["name"], "--json", code=0).out)
            self.assertEqual(one, method)
            for parameter in method["model_parameters"] + method["parameters"]:
                self.assertIn(parameter["name"], text)
        slerp = json.loads(self.ladle("methods", "slerp", "--json", code=0).out)
        self.assertEqual((slerp["base"], slerp["least_models"], slerp["most_models"]), ("required", 1, 1))
        self.assertEqual([(p["name"], p["required"]) for p in slerp["parameters"]], [("t", True)])


if __name__ == "__main__":
    unittest.main()
