"""Shorter time slices, for a process that many others wait for."""

import ctypes
import os
import platform
import struct
import sys

#: The shortest time slice that Linux grants, µs.
SHORT_SLICE_US = 100
#: The number of the system call sched_setattr, which the standard library does not have.
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}


def ask_for_short_slices() -> bool:
    """Have the threads of this process run soon after they wake, for a shorter time each.

    All workers wait for the parameter server, many times a step. A woken thread with the usual time slice waits until
    the thread that has its core has used its own. Since Linux 6.12 one with a shorter slice runs at once
    (sched_setattr(2): `sched_runtime` of a normal thread). Its share of the core stays the same. Threads inherit the
    slice: call this before others start.

    Returns
    -------
    bool
        Whether the system accepted it; older kernels accept it without effect.
    """
    number = _SCHED_SETATTR.get(platform.machine()) if sys.platform == "linux" else None
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:  # whoever started this chose another policy
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    # struct sched_attr: size, policy, flags, nice, priority, runtime (ns), deadline, period, util_min, util_max.
    attributes = struct.pack("=IIQiIQQQII", 56, os.SCHED_OTHER, 0, nice, 0, SHORT_SLICE_US * 1_000, 0, 0, 0, 0)
    status: int = ctypes.CDLL(None).syscall(number, 0, attributes, 0)
    return status == 0
