"""Examples that begin alike share what they begin with.

Several questions about the same sentences differ only behind these sentences. A group holds their common beginning once
and each one's rest; the model reads the group in one pass, in which a rest sees the beginning and itself, at the
positions it would have alone. Loss and gradients are those of the examples one by one, for a fraction of the tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Encoded:
    """An example in token ids; `completion` has the token that ends a turn."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """Both."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Group:
    """Examples with the first `shared` tokens in common, which are tokens of the prompt in each."""

    examples: tuple[Encoded, ...]
    shared: int

    @property
    def tokens(self) -> int:
        """How many the model reads."""
        return self.shared + sum(len(example.ids) - self.shared for example in self.examples)

    @property
    def said(self) -> int:
        """How many of these are completions', on which the loss is."""
        return sum(len(example.completion) for example in self.examples)


def group(examples: Sequence[Encoded], most_tokens: int, most_examples: int = 8) -> list[Group]:
    """Each example in one group; a group has at most so many, unless one alone has more tokens.

    Two are put together when that saves more than half of the shorter prompt.
    """
    groups: list[Group] = []
    # In the order of their tokens, those that begin alike are neighbours.
    for example in sorted(examples, key=lambda one: one.ids):
        wider = _with(groups[-1], example) if groups else None
        if wider is not None and len(wider.examples) <= most_examples and wider.tokens <= most_tokens:
            groups[-1] = wider
        else:
            groups.append(Group((example,), 0))
    return groups


def _with(known: Group, example: Encoded) -> Group | None:
    first = known.examples[0].prompt
    # The last token of a prompt stays with its completion, which it foretells.
    most = min(len(example.prompt), *(len(one.prompt) for one in known.examples)) - 1
    shared = next((place for place in range(most) if first[place] != example.prompt[place]), most)
    if known.shared:
        shared = min(shared, known.shared)
    return Group((*known.examples, example), shared) if 2 * shared > most else None


def collate(groups: Sequence[Group]) -> dict[str, torch.Tensor]:
    """One row of all the groups, in which no group sees another.

    `input_ids` and `position_ids` have shape (1, tokens), `attention_mask` shape (1, 1, tokens, tokens), true where a
    token sees another. `labels`, shape (1, 1 + completion tokens), are, but for the first, foretold at the places in
    `keep`, shape (completion tokens,). The first is `IGNORED`: the Trainer takes the first label of a row for a token
    that nothing foretells, and counts those behind it.
    """
    ids: list[int] = []
    positions: list[int] = []
    branches: list[tuple[int, int]] = []
    keep: list[int] = []
    labels: list[int] = [IGNORED]
    for number, one in enumerate(groups):
        for branch, (tokens, start, said) in enumerate(_parts(one)):
            ids.extend(tokens)
            positions.extend(range(start, start + len(tokens)))
            branches.extend([(number, branch)] * len(tokens))
            labels.extend(tokens[len(tokens) - said :])
            keep.extend(range(len(ids) - said - 1, len(ids) - 1))
    tree, branch_of = torch.tensor(branches).unbind(dim=1)
    same_tree = tree[:, None] == tree[None, :]
    visible = (branch_of[None, :] == 0) | (branch_of[:, None] == branch_of[None, :])
    earlier = torch.ones(len(ids), len(ids)).tril().bool()
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "attention_mask": (same_tree & visible & earlier)[None, None],
        "labels": torch.tensor([labels]),
        "keep": torch.tensor(keep),
    }


def _parts(one: Group) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Tokens, first position and completion length: of the common beginning, then of each rest."""
    yield one.examples[0].ids[: one.shared], 0, 0
    for example in one.examples:
        yield example.ids[one.shared :], one.shared, len(example.completion)
