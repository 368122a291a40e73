"""Child processes of a call: one that sends what it makes, value by value, while its parent does something else.

Large arrays go through the pipe as they lie in memory (pickle's protocol 5). A full pipe makes the child wait, so
nothing piles up. A child never outlives its parent's interest: without a reader its next write ends it.
"""

import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Any

from node.contract import WorkerError


class Child:
    """A process that works beside this one; its values are read once, in order, with `values`.

    Args:
        work: what it does; called in the child, which inherits all that this process has in memory.
    """

    def __init__(self, work: Callable[[], Iterable[Any]]) -> None:
        reading, writing = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            os.close(reading)
            answer(work, writing)
        os.close(writing)
        self.stream = open(reading, "rb")  # noqa: SIM115 - closed by `stop`

    def values(self) -> Iterator[Any]:
        """What the child makes, as it comes.

        Raises:
            WorkerError: the child was killed.
            Exception: what the child raised.
        """
        while True:
            try:
                kind, value = receive(self.stream)
            except (EOFError, pickle.UnpicklingError):
                message = "A process of this call ended early; is there enough memory?"
                raise WorkerError(message) from None
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value

    def stop(self) -> None:
        """End the child, whatever it is doing; for one that is at its end this only tidies up."""
        self.stream.close()
        with suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)


def answer(work: Callable[[], Iterable[Any]], writing: int) -> None:
    """In the child: send each value, then the end or what was raised, and leave without the parent's clean-up."""
    try:
        with open(writing, "wb") as stream:
            try:
                for value in work():
                    send(stream, ("value", value))
                send(stream, ("end", None))
            except (Exception, KeyboardInterrupt) as error:
                send(stream, ("error", error))
    finally:
        os._exit(0)


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
