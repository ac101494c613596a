"""Conversations as tokens, with templates that know no system message."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from jinja2 import TemplateError

from agent.engine.tokenizer import ChatTokenizer
from agent.load_errors import ModelInvalid
from agent.settings import EMBEDDED_LLM
from tests.conftest import ROOT

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# As Gemma's.
REFUSING = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML
)
# As older templates of Mistral's: they know users and assistants.
IGNORING = CHATML.replace(
    "{{ '<|im_start|>'", "{% if message['role'] == 'system' %}{% continue %}{% endif %}{{ '<|im_start|>'"
)
REFUSING_ALL = "{{ raise_exception('No conversation') }}"
SYSTEM = {"role": "system", "content": "Answer in few words.\n"}
USER = {"role": "user", "content": "Which port is it?"}
ASSISTANT = {"role": "assistant", "content": "8000"}

MakeTokenizer = Callable[[str | None], ChatTokenizer]


@pytest.fixture
def tokenizer(tmp_path: Path, real_models: Path) -> MakeTokenizer:
    """The embedded model's tokenizer with another template."""

    def make(template: str | None) -> ChatTokenizer:
        for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
            (tmp_path / name).write_bytes((ROOT / EMBEDDED_LLM / name).read_bytes())
        config = json.loads((tmp_path / "tokenizer_config.json").read_text())
        config.pop("chat_template", None)
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
        if template is not None:
            (tmp_path / "chat_template.jinja").write_text(template)
        return ChatTokenizer(tmp_path)

    return make


def rendered(tokenizer: ChatTokenizer, *messages: dict[str, str]) -> str:
    """What the model reads, special tokens included."""
    backend = tokenizer._backend
    return str(backend.decode(tokenizer.encode_chat(messages), skip_special_tokens=False))


def test_a_system_message_has_a_turn_of_its_own(tokenizer: MakeTokenizer) -> None:
    """Where the template knows one."""
    assert (
        "<|im_start|>system\nAnswer in few words.\n<|im_end|>\n<|im_start|>user\nWhich port is it?<|im_end|>\n"
        "<|im_start|>assistant\n"
    ) == rendered(tokenizer(CHATML), SYSTEM, USER)


@pytest.mark.parametrize("template", [REFUSING, IGNORING], ids=["refused", "ignored"])
def test_a_system_message_that_the_template_does_not_take_begins_the_user_s(
    tokenizer: MakeTokenizer, template: str
) -> None:
    """The model reads its instructions whatever its template knows; other conversations stay as they are."""
    made = tokenizer(template)
    user = "<|im_start|>user\nAnswer in few words.\n\n\nWhich port is it?<|im_end|>\n"
    assert f"{user}<|im_start|>assistant\n" == rendered(made, SYSTEM, USER)
    assert f"{user}<|im_start|>assistant\n8000<|im_end|>\n" in rendered(made, SYSTEM, USER, ASSISTANT, USER)
    assert "<|im_start|>user\nWhich port is it?<|im_end|>\n<|im_start|>assistant\n" == rendered(made, USER)


def test_a_template_that_takes_nothing_fails(tokenizer: MakeTokenizer) -> None:
    """Nothing is made up in its place."""
    for messages in ([SYSTEM, USER], [USER]):
        with pytest.raises(TemplateError):
            tokenizer(REFUSING_ALL).encode_chat(messages)


def test_a_model_without_a_template_gets_a_transcript(tokenizer: MakeTokenizer) -> None:
    """With the system message in it."""
    text = "System: Answer in few words.\n\n\nUser: Which port is it?\n\nAssistant:"
    assert text == rendered(tokenizer(None), SYSTEM, USER)


def test_the_embedded_models_know_system_messages(real_models: Path) -> None:
    """Their own templates, as they come."""
    text = rendered(ChatTokenizer(ROOT / EMBEDDED_LLM), SYSTEM, USER)
    assert 1 == text.count("Answer in few words.")
    assert text.startswith("<|im_start|>system\nAnswer in few words.")


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    """The setting, and what is wrong."""
    with pytest.raises(ModelInvalid, match="BASE_MODEL"):
        ChatTokenizer(tmp_path)
