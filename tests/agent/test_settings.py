"""The settings classes, .env.example and the README's table say the same."""

import re
from pathlib import Path

from pydantic import SecretStr

from agent.settings import Settings
from local_server.platform.settings import PlatformSettings

FIELDS = {name.upper(): field for name, field in Settings.model_fields.items()}
FIELDS |= {f"PLATFORM_{name.upper()}": field for name, field in PlatformSettings.model_fields.items()}
ROOT = Path(__file__).parent.parent.parent


def shown(value: object) -> str:
    """A default as it stands in an environment file."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_env_example_lists_every_setting_with_its_default_and_meaning() -> None:
    """In the order of the classes, each below a comment that is its description."""
    expected = [(f"# {field.description}", f"{name}={shown(field.default)}") for name, field in FIELDS.items()]
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    found = [(lines[at - 1], line) for at, line in enumerate(lines) if re.match(r"[A-Z_]+=", line)]
    assert expected == found


def test_the_readme_lists_every_setting_with_its_default_and_meaning() -> None:
    """Its tables are the classes, row by row."""
    expected = []
    for name, field in FIELDS.items():
        default = f"`{shown(field.default)}`" if shown(field.default) else "empty"
        expected.append(f"| `{name}` | {default} | {field.description} |")
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert expected == [line for line in readme if re.match(r"\| `[A-Z_]+`", line)]


def test_a_key_never_shows() -> None:
    """Neither in the settings' repr nor in their dump."""
    settings = Settings(api_keys=(SecretStr("sesame"),), hf_token=SecretStr("token-1"))
    assert "sesame" not in repr(settings) + str(settings.model_dump())
    assert "token-1" not in repr(settings) + str(settings.model_dump())


def test_the_configuration_guide_names_every_setting() -> None:
    """A setting that is not explained does not exist for its users."""
    guide = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert [] == [name for name in FIELDS if f"`{name}`" not in guide]
