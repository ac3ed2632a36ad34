# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: a folder of their own, tiny models, and runs of the real program.

The program is named by the variable LADLE. Only Python's standard library is used.
"""
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest

LADLE = os.environ["LADLE"]
TIMEOUT_SECONDS = 300  # ends what hangs, and nothing that is only slow
STOP_SECONDS = 10  # what is promised is two; the machine may be busy
os.umask(0o022)    # some files are for other users


def is_sanitized():
    with open(LADLE, "rb") as file:
        data = file.read()
    return b"__asan_init" in data or b"__tsan_init" in data


SANITIZED = is_sanitized()


def used_seconds(process):
    """Of processor time, by all threads of a process; none where nobody tells."""
    clock = ~process << 3 | 2  # as clock_getcpuclockid() has it
    try:
        return time.clock_gettime(clock)
    except OSError:
        return 0


def take_a_step(process, passed):
    """Lets a process run for a small part of the time that has passed: enough for a slow build to get anywhere. And of the
    work that it did, however long it waited for a disk meanwhile: so it never gets far past a place."""
    end, enough = time.monotonic() + 0.002 + passed / 20, 0.002 + 1.05 * used_seconds(process)
    while time.monotonic() < end and used_seconds(process) < enough:
        time.sleep(0.0005)


def stop_when(run, reached):
    """Lets a process run in short steps until reached() is true, and leaves it stopped; returns False if it ended before.
    Between steps it stands still, so that it does not get past the place while nobody looks, however busy the machine is."""
    begin = time.monotonic()
    while (passed := time.monotonic() - begin) < TIMEOUT_SECONDS:
        run.send_signal(signal.SIGSTOP)
        state = os.waitid(os.P_PID, run.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if state.si_code != os.CLD_STOPPED:
            return False
        if reached():
            return True
        run.send_signal(signal.SIGCONT)
        take_a_step(run.pid, passed)
    raise AssertionError("the process never came to the place")


def has_record(partial):
    """Whether the journal of a partial output says that something is done."""
    try:
        with open(os.path.join(partial, "journal"), "rb") as file:
            return b"\ndone " in file.read()
    except FileNotFoundError:
        return False


def write_safetensors(path, tensors):
    """tensors: {name: (dtype, shape, bytes)}, stored in this order."""
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def read_safetensors(path):
    """{name: (dtype, shape, bytes)} and the metadata."""
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack("<Q", raw[:8])
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    metadata = header.pop("__metadata__", {})
    return {n: (e["dtype"], tuple(e["shape"]), data[slice(*e["data_offsets"])]) for n, e in header.items()}, metadata


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


class Run:
    """What one run of the program gave."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout.decode(), done.stderr.decode()
        self.lines = self.err.splitlines()

    def __repr__(self):
        return f"exit code {self.code}\n--- standard output\n{self.out}--- standard error\n{self.err}"


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="ladle-e2e-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def ladle(self, *arguments, code=None, stdin=b"", cwd=None, variables=None):
        """Runs the program in the test's folder; `code` is the exit code that it must have."""
        done = subprocess.run([LADLE, *arguments], cwd=cwd or self.folder, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, env={**os.environ, **(variables or {})})
        run = Run(done)
        if code is not None:
            self.assertEqual(run.code, code, run)
        return run

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def add_to_recipe(self, text):
        self.write("recipe.yml", self.read("recipe.yml") + text)

    def model(self, name, values, layers=1, files=None, more=None):
        """A model of `layers` layers whose every F32 tensor of 4 elements holds `values`."""
        os.makedirs(self.path(name))
        names = ["model.embed_tokens.weight", *(f"model.layers.{i}.mlp.up_proj.weight" for i in range(layers)),
                 "model.norm.weight"]
        tensors = {n: ("F32", (2, 2) if "norm" not in n else (4,), floats(values)) for n in names}
        write_safetensors(self.path(name, "model.safetensors"), {**tensors, **(more or {})})
        config = {"model_type": "llama", "hidden_size": 2, "num_hidden_layers": layers, "vocab_size": 2,
                  "torch_dtype": "float32"}
        for file, text in {"config.json": json.dumps(config), "tokenizer.json": "{}\n", **(files or {})}.items():
            self.write(os.path.join(name, file), text)

    def two_models(self):
        """Models a and b, and a recipe that takes their mean: every tensor becomes 2, 3, 4, 5."""
        self.model("a", [1, 2, 3, 4])
        self.model("b", [3, 4, 5, 6])
        self.write("recipe.yml", "merge_method: linear\nmodels:\n  - {model: a, parameters: {weight: 1}}\n"
                                 "  - {model: b, parameters: {weight: 1}}\ndtype: float32\n")

    def large_models(self, megabytes, count=2):
        """Models big0, big1, ... that take a while, and recipe.yml, ties of them over the first."""
        shape = (1024, 512)
        tensors = megabytes * 2**20 // (2 * shape[0] * shape[1])
        for at in range(count):
            data = (struct.pack("<H", 0x3C00 + at) + os.urandom(2046).replace(b"\x7f", b"\x01").replace(b"\xff", b"\x01")) * (
                shape[0] * shape[1] // 1024)
            self.model(f"big{at}", [1, 2, 3, 4], more={f"model.part{i}.weight": ("BF16", shape, data) for i in range(tensors)})
        self.write("recipe.yml", "merge_method: ties\nbase_model: big0\nmodels:\n" + "".join(
            f"  - {{model: big{at}, parameters: {{weight: 1, density: 0.5}}}}\n" for at in range(1, count)))

    def assert_values(self, path, values):
        """Every tensor of a file holds these values."""
        tensors, _ = read_safetensors(self.path(path))
        self.assertEqual(len(tensors), 3)
        for name, (dtype, _, data) in tensors.items():
            self.assertEqual((dtype, struct.unpack("<4f", data)), ("F32", tuple(values)), name)

    def assert_stands_alone(self, run):
        """Each message is one line after "ladle: ", with at most a few indented lines of help."""
        self.assertTrue(run.lines and run.lines[0].startswith("ladle: "), run)
        for line in run.lines:
            self.assertTrue(line.startswith(("ladle: ", "  ")), run)
