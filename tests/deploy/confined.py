"""Runs a program with the system calls that are named, and no others, as systemd's SystemCallFilter does.

    python confined.py 'read write …' program argument…

What is not named fails with EPERM. With MemoryDenyWriteExecute's rules for mmap and mprotect.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

ALLOW, ERRNO = 0x7FFF0000, 0x00050000
WRITE, EXECUTE = 0x2, 0x4
MASKED_EQUAL = 7


class Comparison(ctypes.Structure):
    """libseccomp's `scmp_arg_cmp`: the argument of this number, masked by `a`, is `b`."""

    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def confine(names: list[str]) -> None:
    """From now on for this process and all that it starts."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_init.argtypes = [ctypes.c_uint32]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.POINTER(Comparison),
    ]  # fmt: skip
    library.seccomp_load.argtypes = [ctypes.c_void_p]
    context = library.seccomp_init(ERRNO | errno.EPERM)
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # of another architecture
            continue
        for rule in _rules(name):
            if library.seccomp_rule_add_array(context, ALLOW, number, 1 if rule else 0, rule):
                raise SystemExit(f"no rule for {name}")
    if failed := library.seccomp_load(context):
        raise SystemExit(f"no filter: {os.strerror(-failed)}")


def _rules(name: str) -> list[ctypes.Array[Comparison] | None]:
    if name == "mprotect":
        return [_without(EXECUTE)]
    if name == "mmap":
        return [_without(EXECUTE), _without(WRITE)]
    return [None]


def _without(protection: int) -> ctypes.Array[Comparison]:
    """When memory is to be had without this."""
    return (Comparison * 1)(Comparison(2, MASKED_EQUAL, protection, 0))


if __name__ == "__main__":
    confine(sys.argv[1].split())
    os.execvp(sys.argv[2], sys.argv[2:])
