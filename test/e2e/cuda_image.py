"""Reads CUDA code images and golden segments by runtime/abi/cuda_abi.h and the docs, without our own code."""
import struct

import axiom
import axm

ROW_BYTES = 6 * 4 + 3 * 8 + 2 * 4 + 8 + 24 * 40  # AxmKernelRow
STAGE = struct.Struct("<64s6I")
BODIES = 5


def artifact(path):
    return axm.Artifact(path, (axiom.ROOT / "runtime/schema/axm.fbs").read_text())


def bytes_of(file, segment):
    return bytes(file.data[segment["offset"]:segment["offset"] + segment["size"]])


class Stage:
    def __init__(self, data):
        symbol, self.threads, self.shared, self.units, self.units_per_block, self.tokens_per_tile, self.most_tokens = STAGE.unpack(data)
        self.symbol = symbol.rstrip(b"\0").decode()


class Image:
    def __init__(self, data):
        (magic, version, count, row_bytes, kernel_bytes, reserved, offset, size) = struct.unpack_from("<4s5I2Q", data)
        if (magic, version, row_bytes, kernel_bytes, reserved) != (b"AXMG", 2, ROW_BYTES, (1 + BODIES) * STAGE.size + 16, 0):
            raise axiom.Failed(f"no CUDA image: {magic}, version {version}, rows of {row_bytes}, kernels of {kernel_bytes}")
        tables = 40 + count * (row_bytes + kernel_bytes)
        if offset != (tables + 63) // 64 * 64 or offset + size != len(data) or any(data[tables:offset]):
            raise axiom.Failed(f"the module at {offset} of {size} bytes in an image of {len(data)} with {tables} bytes of tables")
        self.module = data[offset:]
        self.kernels = []  # of each its stages that exist
        for i in range(count):
            at = 40 + count * row_bytes + i * kernel_bytes
            stages = [Stage(data[at + s * STAGE.size:at + (s + 1) * STAGE.size]) for s in range(1 + BODIES)]
            self.kernels.append([stage for stage in stages if stage.symbol])


def _golden(file):
    """(the parts, each as its bytes; the bytes behind them)"""
    data = bytes_of(file, file.segment("golden"))
    count, at = struct.unpack_from("<I", data, 8)[0], 12
    parts = []
    for _ in range(count):
        end = at + 1 + 4 + struct.unpack_from("<I", data, at + 1)[0] + 32
        parts.append(data[at:end])
        at = end
    return parts, data[at:]


def golden_parts(file):
    return _golden(file)[0]


def golden_prompts(file):
    return _golden(file)[1]
