#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ladle merge as scripts rely on it: what is left, what is said, which exit code."""
import hashlib
import json
import os
import re
import stat
import unittest

from harness import Case, floats, read_safetensors, write_safetensors


def open_bytes(path):
    with open(path, "rb") as file:
        return file.read()


class Merge(Case):
    def test_makes_a_complete_directory(self):
        self.two_models()
        self.write("a/generation_config.json", '{"temperature": 1}\n')
        self.write("a/training_args.bin", "x")
        run = self.ladle("merge", "recipe.yml", "-o", "out", code=0)
        self.assertEqual(run.out, "")
        self.assert_values("out/model.safetensors", [2, 3, 4, 5])
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "b", "out", "recipe.yml"])
        made = os.listdir(self.path("out"))
        for name in ("config.json", "tokenizer.json", "generation_config.json", "README.md", "model.safetensors"):
            self.assertIn(name, made)
        self.assertNotIn("training_args.bin", made)
        self.assertEqual(json.loads(self.read("out/config.json"))["torch_dtype"], "float32")
        _, metadata = read_safetensors(self.path("out/model.safetensors"))
        self.assertEqual(metadata["format"], "pt")

    def test_the_model_card_holds_no_path_of_the_machine(self):
        self.two_models()
        self.write("recipe.yml", self.read("recipe.yml").replace("model: a", f"model: {self.path('a')}"))
        self.ladle("merge", self.path("recipe.yml"), "-o", self.path("out"), code=0)
        self.assertNotIn(self.folder, self.read("out/README.md"))
        self.assertNotIn(self.folder.encode(), open_bytes(self.path("out/model.safetensors")))

    def test_the_last_line_says_what_was_made(self):
        self.two_models()
        last = self.ladle("merge", "recipe.yml", "-o", "out", code=0).lines[-1]
        for part in ("out", "3 tensors", "12 parameters", "GB/s", "peak memory"):
            self.assertIn(part, last)

    def test_recipe_from_standard_input(self):
        self.two_models()
        self.ladle("merge", "-", "-o", "out", stdin=open_bytes(self.path("recipe.yml")), code=0)
        self.assert_values("out/model.safetensors", [2, 3, 4, 5])
        run = self.ladle("merge", "-", "-o", "other", stdin=b"merge_method: [", code=3)
        self.assertRegex(run.lines[0], r"^ladle: standard input:\d+:\d+: ")

    def test_a_base_alone_comes_out_as_of_a_merge(self):
        halves = bytes.fromhex("ffff 0100 7ffc 0080 00fc")  # two NaN with signs and payloads, a subnormal number, -0, -Inf
        os.mkdir(self.path("a"))
        write_safetensors(self.path("a/model.safetensors"), {"w": ("F16", [5], halves)})
        self.write("recipe.yml", "merge_method: task_arithmetic\nbase_model: a\nmodels: [{model: a}]\n")
        self.ladle("merge", "recipe.yml", "-o", "out", code=0)
        self.assertEqual(read_safetensors(self.path("out/model.safetensors"))[0]["w"][2], bytes.fromhex("007e 0100 007e 0080 00fc"))
        self.write("recipe.yml", "merge_method: passthrough\nmodels: [{model: a}]\n")
        self.ladle("merge", "recipe.yml", "-o", "copy", code=0)
        self.assertEqual(read_safetensors(self.path("copy/model.safetensors"))[0]["w"][2], halves)

    def test_models_are_found_beside_the_recipe(self):
        self.two_models()
        os.mkdir(self.path("elsewhere"))
        self.ladle("merge", self.path("recipe.yml"), "-o", "out", cwd=self.path("elsewhere"), code=0)
        self.assert_values("elsewhere/out/model.safetensors", [2, 3, 4, 5])

    def test_a_slash_after_the_output_changes_nothing(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "out/", code=0)
        self.assert_values("out/model.safetensors", [2, 3, 4, 5])
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "b", "out", "recipe.yml"])

    def test_an_existing_output_is_refused_and_kept(self):
        self.two_models()
        self.write("out/precious", "keep me")
        run = self.ladle("merge", "recipe.yml", "-o", "out")
        self.assertNotIn(run.code, (0, 1), run)
        self.assertIn("--force", run.err)
        self.assertEqual(os.listdir(self.path("out")), ["precious"])

    def test_force_replaces_it(self):
        self.two_models()
        self.model("out", [9, 9, 9, 9], files={"precious": "do not keep me"})
        self.ladle("merge", "recipe.yml", "-o", "out", code=2)
        self.assert_values("out/model.safetensors", [9, 9, 9, 9])
        self.ladle("merge", "recipe.yml", "-o", "out", "--force", code=0)
        self.assert_values("out/model.safetensors", [2, 3, 4, 5])
        self.assertNotIn("precious", os.listdir(self.path("out")))
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "b", "out", "recipe.yml"])

    def test_an_empty_directory_is_taken(self):
        self.two_models()
        os.mkdir(self.path("out"))
        self.ladle("merge", "recipe.yml", "-o", "out", code=0)
        self.assert_values("out/model.safetensors", [2, 3, 4, 5])

    def test_the_output_is_no_input(self):
        self.two_models()
        before = {name: os.listdir(self.path(name)) for name in ("a", "b")}
        for out in ("a", "./a/", "a/inside", self.path("b")):
            run = self.ladle("merge", "recipe.yml", "-o", out, "--force")
            self.assertNotEqual(run.code, 0, out)
            self.assert_stands_alone(run)
        self.assertEqual(before, {name: os.listdir(self.path(name)) for name in ("a", "b")})

    def test_files_get_ordinary_modes(self):
        self.two_models()
        os.chmod(self.path("a/tokenizer.json"), 0o400)
        old = os.umask(0o027)
        try:
            self.ladle("merge", "recipe.yml", "-o", "out", code=0)
        finally:
            os.umask(old)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("out")).st_mode), 0o750)
        for name in os.listdir(self.path("out")):
            self.assertEqual(stat.S_IMODE(os.stat(self.path("out", name)).st_mode), 0o640, name)

    def test_shards_and_index(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "out", "--shard-size", "20", code=0)
        names = [f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)]
        for name in names:
            self.assertEqual(len(read_safetensors(self.path("out", name))[0]), 1)
        index = json.loads(self.read("out/model.safetensors.index.json"))
        self.assertEqual(sorted(set(index["weight_map"].values())), names)
        self.assertEqual(index["metadata"]["total_size"], 48)

    def test_dtype_options_override_the_recipe(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "out", "--dtype", "bfloat16", code=0)
        tensors, _ = read_safetensors(self.path("out/model.safetensors"))
        self.assertEqual({dtype for dtype, _, _ in tensors.values()}, {"BF16"})
        self.ladle("merge", "recipe.yml", "-o", "out2", "--out-dtype", "float16", code=0)
        tensors, _ = read_safetensors(self.path("out2/model.safetensors"))
        self.assertEqual({dtype for dtype, _, _ in tensors.values()}, {"F16"})

    def test_bytes_do_not_depend_on_how(self):
        self.large_models(4, count=3)
        seen = set()
        for at, options in enumerate((["--threads", "1"], ["--threads", "3", "--memory", "64M"], ["--io", "threads"],
                                      ["--io", "threads", "--direct", "off"], ["--cpu-mask", "255"], ["--block-size", "8K"])):
            self.ladle("merge", "recipe.yml", "-o", f"out{at}", *options, code=0)
            seen.add(hashlib.sha256(open_bytes(self.path(f"out{at}/model.safetensors"))).hexdigest())
        self.assertEqual(len(seen), 1)

    def test_seed(self):
        self.two_models()
        self.write("recipe.yml", "merge_method: dare_linear\nbase_model: a\nmodels:\n"
                                 "  - {model: b, parameters: {weight: 1, density: 0.5}}\n")
        made = {}
        for seed in ("1", "1", "2", "3"):
            self.ladle("merge", "recipe.yml", "-o", "out", "--force", "--seed", seed, code=0)
            tensors, metadata = read_safetensors(self.path("out/model.safetensors"))
            self.assertIn(seed, metadata.values())
            made.setdefault(seed, set()).add(json.dumps({n: data.hex() for n, (_, _, data) in tensors.items()}))
        self.assertEqual([len(found) for found in made.values()], [1, 1, 1])
        self.assertGreater(len(set.union(*made.values())), 1)


