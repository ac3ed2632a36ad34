#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What 'meson install' puts down: the program, and the library with its headers for a program of a stranger."""
import os
import shlex
import subprocess
import tempfile
import unittest

from harness import Case

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "docs", "examples", "merge.c")


def words(*arguments, variables=None):
    """What a program prints, in words as a shell would make them."""
    return shlex.split(subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, **(variables or {})}).stdout)


class Installed(Case):
    @classmethod
    def setUpClass(cls):
        cls.place = tempfile.TemporaryDirectory(prefix="ladle-e2e-")
        cls.addClassCleanup(cls.place.cleanup)
        subprocess.run([os.environ["MESON"], "install", "-C", os.environ["BUILD"], "--no-rebuild", "--destdir", cls.place.name],
                       check=True, stdout=subprocess.DEVNULL)
        cls.files = [os.path.join(folder, name) for folder, _, names in os.walk(cls.place.name) for name in names]

    def file(self, name):
        found = [path for path in self.files if path.endswith("/" + name)]
        self.assertEqual(len(found), 1, f"{name} among {self.files}")
        return found[0]

    def flags(self, *arguments):
        return words(os.environ["PKG_CONFIG"], *arguments, "ladle", variables={
            "PKG_CONFIG_PATH": os.path.dirname(self.file("ladle.pc")), "PKG_CONFIG_SYSROOT_DIR": self.place.name})

    def compile(self, *flags):
        subprocess.run([*shlex.split(os.environ["CC"]), "-std=c17", "-pedantic", "-Wall", "-Werror", EXAMPLE, *flags, "-o",
                        self.path("merge")], check=True)

    def merge(self, variables=None):
        self.two_models()
        done = subprocess.run([self.path("merge"), "recipe.yml", "out"], cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env={**os.environ, **(variables or {})})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_values("out/model.safetensors", [2, 3, 4, 5])

    def test_the_program_needs_no_library_of_its_own(self):
        self.assertIn("ladle ", subprocess.run([self.file("bin/ladle"), "--version"], check=True, stdout=subprocess.PIPE,
                                               text=True).stdout)

    def test_the_man_page(self):
        self.assertIn("/man1/", self.file("ladle.1"))

    def test_completions(self):
        for place in ("bash-completion/completions/ladle", "zsh/site-functions/_ladle",
                      "fish/vendor_completions.d/ladle.fish"):
            self.file("share/" + place)

    def test_pkg_config_looks_there(self):
        """Debian without dpkg-dev: meson by itself chose lib64, where nothing is looked for."""
        folder = "/" + os.path.relpath(os.path.dirname(self.file("ladle.pc")), self.place.name)
        if not os.path.exists("/etc/debian_version") or not folder.startswith("/usr/local/"):
            self.skipTest("other places are the builder's choice")
        self.assertIn(folder, words(os.environ["PKG_CONFIG"], "--variable", "pc_path", "pkg-config")[0].split(":"))

    def test_shared(self):
        self.compile(*self.flags("--cflags", "--libs"))
        self.merge({"LD_LIBRARY_PATH": os.path.dirname(self.file("libladle.so.0"))})

    def test_static(self):
        """No libladle.so is needed any more; the libraries below it are."""
        self.compile(*self.flags("--cflags"), "-Wl,--as-needed", self.file("libladle.a"), *self.flags("--static", "--libs"))
        self.merge({"LD_LIBRARY_PATH": ""})


if __name__ == "__main__":
    unittest.main()
