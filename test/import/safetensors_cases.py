#!/usr/bin/env python3
"""Hostile and odd safetensors files, with the verdict of the PyPI `safetensors` reader.

Run with the packages `safetensors` and `numpy` installed:
    python3 test/import/safetensors_cases.py            checks the committed table
    python3 test/import/safetensors_cases.py --write    rewrites it
The table, test/corrupt/import/safetensors_cases.json, holds each file as its header text, the
length field and the number of data bytes, so that the GoogleTest builds the same bytes (their
SHA-256 is in the table too). `stricter` gives the reason where Axiom rejects what the reference
accepts; everywhere else the verdicts must be the same.
"""
import hashlib
import json
import os
import struct
import sys

import safetensors

TABLE = os.path.join(os.path.dirname(__file__), "..", "corrupt", "import", "safetensors_cases.json")
A4 = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
cases = []


def case(name, header, data, length=None, stricter=""):
    """`header` is bytes or text; `length` overrides the length field; `data` counts bytes."""
    raw = header if isinstance(header, bytes) else header.encode("utf-8")
    cases.append({"name": name, "header": raw.decode("latin-1"), "data": data,
                  "length": len(raw) if length is None else length, "stricter": stricter})


def one(dtype="F32", shape="[1]", offsets="[0,4]", extra=""):
    return '{"a":{"dtype":"%s","shape":%s,"data_offsets":%s%s}}' % (dtype, shape, offsets, extra)


