"""A compiled model: its text side, and what it is."""
from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from . import _abi, errors
from ._native import check, lib, natural, sized, token_array, utf8

Message = Mapping[str, str]
"""A message of a chat: {"role": "user", "content": "Hello"}."""

_LOAD = {"map": _abi.AXIOM_LOAD_MAP, "copy": _abi.AXIOM_LOAD_COPY, "huge": _abi.AXIOM_LOAD_HUGE}


@dataclass(frozen=True)
class ModelInfo:
    """What a model is; the names are those of axiom_model_info."""
    name: str
    family: str
    target: str
    device: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    max_context: int
    bos: int  # -1: none
    eos: tuple[int, ...]
    has_tokenizer: bool
    has_chat_template: bool
    file_bytes: int
    weight_bytes: int
    kv_bytes_per_64: int
    bits_per_weight: float
    num_weights: int


class _Handle:
    """The library's model, closed with its last user: a Model, an Engine, or a call that runs."""

    def __init__(self, value: ctypes.c_void_p):
        self._as_parameter_ = value

    def __del__(self, close: Any = lib.axiom_close) -> None:  # bound: at the interpreter's end globals are gone
        close(self._as_parameter_)


class Model:
    """An opened artifact (model.axm). It never changes: any number of threads may use it. Closing it leaves its engines and calls running."""

    def __init__(self, handle: _Handle):
        self._handle: _Handle | None = handle

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, device: str | None = None, isa: str | None = None, load: str = "map", lazy: bool = False,
             verify: bool = False, guard_faults: bool = False, memory_limit: int = 0) -> Model:
        """Opens and checks an artifact. `device`: "cpu" or "cuda:N"; `load`: "map", "copy" or "huge"; `verify`: also the digests of the weights."""
        options = sized(_abi.axiom_open_options)
        if load not in _LOAD:
            raise errors.InvalidArgument(f"load is {load!r}; it has to be one of {', '.join(_LOAD)}")
        options.load = _LOAD[load]
        options.lazy, options.verify_all, options.guard_faults = bool(lazy), bool(verify), bool(guard_faults)
        options.memory_limit = natural("memory_limit", memory_limit, 64)
        options.device = None if device is None else utf8("device", device)
        options.isa = None if isa is None else utf8("isa", isa)
        handle = ctypes.c_void_p()
        check(lib.axiom_open(_abi.ABI_VERSION, os.fsencode(path), ctypes.byref(options), ctypes.byref(handle)))
        return cls(_Handle(handle))

    def engine(self, **options: Any) -> Any:
        """Engine(self, **options)"""
        from .engine import Engine
        return Engine(self, **options)

    @property
    def info(self) -> ModelInfo:
        raw = sized(_abi.axiom_model_info)
        check(lib.axiom_model_get_info(self._open(), ctypes.byref(raw)))
        values: dict[str, Any] = {}
        for field in ModelInfo.__dataclass_fields__:
            value = getattr(raw, field)
            values[field] = value.decode() if isinstance(value, bytes) else value
        values["eos"] = tuple(raw.eos[:raw.num_eos])
        values["has_tokenizer"], values["has_chat_template"] = bool(raw.has_tokenizer), bool(raw.has_chat_template)
        return ModelInfo(**values)

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = False) -> list[int]:
        """Token ids of a text. `parse_special`: special tokens that are written in it become tokens; not for text of others."""
        data = text.encode()
        flags = (_abi.AXIOM_TOKENIZE_ADD_SPECIAL if add_special else 0) | (_abi.AXIOM_TOKENIZE_PARSE_SPECIAL if parse_special else 0)
        return self._tokens(lambda out, room, count: lib.axiom_tokenize(self._open(), data, len(data), flags, out, room, count))

    def detokenize(self, tokens: Sequence[int], *, keep_special: bool = False) -> str:
        """The text of token ids."""
        array = token_array("a token", tokens)
        flags = _abi.AXIOM_DETOKENIZE_KEEP_SPECIAL if keep_special else 0
        return self._text(lambda out, room, size: lib.axiom_detokenize(self._open(), array, len(array), flags, out, room, size))

    def render_chat(self, messages: Sequence[Message]) -> str:
        """The prompt that the model's chat template makes of the messages."""
        array = _messages(messages)
        return self._text(lambda out, room, size: lib.axiom_render_chat(self._open(), array, len(array), out, room, size))

    def tokenize_chat(self, messages: Sequence[Message]) -> list[int]:
        """The same as token ids. A special token that is written in a message's content stays text."""
        array = _messages(messages)
        return self._tokens(lambda out, room, count: lib.axiom_tokenize_chat(self._open(), array, len(array), out, room, count))

    def close(self) -> None:
        """Frees the model once its engines are closed, too."""
        self._handle = None

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> _Handle:
        handle = self._handle
        if handle is None:
            raise errors.InvalidArgument("the model is closed")
        return handle

    @staticmethod
    def _grown(make: Any, ask: Any, first: int) -> tuple[Any, int]:
        """A result of unknown size: tried with some room, then with as much as it says it needs."""
        room, needed = first, ctypes.c_size_t()
        while True:
            out = make(room)
            check(ask(out, room, ctypes.byref(needed)))
            if needed.value <= room:
                return out, needed.value
            room = needed.value

    def _tokens(self, ask: Any) -> list[int]:
        out, size = self._grown(lambda room: (ctypes.c_int32 * room)(), ask, 512)
        return out[:size]

    def _text(self, ask: Any) -> str:
        out, size = self._grown(ctypes.create_string_buffer, ask, 2048)
        return out.raw[:size].decode("utf-8", "replace")


def _messages(messages: Sequence[Message]) -> ctypes.Array:
    array = (_abi.axiom_message * len(messages))()
    for one, message in zip(array, messages):
        unknown = set(message) - {"role", "content"}
        if unknown or "role" not in message or "content" not in message:
            raise errors.InvalidArgument(f"a message has the keys {sorted(message)}; it has to have role and content")
        one.role, one.content = utf8("a role", message["role"]), utf8("a message's content", message["content"])
    return array
