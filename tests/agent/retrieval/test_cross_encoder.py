"""The reranker, on tiny cross-encoders with random weights."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

from agent.load_errors import ModelInvalid
from agent.retrieval.cross_encoder import CrossEncoderReranker

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "where is the index kept on disk a folder holds it queue full of jobs keys are secret".split()
LENGTH = 32  # tokens of a pair
QUESTION = "where is the index kept"
TEXTS = ["a folder holds the index", "keys", "the queue is full of jobs it holds", "on disk", ""]


def write_tokenizer(folder: Path) -> None:
    vocabulary = {word: number for number, word in enumerate(SPECIAL + WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=LENGTH, pad_token="[PAD]", unk_token="[UNK]",
        cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip


def config(labels: int = 1) -> BertConfig:
    return BertConfig(
        vocab_size=len(SPECIAL + WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=LENGTH, num_labels=labels,
        initializer_range=0.5,  # far enough apart that an order is no accident of rounding
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cross-encoder of two layers with random weights, always the same ones."""
    torch.manual_seed(0)
    target = tmp_path / "tiny"
    BertForSequenceClassification(config()).save_pretrained(target)
    write_tokenizer(target)
    return target


def load(folder: Path, batch: int = 8) -> CrossEncoderReranker:
    return CrossEncoderReranker(folder, device="cpu", batch=batch)


def test_a_text_is_scored_in_its_place(folder: Path) -> None:
    """Texts of different lengths are batched in another order and come back in theirs."""
    reranker = load(folder)
    scores = reranker.score(QUESTION, TEXTS)
    assert (scores.dtype, scores.shape) == (np.float64, (len(TEXTS),))
    assert len(set(scores.round(4))) == len(TEXTS)
    alone = [reranker.score(QUESTION, [text])[0] for text in TEXTS]
    np.testing.assert_allclose(scores, alone, atol=1e-5)
    np.testing.assert_allclose(reranker.score(QUESTION, TEXTS[::-1]), scores[::-1], atol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_the_batch_size_does_not_change_the_scores(folder: Path, batch: int) -> None:
    np.testing.assert_allclose(
        load(folder, batch).score(QUESTION, TEXTS), load(folder).score(QUESTION, TEXTS), atol=1e-5
    )


def test_scores_are_logits_and_repeat_exactly(folder: Path) -> None:
    """Not squeezed into 0 to 1, as the default for a model that names no activation would be."""
    reranker = load(folder)
    scores = reranker.score(QUESTION, TEXTS)
    assert scores.min() < 0 or scores.max() > 1
    assert np.array_equal(scores, reranker.score(QUESTION, TEXTS))
    assert np.array_equal(scores, load(folder).score(QUESTION, TEXTS))


def test_question_and_text_are_told_apart(folder: Path) -> None:
    reranker = load(folder)
    assert abs(reranker.score("keys", ["queue"])[0] - reranker.score("queue", ["keys"])[0]) > 1e-3


def test_a_long_text_loses_its_end_and_the_question_nothing(folder: Path) -> None:
    reranker = load(folder)
    text = "the folder holds it " * 200
    (score,) = reranker.score(QUESTION, [text])
    assert score == reranker.score(QUESTION, [text + "queue"])[0]
    assert abs(score - reranker.score(QUESTION + " secret", [text])[0]) > 1e-3


def test_a_question_longer_than_the_model_keeps_its_half(folder: Path) -> None:
    """14 of the 29 tokens that are no separators at least, and the text has the rest."""
    reranker = load(folder)
    question, text = "where is it " * 100, "a folder " * 100
    (score,) = reranker.score(question, [text])
    assert abs(score - reranker.score("keys " + question, [text])[0]) > 1e-3
    assert abs(score - reranker.score(question, ["keys " + text])[0]) > 1e-3


def test_no_texts_have_no_scores(folder: Path) -> None:
    scores = load(folder).score(QUESTION, [])
    assert (scores.dtype, scores.shape) == (np.float64, (0,))


def test_threads_may_ask_at_once(folder: Path) -> None:
    """Sixteen callers, with texts of different lengths, get what one gets, but for the last bits."""
    reranker = load(folder, batch=2)
    questions = [" ".join(WORDS[: count + 1]) for count in range(16)]
    expected = [reranker.score(question, TEXTS) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda question: reranker.score(question, TEXTS), questions))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_name_is_the_folders(folder: Path) -> None:
    assert load(folder).name == "tiny"


def refused(folder: Path) -> str:
    with pytest.raises(ModelInvalid) as caught:
        load(folder)
    assert str(folder) not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]"])
def test_a_broken_file_is_reported(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    assert refused(folder).startswith("RERANKER_MODEL ")


def test_half_a_download_is_reported(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert refused(folder) == "RERANKER_MODEL cannot be loaded."


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_reported(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refused(folder) == "RERANKER_MODEL cannot be loaded."


def test_pickled_weights_are_not_read(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(BertForSequenceClassification(config()).state_dict(), folder / "pytorch_model.bin")
    assert refused(folder) == "RERANKER_MODEL cannot be loaded."


def test_code_in_the_folder_is_not_run(folder: Path) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    auto = {"AutoConfig": "evil.Config", "AutoModelForSequenceClassification": "evil.Model"}
    path.write_text(json.dumps(content | {"model_type": "evil", "auto_map": auto}), encoding="utf-8")
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')", encoding="utf-8")
    assert refused(folder) == "RERANKER_MODEL cannot be loaded."
    assert not (folder / "ran").exists()


def test_an_embedder_is_not_a_reranker(folder: Path) -> None:
    """Its missing classifier would be made of random numbers."""
    BertModel(config()).save_pretrained(folder)
    assert refused(folder) == "RERANKER_MODEL is not a reranker: it has no classifier."


def test_several_labels_are_refused(folder: Path) -> None:
    BertForSequenceClassification(config(labels=3)).save_pretrained(folder)
    assert refused(folder) == "RERANKER_MODEL is not a reranker: it gives 3 scores to a text, and one is needed."
