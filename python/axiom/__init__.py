"""Axiom in Python: open a compiled model, generate, stream, tokenize. A thin layer of ctypes over libaxiom's C API.

    import axiom
    with axiom.Model.open("model.axm") as model, axiom.Engine(model) as engine:
        print(engine.generate("Once upon a time", max_tokens=64, temperature=0).text)
        for event in engine.chat_stream([{"role": "user", "content": "Hello"}], max_tokens=64):
            print(event.text, end="", flush=True)
"""
from ._native import lib as _lib
from .engine import Completion, Engine, Event, Sampling, Stream
from .errors import (AxiomError, BadInput, Cancelled, InternalError, InvalidArgument, NotFound, Overloaded, ResourceError, TimedOut, Unsupported)
from .model import Message, Model, ModelInfo

__version__: str = _lib.axiom_version().decode()
__all__ = ["AxiomError", "BadInput", "Cancelled", "Completion", "Engine", "Event", "InternalError", "InvalidArgument", "Message", "Model", "ModelInfo",
           "NotFound", "Overloaded", "ResourceError", "Sampling", "Stream", "TimedOut", "Unsupported", "__version__"]
