"""How long until a fresh process has answered its first question."""
