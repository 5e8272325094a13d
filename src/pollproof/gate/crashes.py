"""Crashes: a program that ended by a fault of its own has reported nothing, although its exit status looks alike."""

from __future__ import annotations

import re
import signal

from pollproof.processes.command import Ended

FAULTS = (
    # Python, and Ruby and PHP where the names are the same
    *("KeyError", "TypeError", "AttributeError", "IndexError", "NameError", "UnboundLocalError", "ZeroDivisionError"),
    *("AssertionError", "RecursionError", "UnicodeDecodeError", "UnicodeEncodeError", "JSONDecodeError", "MemoryError"),
    *("ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError", "StopIteration", "NotImplementedError"),
    # JavaScript, Ruby, PHP
    *("ReferenceError", "RangeError", "NoMethodError", "ArgumentError", "ArgumentCountError"),
    # Java, Kotlin, .NET
    *("NullPointerException", "ClassCastException", "IndexOutOfBoundsException", "ArrayIndexOutOfBoundsException"),
    *("NumberFormatException", "NoSuchElementException", "NullReferenceException", "KeyNotFoundException"),
    *("InvalidCastException", "IndexOutOfRangeException", "StackOverflowError", "OutOfMemoryError"),
)
"""Errors of programs, not of tasks: who reports a failure on purpose chooses another one."""

UNCAUGHT = re.compile(
    r"Traceback \(most recent call last\)|^Node\.js v|^Uncaught |^\s+at .+:\d+|Exception in thread |"
    r"Unhandled exception|Fatal error: +Uncaught|\.rb:\d+:in ",
    re.MULTILINE,
)
"""What runtimes write of an error that nobody caught."""

FAULT = re.compile(rf"(?:^|[\s.(:]|Uncaught )({'|'.join(FAULTS)})\b")

PANIC = re.compile(r"^(panic: .*|thread '.*' panicked at .*|fatal error: .*)$", re.MULTILINE)
"""What Go and Rust write."""

SHELL = 128
"""What a shell adds to the number of a signal that has ended its command."""

FATAL = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP}


def crash_of(ended: Ended) -> str:
    """By what fault of its own a command has ended, in few words; empty where it has not, or where that is unknown."""
    status = ended.status
    if status is None or status == 0:
        return ""
    number = -status if status < 0 else status - SHELL
    if number in FATAL:
        return signal.Signals(number).name
    if status < 0:
        return ""
    text = ended.errors.head + ended.errors.tail
    panic = PANIC.search(text)
    if panic is not None:
        return panic[1][:80]
    if UNCAUGHT.search(text) is None:
        return ""
    found = FAULT.findall(text)
    return f"an uncaught {found[-1]}" if found else ""
