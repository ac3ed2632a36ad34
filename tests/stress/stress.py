# SPDX-License-Identifier: Apache-2.0
"""What the stress tests share: made-up models, runs with faults, and outputs compared file by file.

The variables LADLE and MAKE_MODEL name the programs, FAULTS_LIBRARY names faults.c built as a library (absent: these tests
are skipped). With LADLE_STRESS=long nothing is left out; otherwise long rows of cases are sampled.
"""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import LADLE, SANITIZED, STOP_SECONDS, TIMEOUT_SECONDS, Run, has_record, stop_when  # noqa: E402,F401
from cgroup import Group  # noqa: E402

MAKE_MODEL = os.environ["MAKE_MODEL"]
FAULTS_LIBRARY = os.environ.get("FAULTS_LIBRARY", "")
IMAGE_MIB = 128
MEMORY_DISK, PLENTY_BYTES = "/dev/shm", 1 << 30  # with less, as in many containers, tests that run at once would fill it
BUSY_SECONDS = 60  # for which something may still be in use that no process has any more
LONG = os.environ.get("LADLE_STRESS") == "long"

RECIPES = {
    "linear": "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 0.4}}\n"
              "  - {model: b, parameters: {weight: 0.6}}\n",
    "ties": "merge_method: ties\nbase_model: base\nmodels:\n  - {model: a, parameters: {weight: 0.4, density: 0.5}}\n"
            "  - {model: b, parameters: {weight: 0.6, density: 0.3}}\n",
}

needs_faults = unittest.skipUnless(FAULTS_LIBRARY, "no library that makes calls fail (sanitizers have an allocator of their own)")


