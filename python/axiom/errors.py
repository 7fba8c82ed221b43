"""What can go wrong, by the names of the C API's axiom_status."""
from __future__ import annotations


class AxiomError(Exception):
    """Any refusal or failure: str() is the library's sentence, `status` the number and `name` the name of its axiom_status."""
    status = 7
    name = "INTERNAL"


class InvalidArgument(AxiomError, ValueError):
    """A value is wrong."""
    status, name = 1, "INVALID_ARGUMENT"


class BadInput(AxiomError):
    """The file is damaged or malformed."""
    status, name = 2, "BAD_INPUT"


class Unsupported(AxiomError):
    """Well formed, but not for this library or machine."""
    status, name = 3, "UNSUPPORTED"


class ResourceError(AxiomError):
    """Memory, threads or files ran out, or the request can never fit."""
    status, name = 4, "RESOURCE"


class NotFound(AxiomError):
    """No such file or request."""
    status, name = 5, "NOT_FOUND"


class Cancelled(AxiomError):
    """The request was cancelled, or its engine closed."""
    status, name = 6, "CANCELLED"


class InternalError(AxiomError):
    """A fault of the library."""


class Overloaded(AxiomError):
    """Too much to do now; `retry_after` seconds later the request would be taken."""
    status, name = 9, "OVERLOADED"
    retry_after = 0.0


class TimedOut(AxiomError, TimeoutError):
    """The request's deadline has passed."""
    status, name = 10, "TIMED_OUT"


BY_STATUS = {kind.status: kind for kind in (InvalidArgument, BadInput, Unsupported, ResourceError, NotFound, Cancelled, InternalError, Overloaded, TimedOut)}
