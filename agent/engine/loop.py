"""The engine's thread: plan a step, run it, hand out its tokens, again and again."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

import torch

from agent.engine.request import Request
from agent.engine.scheduler import Scheduler
from agent.engine.scores import Scores
from agent.engine.step import Span
from agent.errors import GenerationFailed

_log = logging.getLogger(__name__)
# How errors begin that CUDA reports of itself; but for a lack of memory no later call gets over them.
_STICKY = ("CUDA error:", "device-side assert")
Command = Callable[[], None]


class RunsSteps(Protocol):
    """Puts what is planned through a model."""

    def run(self, spans: Sequence[Span], meanwhile: Command) -> Scores:
        """The scores of the rows that are wanted, in order. `meanwhile` is called once, while the device computes if it
        is not this processor.
        """


class Loop:
    """Owns the scheduler and the runner; everybody else only hands requests in.

    Args:
        scheduler: what is next.
        runner: what it goes through.
        hung_s: a step that takes longer than so many seconds means that the device hangs.
    """

    def __init__(self, scheduler: Scheduler, runner: RunsSteps, hung_s: float) -> None:
        self.generated = self.guessed = self.guessed_right = 0
        self._scheduler = scheduler
        self._runner = runner
        self._hung_s = hung_s
        self._incoming: list[Request] = []
        self._commands: list[tuple[Command, Future[None]]] = []
        self._untold: deque[Request] = deque()
        self._step_began: float | None = None
        self._closing = False
        self._broken = False
        self._work = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="askpod-engine", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    # ------------------------------------------------------------------ any thread

    def submit(self, request: Request) -> None:
        """Let it wait for its turn.

        Raises:
            GenerationFailed: the loop has ended.
        """
        with self._work:
            if not self.alive():
                raise GenerationFailed(detail="the engine has ended")
            self._incoming.append(request)
            self._work.notify()

    def cancel(self, request: Request) -> None:
        """Nobody waits for it any more: its blocks are free before the next step."""
        request.cancelled = True
        with self._work:
            self._work.notify()

    def between_steps(self, command: Command) -> "Future[None]":
        """Have something done while no step runs.

        Raises:
            GenerationFailed: the loop has ended; the future has it too, where it ends meanwhile.
        """
        done: Future[None] = Future()
        with self._work:
            if not self.alive():
                raise GenerationFailed(detail="the engine has ended")
            self._commands.append((command, done))
            self._work.notify()
        return done

    def counts(self) -> tuple[int, int]:
        """How many requests run, and how many wait."""
        return len(self._scheduler.running), len(self._scheduler.waiting) + len(self._incoming)

    def alive(self) -> bool:
        """False once it can never make a token again: it has ended, its device is broken, or a step hangs."""
        began = self._step_began
        hangs = began is not None and time.monotonic() - began > self._hung_s
        return self._thread.is_alive() and not self._closing and not self._broken and not hangs

    def close(self) -> None:
        """End every request; waits for the step that runs, unless that hangs."""
        with self._work:
            self._closing = True
            self._work.notify()
        if threading.current_thread() is not self._thread and self._thread.is_alive():
            self._thread.join(self._hung_s)

    # ------------------------------------------------------------------ its own thread

    def _run(self) -> None:
        try:
            while self._take_in():
                began = time.monotonic()
                planned = self._scheduler.plan()
                if planned:
                    self._step_began = time.monotonic()
                    self._step(planned, began)
                    self._step_began = None
        finally:
            self._end()

    def _tell(self) -> None:
        """Deliver the tokens of the step before."""
        while self._untold:
            request = self._untold.popleft()
            try:
                request.tell()
            except Exception as error:  # the text of others has nothing to do with this one's
                _log.error("engine.no_text", exc_info=error)
                request.fail(GenerationFailed(detail=repr(error)))

    def _end(self) -> None:
        """Nobody waits for what will never come."""
        self._tell()
        with self._work:
            self._closing = True
            left = (*self._scheduler.running, *self._scheduler.waiting, *self._incoming)
            for _command, done in self._commands:
                done.set_exception(GenerationFailed(detail="the engine has ended"))
        for request in left:
            request.fail(GenerationFailed(detail="the engine has ended"))

    def _take_in(self) -> bool:
        """What has been handed in; sleeps while there is nothing to do. False when the loop is to end."""
        scheduler = self._scheduler
        if self._commands or not scheduler.running:
            self._tell()
        with self._work:
            while not (self._closing or self._incoming or self._commands or scheduler.running or scheduler.waiting):
                self._work.wait()
            incoming, self._incoming = self._incoming, []
            commands, self._commands = self._commands, []
        for request in incoming:
            scheduler.add(request)
        for command, done in commands:
            _do(command, done)
        return not (self._closing or self._broken)

    def _step(self, planned: dict[Request, Span], began: float) -> None:
        try:
            scores = self._runner.run(list(planned.values()), self._tell)
            row = 0
            for request, span in planned.items():
                if span.wanted:
                    self._accept(request, span, scores, row)
                    row += span.wanted
        except torch.OutOfMemoryError as error:
            if not self._scheduler.shrink():
                self._fail(planned, error)
                return
            _log.warning("engine.out_of_memory: smaller steps from here on")
            torch.cuda.empty_cache()
            return
        except Exception as error:  # the engine's edge: whatever a step raises, the loop goes on
            self._fail(planned, error)
            return
        self._scheduler.settle(planned, time.monotonic() - began)

    def _accept(self, request: Request, span: Span, scores: Scores, row: int) -> None:
        if request.ended:  # meanwhile, as its text could not be made
            return
        before = len(request.tokens)
        request.accept(scores, row, span.tokens[len(span.tokens) - span.wanted + 1 :])
        made = len(request.tokens) - before
        self.generated += made
        self.guessed += span.wanted - 1
        self.guessed_right += made - 1
        self._untold.append(request)

    def _fail(self, planned: dict[Request, Span], error: Exception) -> None:
        """Those in the step fail; the others know nothing of it, unless the device is broken for good."""
        _log.error("engine.step_failed", exc_info=error)
        for request in planned:
            request.fail(GenerationFailed(detail=repr(error)))
            self._scheduler.drop(request)
        if any(sign in str(error) for sign in _STICKY):
            self._broken = True


def _do(command: Command, done: "Future[None]") -> None:
    try:
        command()
    except Exception as error:  # it is raised where it was asked for
        done.set_exception(error)
    else:
        done.set_result(None)
