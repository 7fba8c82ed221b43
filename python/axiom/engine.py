"""An engine generates for many requests at once; each thread may ask it."""
from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass, field
from typing import Any, Iterator, Mapping, Sequence

from . import _abi, errors
from ._native import NONE, check, error, lib, natural, signed, sized, token_array, utf8
from .model import Message, Model

_SLICE_MS = 200  # of a wait: Ctrl-C and close() are seen after it
_FINISH = {_abi.AXIOM_FINISH_NONE: None, _abi.AXIOM_FINISH_STOP: "stop", _abi.AXIOM_FINISH_LENGTH: "length",
           _abi.AXIOM_FINISH_CANCELLED: "cancelled", _abi.AXIOM_FINISH_ERROR: "error"}


@dataclass
class Sampling:
    """How to generate. The defaults are the C API's (axiom_request): temperature 1, everything else off."""
    max_tokens: int = 0  # 0: what is left of the context and the KV memory
    min_tokens: int = 0
    temperature: float = 1.0  # 0: the most likely token each time
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int = 0  # the same seed gives the same tokens, whatever else runs
    stop: str | Sequence[str] = ()
    stop_tokens: Sequence[int] = ()
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    ignore_eos: bool = False
    include_stop: bool = False
    logprobs: int | None = None  # log probability of each token, and of so many likely ones
    priority: int = 0
    fair_key: int = 0
    deadline_ms: int = 0
    cache_salt: str | None = None


@dataclass(frozen=True)
class Event:
    """A step of a sample: text that became certain, and the token that brought it (-1: none came)."""
    text: str
    token: int
    sample: int
    finish: str | None  # "stop", "length", "cancelled" with the sample's last event
    last: bool  # the request's last event
    stop: str  # the stop string that ended it
    logprob: float | None
    top: tuple[tuple[int, float], ...]  # likely tokens and their log probabilities
    prompt_tokens: int
    output_tokens: int
    cached_tokens: int


@dataclass
class Completion:
    """A whole answer."""
    text: str = ""
    tokens: list[int] = field(default_factory=list)
    finish: str = ""
    stop: str = ""
    logprobs: list[float] | None = None
    top: list[tuple[tuple[int, float], ...]] | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0

    def _take(self, event: Event) -> None:
        self.text += event.text
        if event.token >= 0:
            self.tokens.append(event.token)
            if event.logprob is not None:
                self.logprobs = (self.logprobs or []) + [event.logprob]
                self.top = (self.top or []) + [event.top]
        self.prompt_tokens, self.cached_tokens = event.prompt_tokens, event.cached_tokens
        if event.finish:
            self.finish, self.stop = event.finish, event.stop


class Stream(Iterator[Event]):
    """The events of a request. Leaving it (close, the end of `with`, the last reference) cancels what is not read; cancel() from another
    thread ends it with finish "cancelled". One thread reads."""

    def __init__(self, engine: Engine, number: int, logprobs: bool):
        self._engine, self._number, self._logprobs, self._over = engine, number, logprobs, False

    def __next__(self) -> Event:
        raw = sized(_abi.axiom_event)
        while not self._over:
            with self._engine._inside() as handle:
                status = lib.axiom_wait(handle, self._number, _SLICE_MS, ctypes.byref(raw))
                if status == _abi.AXIOM_AGAIN:
                    continue
                if status != _abi.AXIOM_OK:
                    self._over = True
                    raise error(status)
                self._over = bool(raw.last)
                if raw.finish == _abi.AXIOM_FINISH_ERROR:
                    failure = error(raw.status, (raw.error or b"").decode("utf-8", "replace"))
                    self.close()
                    raise failure
                return Event(text=ctypes.string_at(raw.text, raw.text_size).decode("utf-8", "replace") if raw.text_size else "", token=raw.token,
                             sample=raw.sample, finish=_FINISH[raw.finish], last=bool(raw.last), stop=(raw.stop or b"").decode("utf-8", "replace"),
                             logprob=raw.logprob if self._logprobs and raw.token >= 0 else None,
                             top=tuple((t.token, t.logprob) for t in raw.top[:raw.num_top]) if raw.num_top else (),
                             prompt_tokens=raw.prompt_tokens, output_tokens=raw.output_tokens, cached_tokens=raw.cached_tokens)
        raise StopIteration

    def cancel(self) -> None:
        """Ends the request within a step. From any thread."""
        try:
            with self._engine._inside() as handle:
                lib.axiom_cancel(handle, self._number)
        except errors.Cancelled:
            pass  # the engine is closed

    def close(self) -> None:
        """Cancels, and forgets what was not read."""
        if self._over and not self._number:
            return
        self._over = True
        try:
            with self._engine._inside() as handle:
                lib.axiom_release(handle, self._number)
        except errors.Cancelled:
            pass
        self._number = 0

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_over", True) and lib is not None:
            self.close()


class _Inside:
    """A call of the engine: close() waits for it."""

    def __init__(self, engine: Engine):
        self._engine = engine

    def __enter__(self) -> ctypes.c_void_p:
        with self._engine._calls:
            if not self._engine._handle or self._engine._closing:
                raise errors.Cancelled("the engine is closed")
            self._engine._count += 1
            return self._engine._handle

    def __exit__(self, *_: object) -> None:
        with self._engine._calls:
            self._engine._count -= 1
            self._engine._calls.notify_all()


