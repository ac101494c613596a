"""Which block of the KV cache is whose, and which prefix of a prompt is in the cache already.

A block holds the keys and values of `size` consecutive tokens. Each full block has a hash of its tokens, of all tokens
before them and of a salt; a prompt that begins alike takes the same blocks. Blocks that nobody holds any more keep what
is in them until their place is needed, the longest unused first (vLLM's automatic prefix caching has the same rules).
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

from agent.engine.runs import FreeRuns

BlockHash = bytes


class OutOfBlocks(Exception):
    """There are fewer blocks than asked for; nothing was taken."""


class BlockPool:
    """Hands out blocks.

    Args:
        count: how many there are.
        size: tokens in each.
    """

    def __init__(self, count: int, size: int) -> None:
        self.count = count
        self.size = size
        self._holders = [0] * count
        self._hashes: list[BlockHash | None] = [None] * count
        self._by_hash: dict[BlockHash, int] = {}
        self._free = FreeRuns(count)
        # As many side by side there have not been since blocks were last given back.
        self._too_many = count + 1
        # Held by nobody, but their content may be asked for again; the longest unused first.
        self._idle: OrderedDict[int, None] = OrderedDict()

    @property
    def available(self) -> int:
        """How many can be taken now."""
        return self._free.count + len(self._idle)

    def blocks_for(self, tokens: int) -> int:
        """How many blocks so many tokens need."""
        return -(-tokens // self.size)

    def take(self, count: int, after: int | None = None) -> list[int]:
        """So many blocks with nothing in them; side by side where possible, best behind the block `after`.

        Blocks side by side can be read as one piece of memory.

        Raises:
            OutOfBlocks: there are not so many.
        """
        if count > self.available:
            raise OutOfBlocks
        while self._free.count < count:
            self._drop_oldest()
        taken: list[int] = []
        while len(taken) < count:
            missing = count - len(taken)
            if after is not None and not taken and self._free.starts(after + 1):
                start = after + 1
            else:
                start = self._free.best(missing)[0]
            taken += self._taken(start, missing)
        return taken

    def take_run(self, count: int) -> list[int]:
        """So many blocks with nothing in them, all side by side.

        Raises:
            OutOfBlocks: there is no such run, not even without what nobody holds.
        """
        if count > self.available:
            raise OutOfBlocks
        length = self._free.best(count)[1] if self._free.count else 0
        # Nothing is dropped in vain: whoever waits for a run asks for it before each step.
        if length < count and (count >= self._too_many or self._longest_unheld() < count):
            self._too_many = min(self._too_many, count)
            raise OutOfBlocks
        while length < count:
            length = self._drop_oldest()
        return self._taken(self._free.best(count)[0], count)

    def _longest_unheld(self) -> int:
        longest = run = 0
        for holders in self._holders:
            run = 0 if holders else run + 1
            longest = max(longest, run)
        return longest

    def _taken(self, start: int, count: int) -> list[int]:
        taken = list(self._free.take(start, count))
        for block in taken:
            self._holders[block] = 1
        return taken

    def hold(self, blocks: Sequence[int]) -> None:
        """Share blocks that are in the cache."""
        for block in blocks:
            self._idle.pop(block, None)
            self._holders[block] += 1

    def release(self, blocks: Sequence[int]) -> None:
        """Give blocks back, whether shared or not."""
        # Those further back are the first to lose their content: they are of no use without those before them.
        for block in reversed(blocks):
            self._holders[block] -= 1
            if self._holders[block] > 0:
                continue
            self._too_many = self.count + 1
            if self._hashes[block] is None:
                self._free.add(block)
            else:
                self._idle[block] = None

    def match(self, hashes: Sequence[BlockHash]) -> list[int]:
        """The blocks that hold the longest beginning of what has these hashes; nobody holds them for that."""
        found: list[int] = []
        for known in hashes:
            if (block := self._by_hash.get(known)) is None:
                break
            found.append(block)
        return found

    def publish(self, block: int, known_as: BlockHash) -> None:
        """A held block is full now; from here on it can be matched, unless another block holds the same already."""
        if known_as not in self._by_hash and self._hashes[block] is None:
            self._by_hash[known_as] = block
            self._hashes[block] = known_as

    def _drop_oldest(self) -> int:
        """Free the block that has been of no use for longest; the length of the free run that it is in."""
        block, _ = self._idle.popitem(last=False)
        known = self._hashes[block]
        if known is not None:
            del self._by_hash[known]
        self._hashes[block] = None
        return self._free.add(block)


def extend_hashes(known: list[BlockHash], tokens: Sequence[int], size: int, salt: bytes) -> None:
    """Append to `known`, the hashes of the first full blocks of `tokens`, those of the full blocks that follow."""
    parent = known[-1] if known else blake2b(salt, digest_size=16).digest()
    for place in range(len(known), len(tokens) // size):
        digest = blake2b(parent, digest_size=16)
        for token in tokens[place * size : (place + 1) * size]:
            digest.update(token.to_bytes(4, "little"))
        parent = digest.digest()
        known.append(parent)
