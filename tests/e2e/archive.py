#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives, to a file and down a pipe: what other programs make of them, and what a reader sees of a merge that fails."""
import errno
import hashlib
import io
import json
import os
import pty
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import time
import unittest

from harness import LADLE, SANITIZED, STOP_SECONDS, TIMEOUT_SECONDS, Case

MIB = 2**20


def needs(program):
    return unittest.skipUnless(shutil.which(program), f"there is no {program}")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def tree(folder):
    """{path: bytes} of all files below a folder."""
    found = {}
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def seek_table(data):
    """[(offset, frame bytes, unpacked bytes)] from the end of a file, checked against the rest of it."""
    count, descriptor, magic = struct.unpack("<IBI", data[-9:])
    assert magic == 0x8F92EAB1 and descriptor == 0, (magic, descriptor)
    start = len(data) - 9 - 8 * count - 8
    assert struct.unpack("<II", data[start : start + 8]) == (0x184D2A5E, 8 * count + 9)
    frames, offset = [], 0
    for at in range(count):
        packed, unpacked = struct.unpack("<II", data[start + 8 + 8 * at : start + 16 + 8 * at])
        frames.append((offset, packed, unpacked))
        offset += packed
    assert offset == start, (offset, start)
    return frames


class Archive(Case):
    def side_files(self):
        """Names that a header has no room for, and files in folders."""
        long_name = "n" * 120 + ".json"
        return {long_name: "long", "f\u00fc.json": "umlaut", "empty.json": "", "vocab.txt": "v" * 3000,
                "additional_chat_templates/" + "t" * 90 + ".jinja": "x"}

    def noisy_models(self, megabytes):
        """Models big0 and big1 that cannot be compressed, and recipe.yml, the mean of them."""
        self.large_models(1)
        finite = bytes(byte & 0xBF for byte in range(256))
        for at in (0, 1):
            shutil.rmtree(self.path(f"big{at}"))
            parts = {f"model.part{i:03}.weight": ("BF16", (MIB // 2,), os.urandom(MIB).translate(finite))
                     for i in range(megabytes)}
            self.model(f"big{at}", [1, 2, 3, 4], more=parts)
        self.write("recipe.yml", "merge_method: linear\nmodels:\n" + "".join(
            f"  - {{model: big{at}, parameters: {{weight: 1}}}}\n" for at in (0, 1)))

    def merge_both(self, *options):
        """The same merge into a folder and an archive, which is read back."""
        self.ladle("merge", "recipe.yml", "-o", "merged", *options, code=0)
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", *options, code=0)

    def unpack(self, command, archive):
        os.mkdir(self.path("unpacked"))
        with open(self.path(archive), "rb") as file:
            done = subprocess.run(command, cwd=self.path("unpacked"), stdin=file, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        found = tree(self.path("unpacked"))
        shutil.rmtree(self.path("unpacked"))
        return found

    def readers(self):
        yield from ([name, "-x", "-f", "-"] for name in ("tar", "bsdtar") if shutil.which(name))
        yield ["python3", "-c", "import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall()"]


class Contents(Archive):
    def test_unpacked_it_is_the_folder(self):
        self.two_models()
        for name, text in self.side_files().items():
            self.write(os.path.join("a", name), text)
        for number, options in enumerate(([], ["--shard-size", "20"])):
            with self.subTest(options=options):
                self.merge_both("--force", *options)
                folder = tree(self.path("merged"))
                self.assertGreater(len(folder), 8 + 2 * number)
                for command in self.readers():
                    self.assertEqual(self.unpack(command, "merged.tar"), folder, command)

    def test_its_name_is_not_in_it(self):
        self.two_models()
        for form in ("tar", "tar.zst"):
            for name in ("one", "other"):
                self.ladle("merge", "recipe.yml", "-o", f"{name}.{form}", code=0)
            sent = subprocess.run([LADLE, "merge", "recipe.yml", "-o", "-", "--format", form], cwd=self.folder,
                                  capture_output=True, check=True).stdout
            with open(self.path(f"one.{form}"), "rb") as one, open(self.path(f"other.{form}"), "rb") as other:
                self.assertEqual(one.read(), sent)
                self.assertEqual(other.read(), sent)

    def test_members_have_an_order_and_nothing_of_this_machine(self):
        self.two_models()
        self.write("a/vocab.txt", "v")
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", "--shard-size", "20", code=0)
        with tarfile.open(self.path("merged.tar")) as archive:
            members = archive.getmembers()
        self.assertEqual([m.name for m in members],
                         ["config.json", "README.md", "mergekit_config.yml", "tokenizer.json", "vocab.txt",
                          "model.safetensors.index.json", *(f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3))])
        for member in members:
            self.assertTrue(member.isreg())
            self.assertEqual((member.uid, member.gid, member.uname, member.gname, member.mode, member.mtime),
                             (0, 0, "", "", 0o644, 0))

    def test_the_time_is_that_of_source_date_epoch(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", code=0, variables={"SOURCE_DATE_EPOCH": "1700000000"})
        with tarfile.open(self.path("merged.tar")) as archive:
            self.assertEqual({m.mtime for m in archive}, {1700000000})

    def test_bytes_do_not_depend_on_how(self):
        self.large_models(6, count=3)
        for method in ("linear", "ties"):
            if method == "linear":
                self.write("recipe.yml", "merge_method: linear\nmodels:\n" + "".join(
                    f"  - {{model: big{at}, parameters: {{weight: 1}}}}\n" for at in range(3)))
            else:
                self.write("recipe.yml", "merge_method: ties\nbase_model: big0\nmodels:\n" + "".join(
                    f"  - {{model: big{at}, parameters: {{weight: 1, density: 0.5}}}}\n" for at in (1, 2)))
            seen = {"tar": set(), "tar.zst": set()}
            for options in ([], ["--threads", "1"], ["--threads", "3", "--memory", "64M"], ["--io", "threads"],
                            ["--io", "threads", "--direct", "off", "--memory", "40M"], ["--block-size", "8K"]):
                for form, found in seen.items():
                    self.ladle("merge", "recipe.yml", "-o", f"merged.{form}", "--force", *options, code=0)
                    found.add(digest(self.path(f"merged.{form}")))
            self.assertEqual([len(found) for found in seen.values()], [1, 1], method)
            self.ladle("merge", "recipe.yml", "-o", "merged", "--force", code=0)
            self.assertEqual(self.unpack(["tar", "x"], "merged.tar"), tree(self.path("merged")))

    def test_a_pipe_gets_the_same(self):
        self.two_models()
        for form in ("tar", "tar.zst"):
            self.ladle("merge", "recipe.yml", "-o", f"merged.{form}", code=0)
            with open(self.path(f"merged.{form}"), "rb") as file:
                expected = file.read()
            for options in ([], ["--format", form]):
                if options or form == "tar.zst":
                    done = subprocess.run([LADLE, "merge", "recipe.yml", "-o", "-", *options], cwd=self.folder,
                                          capture_output=True, check=False)
                    self.assertEqual((done.returncode, done.stdout), (0, expected), done.stderr)
                    self.assertIn(b"standard output: 3 tensors", done.stderr)

    def test_standard_output_may_be_a_file(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", code=0)
        for mode, before in (("wb", b""), ("ab", b"before")):
            with open(self.path("made"), "wb") as file:
                file.write(before)
            with open(self.path("made"), mode) as file:
                subprocess.run([LADLE, "merge", "recipe.yml", "-o", "-", "--format", "tar", "-q"], cwd=self.folder,
                               stdout=file, check=True)
            with open(self.path("made"), "rb") as made, open(self.path("merged.tar"), "rb") as expected:
                self.assertEqual(made.read(), before + expected.read())


@needs("zstd")
class Compressed(Archive):
    def test_frames_seek_table_and_levels(self):
        self.noisy_models(4)
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", code=0)
        with open(self.path("merged.tar"), "rb") as file:
            plain = file.read()
        for level in ("1", "3", "7", "12", "19"):
            with self.subTest(level=level):
                for threads in ("3", "1"):
                    self.ladle("merge", "recipe.yml", "-o", f"{threads}/merged.tar.zst", "--zstd-level", level, "--threads",
                               threads, "--force", code=0)
                self.assertEqual(digest(self.path("1/merged.tar.zst")), digest(self.path("3/merged.tar.zst")))
                path = self.path("1/merged.tar.zst")
                subprocess.run(["zstd", "-tq", path], check=True)
                unpacked = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
                self.assertEqual(unpacked, plain)
                with open(path, "rb") as file:
                    data = file.read()
                frames = seek_table(data)
                self.assertEqual([u for _, _, u in frames], [MIB] * (len(plain) // MIB) + [len(plain) % MIB])
                offset, packed, _ = frames[2]  # each unpacks alone
                part = subprocess.run(["zstd", "-dcq"], input=data[offset : offset + packed], check=True,
                                      capture_output=True).stdout
                self.assertEqual(part, plain[2 * MIB : 3 * MIB])
                self.assertEqual(data[offset + 4] & 4, 4, "the frame has no checksum")
                self.assertNotEqual(data[offset + 4] & 0xE0, 0, "the frame does not tell its size")

    def test_a_flipped_bit_is_noticed(self):
        self.noisy_models(4)
        self.ladle("merge", "recipe.yml", "-o", "merged.tar.zst", code=0)
        with open(self.path("merged.tar.zst"), "r+b") as file:
            file.seek(100000)
            byte = file.read(1)
            file.seek(100000)
            file.write(bytes([byte[0] ^ 1]))
        done = subprocess.run(["zstd", "-tq", self.path("merged.tar.zst")], capture_output=True, check=False)
        self.assertNotEqual(done.returncode, 0)

    @needs("bsdtar")
    def test_bsdtar_unpacks_it_as_it_is(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "merged", code=0)
        self.ladle("merge", "recipe.yml", "-o", "merged.tar.zst", code=0)
        self.assertEqual(self.unpack(["bsdtar", "-x", "-f", "-"], "merged.tar.zst"), tree(self.path("merged")))


class Place(Archive):
    def left(self):
        return sorted(os.listdir(self.folder))

    def test_it_appears_alone_and_with_an_ordinary_mode(self):
        self.two_models()
        old = os.umask(0o027)
        try:
            self.ladle("merge", "recipe.yml", "-o", "x/y/merged.tar.zst", code=0)
        finally:
            os.umask(old)
        self.assertEqual(self.left(), ["a", "b", "recipe.yml", "x"])
        self.assertEqual(os.listdir(self.path("x/y")), ["merged.tar.zst"])
        self.assertEqual(stat.S_IMODE(os.stat(self.path("x/y/merged.tar.zst")).st_mode), 0o640)

    def test_an_existing_one_is_only_replaced_with_force(self):
        self.two_models()
        self.write("merged.tar", "precious")
        run = self.ladle("merge", "recipe.yml", "-o", "merged.tar", code=2)
        self.assertIn("--force", run.err)
        self.assertEqual(self.read("merged.tar"), "precious")
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", "--force", code=0)
        self.assertTrue(tarfile.is_tarfile(self.path("merged.tar")))
        self.assertEqual(self.left(), ["a", "b", "merged.tar", "recipe.yml"])

    def test_through_a_link_its_target_is_replaced(self):
        self.two_models()
        self.write("x/target", "old")
        os.symlink("x/target", self.path("merged.tar"))
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", "--force", code=0)
        self.assertTrue(os.path.islink(self.path("merged.tar")))
        self.assertTrue(tarfile.is_tarfile(self.path("x/target")))

    def test_places_where_none_may_be(self):
        self.two_models()
        os.mkdir(self.path("folder.tar"))
        os.mkfifo(self.path("pipe.tar"))
        os.symlink("nowhere", self.path("link.tar"))
        before = self.left()
        for out, options in (("folder.tar", []), ("pipe.tar", []), ("link.tar", []), ("a/merged.tar", []),
                             ("a/model.safetensors", ["--format", "tar"]), ("recipe.yml/merged.tar", []),
                             ("new/", ["--format", "tar"]), ("a", ["--format", "tar"])):
            run = self.ladle("merge", "recipe.yml", "-o", out, "--force", *options, code=2)
            self.assert_stands_alone(run)
            self.assertIn(out.rstrip("/"), run.err)
        self.assertEqual(self.left(), before)
        self.assertEqual(sorted(os.listdir(self.path("a"))), ["config.json", "model.safetensors", "tokenizer.json"])

    def test_any_name_will_do_if_the_form_is_said(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "merged", "--format", "tar", code=0)
        self.assertTrue(tarfile.is_tarfile(self.path("merged")))
        self.ladle("merge", "recipe.yml", "-o", "x.tar", "--format", "directory", code=0)
        self.assert_values("x.tar/model.safetensors", [2, 3, 4, 5])

    def test_an_unfinished_one_is_removed(self):
        self.two_models()
        self.write(".merged.tar.ladle-partial/output", "what a run that died left")
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", code=0)
        self.assertEqual(self.left(), ["a", "b", "merged.tar", "recipe.yml"])

    def test_no_folder_down_a_pipe(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "-", "--format", "directory", code=2)

    def test_no_archive_on_a_terminal(self):
        self.two_models()
        try:
            master, slave = pty.openpty()
        except OSError as why:
            print(f"NOT TESTED: {self.id()}: {why}", file=sys.stderr)
            self.skipTest("no terminal can be made here (a folder system without /dev/pts)")
        for options in ([], ["--format", "tar"]):
            done = subprocess.run([LADLE, "merge", "recipe.yml", "-o", "-", *options], cwd=self.folder, stdout=slave,
                                  stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"terminal", done.stderr)
        os.set_blocking(master, False)
        with self.assertRaises(BlockingIOError):
            os.read(master, 1)
        os.close(slave)
        os.close(master)

    def test_a_budget_counts_compression(self):
        self.large_models(4)
        figures = {}
        for out in ("merged", "merged.tar.zst"):
            run = self.ladle("merge", "recipe.yml", "-o", out, "--memory", "1M", code=4)
            figures[out] = int(run.err.split("--memory ")[1].split("M")[0])
        self.assertGreater(figures["merged.tar.zst"], figures["merged"])
        self.assertEqual(self.left(), ["big0", "big1", "recipe.yml"])
        self.ladle("merge", "recipe.yml", "-o", "merged.tar.zst", "--memory", f"{figures['merged.tar.zst']}M", code=0)


class Inspect(Archive):
    def tensors(self, path):
        found = json.loads(self.ladle("inspect", path, "--json", code=0).out)
        return {key: value for key, value in found.items() if key not in ("model", "files")}, len(found["files"])

    def test_an_archive_is_shown_like_its_folder(self):
        self.noisy_models(3)
        for number, options in enumerate(([], ["--shard-size", "1M"])):
            for out in ("merged", "merged.tar", "merged.tar.zst"):
                self.ladle("merge", "recipe.yml", "-o", out, "--force", *options, code=0)
            expected = self.tensors("merged")
            self.assertEqual(expected[1] > 1, number == 1)
            self.assertEqual(self.tensors("merged.tar"), expected)
            self.assertEqual(self.tensors("merged.tar.zst"), expected)
            table = self.ladle("inspect", "merged.tar.zst", code=0).out
            self.assertEqual(table, self.ladle("inspect", "merged", code=0).out)

    def test_only_headers_are_read(self):
        """What does not belong to a header may even be damaged."""
        self.noisy_models(6)
        self.ladle("merge", "recipe.yml", "-o", "merged", code=0)
        self.ladle("merge", "recipe.yml", "-o", "merged.tar.zst", code=0)
        with open(self.path("merged.tar.zst"), "r+b") as file:
            offset, packed, _ = seek_table(file.read())[3]
            file.seek(offset)
            file.write(bytes(packed))
        self.assertEqual(self.tensors("merged.tar.zst"), self.tensors("merged"))

    def test_archives_of_other_programs(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "merged", code=0)
        expected = self.tensors("merged")
        for command in (["tar", "-cf"], ["tar", "--format=posix", "-cf"], ["bsdtar", "-cf"]):
            if shutil.which(command[0]):
                for what in (["merged"], ["-C", "merged", "."]):
                    subprocess.run([*command, "other.tar", *what], cwd=self.folder, check=True)
                    self.assertEqual(self.tensors("other.tar"), expected, command)

    @needs("zstd")
    def test_without_a_seek_table_it_says_what_to_do(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "merged.tar", code=0)
        subprocess.run(["zstd", "-q", "merged.tar"], cwd=self.folder, check=True)
        run = self.ladle("inspect", "merged.tar.zst", code=3)
        self.assert_stands_alone(run)
        self.assertIn("zstd -dc merged.tar.zst | tar x", run.err)

    def test_what_is_cut_off_or_no_model(self):
        self.two_models()
        for form, missing in (("tar", 1500), ("tar.zst", 1)):
            self.ladle("merge", "recipe.yml", "-o", f"merged.{form}", code=0)
            os.truncate(self.path(f"merged.{form}"), os.path.getsize(self.path(f"merged.{form}")) - missing)
            run = self.ladle("inspect", f"merged.{form}", code=3)
            self.assertIn("cut off", run.err)
        with tarfile.open(self.path("empty.tar"), "w") as archive:
            archive.add(self.path("recipe.yml"), "recipe.yml")
        self.assertIn("without any safetensors", self.ladle("inspect", "empty.tar", code=3).err)

    def test_an_archive_is_no_input(self):
        self.two_models()
        self.ladle("merge", "recipe.yml", "-o", "c.tar", code=0)
        self.write("recipe.yml", self.read("recipe.yml").replace("model: b", "model: c.tar"))
        run = self.ladle("merge", "recipe.yml", "-o", "out", code=3)
        self.assertIn("c.tar: is an archive", run.err)
        self.assertIn("unpack it", run.err)


class Pipe(Archive):
    """Merges whose reader, or whose inputs, are not what they should be."""

    def start(self, *options):
        return subprocess.Popen([LADLE, "merge", "recipe.yml", "-o", "-", "--progress", "none", *options], cwd=self.folder,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, run, code):
        err = run.stderr.read().decode()
        run.stderr.close()
        self.assertEqual(run.wait(timeout=TIMEOUT_SECONDS), code, err)
        self.assertTrue(err.startswith("ladle: "), err)
        return err

    def assert_nobody_takes_it_for_whole(self, data, form):
        """Neither what unpacks the frames nor what unpacks the tar, with what came."""
        readers = [["zstd", "-dcq"]] if form == "tar.zst" else [["tar", "-t"], ["bsdtar", "-t", "-f", "-"]]
        for command in readers:
            if shutil.which(command[0]):
                done = subprocess.run(command, input=data, capture_output=True, check=False)
                self.assertNotEqual(done.returncode, 0, (command, len(data)))
        if form == "tar":
            with self.assertRaises(tarfile.TarError):
                with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                    for member in archive:
                        if member.isreg():
                            archive.extractfile(member).read()
                    raise AssertionError(f"Python takes {len(data)} bytes for whole")

    def test_a_reader_that_goes_away(self):
        self.noisy_models(8)
        for form in ("tar", "tar.zst"):
            run = self.start("--format", form)
            self.assertEqual(len(run.stdout.read(1000)), 1000)
            run.stdout.close()
            err = self.finish(run, 1)
            self.assertIn("standard output", err)
            self.assertIn("went away", err)
            self.assertNotIn(os.strerror(errno.EPIPE), err)
        self.assertEqual(sorted(os.listdir(self.folder)), ["big0", "big1", "recipe.yml"])

    def test_a_merge_that_fails_at_the_end(self):
        """Integers that differ: found when the last tensor is made, which has to wait until something was sent: there is no
        memory for so much that waits to be."""
        self.noisy_models(24)
        for at in (0, 1):
            self.add_tensor(f"big{at}", "zzz.last", bytes([1, 2, 3, at]))
        for form in ("tar", "tar.zst"):
            for options in (["--threads", "2"], ["--threads", "2", "--shard-size", "1M"], ["--threads", "1"]):
                run = self.start("--format", form, "--memory", "32M", *options)
                data = run.stdout.read()
                run.stdout.close()
                err = self.finish(run, 1)
                self.assertIn("zzz.last", err)
                self.assertGreater(len(data), 1000)
                self.assertIn("breaks off", err)
                self.assert_nobody_takes_it_for_whole(data, form)

    def add_tensor(self, model, name, data):
        """Adds a U8 tensor to a model of the test, as its last one."""
        path = self.path(model, "model.safetensors")
        with open(path, "rb") as file:
            raw = file.read()
        (length,) = struct.unpack("<Q", raw[:8])
        end = len(raw) - 8 - length
        header = raw[8 : 8 + length].rstrip()[:-1] + (
            f', "{name}": {{"dtype": "U8", "shape": [{len(data)}], "data_offsets": [{end}, {end + len(data)}]}}}}').encode()
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(header)) + header + raw[8 + length :] + data)

    def test_an_input_that_changes_while_it_is_merged(self):
        """Found when all but the last bytes were sent."""
        self.noisy_models(8)
        whole = {form: subprocess.run([LADLE, "merge", "recipe.yml", "-o", "-", "-q", "--format", form], cwd=self.folder,
                                      stdout=subprocess.PIPE, check=True).stdout for form in ("tar", "tar.zst")}
        for time_stamp, (form, expected) in enumerate(whole.items(), start=1000):
            run = self.start("--format", form)
            data = run.stdout.read(500)  # planned, and held back by a full pipe
            os.utime(self.path("big1/model.safetensors"), (time_stamp, time_stamp))
            data += run.stdout.read()
            run.stdout.close()
            err = self.finish(run, 1)
            self.assertIn("big1/model.safetensors", err)
            self.assertIn("changed", err)
            self.assertGreater(len(data), len(expected) - 10000)
            self.assertEqual(data, expected[: len(data)])
            self.assert_nobody_takes_it_for_whole(data, form)

    def test_interrupted_while_the_reader_does_not_read(self):
        self.noisy_models(32)
        for form in ("tar", "tar.zst"):
            for number in (signal.SIGINT, signal.SIGTERM):
                run = self.start("--format", form, "--memory", "64M")
                data = run.stdout.read(500)  # it is under way
                time.sleep(0.5)              # and by now the pipe may be full
                sent = time.monotonic()
                run.send_signal(number)
                err = run.stderr.read().decode()  # ends with the program
                if not SANITIZED:
                    self.assertLess(time.monotonic() - sent, STOP_SECONDS)
                data += run.stdout.read()
                run.stdout.close()
                run.stderr.close()
                self.assertEqual(run.wait(timeout=TIMEOUT_SECONDS), 128 + number, err)
                self.assertIn("stopped", err)
                self.assert_nobody_takes_it_for_whole(data, form)

    @unittest.skipIf(SANITIZED, "sanitizers have memory of their own")
    def test_a_slow_reader_holds_the_merge_back_and_not_memory_up(self):
        self.noisy_models(96)
        for form in ("tar", "tar.zst"):
            run = self.start("--format", form, "--memory", "32M")
            most = 0
            count = 0
            while True:
                data = run.stdout.read(4 * MIB)
                if not data:
                    break
                count += len(data)
                time.sleep(0.02)
                try:
                    with open(f"/proc/{run.pid}/status", encoding="ascii") as status:
                        peaks = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
                    most = max([most, *peaks])
                except FileNotFoundError:
                    pass
            run.stdout.close()
            self.finish(run, 0)
            self.assertGreater(count, 10 * MIB)
            self.assertGreater(most, 8 * 1024)
            self.assertLess(most, (32 + 16) * 1024, form)


if __name__ == "__main__":
    unittest.main()
