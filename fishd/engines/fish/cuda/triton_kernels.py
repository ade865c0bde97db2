"""A frame's small steps as Triton kernels: everything between two matrix products is one launch.

Importing this module needs Triton, which CUDA builds of torch bring along. Each kernel does what the plain
path does, with the same roundings between steps; ops.py says what each is for. `attend` reads every
row's keys up to its own position only: no mask, no padding to the longest row. `draw` finds the nucleus
without sorting: it bisects the order of floats for the lowest logit whose upper mass stays within top_p.
"""

# Triton's language is typed when it is compiled, names its compile-time constants in capitals, and a kernel
# takes all it works on one by one:
# ruff: noqa: ANN001, ANN201, ANN202, N803, PLR0917
# pyright: basic, reportMissingImports=false
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def add_norm(x, y, weight, sums, normed, eps, dim, HAS_Y: tl.constexpr, BLOCK: tl.constexpr):
    """A row each: sums = x + y, normed = RMS norm of that."""
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    inside = at < dim
    v = tl.load(x + row * dim + at, inside, 0.0)
    if HAS_Y:
        added = v.to(tl.float32) + tl.load(y + row * dim + at, inside, 0.0).to(tl.float32)
        v = added.to(sums.dtype.element_ty)
        tl.store(sums + row * dim + at, v, inside)
    v = v.to(tl.float32)
    scale = tl.rsqrt(tl.sum(v * v, 0) / dim + eps)
    w = tl.load(weight + at, inside, 0.0).to(tl.float32)
    tl.store(normed + row * dim + at, (v * scale * w).to(normed.dtype.element_ty), inside)


@triton.jit
def gate(both, out, width, BLOCK: tl.constexpr):
    """A row and a block of columns each: out = silu(left half) * right half."""
    row, block = tl.program_id(0), tl.program_id(1)
    at = block * BLOCK + tl.arange(0, BLOCK)
    inside = at < width
    a = tl.load(both + row * 2 * width + at, inside, 0.0).to(tl.float32)
    b = tl.load(both + row * 2 * width + width + at, inside, 0.0).to(tl.float32)
    silu = (a / (1.0 + tl.exp(-a))).to(out.dtype.element_ty).to(tl.float32)
    tl.store(out + row * width + at, (silu * b).to(out.dtype.element_ty), inside)


