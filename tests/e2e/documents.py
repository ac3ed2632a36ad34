#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the documents say of the program, and of each other, as far as a program can tell."""
import glob
import json
import os
import re
import unittest

from harness import Case

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(*parts):
    with open(os.path.join(ROOT, *parts), encoding="utf-8") as file:
        return file.read()


def sections(text):
    """Headings with what stands below each."""
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def preset_text(value):
    """A default as the document writes it."""
    return {None: "none", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)


def number(word):
    try:
        return float(word)
    except ValueError:
        return word


class Documents(Case):
    def test_links_lead_somewhere(self):
        pages = [page for pattern in ("*.md", "docs/**/*.md", "demo/*.md") for page in
                 glob.glob(os.path.join(ROOT, pattern), recursive=True)]
        self.assertGreater(len(pages), 15)
        for page in pages:
            for link in re.findall(r"\]\(([^)\s]+)\)", read(page)):
                path, _, place = link.partition("#")
                target = os.path.join(os.path.dirname(page), path) if path else page
                if re.match(r"https?:", link):
                    continue
                self.assertTrue(os.path.exists(target), f"{page}: {link}")
                if place:
                    self.assertIn(place, [anchor(heading) for heading in sections(read(target))], f"{page}: {link}")

    def test_methods_and_their_parameters(self):
        described = sections(read("docs", "methods.md"))
        listed = json.loads(self.ladle("methods", "--json", code=0).out)
        for method in listed:
            name = method["name"]
            section = "".join(text for heading, text in described.items() if name in heading.split(", "))
            self.assertTrue(section, f"no section for {name}")
            for parameter in method["model_parameters"] + method["parameters"]:
                rows = [line for line in section.splitlines() if line.startswith("|") and f"`{parameter['name']}`" in line]
                self.assertEqual(len(rows), 1, f"{name}: {parameter['name']}")
                if not parameter["has_effect"]:
                    continue
                preset = "required" if parameter["required"] else preset_text(parameter["default"])
                words = [number(word) for word in re.split(r"[\s|,;:]+", rows[0])]
                self.assertIn(number(preset), words, f"{name}: {parameter['name']}: {rows[0]}")

    def test_the_man_page_has_every_option(self):
        page = read("docs", "ladle.1").replace("\\-", "-")
        for command in ("merge", "plan", "inspect", "methods"):
            for option in re.findall(r"--[a-z-]+", self.ladle("help", command, code=0).out):
                self.assertIn(option, page + "--help", option)

    def test_members_of_json(self):
        def members(value):
            """Without the parameters of a plan's tensor and of its models, which go by their own names."""
            if isinstance(value, dict):
                return set(value).union(*(members(v) for k, v in value.items()
                                          if k not in ("parameters", "models") or "title" in value))
            return set().union(*map(members, value)) if isinstance(value, list) else set()

        self.two_models()
        page = read("docs", "cli.md")
        told = {name: members(json.loads(self.ladle(*words, "--json", code=0).out)) for name, words in (
            ("plan", ["plan", "recipe.yml"]), ("inspect", ["inspect", "a"]), ("methods", ["methods"]))}
        done = self.ladle("merge", "recipe.yml", "-o", "out", "--progress", "json", "-v", code=0)
        for line in done.lines:
            event = json.loads(line)
            told.setdefault(event["event"], set()).update(set(event) - {"event"})
        for name, names in told.items():
            rows = [row for row in page.splitlines() if row.startswith("|") and f"`{name}`" in row.split("|")[1]]
            self.assertEqual(len(rows), 1, name)
            for member in names:
                self.assertIn(f"`{member}`", rows[0], name)

    def test_rooms_use_what_the_table_says(self):
        rows = re.findall(r"^\| \[`(\w+)`\]\(rooms/\w+\.md\) \|[^|]*\| ([^|]*) \|$", read("docs", "architecture.md"),
                          re.MULTILINE)
        rooms = {room: set(re.findall(r"\w+", uses)) | {room, "ladle"} for room, uses in rows}
        self.assertEqual(set(rooms), {entry.name for entry in os.scandir(os.path.join(ROOT, "src")) if entry.is_dir()})
        for room, uses in rooms.items():
            for file in glob.glob(os.path.join(ROOT, "src", room, "**", "*.[ch]"), recursive=True):
                for other in re.findall(r'^#include "(\w+)/', read(file), re.MULTILINE):
                    self.assertIn(other, uses, f"{file} uses {other}")

    def test_the_example_is_the_one_that_is_compiled(self):
        self.assertIn(read("docs", "examples", "merge.c").strip(), read("docs", "library.md"))


if __name__ == "__main__":
    unittest.main()