class Messages(Case):
    def test_warnings_are_repeated_at_the_end(self):
        self.two_models()
        self.add_to_recipe("dype: float16\n")
        run = self.ladle("merge", "recipe.yml", "-o", "out", code=0)
        self.assertEqual(sum("dype" in line and "recipe.yml:6" in line for line in run.lines), 2, run)
        self.assertIn("1 warning", run.err)
        self.assertIn("out", run.lines[-1])

    def test_quiet_leaves_only_warnings(self):
        self.two_models()
        self.assertEqual(self.ladle("merge", "recipe.yml", "-o", "out", "-q", code=0).err, "")
        self.add_to_recipe("dype: float16\n")
        run = self.ladle("merge", "recipe.yml", "-o", "out2", "-q", code=0)
        self.assertIn("warning", run.lines[0])

    def test_progress_as_json(self):
        self.large_models(8)
        self.add_to_recipe("dype: float16\n")
        run = self.ladle("merge", "recipe.yml", "-o", "out", "--progress", "json", code=0)
        events = [json.loads(line) for line in run.lines]
        self.assertEqual([e for e in events if e["event"] == "warning"][0]["message"].count("dype"), 1)
        self.assertEqual(events[-1]["event"], "done")
        progress = [e for e in events if e["event"] == "progress"]
        for event in progress:
            self.assertLessEqual({"bytes_read", "bytes_written", "bytes_total", "tensor", "eta_seconds"}, set(event))

    def test_no_colours_without_a_terminal(self):
        self.two_models()
        self.add_to_recipe("dype: float16\n")
        self.assertNotIn("\033", self.ladle("merge", "recipe.yml", "-o", "out", "-v", code=0).err)

    def test_vocabularies_of_different_size_have_a_way_out(self):
        """One that there is: what the message names must work."""
        self.two_models()
        self.model("c", [1, 2, 3, 4], more={"model.embed_tokens.weight": ("F32", (3, 2), floats([1] * 6))})
        self.write("recipe.yml", self.read("recipe.yml").replace("model: b", "model: c"))
        run = self.ladle("merge", "recipe.yml", "-o", "out", code=3)
        self.assertIn("[3, 2]", run.err)
        self.assertIn("the vocabularies differ: --unsafe-truncate-embeddings", run.err)
        self.assertNotIn("tokenizer:", run.err)
        self.ladle("merge", "recipe.yml", "-o", "out", "--unsafe-truncate-embeddings", code=0)

    def test_all_mistakes_of_a_recipe_at_once(self):
        self.model("a", [1, 2, 3, 4])
        self.write("recipe.yml", "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: heavy}}\n"
                                 "  - {model: nowhere, parameters: {weight: 1}}\ndtype: float33\n")
        run = self.ladle("merge", "recipe.yml", "-o", "out", code=3)
        self.assert_stands_alone(run)
        self.assertGreaterEqual(sum(line.startswith("ladle: recipe.yml:") for line in run.lines), 2, run)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a", "recipe.yml"])


