#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every method as `ladle methods` describes it: parameters out of range, rows longer than a block, numbers that are not finite."""
import hashlib
import json
import random
import re
import unittest

from harness import Case, floats, read_safetensors

VALID = {"weight": 1, "t": 0.5}


class Methods(Case):
    def methods(self):
        return json.loads(self.ladle("methods", "--json", code=0).out)

    def models(self, method):
        """As few as the method takes, two if it can."""
        return ["a", "b", "c"][: min(max(method["least_models"], 2), method["most_models"] or 2)]

    def recipe(self, method, given=None):
        """Writes a recipe for a method, all of whose required parameters have a value; `given`: {name: text of a value}. Returns
        where each value given stands: {name: [(line, column), ...]}"""
        given, places = given or {}, {}
        lines = [f"merge_method: {method['name']}", "dtype: float32"]

        def add(indent, parameters):
            for parameter in parameters:
                name = parameter["name"]
                value = given.get(name, VALID.get(name) if parameter["required"] else None)
                if value is None:
                    continue
                lines.append(f"{indent}{name}: {value}")
                if name in given:
                    places.setdefault(name, []).append((len(lines), len(indent) + len(name) + 3))

        if method["base"] == "required":
            lines.append("base_model: base")
        lines.append("models:")
        for model in self.models(method):
            lines += [f"  - model: {model}", "    parameters:"]
            add("      ", method["model_parameters"])
            if lines[-1] == "    parameters:":
                lines.pop()
        lines.append("parameters:")
        add("  ", method["parameters"])
        if lines[-1] == "parameters:":
            lines.pop()
        self.write("recipe.yml", "\n".join(lines) + "\n")
        return places

    def small_models(self):
        for at, name in enumerate(("base", "a", "b", "c")):
            self.model(name, [1 + at, 2, 3 - at, 4])


class Descriptions(Methods):
    def test_nothing_is_left_out(self):
        methods = self.methods()
        self.assertEqual(len(methods), 20)
        for method in methods:
            self.assertEqual(json.loads(self.ladle("methods", method["name"], "--json", code=0).out), method)
            for key in ("name", "title", "about", "advice", "cost", "source"):
                self.assertTrue(method[key].strip(), (method["name"], key))
            self.assertIn(method["base"], ("required", "optional", "ignored"))
            shown = " ".join(self.ladle("methods", method["name"], code=0).out.split())
            for key in ("title", "about", "advice", "cost", "source"):
                self.assertIn(method[key], shown, method["name"])
            for parameter in method["model_parameters"] + method["parameters"]:
                self.assert_parameter(method["name"], parameter, shown)

    def assert_parameter(self, method, parameter, shown):
        where = f"{method}: {parameter['name']}"
        self.assertIn(parameter["type"], ("number", "whole number", "boolean", "choice"), where)
        self.assertFalse(parameter["required"] and parameter["default"] is not None, where)
        if not parameter["has_effect"]:
            self.assertIn(f"{parameter['name']} ", shown, where)
            return
        self.assertIn(parameter["about"], shown, where)
        if "number" in parameter["type"]:  # a person sees what is sensible
            self.assertLessEqual({"least", "most"}, set(parameter), where)
            self.assertRegex(parameter["about"], r"\d", where)
        if parameter["type"] == "choice":
            self.assertIn(parameter["default"], parameter["choices"], where)
        if parameter["type"] == "boolean":
            self.assertIn(parameter["default"], (True, False), where)


