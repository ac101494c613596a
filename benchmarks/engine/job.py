"""What a contestant is asked to do, and what it tells of it. Nothing but the standard library: others read it too."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Job:
    """One prompt.

    Attributes:
        prompt: token ids.
        tokens: so many are generated; the model's end is not among them.
        adapter: place of its adapter among those given; None for the base model.
    """

    prompt: list[int]
    tokens: int
    adapter: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """Jobs that come at once, or one after the other.

    Attributes:
        name: what it is called in the table.
        jobs: in the order in which they come.
        at_once: so many are under way; the next one comes when one is done.
        cached: whether what was read for earlier loads may be there still.
    """

    name: str
    jobs: list[Job]
    at_once: int
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one job, in seconds since it was handed in; `first` is None where nobody can tell."""

    tokens: int
    total: float
    first: float | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What a contestant runs: model folder, number format, adapters."""

    folder: str
    dtype: str
    device: str
    adapters: list[str] = field(default_factory=list)
    gguf: str = ""