@triton.jit
def _turned(head, weight, rope, eps, HAS_NORM: tl.constexpr, D: tl.constexpr):
    """One head's query or key, normed and turned to its position, float32 [D], rounded as stored."""
    kind = head.dtype.element_ty
    half = 2 * tl.arange(0, D // 2)
    a, b = tl.load(head + half).to(tl.float32), tl.load(head + half + 1).to(tl.float32)
    if HAS_NORM:
        scale = tl.rsqrt((tl.sum(a * a, 0) + tl.sum(b * b, 0)) / D + eps)
        a = (a * scale * tl.load(weight + half).to(tl.float32)).to(kind).to(tl.float32)
        b = (b * scale * tl.load(weight + half + 1).to(tl.float32)).to(kind).to(tl.float32)
    cos, sin = tl.load(rope + half), tl.load(rope + half + 1)
    return tl.interleave(a * cos - b * sin, a * sin + b * cos).to(kind).to(tl.float32)


@triton.jit
def attend(
    qkv, norm, rope, keys, values, position, out, scale, eps, row_stride, head_stride,
    HEADS: tl.constexpr, KV: tl.constexpr, D: tl.constexpr, PAIR: tl.constexpr, HAS_NORM: tl.constexpr,
    BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """A row and one or two query heads of one key head each: norm, turn, keep the new key, attend.

    No program reads the new position from memory, so that several may write it, all the same.
    """
    row, first = tl.program_id(0).to(tl.int64), tl.program_id(1) * PAIR
    kv = first // (HEADS // KV)
    place = tl.load(position + row)
    d = tl.arange(0, D)
    new = qkv + row * (HEADS + 2 * KV) * D
    turn = rope + place * D
    k = _turned(new + (HEADS + kv) * D, norm + (HEADS + kv) * D, turn, eps, HAS_NORM, D)
    v = tl.load(new + (HEADS + KV + kv) * D + d)
    kept = row * row_stride + kv * head_stride
    tl.store(keys + kept + place * D + d, k.to(keys.dtype.element_ty))
    tl.store(values + kept + place * D + d, v)
    v = v.to(tl.float32)
    q0 = _turned(new + first * D, norm + first * D, turn, eps, HAS_NORM, D) * scale
    best0, total0, sum0 = tl.sum(q0 * k, 0), 1.0, v
    second = (first + PAIR - 1) * D
    q1 = _turned(new + second, norm + second, turn, eps, HAS_NORM, D) * scale
    best1, total1, sum1 = tl.sum(q1 * k, 0), 1.0, v
    for begin in tl.range(0, place.to(tl.int32), BLOCK, num_stages=STAGES):
        at = begin + tl.arange(0, BLOCK)
        seen = at < place
        where = kept + at[:, None] * D + d[None, :]
        old_k = tl.load(keys + where, seen[:, None], 0.0).to(tl.float32)
        old_v = tl.load(values + where, seen[:, None], 0.0).to(tl.float32)
        s0 = tl.where(seen, tl.sum(old_k * q0[None, :], 1), -float("inf"))
        top0 = tl.maximum(best0, tl.max(s0, 0))
        p0, fade0 = tl.exp(s0 - top0), tl.exp(best0 - top0)
        total0 = total0 * fade0 + tl.sum(p0, 0)
        sum0 = sum0 * fade0 + tl.sum(p0[:, None] * old_v, 0)
        best0 = top0
        if PAIR == 2:
            s1 = tl.where(seen, tl.sum(old_k * q1[None, :], 1), -float("inf"))
            top1 = tl.maximum(best1, tl.max(s1, 0))
            p1, fade1 = tl.exp(s1 - top1), tl.exp(best1 - top1)
            total1 = total1 * fade1 + tl.sum(p1, 0)
            sum1 = sum1 * fade1 + tl.sum(p1[:, None] * old_v, 0)
            best1 = top1
    to = out + row * HEADS * D + first * D + d
    tl.store(to, (sum0 / total0).to(out.dtype.element_ty))
    if PAIR == 2:
        tl.store(to + D, (sum1 / total1).to(out.dtype.element_ty))


@triton.jit
def embed(
    frame, embeddings, codebooks, out, begin, end, codebook_size, root, dim,
    NUM: tl.constexpr, SCALED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A row each: the token's embedding, and for a semantic token the sum of its codes' as well."""
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    inside = at < dim
    kind = out.dtype.element_ty
    token = tl.load(frame + row * (NUM + 1))
    x = tl.load(embeddings + token * dim + at, inside, 0.0)
    total = tl.zeros([BLOCK], tl.float32)
    for book in tl.static_range(NUM):
        code = tl.load(frame + row * (NUM + 1) + 1 + book) + book * codebook_size
        total += tl.load(codebooks + code * dim + at, inside, 0.0).to(tl.float32)
    both = (x.to(tl.float32) + total.to(kind).to(tl.float32)).to(kind)
    if SCALED:
        both = (both.to(tl.float32) / root).to(kind)
    spoken = (token >= begin) & (token <= end)
    tl.store(out + row * dim + at, tl.where(spoken, both, x), inside)


@triton.jit
def _mixed(x):
    """lowbias32 on uint32, as in sampling.py."""
    x = (x ^ (x >> 16)) * 0x7FEB352D
    x = (x ^ (x >> 15)) * 0x846CA68B
    return x ^ (x >> 16)


@triton.jit
def _exponential(spread):
    """Exp(1) from 32 random bits: -log(1 - u), by its series where 1 - u would lose u's digits."""
    u = tl.minimum((spread.to(tl.float32) + 0.5) * 2.3283064365386963e-10, 0.99999994)
    series = 1.0 / 5 + u * (1.0 / 6 + u * (1.0 / 7 + u * (1.0 / 8)))
    series = u * (1.0 + u * (1.0 / 2 + u * (1.0 / 3 + u * (1.0 / 4 + u * series))))
    return tl.where(u < 0.0625, series, -tl.log(1.0 - u))


@triton.jit
def _ranks(logits):
    """int32 that order as the floats do."""
    bits = logits.to(tl.int32, bitcast=True)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@triton.jit
def draw(
    logits, window, step, seed, temperature, top_p, penalty, ids, embeddings, frame, bad, x, count, begin,
    codebook_size, dim, book,
    FIRST: tl.constexpr, NUM: tl.constexpr, WINDOW: tl.constexpr, BLOCK: tl.constexpr, DIM: tl.constexpr,
):  # fmt: skip
    """A row each: penalise, cut to the nucleus, draw; put the code into the frame, its embedding into x."""
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    inside = i < count
    score = tl.load(logits + row * count + i, inside, -float("inf")).to(tl.float32)
    is_bad = tl.max((((score != score) | (score == float("inf"))) & inside).to(tl.int32), 0)  # noqa: PLR0124
    is_bad |= (tl.max(score, 0) == -float("inf")).to(tl.int32)
    if not FIRST:
        is_bad |= tl.load(bad + row)
    tl.store(bad + row, is_bad)

    now = tl.load(step + row)
    strength = tl.where(now > 0, tl.load(penalty + row), 1.0)
    recent = window + row * (NUM + 1) * WINDOW
    if FIRST:
        token = tl.load(recent + tl.where(now > WINDOW, (now - 1) % WINDOW, 0)) - begin
        hit = (i == token) & (token < count - 1)
    else:
        hit = i < 0
        for j in tl.static_range(WINDOW):
            hit |= i == tl.load(recent + (book + 1) * WINDOW + j)
    score = tl.where(hit, tl.where(score < 0, score * strength, score / strength), score)

    mass = tl.where(inside, tl.exp(score - tl.max(score, 0)), 0.0)
    goal = tl.sum(mass, 0) * tl.load(top_p + row)
    rank = _ranks(score)
    good = tl.max(tl.where(inside, rank, -2147483648), 0).to(tl.int64)
    short = tl.min(tl.where(inside, rank, 2147483647), 0).to(tl.int64) - 1
    while good - short > 1:
        middle = short + (good - short) // 2
        fits = tl.sum(tl.where(rank >= middle.to(tl.int32), mass, 0.0), 0) <= goal
        good = tl.where(fits, middle, good)
        short = tl.where(fits, short, middle)

    whose = tl.load(seed + row)
    base = _mixed((whose & 0xFFFFFFFF).to(tl.uint32)) ^ (now * 16 + book).to(tl.uint32)
    base = _mixed(_mixed(base) ^ (whose >> 32).to(tl.uint32))
    noise = _exponential(_mixed(base + i.to(tl.uint32) * 0x9E3779B9))
    drawn = score / tl.load(temperature + row) - tl.log(noise)
    drawn = tl.where(inside & (rank >= good.to(tl.int32)), drawn, -float("inf"))
    code = tl.argmax(drawn, 0).to(tl.int64)
    if FIRST:
        token = tl.load(ids + code)
        tl.store(frame + row * (NUM + 1), token)
        code = tl.minimum(tl.maximum(token - begin, 0), codebook_size - 1)
    tl.store(frame + row * (NUM + 1) + 1 + book, code)
    at = tl.arange(0, DIM)
    tl.store(x + row * dim + at, tl.load(embeddings + code * dim + at, at < dim, 0.0), at < dim)


@triton.jit
def record(
    frame, step, window, codes, ended, broken, bad, im_end, length,
    NUM: tl.constexpr, WINDOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A row each: the frame goes to codes and window; its end or breakage is noted; on to the next."""
    row = tl.program_id(0).to(tl.int64)
    now = tl.load(step + row)
    i = tl.arange(0, BLOCK)
    drawn = tl.load(frame + row * (NUM + 1) + i, i <= NUM, 0)
    to = codes + (row * length + tl.minimum(now, length - 1)) * NUM
    tl.store(to + i - 1, drawn.to(tl.int16), (i >= 1) & (i <= NUM))
    ring = tl.maximum(now - 1, 0) % WINDOW
    tl.store(window + row * (NUM + 1) * WINDOW + i * WINDOW + ring, drawn, (i <= NUM) & (now > 0))
    was = tl.load(ended + row)
    tl.store(ended + row, tl.where((tl.load(frame + row * (NUM + 1)) == im_end) & (was < 0), now, was))
    was = tl.load(broken + row)
    tl.store(broken + row, tl.where((tl.load(bad + row) != 0) & (was < 0), now, was))
    tl.store(step + row, now + 1)
