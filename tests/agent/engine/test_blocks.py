"""Who holds which block, and what can be found in the cache."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from agent.engine.blocks import BlockHash, BlockPool, OutOfBlocks, extend_hashes

SIZE = 4
TOKENS = st.lists(st.integers(0, 3), max_size=30)


def hashes_of(tokens: Sequence[int], salt: bytes = b"", already: int = 0) -> list[BlockHash]:
    known: list[BlockHash] = []
    extend_hashes(known, tokens[:already], SIZE, salt)
    extend_hashes(known, tokens, SIZE, salt)
    return known


@given(tokens=TOKENS, other=TOKENS, salt=st.binary(max_size=3), already=st.integers(0, 30))
def test_a_hash_is_that_of_all_tokens_up_to_there(
    tokens: list[int], other: list[int], salt: bytes, already: int
) -> None:
    """Equal as far as the tokens are, in whole blocks, and nowhere behind, however they came to be known."""
    known, another = hashes_of(tokens, salt, already), hashes_of(other, salt)
    shared = 0
    while shared < min(len(tokens), len(other)) and tokens[shared] == other[shared]:
        shared += 1
    assert [one == two for one, two in zip(known, another, strict=False)] == [
        (place + 1) * SIZE <= shared for place in range(min(len(known), len(another)))
    ]


@given(
    tokens=st.lists(st.integers(0, 3), min_size=SIZE, max_size=30), salts=st.sets(st.binary(), min_size=2, max_size=2)
)  # fmt: skip
def test_another_salt_shares_nothing(tokens: list[int], salts: set[bytes]) -> None:
    """Of another adapter or another caller."""
    one, other = (hashes_of(tokens, salt) for salt in salts)
    assert not set(one) & set(other)


def test_blocks_come_side_by_side_where_they_can() -> None:
    """In the shortest gap that holds them, or behind the block that was named."""
    pool = BlockPool(10, SIZE)
    held = [pool.take(2) for _ in range(5)]
    pool.release(held[0])
    pool.release([*held[2], *held[3]])
    assert [0, 1] == pool.take(2)
    assert [4, 5, 6] == pool.take(3, after=3)
    assert [7] == pool.take(1, after=6)
    with pytest.raises(OutOfBlocks):
        pool.take(1)


def test_what_is_in_a_released_block_is_found_until_its_place_is_needed() -> None:
    """The longest unused goes first, and of one sequence the end before the beginning."""
    pool = BlockPool(3, SIZE)
    first, second = pool.take(2), pool.take(1)
    hashes = hashes_of(range(8))
    for block, known in zip(first, hashes, strict=True):
        pool.publish(block, known)
    pool.release(first)
    pool.release(second)
    assert first == pool.match(hashes)
    pool.take(2)
    assert first[:1] == pool.match(hashes)


class Holders(RuleBasedStateMachine):
    """Any order of taking, sharing, publishing and releasing."""

    COUNT = 12
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.pool = BlockPool(self.COUNT, SIZE)
        self.holders: dict[int, int] = {}

    @rule(target=held, count=st.integers(0, 6), tokens=TOKENS, salt=st.sampled_from([b"a", b"b"]))
    def begin(self, count: int, tokens: list[int], salt: bytes) -> tuple[int, ...]:
        hashes = hashes_of(tokens, salt)
        shared = self.pool.match(hashes)
        self.pool.hold(shared)
        for block in shared:
            self.holders[block] = self.holders.get(block, 0) + 1
        try:
            taken = self.pool.take(count)
        except OutOfBlocks:
            assert count > self.COUNT - len(self.holders)
            return tuple(shared)
        for block in taken:
            assert block not in self.holders
            self.holders[block] = 1
        for block, known in zip(taken, hashes[len(shared) :], strict=False):
            self.pool.publish(block, known)
        return (*shared, *taken)

    @rule(target=held, count=st.integers(1, 6), tokens=TOKENS)
    def begin_in_one_piece(self, count: int, tokens: list[int]) -> tuple[int, ...]:
        cached = self.pool.match(hashes_of(tokens, b"a"))
        unheld = "".join("-" if block in self.holders else "+" for block in range(self.COUNT))
        try:
            taken = self.pool.take_run(count)
        except OutOfBlocks:
            assert "+" * count not in unheld
            assert cached == self.pool.match(hashes_of(tokens, b"a"))
            return ()
        assert taken == list(range(taken[0], taken[0] + count))
        for block, known in zip(taken, hashes_of(tokens, b"a"), strict=False):
            assert block not in self.holders
            self.holders[block] = 1
            self.pool.publish(block, known)
        self.holders |= dict.fromkeys(taken, 1)
        return tuple(taken)

    @rule(blocks=consumes(held))
    def end(self, blocks: tuple[int, ...]) -> None:
        self.pool.release(blocks)
        for block in blocks:
            self.holders[block] -= 1
            if not self.holders[block]:
                del self.holders[block]

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.COUNT - len(self.holders) == self.pool.available


TestHolders = Holders.TestCase
