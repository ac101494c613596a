"""The same models, store and question as a course's project has them: one load after the other, and `generate`."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.cold_start.steps import ANSWERED, EMBEDDER, IMPORTS, INDEX, MODEL, QUESTION, READY, STORE, TEXTS, tell

_TOP_K = 4
_MAX_TOKENS = 96
_BASE, _ADAPTER, _EMBEDDER = "models/SmolLM2-135M-Instruct", "adapters/smollm2-ask", "models/multilingual-e5-small"


def main(folder: Path, with_sdk: bool) -> None:
    """Load, and answer."""
    if with_sdk:
        import runpod  # noqa: F401
    import faiss
    import torch
    from peft import PeftModel
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tell(IMPORTS)
    tokenizer: Any = AutoTokenizer.from_pretrained(_BASE)
    model: Any = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(_BASE), _ADAPTER).eval()
    tell(MODEL)
    embedder = SentenceTransformer(_EMBEDDER)
    tell(EMBEDDER)
    index = faiss.read_index(str(folder / INDEX))
    texts = json.loads((folder / TEXTS).read_text(encoding="utf-8"))
    tell(STORE)
    tell(READY)
    vector = embedder.encode([f"query: {QUESTION}"], normalize_embeddings=True)
    _, found = index.search(vector, _TOP_K)
    context = "\n\n".join(texts[place] for place in found[0])
    prompt = f"Answer from these texts only.\n\n{context}\n\nQuestion: {QUESTION}"
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=_MAX_TOKENS, do_sample=False)
    answer = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    tell(ANSWERED, answer=answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "sdk" in sys.argv[2:])