# Well-formed files.
case("one tensor", one(), 4)
case("no tensors", "{}", 0)
case("metadata", '{"__metadata__":{"format":"pt"},' + A4 + "}", 4)
case("metadata null", '{"__metadata__":null,' + A4 + "}", 4)
case("padded with spaces", one() + " " * 5, 4)
case("unaligned header", one() + " ", 4)
case("scalar", one(shape="[]"), 4)
case("zero elements", one(shape="[0,7]", offsets="[0,0]"), 0)
case("zero-size tensor between others",
     '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
     '"b":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},'
     '"c":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8)
case("listed out of order",
     '{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},'
     '"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 8)
case("fields in another order", '{"a":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"}}', 4)
case("unknown field", one(extra=',"more":{"deep":[1,2,{"x":null}]}'), 4)
case("unknown field named like a known one inside", one(extra=',"more":{"dtype":5,"shape":"x"}'), 4)
case("white space in the header", '{ "a" : { "dtype" : "F32" ,\n"shape" : [ 1 ] ,\t"data_offsets" : [ 0 , 4 ] } }\r\n', 4)
case("name in UTF-8", '{"\u00e9\u4e2d":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
case("escaped name", '{"\\u0061\\n":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
case("every dtype of two bytes",
     '{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[2,4]},'
     '"c":{"dtype":"I16","shape":[1],"data_offsets":[4,6]},"d":{"dtype":"U16","shape":[1],"data_offsets":[6,8]}}', 8)
case("8-byte dtypes",
     '{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},'
     '"c":{"dtype":"U64","shape":[1],"data_offsets":[16,24]},"d":{"dtype":"C64","shape":[1],"data_offsets":[24,32]}}', 32)
case("1-byte dtypes",
     '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[1],"data_offsets":[1,2]},'
     '"c":{"dtype":"BOOL","shape":[1],"data_offsets":[2,3]},"d":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[3,4]},'
     '"e":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[4,5]},"f":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[5,6]}}', 6)
case("F4 pairs", one("F4", "[2]", "[0,1]"), 1)
case("empty name", '{"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
case("tensor record as an array", '{"a":["F32",[1],[0,4]]}', 4,
     stricter="a record without field names is no documented form")
case("65 dimensions", one(shape="[" + ",".join(["1"] * 65) + "]"), 4,
     stricter="no tensor has more than 64 dimensions")

# The length field.
case("empty file", b"", 0, length=-1)
case("five bytes", b"", 5, length=-1)
case("length only, header missing", b"", 0, length=2)
case("length 0", b"", 0, length=0)
case("length one beyond the file", one(), 0, length=len(one()) + 1)
case("length above the cap", one(), 4, length=100_000_001)
case("length 2^63", one(), 4, length=1 << 63)
case("length 2^64-1", one(), 4, length=(1 << 64) - 1)
case("length 2^64-8 wraps to 0", one(), 4, length=(1 << 64) - 8)
case("length one short", one(), 4, length=len(one()) - 1)

# The JSON.
case("not JSON", "this is text", 0)
case("array", "[]", 0)
case("string", '"a"', 0)
case("space before the brace", " " + one(), 4,
     stricter="the format says that a header begins with a brace")
case("byte order mark", b"\xef\xbb\xbf" + one().encode(), 4)
case("NUL padding", one().encode() + b"\0\0\0", 4)
case("NUL inside", b'{"a\0":' + one()[5:].encode(), 4)
case("invalid UTF-8", b'{"\xff":' + one()[5:].encode(), 4)
case("overlong UTF-8", b'{"\xc0\xaf":' + one()[5:].encode(), 4)
case("lone surrogate escape", '{"\\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
case("trailing comma", '{' + A4 + ',}', 4)
case("comment", '{/* x */' + A4 + '}', 4)
case("text after the object", one() + "x", 4)
case("two objects", one() + "{}", 4)
case("truncated JSON", one()[:-1], 4)
case("deep nesting in an unknown field", one(extra=',"x":' + "[" * 200 + "]" * 200), 4)
case("duplicate tensor, same record", "{" + A4 + "," + A4 + "}", 4,
     stricter="a duplicate name makes the file ambiguous")
case("duplicate tensor, other record", '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},' + A4 + "}", 4,
     stricter="a duplicate name makes the file ambiguous")
case("duplicate through an escape", '{"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},' + A4 + "}", 4,
     stricter="a duplicate name makes the file ambiguous")
case("duplicate field", '{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
case("duplicate metadata", '{"__metadata__":{},"__metadata__":{},' + A4 + "}", 4)

# Records.
case("metadata not an object", '{"__metadata__":"pt",' + A4 + "}", 4)
case("metadata value not a string", '{"__metadata__":{"n":1},' + A4 + "}", 4)
case("record not an object", '{"a":5}', 0)
case("record null", '{"a":null}', 0)
case("no dtype", '{"a":{"shape":[1],"data_offsets":[0,4]}}', 4)
case("no shape", '{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4)
case("no offsets", '{"a":{"dtype":"F32","shape":[1]}}', 4)
case("unknown dtype", one("F31"), 4)
case("lower-case dtype", one("f32"), 4)
case("dtype a number", '{"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}}', 4)
case("negative dimension", one(shape="[-1]"), 4)
case("minus zero dimension", one(shape="[-0,1]", offsets="[0,0]"), 0)
case("dimension 1.0", one(shape="[1.0]"), 4)
case("dimension 1e0", one(shape="[1e0]"), 4)
case("dimension 2^64", one(shape="[18446744073709551616]"), 4)
case("dimension as a string", one(shape='["1"]'), 4)
case("nested shape", one(shape="[[1]]"), 4)
case("shape a number", one(shape="1"), 4)
case("shape overflows", one(shape="[4294967296,4294967296,4]"), 4)
case("shape overflows, then 0", one(shape="[4294967296,4294967296,0]", offsets="[0,0]"), 0)
case("bytes overflow", one(shape="[4611686018427387905]"), 4)
case("one offset", one(offsets="[0]"), 4)
case("three offsets", one(offsets="[0,4,8]"), 4)
case("half a byte", one("F4", "[1]", "[0,1]"), 1)

# Offsets against the data.
case("begins at 4", one(offsets="[4,8]"), 8)
case("end before begin", one(offsets="[4,0]"), 4)
case("too few bytes for the shape", one(shape="[2]"), 4)
case("too many bytes for the shape", one(offsets="[0,8]"), 8)
case("data truncated", one(), 3)
case("data appended", one(), 5)
case("no data at all", one(), 0)
case("offset beyond 2^63", one(offsets="[0,9223372036854775812]"), 4)
case("hole", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}', 12)
case("overlap", '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8)
case("same bytes twice", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
case("data without tensors", "{}", 4)


def build(c):
    head = b"" if c["length"] < 0 else struct.pack("<Q", c["length"])
    return head + c["header"].encode("latin-1") + bytes((7 * i + 1) % 256 for i in range(c["data"]))


for c in cases:
    raw = build(c)
    c["sha256"] = hashlib.sha256(raw).hexdigest()
    try:
        safetensors.deserialize(raw)
        c["reference"] = "accepts"
    except Exception:  # the reader's own error type, and MemoryError for absurd lengths
        c["reference"] = "rejects"
text = "[\n" + ",\n".join(json.dumps(c, sort_keys=True) for c in cases) + "\n]\n"
if "--write" in sys.argv:
    with open(TABLE, "w") as f:
        f.write(text)
else:
    with open(TABLE) as f:
        if f.read() != text:
            sys.exit("safetensors_cases.json differs from what this script makes; run it with --write")
accepted = sum(c["reference"] == "accepts" for c in cases)
print(f"{len(cases)} cases with safetensors {safetensors.__version__}: "
      f"{accepted} accepted, {len(cases) - accepted} rejected")