class Ranges(Methods):
    def setUp(self):
        super().setUp()
        self.small_models()

    def assert_refused(self, method, given):
        """Each of the values given, at its place and by its name."""
        places = self.recipe(method, given)
        run = self.ladle("plan", "recipe.yml", code=3)
        self.assert_stands_alone(run)
        for name, found in places.items():
            for line, column in found:
                messages = [text for text in run.lines if text.startswith(f"ladle: recipe.yml:{line}:{column}: ")]
                self.assertTrue(messages, f"{method['name']}, {name} in line {line}, column {column}: {run}")
                self.assertIn(name, messages[0])

    def test_what_no_parameter_takes(self):
        words = {"number": ["much", ".nan", "-.inf", "[0.5, much]"], "whole number": ["1.5", ".inf", "many"],
                 "boolean": ["2", "0.5", "maybe"], "choice": ["nonsense", "7"]}
        for method in self.methods():
            parameters = method["model_parameters"] + method["parameters"]
            for at in range(4):
                given = {parameter["name"]: words[parameter["type"]][at] for parameter in parameters
                         if at < len(words[parameter["type"]])}
                places = {name: value for name, value in given.items() if not value.startswith("[")}
                if places:
                    with self.subTest(method=method["name"], given=places):
                        self.assert_refused(method, places)

    def test_beyond_the_ends(self):
        seen = set()
        for method in self.methods():
            parameters = [p for p in method["model_parameters"] + method["parameters"] if "number" in p["type"]]
            for shares in (p for p in parameters if p["name"] in ("density", "gamma")):
                self.assertEqual((shares["least"], shares["most"]), (0, 1), method["name"])
            for end, beyond in (("least", -1), ("least", -1e-6), ("most", 1), ("most", 1e-6)):
                given = {p["name"]: str(p[end] + beyond) for p in parameters
                         if p[end] is not None and (beyond in (-1, 1) or p["type"] == "number")}
                seen |= set(given)
                if given:
                    with self.subTest(method=method["name"], given=given):
                        self.assert_refused(method, given)
        self.assertLessEqual({"density", "gamma", "eps", "tol", "max_iter", "epsilon"}, seen)

    def test_the_ends_themselves(self):
        for method in self.methods():
            parameters = method["model_parameters"] + method["parameters"]
            for end in ("least", "most"):
                given = {p["name"]: str(p[end]) for p in parameters if p.get(end) is not None}
                with self.subTest(method=method["name"], given=given):
                    self.recipe(method, given)
                    self.ladle("plan", "recipe.yml", code=0)

    def test_what_is_missing(self):
        for method in self.methods():
            for parameter in method["model_parameters"] + method["parameters"]:
                if not parameter["required"]:
                    continue
                self.recipe(method)
                name = parameter["name"]
                self.write("recipe.yml", re.sub(rf"(    parameters:\n)?^ +{name}: .*\n", "", self.read("recipe.yml"), flags=re.M))
                run = self.ladle("plan", "recipe.yml", code=3)
                self.assertRegex(run.lines[0], rf"^ladle: recipe\.yml:\d+:\d+: .*\b{name}\b", method["name"])

    def test_values_that_do_not_go_together(self):
        methods = {method["name"]: method for method in self.methods()}
        for name in ("della", "della_linear"):
            for density, epsilon in (("0.5", "0.5"), ("0.9", "0.1"), ("0.5", "-0.1"), ("0.1", "0.15")):
                places = self.recipe(methods[name], {"density": density, "epsilon": epsilon})
                run = self.ladle("plan", "recipe.yml", code=3)
                line, column = places["epsilon"][0]
                self.assertTrue(run.lines[0].startswith(f"ladle: recipe.yml:{line}:{column}: epsilon: "), run)
                self.assertIn("model a", run.lines[0])
        for name in ("ties", "breadcrumbs", "breadcrumbs_ties"):
            places = self.recipe(methods[name], {"rescale": "true", "rescale_norm": "expected"})
            run = self.ladle("plan", "recipe.yml", code=3)
            line, column = places["rescale_norm"][0]
            self.assertTrue(run.lines[0].startswith(f"ladle: recipe.yml:{line}:{column}: rescale_norm: "), run)
        for name in ("linear", "multislerp"):
            self.recipe(methods[name], {"weight": "0"})
            self.assertRegex(self.ladle("plan", "recipe.yml", code=3).lines[0], r"^ladle: recipe\.yml:\d+:\d+: weight: ")

    def test_one_layer_is_enough(self):
        """A gradient and a filter that only some tensors see."""
        ties = next(method for method in self.methods() if method["name"] == "ties")
        self.recipe(ties, {"density": "[0.5, 1.5]"})
        self.assertRegex(self.ladle("plan", "recipe.yml", code=3).lines[0], r"^ladle: recipe\.yml:\d+:\d+: .*density.*'1\.5'")
        self.recipe(ties, {"density": "[{filter: mlp, value: -0.5}, {value: 0.5}]"})
        self.assertRegex(self.ladle("plan", "recipe.yml", code=3).lines[0], r"^ladle: recipe\.yml:\d+:\d+: .*density.*'-0\.5'")


