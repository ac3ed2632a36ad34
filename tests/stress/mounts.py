# SPDX-License-Identifier: Apache-2.0
"""Small file systems for tests: of memory, or in images on loop devices, which can be pulled out. Only for root."""
import fcntl
import os
import shutil
import struct
import subprocess

from stress import Case, skip, unmount

LOOP_SET_STATUS64, LOOP_GET_STATUS64 = 0x4C04, 0x4C05
LOOP_INFO_BYTES, SIZE_LIMIT_AT = 232, 32  # struct loop_info64 and its lo_sizelimit


class Unavailable(Exception):
    """What a test needs is not to be had here."""


def run(*command):
    """What a program prints that must be there and succeed."""
    if not shutil.which(command[0]):
        raise Unavailable(f"there is no {command[0]}")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command[:2])}: " + " ".join(done.stderr.split()))
    return done.stdout.strip()


class MountCase(Case):
    """Each test has at most one file system, at "small"."""
    in_memory = False
    model_options = ["--size", "24M", "--hidden", "256"]

    def setUp(self):
        super().setUp()
        self.small = self.path("small")
        os.makedirs(self.small, exist_ok=True)

    def first_of(self, *makers):
        """What the first one gives that can be had here."""
        reasons = []
        for make in makers:
            try:
                return make()
            except Unavailable as why:
                reasons.append(str(why))
        return skip(self, "; ".join(reasons))

    def mount(self, *arguments):
        run("mount", *arguments, self.small)
        self.addCleanup(self.unmount)
        return self.small

    def unmount(self):
        if os.path.ismount(self.small):
            unmount(self.small)

    def mount_tmpfs(self, megabytes):
        self.limited = False  # what is written there counts as the merge's own memory
        return self.mount("-t", "tmpfs", "-o", f"size={megabytes}m", "none")

    def mount_image(self, megabytes, make, options="loop"):
        """An image that a command makes a file system of."""
        image = self.path("image")
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        run(*make, image)
        return self.mount("-o", options, image)

    def mount_ext4(self, megabytes, features="^has_journal", options="loop"):
        return self.mount_image(megabytes, ["mkfs.ext4", "-q", "-O", features], options)

    def device(self):
        return run("findmnt", "-no", "SOURCE", self.small)

    def pull_out(self):
        """From now on every access to the device fails: it is as if it were one sector long."""
        device = os.open(self.device(), os.O_RDWR)
        try:
            info = bytearray(LOOP_INFO_BYTES)
            fcntl.ioctl(device, LOOP_GET_STATUS64, info)
            struct.pack_into("<Q", info, SIZE_LIMIT_AT, 512)
            fcntl.ioctl(device, LOOP_SET_STATUS64, info)
        finally:
            os.close(device)

    def put_back(self):
        """The drive comes back as another device with what it had on it."""
        self.unmount()
        self.mount("-o", "loop", self.path("image"))
