"""Text to token ids and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import AutoTokenizer, PreTrainedModel

from agent.engine.base import ChatMessage
from agent.load_errors import ModelInvalid


class ChatTokenizer:
    """A model's tokenizer with its chat template.

    Raises:
        ModelInvalid: the folder has no usable tokenizer.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise ModelInvalid("BASE_MODEL has no usable tokenizer.", detail=repr(error)) from error
        self._backend: Any = getattr(self._tokenizer, "backend_tokenizer", None)

    def encode_chat(self, messages: Sequence[ChatMessage]) -> list[int]:
        """Ids up to where the assistant's turn begins.

        A model without a template gets a plain transcript. Where a template refuses or ignores a system message, that
        message stands at the beginning of the user's.
        """
        if self._tokenizer.chat_template:
            text = self._rendered(messages)
        else:
            lines = [f"{message['role'].capitalize()}: {message['content']}" for message in messages]
            text = "\n\n".join([*lines, "Assistant:"])
        # A caller's text may spell out a special token; split_special_tokens cannot tell ours from theirs in one
        # rendered string, so prompts.py takes such spellings out of what callers and documents bring.
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _rendered(self, messages: Sequence[ChatMessage]) -> str:
        try:
            text = self._render(messages)
        except TemplateError:
            folded = _without_system(messages)
            if folded is None:
                raise
            return self._render(folded)
        folded = _without_system(messages)
        ignored = folded is not None and messages[0]["content"].strip() not in text
        return self._render(folded) if folded is not None and ignored else text

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        text = self._tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return str(text)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text, without special tokens."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of generated ids, without special tokens."""
        if self._backend is not None:
            # The tokenizer around it looks at each id several times, for each token of each generation.
            return str(self._backend.decode(list(ids), skip_special_tokens=True))
        text = self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)

    @property
    def end_id(self) -> int | None:
        """The token that ends a turn."""
        token: int | None = self._tokenizer.eos_token_id
        return token


def _without_system(messages: Sequence[ChatMessage]) -> list[ChatMessage] | None:
    """The messages with the system message folded into the user's behind it; None when they do not begin so."""
    if [message["role"] for message in messages[:2]] != ["system", "user"]:
        return None
    system, user, *others = messages
    return [user | {"content": f"{system['content']}\n\n{user['content']}"}, *others]


def end_ids(model: PreTrainedModel, tokenizer: ChatTokenizer) -> frozenset[int]:
    """The tokens that end a generation: those that the model's folder declares, and the one that ends a turn."""
    declared = model.generation_config.eos_token_id if model.generation_config else None
    ids = declared if isinstance(declared, list) else [declared]
    return frozenset(token for token in (*ids, tokenizer.end_id) if token is not None)
