"""Which adapters can be believed when they say what answers, and how far."""

from agent.answering.calibration import ReaderCalibration
from agent.answering.prompts.short import template_hash
from agent.engine.base import Engine
from agent.schemas import Language
from agent.telemetry.logs import get_logger


class AdapterCalibrations:
    """The calibrations of an engine's adapters, also of adapters that are loaded later."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._warned: set[tuple[str, str]] = set()
        for name in engine.adapters:
            self.of(name, "en")

    def of(self, adapter: str | None, language: Language) -> ReaderCalibration | None:
        """That of an adapter for questions in a language; None for the base, and where it has not been calibrated."""
        if adapter is None or (provenance := self._engine.provenance(adapter)) is None:
            return None
        if provenance.prompt != template_hash():
            # It still works, only not as well as its card says.
            self._warn("adapter.prompt_changed", adapter)
        try:
            known = {of: ReaderCalibration(**weights) for of, weights in (provenance.reader or {}).items()}
        except TypeError:
            self._warn("adapter.calibration_changed", adapter)
            return None
        return known.get(language)

    def _warn(self, event: str, adapter: str) -> None:
        if (event, adapter) not in self._warned:
            self._warned.add((event, adapter))
            get_logger().warning(event, adapter=adapter)
