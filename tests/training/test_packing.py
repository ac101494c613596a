"""Questions about the same sentences are read together, and learned as if they were read one by one."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from training.packing import IGNORED, Encoded, Group, collate, group

TOKENS = st.lists(st.integers(0, 30), min_size=1, max_size=8).map(tuple)
EXAMPLES = st.lists(st.builds(Encoded, prompt=TOKENS, completion=TOKENS), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=31, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=64,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def loss_alone(model: LlamaForCausalLM, example: Encoded) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([example.ids])).logits[0]
    said = len(example.completion)
    return torch.nn.functional.cross_entropy(logits[-said - 1 : -1], torch.tensor(example.completion), reduction="sum")


def loss_together(model: LlamaForCausalLM, groups: list[Group]) -> torch.Tensor:
    batch = collate(groups)
    output = model(
        input_ids=batch["input_ids"],
        position_ids=batch["position_ids"],
        attention_mask=batch["attention_mask"],
        logits_to_keep=batch["keep"],
        use_cache=False,
    )
    return torch.nn.functional.cross_entropy(output.logits[0], batch["labels"][0, 1:], reduction="sum")


BEGINNING = (1, 2, 3, 4, 5, 6)
ALIKE = [
    Encoded((*BEGINNING, 7, 8), (9, 10)),
    Encoded((*BEGINNING, 7, 11, 12), (13,)),
    Encoded((*BEGINNING, 14), (15, 16, 17)),
]


def test_a_group_has_the_loss_and_the_gradients_of_its_examples(model: LlamaForCausalLM) -> None:
    """No rest sees another, each stands at its own positions, and other groups in the row change nothing."""
    other = Encoded((20, 21, 22), (23,))
    groups = [*group(ALIKE, 100), *group([other], 100)]
    assert [3, 1] == [len(one.examples) for one in groups]
    together = loss_together(model, groups)
    alone = torch.stack([loss_alone(model, example) for example in (*ALIKE, other)]).sum()
    torch.testing.assert_close(together, alone)
    weights = list(model.parameters())
    for one, another in zip(torch.autograd.grad(together, weights), torch.autograd.grad(alone, weights), strict=True):
        torch.testing.assert_close(one, another, atol=1e-4, rtol=1e-4)


def test_what_is_alike_is_read_once() -> None:
    """The beginning, and what only some of them share again for each."""
    (one,) = group(ALIKE, 100)
    assert (6, 6 + 4 + 4 + 4) == (one.shared, one.tokens)


@given(examples=EXAMPLES, most_tokens=st.integers(1, 40), most=st.integers(1, 4))
def test_every_example_is_in_one_group(examples: list[Encoded], most_tokens: int, most: int) -> None:
    """Whatever they are; a group keeps within its bounds, and its beginning is part of each prompt, not all of it."""
    groups = group(examples, most_tokens, most)
    assert sorted(example.ids for one in groups for example in one.examples) == sorted(one.ids for one in examples)
    for one in groups:
        assert len(one.examples) <= most
        assert one.tokens <= most_tokens or len(one.examples) == 1
        assert all(one.shared < len(example.prompt) for example in one.examples) or one.shared == 0
        assert 1 == len({example.prompt[: one.shared] for example in one.examples})


@given(examples=EXAMPLES)
def test_only_completions_are_learned(examples: list[Encoded]) -> None:
    """Each token of each once, foretold from the token before it."""
    batch = collate(group(examples, 1000))
    ids, (first, *_), labels = batch["input_ids"][0], batch["labels"][0], batch["labels"][0, 1:]
    assert first == IGNORED
    assert sorted(labels.tolist()) == sorted(token for one in examples for token in one.completion)
    assert torch.equal(ids[batch["keep"] + 1], labels)
