"""The limits of the architectures, and the bounds that each kernel's machine code is held to."""
from dataclasses import dataclass

FLOATS = ("f16", "bf16", "f32")
FORMATS = ("q4", "q4f16", "q6", "q8", "f16")


@dataclass(frozen=True)
class Limits:
    """Of a multiprocessor: CUDA programming guide, technical specifications per compute capability."""
    warps: int
    blocks: int
    shared: int            # bytes, of which each block takes 1 KiB for itself
    reserves: bool         # cuobjdump counts that KiB
    registers: int = 65536  # given out 256 at a time for each warp


LIMITS = {
    "sm_80": Limits(64, 32, 164 << 10, False),
    "sm_86": Limits(48, 16, 100 << 10, False),
    "sm_89": Limits(48, 24, 100 << 10, False),
    "sm_90a": Limits(64, 32, 228 << 10, True),
    "sm_100a": Limits(64, 32, 228 << 10, True),
    "sm_120": Limits(48, 24, 100 << 10, True),
}


@dataclass(frozen=True)
class Bound:
    what: str      # a key of what gates.py measures
    least: bool    # the value is a lower bound
    value: float
    kernels: tuple  # symbols
    formats: tuple
    architectures: tuple
    reason: str

    def holds(self, row):
        return row[self.what] >= self.value if self.least else row[self.what] <= self.value

    def meant(self, row):
        return (row["symbol"] in self.kernels or not self.kernels) and row["format"] in self.formats and row["arch"] in self.architectures

    def applies_to(self, architectures):
        return any(a in self.architectures for a in architectures)


def at_most(what, value, reason, kernels=(), formats=FORMATS, architectures=tuple(LIMITS)):
    return Bound(what, False, value, kernels, formats, architectures, reason)


def at_least(what, value, reason, kernels=(), formats=FORMATS, architectures=tuple(LIMITS)):
    return Bound(what, True, value, kernels, formats, architectures, reason)


TABLE = [
    at_most("local", 0, "bytes of local memory and accesses to it: a spill goes through memory"),
    at_most("HMMA", 0, "exact mode multiplies no floats in matrix units"),
]


def broken(row, used):
    """What is wrong with this kernel."""
    found = []
    for b in TABLE:
        if b.meant(row):
            used.add(b)
            if not b.holds(row):
                found.append(f"{row['format']}: {b.what} {row[b.what]:.4g}, at {'least' if b.least else 'most'} {b.value:.4g} ({b.reason})")
    return found