class Engine:
    """Generates with a model. All methods may be called from any thread at the same time; close() ends what runs."""

    def __init__(self, model: Model, *, threads: int = 0, max_sequences: int = 0, max_batched_tokens: int = 0, kv_positions: int = 0,
                 memory_limit: int = 0, max_requests: int = 0, prefix_cache: bool = True, max_queued_requests: int = 0, max_queued_tokens: int = 0,
                 max_queue_ms: int = 0, max_draft_tokens: int = 0, max_step_ms: int = 0):
        """0 stands for the library's own choice, or for no bound; axiom_engine_options has what each means."""
        self._calls, self._count, self._closing, self._handle = threading.Condition(), 0, False, ctypes.c_void_p()
        options = sized(_abi.axiom_engine_options)
        for name, value in list(locals().items()):
            if name in _NATURALS:
                setattr(options, name, natural(name, value, _NATURALS[name]))
        options.no_prefix_cache = not prefix_cache
        handle = ctypes.c_void_p()
        self._model = Model(model._open())  # stays open when `model` is closed
        check(lib.axiom_engine_create(self._model._open(), ctypes.byref(options), ctypes.byref(handle)))
        self._handle = handle

    def generate(self, prompt: str | Sequence[int], **sampling: Any) -> Completion:
        """The whole answer to a prompt: a text, or token ids. `sampling`: fields of Sampling."""
        return self.samples(prompt, 1, **sampling)[0]

    def samples(self, prompt: str | Sequence[int], n: int, **sampling: Any) -> list[Completion]:
        """`n` answers to one prompt, which is computed once."""
        return self._whole(self._submit(prompt, n, False, Sampling(**sampling)), n)

    def stream(self, prompt: str | Sequence[int], **sampling: Any) -> Stream:
        """The answer's events as they come."""
        return self._submit(prompt, 1, False, Sampling(**sampling))

    def chat(self, messages: Sequence[Message], **sampling: Any) -> Completion:
        """The answer to a conversation, through the model's chat template."""
        return self._whole(self._submit(self._model.tokenize_chat(messages), 1, True, Sampling(**sampling)), 1)[0]

    def chat_stream(self, messages: Sequence[Message], **sampling: Any) -> Stream:
        """The same as events."""
        return self._submit(self._model.tokenize_chat(messages), 1, True, Sampling(**sampling))

    def stats(self) -> dict[str, int]:
        """Counters since the start, and what runs now; the names are those of axiom_stats."""
        raw = sized(_abi.axiom_stats)
        with self._inside() as handle:
            check(lib.axiom_engine_get_stats(handle, ctypes.byref(raw)))
        return {name: getattr(raw, name) for name, _ in raw._fields_[1:]}

    def close(self) -> None:
        """Ends all requests and frees the engine. Threads that wait for an answer get Cancelled."""
        with self._calls:
            if self._closing or not self._handle:
                return
            self._closing = True
            self._calls.wait_for(lambda: self._count == 0)
            handle, self._handle = self._handle, ctypes.c_void_p()
        check(lib.axiom_engine_destroy(handle))

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) and lib is not None:  # None: at the interpreter's end
            self.close()

    def _inside(self) -> _Inside:
        return _Inside(self)

    @staticmethod
    def _whole(stream: Stream, n: int) -> list[Completion]:
        found = [Completion() for _ in range(n)]
        with stream:
            for event in stream:
                if event.finish == "cancelled":
                    raise errors.Cancelled("the request was cancelled")
                found[event.sample]._take(event)
        return found

    def _submit(self, prompt: str | Sequence[int], n: int, fresh: bool, how: Sampling) -> Stream:
        request = _abi.axiom_request()
        lib.axiom_request_init(ctypes.byref(request), ctypes.sizeof(request))
        keep: list[Any] = []  # what the request points at
        if isinstance(prompt, str):
            request.prompt_text = utf8("the prompt", prompt)
        else:
            keep.append(token_array("a token of the prompt", prompt))
            request.prompt, request.prompt_count = keep[-1], len(prompt)
        request.n, request.fresh_text = natural("n", n), fresh
        for name in ("max_tokens", "min_tokens", "top_k"):
            setattr(request, name, natural(name, getattr(how, name)))
        for name in ("temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty"):
            setattr(request, name, float(getattr(how, name)))
        for name in ("seed", "fair_key", "deadline_ms"):
            setattr(request, name, natural(name, getattr(how, name), 64))
        request.priority = signed("priority", how.priority)
        request.ignore_eos, request.include_stop = bool(how.ignore_eos), bool(how.include_stop)
        if how.logprobs is not None:
            request.logprobs, request.chosen_logprob = natural("logprobs", how.logprobs), 1
        if how.stop_tokens:
            keep.append(token_array("a stop token", how.stop_tokens))
            request.stop_tokens, request.num_stop_tokens = keep[-1], len(how.stop_tokens)
        stops = [how.stop] if isinstance(how.stop, str) else list(how.stop)
        if stops:
            keep.append((ctypes.c_char_p * len(stops))(*[utf8("a stop string", text) for text in stops]))
            request.stop_strings, request.num_stop_strings = keep[-1], len(stops)
        if how.logit_bias:
            pairs = [_abi.axiom_logit_bias(signed("a token of logit_bias", token), float(bias)) for token, bias in how.logit_bias.items()]
            keep.append((_abi.axiom_logit_bias * len(pairs))(*pairs))
            request.logit_bias, request.num_logit_bias = keep[-1], len(pairs)
        if how.cache_salt is not None:
            request.cache_salt = utf8("cache_salt", how.cache_salt)
        number = ctypes.c_uint64()
        with self._inside() as handle:
            check(lib.axiom_submit(handle, ctypes.byref(request), NONE, None, ctypes.byref(number)))
        return Stream(self, number.value, how.logprobs is not None)


_NATURALS = {"threads": 32, "max_sequences": 32, "max_batched_tokens": 32, "kv_positions": 64, "memory_limit": 64, "max_requests": 32,
             "max_queued_requests": 32, "max_queued_tokens": 64, "max_queue_ms": 64, "max_draft_tokens": 32, "max_step_ms": 32}