def sampled(most, wanted):
    """1 to `most`, or about `wanted` of them at odd distances where the run is a short one."""
    if LONG or most <= wanted:
        return list(range(1, most + 1))
    return sorted({1 + at * (most - 1) // (wanted - 1) for at in range(wanted)})


def lies_in_memory(folder):
    """What is written there counts as memory of whoever writes it."""
    return subprocess.run(["stat", "-f", "-c", "%T", folder], check=True, stdout=subprocess.PIPE, text=True).stdout in (
        "tmpfs\n", "ramfs\n")


def has_plenty(folder):
    about = os.statvfs(folder) if os.access(folder, os.W_OK | os.X_OK) else None
    return about is not None and about.f_bavail * about.f_frsize >= PLENTY_BYTES


def skip(test, why):
    """Loudly: the log of a run shows it even if nobody asks for the list of what was skipped."""
    print(f"NOT TESTED: {test.id()}: {why}", file=sys.stderr)
    test.skipTest(why)


def tree(path):
    """{relative path: digest of the file, or None for a folder, or where a link leads}"""
    found = {}
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            there = os.path.join(folder, name)
            found[os.path.relpath(there, path)] = digest(there)
    return found


def digest(path):
    if os.path.islink(path):
        return "-> " + os.readlink(path)
    if os.path.isdir(path):
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Case(unittest.TestCase):
    """A folder for the class with models base, a, b and the recipes; every test merges to "out" in it. Every merge is in a
    memory cgroup of its budget and 16 MiB, where there is one to be had."""
    model_options = ["--hidden", "128", "--layers", "2", "--vocabulary", "4000"]
    shard_size = "1M"
    in_memory = True  # where syncing costs nothing
    budget_mib = 32   # of merges whose options name none

    @classmethod
    def setUpClass(cls):
        place = tempfile.gettempdir()
        if cls.in_memory and has_plenty(MEMORY_DISK):
            place = MEMORY_DISK
        elif lies_in_memory(place) and has_plenty("/var/tmp"):
            place = "/var/tmp"
        cls.folder = tempfile.mkdtemp(prefix="ladle-stress-", dir=place)
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        why = cls.find_limits()
        cls.limited = not why
        if why:
            print(f"NOT TESTED: {cls.__qualname__}: the limit of memory: {why}", file=sys.stderr)
        if FAULTS_LIBRARY:  # a list for the linker is separated by blanks, and they may be in the path of the build
            shutil.copyfile(FAULTS_LIBRARY, os.path.join(cls.folder, "faults.so"))
        cls.make_models(cls.folder)
        cls.references = {}

    @classmethod
    def find_limits(cls):
        """Prepares what limits need. Returns why there are none, if so."""
        cls.groups = {}
        if SANITIZED:
            return "a sanitizer takes memory of its own"
        try:
            Group(1 << 30).remove()
            if cls.in_memory and lies_in_memory(cls.folder):
                cls.mount_in_memory()
        except OSError as why:
            return f"there can be no cgroup of memory, or no disk in it: {why.strerror}"
        except subprocess.CalledProcessError as why:
            return f"{why.cmd[0]} failed"
        return "the folder for temporary files lies in memory" if lies_in_memory(cls.folder) else None

    @classmethod
    def mount_in_memory(cls):
        """What is written to a file system of memory counts as a process's own, so it is a disk that lies in memory, whole
        from the beginning."""
        image = cls.folder + ".image"
        try:
            with open(image, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, IMAGE_MIB << 20)
            subprocess.run(["mkfs.ext4", "-q", "-E", "nodiscard", image], check=True, stderr=subprocess.DEVNULL)
            subprocess.run(["mount", "-o", "loop", image, cls.folder], check=True, stderr=subprocess.DEVNULL)
        finally:
            os.unlink(image)
        cls.addClassCleanup(unmount, cls.folder)
        os.chmod(cls.folder, 0o755)

    def limits(self, command):
        """How subprocess starts a merge within its limit."""
        if not self.limited:
            return {}
        budgets = [int(value.rstrip("M")) for option, value in zip(command, command[1:]) if option == "--memory"]
        if budgets[-1] not in self.groups:
            group = Group((budgets[-1] + 16) << 20)
            self.addClassCleanup(group.remove)
            self.groups[budgets[-1]] = group
        self.groups[budgets[-1]].settle()
        return {"preexec_fn": self.groups[budgets[-1]].enter}

    @classmethod
    def make_models(cls, folder):
        def make(*arguments):
            subprocess.run([MAKE_MODEL, *arguments], cwd=folder, check=True)
        make(*cls.model_options, "base")
        make("--like", "base", "--seed", "1", "a")
        make("--like", "base", "--seed", "2", "b")
        for name in ("base", "a"):  # the donors
            for file in ("tokenizer.json", "tokenizer_config.json"):
                with open(os.path.join(folder, name, file), "w", encoding="utf-8") as out:
                    out.write("{}\n" * 5000)
        for name, text in RECIPES.items():
            with open(os.path.join(folder, name + ".yml"), "w", encoding="utf-8") as file:
                file.write(text)

    def setUp(self):
        self.remove_outputs()

    def tearDown(self):
        for budget, group in self.groups.items():
            self.assertEqual(group.kills(), 0, f"a merge needed more than its budget of {budget} MiB and 16 MiB")

    def remove_outputs(self):
        for name in ("out", ".out.ladle-partial"):
            shutil.rmtree(self.path(name), ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def command(self, recipe, *options, out="out"):
        return [LADLE, "merge", recipe + ".yml", "-o", out, "--shard-size", self.shard_size, "--progress", "none",
                "--checkpoint-ms", "1", "--memory", f"{self.budget_mib}M", *options]

    def variables(self, faults):
        if not faults:
            return None
        return {**os.environ, "LD_PRELOAD": self.path("faults.so"), "FAULTS": faults, "FAULTS_COUNT": self.path("count")}

    def start(self, recipe, *options, faults="", out="out", stdout=subprocess.DEVNULL):
        """A running merge."""
        command = self.command(recipe, *options, out=out)
        return subprocess.Popen(command, cwd=self.folder, env=self.variables(faults), stdout=stdout, stderr=subprocess.PIPE,
                                **self.limits(command))

    def merge(self, recipe, *options, faults="", code=None, out="out", cwd=None):
        command = self.command(recipe, *options, out=out)
        done = subprocess.run(command, cwd=cwd or self.folder, env=self.variables(faults), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False,
                              **self.limits(command))
        run = Run(done)
        if code is not None:
            self.assertEqual(run.code, code, run)
        return run

    def assert_old_or_new(self, recipe, old):
        """An output that is being replaced is one or the other at any time. Returns whether it is the new one."""
        found = tree(self.path("out"))
        self.assertIn(found, (old, self.expected(recipe)))
        return found != old

    def wait_until_paused(self, run):
        """Until a process has stopped itself."""
        end = time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < end:
            with open(f"/proc/{run.pid}/stat", encoding="ascii") as file:
                state = file.read().rpartition(")")[2].split()[0]
            if state in "TZ":
                self.assertEqual(state, "T", "the merge ended before it came to the place")
                return
            time.sleep(0.002)
        self.fail("the merge never came to the place")

    def finish(self, run):
        """What a merge that was started gives."""
        _, err = run.communicate(timeout=TIMEOUT_SECONDS)
        return Run(subprocess.CompletedProcess([], run.returncode, b"", err))

    def count(self, recipe, kinds, *options, path=""):
        """How many calls of these kinds, for a path, a merge makes that nothing disturbs."""
        self.merge(recipe, *options, faults=f"{kinds}:{path}:0:5", code=0)
        shutil.rmtree(self.path("out"))
        with open(self.path("count"), encoding="ascii") as file:
            return int(file.read())

    def expected(self, recipe):
        """What an undisturbed merge makes, by the other back end where there is one."""
        if recipe not in self.references:
            folder = self.path("undisturbed-" + recipe)
            os.makedirs(folder)
            self.merge(recipe, out=os.path.join(folder, "out"), code=0)
            self.references[recipe] = tree(os.path.join(folder, "out"))
        return self.references[recipe]

    def assert_complete(self, recipe):
        self.assertEqual(tree(self.path("out")), self.expected(recipe))
        self.assertFalse(os.path.exists(self.path(".out.ladle-partial")))

    def assert_failed_well(self, run, codes=(1,)):
        """A plain message and nothing that looks whole. Returns the message."""
        self.assertIn(run.code, codes, run)
        self.assertRegex(run.err, r"\Aladle: ", run)
        self.assertFalse(os.path.exists(self.path("out")), run)
        return run.lines[0]

    def done_share(self, run):
        """Per cent that a message says are done; None if it says nothing."""
        found = re.search(r"\((\d+) %\) are done", run.err)
        return int(found.group(1)) if found else None


def unmount(folder):
    """A ring of a killed process may have files open for a moment longer than there is the process."""
    end = time.monotonic() + BUSY_SECONDS
    while (done := subprocess.run(["umount", folder], stderr=subprocess.PIPE, check=False)).returncode != 0:
        if time.monotonic() > end:
            raise AssertionError(done.stderr.decode())
        time.sleep(0.05)


def kill(run):
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=TIMEOUT_SECONDS)
