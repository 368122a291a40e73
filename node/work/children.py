"""Child processes of a call: each makes the values of an iterator, while the parent does something else.

Large arrays go through the pipe as they lie in memory (pickle's protocol 5). A full pipe makes the child wait, so
nothing piles up. No child outlives the block that started it, nor its parent by more than a value.
"""

import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Any, TypeVar

from node.contract import WorkerError

T = TypeVar("T")


@contextmanager
def children() -> Iterator[Callable[[Iterable[T]], Iterator[T]]]:
    """A function that starts a child for an iterable and returns an iterator over what the child makes of it.

    The iterator raises WorkerError when the child was killed, and whatever the child raised.
    """
    with ExitStack() as stack:
        yield lambda values: in_child(values, stack)


def in_child(values: Iterable[T], stack: ExitStack) -> Iterator[T]:
    """Start a child for these values; it ends with the stack. Where a process cannot fork (Windows), this one works."""
    if not hasattr(os, "fork"):
        return iter(values)
    reading, writing = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reading)
        answer(values, writing, parent)
    os.close(writing)
    stream = stack.enter_context(os.fdopen(reading, "rb"))
    stack.callback(end, child)
    return received(stream)


def end(child: int) -> None:
    """End a child, whatever it is doing; for one that has ended this only tidies up."""
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def answer(values: Iterable[Any], writing: int, parent: int) -> None:
    """In the child: send each value, then the end or what was raised, and leave without the parent's clean-up.

    The parent may be gone while another child still reads: then nobody wants the rest.
    """
    try:
        with open(writing, "wb") as stream:
            try:
                for value in values:
                    if os.getppid() != parent:
                        return
                    send(stream, ("value", value))
                send(stream, ("end", None))
            except (Exception, KeyboardInterrupt) as error:
                send(stream, ("error", error))
    finally:
        os._exit(0)


def received(stream: IO[bytes]) -> Iterator[Any]:
    """What a child sends, as it comes."""
    while True:
        try:
            kind, value = receive(stream)
        except (EOFError, pickle.UnpicklingError):
            raise WorkerError("A process of this call ended early; is there enough memory?") from None
        if kind == "end":
            return
        if kind == "error":
            raise value
        yield value


def send(stream: IO[bytes], value: Any) -> None:
    """Write a value: the sizes of its large buffers, these, and the rest of it."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    pickle.dump([view.nbytes for view in views], stream)
    for view in views:
        stream.write(view)
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read what `send` wrote.

    Raises:
        EOFError: the stream ended.
        pickle.UnpicklingError: the stream ended inside the value.
    """
    buffers = [filled(stream, bytearray(size)) for size in pickle.load(stream)]  # noqa: S301 - our own child wrote it
    return pickle.load(stream, buffers=buffers)  # noqa: S301


def filled(stream: IO[bytes], buffer: bytearray) -> bytearray:
    """A buffer filled from the stream."""
    if stream.readinto(buffer) != len(buffer):  # type: ignore[attr-defined]
        raise EOFError
    return buffer
