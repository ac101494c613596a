"""The engine on vLLM, an optional dependency (requirements-vllm.txt)."""