class LongRows(Methods):
    """Methods that work on whole rows, on rows that no usual block holds."""

    SIZE = 800_000
    RECIPES = {
        "nuslerp": "merge_method: nuslerp\nmodels:\n- {model: a, parameters: {weight: 1}}\n- {model: b, parameters: {weight: 2}}\n"
                   "parameters: {nuslerp_flatten: false}\n",
        "model_stock": "merge_method: model_stock\nbase_model: base\nmodels: [{model: a}, {model: b}]\n"
                       "parameters: {filter_wise: true}\n",
        "della": "merge_method: della\nbase_model: base\nmodels:\n- {model: a, parameters: {weight: 1, density: 0.4}}\n",
        "della_linear": "merge_method: della_linear\nbase_model: base\nmodels:\n- {model: a, parameters: {weight: 1, density: 0.4}}\n"
                        "parameters: {rescale_norm: l2}\n",
        "arcee_fusion": "merge_method: arcee_fusion\nbase_model: base\nmodels: [{model: a}]\n",
    }

    def wide_models(self, shape):
        size = self.SIZE
        for at, name in enumerate(("base", "a", "b")):
            draw = random.Random(at)
            pattern = bytes(byte for _ in range(4099) for byte in (draw.randrange(256), draw.choice((0x3C, 0x3D, 0xBC, 0xBB))))
            data = (pattern * (2 * size // len(pattern) + 1))[: 2 * size]
            self.model(name, [1 + at, 2, 3, 4], more={"model.wide.weight": ("BF16", shape, data)})

    def merge(self, memory, code):
        run = self.ladle("merge", "recipe.yml", "-o", "out", "--force", "--memory", memory, code=code)
        if code != 0:
            return re.search(r"--memory (\d+)M$", run.err, re.M).group(1)
        with open(self.path("out", "model.safetensors"), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def assert_refused_until_it_fits(self, recipe):
        self.write("recipe.yml", recipe + "dtype: float32\n")
        least = int(self.merge("4M", 4))
        self.assertEqual(int(self.merge(f"{least - 1}M", 4)), least)
        self.assertEqual(self.merge(f"{least}M", 0), self.merge("1G", 0))
        return least

    def test_matrices(self):
        self.wide_models((2, self.SIZE // 2))
        for name, recipe in self.RECIPES.items():
            with self.subTest(method=name):
                self.assert_refused_until_it_fits(recipe)

    def test_vectors(self):
        """One row. Where rows are the vectors of a Gram method it is the whole tensor, which may come in blocks."""
        self.wide_models((self.SIZE,))
        for name in ("della", "della_linear", "arcee_fusion"):
            with self.subTest(method=name):
                self.assert_refused_until_it_fits(self.RECIPES[name])
        for name in ("nuslerp", "model_stock"):
            with self.subTest(method=name):
                self.write("recipe.yml", self.RECIPES[name] + "dtype: float32\n")
                self.assertEqual(self.merge("8M", 0), self.merge("1G", 0))


class Fallbacks(Methods):
    """Methods of the Gram class say which tensors they could not do as asked for."""

    ROWS = {name: LongRows.RECIPES[name] for name in ("nuslerp", "model_stock")}
    WHOLE = {
        "slerp": "merge_method: slerp\nbase_model: base\nmodels: [{model: a}]\nparameters: {t: 0.5}\n",
        "karcher": "merge_method: karcher\nmodels: [{model: a}, {model: b}]\n",
        "multislerp": "merge_method: multislerp\nmodels:\n- {model: a, parameters: {weight: 1}}\n- {model: b, parameters: {weight: 1}}\n",
        "nuslerp": ROWS["nuslerp"].replace("false", "true"),
        "columns": ROWS["nuslerp"].replace("false", "false, nuslerp_row_wise: true"),
        "model_stock": ROWS["model_stock"].replace("true", "false"),
    }

    def setUp(self):
        super().setUp()
        for at, name in enumerate(("base", "a", "b")):
            bad = [float("inf"), float("nan")] if name == "a" else [7, 8]
            self.model(name, [1 + at, 2, 3, 4], more={
                "model.sound.weight": ("F32", (3, 2), floats([1, at, 3, 4, at, 6])),
                "model.spoilt.weight": ("F32", (3, 2), floats([bad[0], 2, 3 + at, at, 5, bad[1]]))})

    def warnings(self, recipe):
        self.write("recipe.yml", recipe + "dtype: float32\n")
        run = self.ladle("merge", "recipe.yml", "-o", "out", "--force", code=0)
        self.assertNotIn("sound", run.err)
        tensors, _ = read_safetensors(self.path("out", "model.safetensors"))
        self.assertEqual(len(tensors), 5)
        start = run.err.split("ladle: ")
        return [part for part in start if part.startswith("warning: ") and "not finite" in part]

    def test_tensors(self):
        for name, recipe in self.WHOLE.items():
            with self.subTest(method=name):
                found = self.warnings(recipe)
                self.assertEqual(len(found), 1, found)
                self.assertIn("model.spoilt.weight", found[0])

    def test_rows(self):
        for name, recipe in self.ROWS.items():
            with self.subTest(method=name):
                found = self.warnings(recipe)
                self.assertEqual(len(found), 1, found)
                self.assertIn("linear coefficients", found[0])
                self.assertIn("\n  model.spoilt.weight: 2 rows\n", found[0])


if __name__ == "__main__":
    unittest.main()
