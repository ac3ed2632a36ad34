#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The program on a terminal: the bar keeps to its line, colours can be had without, Ctrl-C works."""
import fcntl
import os
import re
import select
import signal
import struct
import sys
import termios
import time
import unittest

from harness import LADLE, Case

TRIES = 20  # of what a quick machine may be done with before it was seen
ERASE = "\r\033[K"
END = b"\0"


def stand_still(process):
    """Stops a process for a while; False if it has ended."""
    os.kill(process, signal.SIGSTOP)
    state = os.waitid(os.P_PID, process, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    if state.si_code != os.CLD_STOPPED:
        return False
    time.sleep(0.12)
    os.kill(process, signal.SIGCONT)
    return True


class Terminal(Case):
    def large_models(self):
        """Two models with a tensor of 64 MiB, which take no room on the disk, and a recipe for them."""
        for name in ("a", "b"):
            self.model(name, [1, 2, 3, 4])
            header = b'{"model.embed_tokens.weight":{"dtype":"F32","shape":[16777216],"data_offsets":[0,67108864]}}'
            with open(self.path(name, "model.safetensors"), "wb") as file:
                file.write(struct.pack("<Q", len(header)) + header)
                file.truncate(8 + len(header) + 67108864)
        self.write("recipe.yml", "merge_method: linear\nmodels:\n- {model: a, parameters: {weight: 1}}\n"
                                 "- {model: b, parameters: {weight: 1}}\n")

    def start(self, words, columns, variables):
        """The program on a terminal of its own: its process, our side of the terminal, and the program's."""
        try:
            ours, its = os.openpty()
        except OSError as why:
            print(f"NOT TESTED: {self.id()}: {why}", file=sys.stderr)
            self.skipTest("no terminal can be made here (a folder system without /dev/pts)")
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                fcntl.ioctl(its, termios.TIOCSCTTY, 0)
                for standard in (0, 1, 2):
                    os.dup2(its, standard)
                os.chdir(self.folder)
                os.execve(LADLE, [LADLE, *words], {**os.environ, "TERM": "xterm", "NO_COLOR": "", **(variables or {})})
            finally:
                os._exit(99)
        return child, ours, its

    def on_terminal(self, *words, columns=80, variables=None, slowly=False, press=None):
        """Runs the program on a terminal. `slowly`: in short steps, between which it stands still longer than it waits
        before it draws, until something was shown: else a quick machine is done before. `press`: Ctrl-C when this was shown.
        Returns what was shown and the exit code, negative for a signal."""
        child, ours, its = self.start(words, columns, variables)
        ended = os.pidfd_open(child)
        waiting, shown, begin = [ours, ended], b"", time.monotonic()
        # The end is what we write ourselves when the program has ended: a terminal that nobody holds open any more
        # can say that it is closed (EIO) before it has handed over all that was written.
        while not shown.endswith(END):
            slowly = slowly and not shown and stand_still(child)
            seconds = 0.003 + (time.monotonic() - begin) / 100
            ready = select.select(waiting, [], [], seconds if slowly else None)[0]
            if ours in ready:
                shown += os.read(ours, 65536)
            if ended in ready:
                os.write(its, END)
                waiting = [ours]
            if press and press in shown:
                os.write(ours, b"\x03")
                press = None
        for descriptor in (ours, its, ended):
            os.close(descriptor)
        return shown[:-len(END)].decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_the_bar_keeps_to_its_line(self):
        self.large_models()
        drawn = 0
        for columns in [1, 2, 7, 30, 200] + TRIES * [80]:
            shown, code = self.on_terminal("merge", "recipe.yml", "-o", "out", "--force", "--memory", "8M", columns=columns,
                                           slowly=True)
            self.assertEqual(code, 0, shown)
            *bars, last = re.split(re.escape(ERASE), shown)
            for bar in bars:
                self.assertLess(len(bar), columns, repr(shown))
                drawn += "%" in bar
            self.assertRegex(last, r"^ladle: out: .* peak memory [^\n]*\n$")
            if drawn > 0 and columns == 80:
                break
        self.assertGreater(drawn, 0)

    def test_a_dumb_terminal_gets_no_sequences(self):
        self.large_models()
        for kind in ("dumb", ""):
            shown, code = self.on_terminal("merge", "recipe.yml", "-o", "out", "--force", variables={"TERM": kind})
            self.assertEqual(code, 0, shown)
            self.assertNotIn("\033", shown)
        self.assertNotIn("\033", self.on_terminal("plan", "missing.yml", variables={"TERM": "dumb"})[0])

    def test_colours_and_no_colours(self):
        self.assertIn("\033[1;31mladle: \033[0mmissing.yml", self.on_terminal("plan", "missing.yml")[0])
        self.assertEqual(self.on_terminal("plan", "missing.yml", variables={"NO_COLOR": "1"}),
                         ("ladle: missing.yml: cannot open it: No such file or directory\n", 3))

    def test_running_text_fits(self):
        for columns, most in ((60, 60), (72, 72), (100, 100), (300, 100)):
            for words in (["help", "merge"], ["methods", "nuslerp"]):
                longest = max(map(len, self.on_terminal(*words, columns=columns)[0].splitlines()))
                self.assertTrue(most - 15 < longest <= most, (words, columns, longest))

    def test_quiet_shows_nothing(self):
        self.large_models()
        self.assertEqual(self.on_terminal("merge", "recipe.yml", "-o", "out", "-q"), ("", 0))

    def test_ctrl_c(self):
        self.large_models()
        for _ in range(TRIES):
            shown, code = self.on_terminal("merge", "recipe.yml", "-o", "out", "--force", "--memory", "8M", "--threads", "1",
                                           slowly=True, press=b"%")
            if code != 0:
                break
        self.assertEqual(code, 128 + signal.SIGINT, shown)
        self.assertRegex(shown, re.escape(ERASE) + r"(\033\[1;31m)?ladle: (\033\[0m)?stopped")  # in place of the bar
        self.assertTrue(shown.endswith("\n"), repr(shown))


if __name__ == "__main__":
    unittest.main()
