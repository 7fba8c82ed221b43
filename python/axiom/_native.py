"""The shared library and how its calls become Python's."""
from __future__ import annotations

import ctypes
import os
import pathlib

from . import _abi, errors

NONE = ctypes.cast(None, _abi.axiom_event_callback)


def _load() -> ctypes.CDLL:
    """AXIOM_LIBRARY, else the library beside this file (in a wheel), else the system's."""
    beside = pathlib.Path(__file__).with_name("libaxiom.so")
    name = os.environ.get("AXIOM_LIBRARY") or (str(beside) if beside.is_file() else "libaxiom.so.1")
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        raise ImportError(f"libaxiom can't be loaded ({error}): install the wheel of tools/build-wheel, or set AXIOM_LIBRARY to libaxiom.so") from None
    for function, (result, parameters) in _abi.FUNCTIONS.items():
        try:
            entry = getattr(library, function)
        except AttributeError:
            raise ImportError(f"{name} has no {function}: it is older than this package") from None
        entry.restype, entry.argtypes = result, parameters
    version = library.axiom_abi_version()
    if version != _abi.ABI_VERSION:
        raise ImportError(f"{name} has version {version} of the C API, this package needs {_abi.ABI_VERSION}")
    return library


lib = _load()


def error(status: int, text: str = "") -> errors.AxiomError:
    """The exception for a status; without a text, that of this thread's last error."""
    made = errors.BY_STATUS.get(status, errors.InternalError)(text or (lib.axiom_last_error() or b"").decode("utf-8", "replace"))
    if isinstance(made, errors.Overloaded):
        made.retry_after = lib.axiom_retry_after_ms() / 1000
    return made


def check(status: int) -> None:
    if status != _abi.AXIOM_OK:
        raise error(status)


def natural(name: str, value: int, bits: int = 32) -> int:
    """ctypes cuts numbers that do not fit; this refuses them."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise errors.InvalidArgument(f"{name} is {value!r}; it has to be a whole number from 0 to {(1 << bits) - 1}")
    return value


def signed(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 31) <= value < 1 << 31:
        raise errors.InvalidArgument(f"{name} is {value!r}; it has to be a whole number from {-(1 << 31)} to {(1 << 31) - 1}")
    return value


def utf8(name: str, value: str) -> bytes:
    """For a terminated string of C."""
    try:
        data = value.encode()
    except (UnicodeEncodeError, AttributeError):
        raise errors.InvalidArgument(f"{name} is {value!r:.80}; it has to be a text that UTF-8 can hold") from None
    if b"\0" in data:
        raise errors.InvalidArgument(f"{name} holds a zero character, which can't be passed on")
    return data


def token_array(name: str, tokens) -> ctypes.Array:
    return (ctypes.c_int32 * len(tokens))(*[signed(name, token) for token in tokens])


def sized(kind):
    """A struct that tells its size, zero but for that."""
    made = kind()
    made.struct_size = ctypes.sizeof(kind)
    return made
