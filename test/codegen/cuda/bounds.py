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
    reason: str
    formats: tuple = FORMATS
    tokens: tuple = ()   # of a linear body's tile; none: every kernel
    symbols: tuple = ()  # none: every one
    architectures: tuple = tuple(LIMITS)
    but: tuple = ()      # (format, architecture, symbol) that have a bound of their own

    def meant(self, row):
        return (row["format"] in self.formats and row["arch"] in self.architectures and
                (not self.symbols or row["symbol"] in self.symbols) and
                (not self.tokens or ("flight" in row and row["tokensPerTile"] in self.tokens)) and
                (row["format"], row["arch"], row["symbol"]) not in self.but)

    def broken(self, row):
        value = row[self.what]
        if value >= self.value if self.least else value <= self.value:
            return None
        return f"{row['format']}: {self.what} {value:.4g}, at {'least' if self.least else 'most'} {self.value:.4g} ({self.reason})"


def at_most(what, value, reason, **where):
    return Bound(what, False, value, reason, **where)


def at_least(what, value, reason, **where):
    return Bound(what, True, value, reason, **where)


QUANTIZED = tuple(f for f in FORMATS if f not in FLOATS)
ALL = (1, 4, 8, 32, 64)
DECODE = (1, 4, 8)

# Instructions and integer instructions of a warp for a weight byte, by format and tokens of a tile: 5 % above the most that any kernel
# has on any architecture with NVRTC 13.0.
COSTS = {
    ("q4", 1): (0.225, 0.146), ("q4", 4): (0.334, 0.227), ("q4", 8): (0.228, 0.091), ("q4", 32): (0.513, 0.167), ("q4", 64): (0.768, 0.159),
    ("q4f16", 1): (0.192, 0.128), ("q4f16", 4): (0.298, 0.205), ("q4f16", 8): (0.191, 0.08), ("q4f16", 32): (0.449, 0.147),
    ("q4f16", 64): (0.692, 0.153),
    ("q6", 1): (0.212, 0.157), ("q6", 4): (0.285, 0.219), ("q6", 8): (0.226, 0.145), ("q6", 32): (0.489, 0.273), ("q6", 64): (0.74, 0.362),
    ("q8", 1): (0.11, 0.074), ("q8", 4): (0.172, 0.118), ("q8", 8): (0.1, 0.047), ("q8", 32): (0.231, 0.079), ("q8", 64): (0.351, 0.076),
    ("f16", 1): (0.081, 0.019), ("f16", 4): (0.145, 0.02), ("f16", 8): (0.231, 0.024), ("f16", 32): (0.798, 0.056),
}

# Bytes in flight on a multiprocessor, up to 8 tokens: what its memory needs (bytes it reads a second * latency / multiprocessors), and
# what the stages in shared memory give.
FLIGHT = {
    "sm_80": (28000, "an A100 needs 6 kB"),
    "sm_86": (14000, "the GPUs of GDDR need 2 kB"),
    "sm_89": (14000, "an RTX 4090 needs 2 kB"),
    "sm_90a": (45000, "an H100 needs 9 kB unloaded; required: 20 kB"),
    "sm_100a": (45000, "a B200 needs 23 kB"),
    "sm_120": (14000, "the GPUs of GDDR need 4 kB"),
}

# Warps of a multiprocessor, by tokens of a tile: what registers and shared memory leave.
SMALL = {1: 2, 4: 2, 8: 2, 32: 4, 64: 4}
WARPS = {"sm_80": {1: 4, 4: 4, 8: 4, 32: 8, 64: 4}, "sm_86": SMALL, "sm_89": SMALL, "sm_90a": {1: 8, 4: 6, 8: 6, 32: 12, 64: 8},
         "sm_100a": {1: 8, 4: 6, 8: 6, 32: 8, 64: 8}, "sm_120": SMALL}

REGISTERS = {1: 135, 4: 121, 8: 116, 32: 181}  # of 64 tokens all 255: there the gate on spills is the bound

TABLE = [
    at_most("local", 0, "bytes of local memory and accesses to it: a spill goes through memory"),
    at_most("HMMA", 0, "exact mode multiplies no floats in matrix units"),
    at_most("IMMA", 0, "up to 4 tokens would leave half a matrix product empty", formats=QUANTIZED, tokens=(1, 4)),
    at_least("IDP", 1, "up to 4 tokens are dots of four bytes", formats=QUANTIZED, tokens=(1, 4)),
    at_least("IMMA", 1, "more tokens are integer matrix products", formats=QUANTIZED, tokens=(8, 32, 64)),
    at_most("IDP", 0, "more tokens are integer matrix products alone", formats=QUANTIZED, tokens=(8, 32, 64)),
    at_least("LDSM", 1, "activations come to matrix products by ldmatrix", formats=QUANTIZED, tokens=(8, 32, 64)),
    at_least("LDGSTS", 1, "operands come by asynchronous copies", tokens=ALL),
    at_most("registers", 101, "attention of few tokens: the output of a block in registers", symbols=("attention_8", "attention_64")),
    at_most("registers", 177, "of many: a block's and two folds", symbols=("attention_many",)),
    at_least("warps", 8, "registers and shared memory leave so many", symbols=("attention_8", "attention_64", "attention_many"),
             architectures=("sm_80", "sm_90a", "sm_100a")),
    at_most("registers", 40, "a row's norm and quantization", symbols=("qkv_rows", "o_rows", "gate_up_rows", "head_rows")),
    *[at_most("registers", most, f"{tokens} tokens: with more, fewer warps", tokens=(tokens,)) for tokens, most in REGISTERS.items()],
    *[at_least("flight", least, why, tokens=DECODE, architectures=(arch,)) for arch, (least, why) in FLIGHT.items()],
    *[at_least("warps", least, "registers and shared memory leave so many", tokens=(tokens,), architectures=(arch,))
      for arch, by_tokens in WARPS.items() for tokens, least in by_tokens.items()],
    *[at_most(what, most, "what NVRTC 13.0 leaves; while its memory brings a byte, an H100 issues 0.304, 0.152 of them integer", formats=(form,),
              tokens=(tokens,)) for (form, tokens), pair in COSTS.items() for what, most in zip(("slots", "integer"), pair)],
]


def broken(row, used):
    """What is wrong with this kernel."""
    meant = [b for b in TABLE if b.meant(row)]
    used.update(meant)
    return [why for b in meant if (why := b.broken(row))]


def unused(used, architectures):
    """Bounds that no kernel was held to."""
    return [f"{b.what} {b.value:.4g} ({b.reason})" for b in TABLE if b not in used and set(b.architectures) & set(architectures)]
