"""Reads and alters artifacts (model.axm) without our own code: runtime/schema/axm.fbs, runtime/schema/Header.h.

Alterations keep every size and recompute every digest, as someone would who wants the change to pass.
"""
import hashlib
import re
import struct

KINDS = ["weights", "code", "tokenizer", "template", "golden", "debug", "schemas"]


def field_order(schema_text):
    """table -> its field names in order, read from axm.fbs itself."""
    tables = {}
    for name, body in re.findall(r"^table\s+(\w+)\s*\{(.*?)\}", re.sub(r"//.*", "", schema_text), re.M | re.S):
        tables[name] = re.findall(r"(\w+)\s*:", body)
    return tables


class Artifact:
    def __init__(self, path, schema_text):
        self.path = path
        with open(path, "rb") as f:
            self.data = bytearray(f.read())
        (self.magic, self.format, self.numerics, self.abi, self.metadata_offset,
         self.metadata_size) = struct.unpack_from("<IIIIQQ", self.data, 0)
        if self.magic != 0x314D5841:
            raise ValueError(f"{path}: no artifact")
        self.fields = field_order(schema_text)

    # A flatbuffer value is named by its absolute position in the file.
    def u32(self, at):
        return struct.unpack_from("<I", self.data, at)[0]

    def root(self):
        return self.metadata_offset + self.u32(self.metadata_offset)

    def field(self, table, kind, name):
        """Position of a field's value, or None when it is absent."""
        index = self.fields[kind].index(name)
        vtable = table - struct.unpack_from("<i", self.data, table)[0]
        size = struct.unpack_from("<H", self.data, vtable)[0]
        slot = 4 + 2 * index
        offset = struct.unpack_from("<H", self.data, vtable + slot)[0] if slot < size else 0
        return table + offset if offset else None

    def follow(self, at):
        return at + self.u32(at)

    def vector(self, table, kind, name):
        """(position of the first element, count)."""
        at = self.field(table, kind, name)
        if at is None:
            return 0, 0
        start = self.follow(at)
        return start + 4, self.u32(start)

    def tables(self, table, kind, name):
        first, count = self.vector(table, kind, name)
        return [self.follow(first + 4 * i) for i in range(count)]

    def number(self, table, kind, name, form="<Q"):
        at = self.field(table, kind, name)
        return 0 if at is None else struct.unpack_from(form, self.data, at)[0]

    def string(self, table, kind, name):
        first, count = self.vector(table, kind, name)
        return bytes(self.data[first:first + count]).decode()

    def segments(self):
        for table in self.tables(self.root(), "Metadata", "segments"):
            yield {"kind": KINDS[self.number(table, "Segment", "kind", "<I")], "offset": self.number(table, "Segment", "offset"),
                   "size": self.number(table, "Segment", "size"), "target": self.string(table, "Segment", "target"),
                   "digest": self.vector(table, "Segment", "sha256")[0]}

    def segment(self, kind):
        return next(s for s in self.segments() if s["kind"] == kind)

    def tensors(self):
        weights = self.segment("weights")["offset"]
        for table in self.tables(self.root(), "Metadata", "tensors"):
            yield {"name": self.string(table, "Tensor", "name"), "format": self.number(table, "Tensor", "format", "<I"),
                   "offset": weights + self.number(table, "Tensor", "offset"), "size": self.number(table, "Tensor", "size"),
                   "digest": self.vector(table, "Tensor", "sha256")[0], "vector": self.number(table, "Tensor", "vector", "<B") != 0}

    def seal(self):
        """Recomputes the digest of every tensor, every segment and the metadata."""
        for part in [*self.tensors(), *self.segments()]:
            digest = hashlib.sha256(self.data[part["offset"]:part["offset"] + part["size"]]).digest()
            self.data[part["digest"]:part["digest"] + 32] = digest
        end = self.metadata_offset + self.metadata_size
        self.data[32:64] = hashlib.sha256(self.data[self.metadata_offset:end]).digest()

    def save(self, path):
        with open(path, "wb") as f:
            f.write(self.data)