class ExitCodes(Case):
    def left(self):
        return sorted(os.listdir(self.folder))

    def test_3_for_a_recipe_that_is_not_there(self):
        run = self.ladle("merge", "nowhere.yml", "-o", "out", code=3)
        self.assertIn("nowhere.yml", run.err)
        self.assertEqual(self.left(), [])

    def test_3_for_a_broken_model(self):
        self.two_models()
        size = os.path.getsize(self.path("b/model.safetensors"))
        os.truncate(self.path("b/model.safetensors"), size - 1)
        run = self.ladle("merge", "recipe.yml", "-o", "out", code=3)
        self.assertIn("b/model.safetensors", run.err)
        self.assert_stands_alone(run)
        self.assertEqual(self.left(), ["a", "b", "recipe.yml"])

    def test_3_for_what_is_not_there_yet(self):
        self.write("recipe.yml", "base_model: nowhere\nexperts:\n  - source_model: nowhere\n    positive_prompts: [x]\n")
        run = self.ladle("merge", "recipe.yml", "-o", "out", code=3)
        self.assertIn("not supported yet", run.err)
        self.assertEqual(len([line for line in run.lines if line.startswith("ladle:")]), 1, run)

    def test_4_names_a_budget_that_works(self):
        self.large_models(8, count=3)
        run = self.ladle("merge", "recipe.yml", "-o", "out", "--memory", "1M", code=4)
        self.assertNotIn("out", os.listdir(self.folder))
        budget = [found for found in re.findall(r"\b\d+M\b", run.err) if found != "1M"][-1]
        self.ladle("merge", "recipe.yml", "-o", "out", "--memory", budget, code=0)
        less = f"{int(budget[:-1]) - 1}M"
        self.ladle("merge", "recipe.yml", "-o", "out2", "--memory", less, code=4)

    def test_1_for_an_output_that_cannot_be_made(self):
        self.two_models()
        self.write("file", "x")
        run = self.ladle("merge", "recipe.yml", "-o", "file/out")
        self.assertIn(run.code, (1, 2, 3), run)
        self.assertIn("file", run.err)


if __name__ == "__main__":
    unittest.main()
