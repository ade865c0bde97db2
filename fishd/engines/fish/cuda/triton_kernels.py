"""The ops between two matrix products as Triton kernels, each one launch.

Importing this module needs Triton, which comes with CUDA builds of torch. Each kernel computes what the
plain path computes, with the same roundings between steps; see ops.py. `attend` reads every row's keys up
to its own position only: no mask, no padding to the longest row. `sample` finds the top-p set without
sorting: it bisects the order of floats for the lowest logit whose upper mass stays within top_p.
"""

# Triton types kernels when it compiles them and names compile-time constants in capitals; every operand is an
# argument of its own:
# ruff: noqa: ANN001, ANN201, ANN202, N803, PLR0917
# pyright: basic, reportMissingImports=false
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def add_norm(x, y, weight, sums, normed, eps, dim, HAS_Y: tl.constexpr, BLOCK: tl.constexpr):
    """One program per row: sums = x + y, normed = RMS norm of that."""
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    in_range = at < dim
    v = tl.load(x + row * dim + at, in_range, 0.0)
    if HAS_Y:
        added = v.to(tl.float32) + tl.load(y + row * dim + at, in_range, 0.0).to(tl.float32)
        v = added.to(sums.dtype.element_ty)
        tl.store(sums + row * dim + at, v, in_range)
    v = v.to(tl.float32)
    scale = tl.rsqrt(tl.sum(v * v, 0) / dim + eps)
    w = tl.load(weight + at, in_range, 0.0).to(tl.float32)
    tl.store(normed + row * dim + at, (v * scale * w).to(normed.dtype.element_ty), in_range)


@triton.jit
def gate(both, out, width, BLOCK: tl.constexpr):
    """One program per row and block of columns: out = silu(left half) * right half."""
    row, block = tl.program_id(0), tl.program_id(1)
    at = block * BLOCK + tl.arange(0, BLOCK)
    in_range = at < width
    a = tl.load(both + row * 2 * width + at, in_range, 0.0).to(tl.float32)
    b = tl.load(both + row * 2 * width + width + at, in_range, 0.0).to(tl.float32)
    silu = (a / (1.0 + tl.exp(-a))).to(out.dtype.element_ty).to(tl.float32)
    tl.store(out + row * width + at, (silu * b).to(out.dtype.element_ty), in_range)


@triton.jit
def _norm_and_rotate(head, weight, rope, eps, HAS_NORM: tl.constexpr, D: tl.constexpr):
    """One head's query or key after its norm and RoPE, float32 [D], rounded as stored."""
    dtype = head.dtype.element_ty
    half = 2 * tl.arange(0, D // 2)
    a, b = tl.load(head + half).to(tl.float32), tl.load(head + half + 1).to(tl.float32)
    if HAS_NORM:
        scale = tl.rsqrt((tl.sum(a * a, 0) + tl.sum(b * b, 0)) / D + eps)
        a = (a * scale * tl.load(weight + half).to(tl.float32)).to(dtype).to(tl.float32)
        b = (b * scale * tl.load(weight + half + 1).to(tl.float32)).to(dtype).to(tl.float32)
    cos, sin = tl.load(rope + half), tl.load(rope + half + 1)
    return tl.interleave(a * cos - b * sin, a * sin + b * cos).to(dtype).to(tl.float32)


@triton.jit
def attend(
    qkv, norm, rope, keys, values, position, out, scale, eps, row_stride, head_stride,
    HEADS: tl.constexpr, KV: tl.constexpr, D: tl.constexpr, PAIR: tl.constexpr, HAS_NORM: tl.constexpr,
    BLOCK: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """One program per row and one or two query heads of a KV head: norm, RoPE, store the new key, attend.

    No program reads the new position from memory, so several may write it; they write the same values.
    """
    row, first = tl.program_id(0).to(tl.int64), tl.program_id(1) * PAIR
    kv = first // (HEADS // KV)
    here = tl.load(position + row)
    d = tl.arange(0, D)
    new = qkv + row * (HEADS + 2 * KV) * D
    rotation = rope + here * D
    k = _norm_and_rotate(new + (HEADS + kv) * D, norm + (HEADS + kv) * D, rotation, eps, HAS_NORM, D)
    v = tl.load(new + (HEADS + KV + kv) * D + d)
    cache_row = row * row_stride + kv * head_stride
    tl.store(keys + cache_row + here * D + d, k.to(keys.dtype.element_ty))
    tl.store(values + cache_row + here * D + d, v)
    v = v.to(tl.float32)
    q0 = _norm_and_rotate(new + first * D, norm + first * D, rotation, eps, HAS_NORM, D) * scale
    best0, total0, sum0 = tl.sum(q0 * k, 0), 1.0, v
    second = (first + PAIR - 1) * D
    q1 = _norm_and_rotate(new + second, norm + second, rotation, eps, HAS_NORM, D) * scale
    best1, total1, sum1 = tl.sum(q1 * k, 0), 1.0, v
    for begin in tl.range(0, here.to(tl.int32), BLOCK, num_stages=STAGES):
        past = begin + tl.arange(0, BLOCK)
        in_row = past < here
        offsets = cache_row + past[:, None] * D + d[None, :]
        old_k = tl.load(keys + offsets, in_row[:, None], 0.0).to(tl.float32)
        old_v = tl.load(values + offsets, in_row[:, None], 0.0).to(tl.float32)
        s0 = tl.where(in_row, tl.sum(old_k * q0[None, :], 1), -float("inf"))
        top0 = tl.maximum(best0, tl.max(s0, 0))
        p0, rescale0 = tl.exp(s0 - top0), tl.exp(best0 - top0)
        total0 = total0 * rescale0 + tl.sum(p0, 0)
        sum0 = sum0 * rescale0 + tl.sum(p0[:, None] * old_v, 0)
        best0 = top0
        if PAIR == 2:
            s1 = tl.where(in_row, tl.sum(old_k * q1[None, :], 1), -float("inf"))
            top1 = tl.maximum(best1, tl.max(s1, 0))
            p1, rescale1 = tl.exp(s1 - top1), tl.exp(best1 - top1)
            total1 = total1 * rescale1 + tl.sum(p1, 0)
            sum1 = sum1 * rescale1 + tl.sum(p1[:, None] * old_v, 0)
            best1 = top1
    to = out + row * HEADS * D + first * D + d
    tl.store(to, (sum0 / total0).to(out.dtype.element_ty))
    if PAIR == 2:
        tl.store(to + D, (sum1 / total1).to(out.dtype.element_ty))


@triton.jit
def embed(
    frame, embeddings, codebooks, out, begin, end, codebook_size, scale, dim,
    NUM: tl.constexpr, SCALED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program per row: the token's embedding, plus the sum of its codes' for a semantic token."""
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    in_range = at < dim
    dtype = out.dtype.element_ty
    token = tl.load(frame + row * (NUM + 1))
    x = tl.load(embeddings + token * dim + at, in_range, 0.0)
    total = tl.zeros([BLOCK], tl.float32)
    for book in tl.static_range(NUM):
        code = tl.load(frame + row * (NUM + 1) + 1 + book) + book * codebook_size
        total += tl.load(codebooks + code * dim + at, in_range, 0.0).to(tl.float32)
    both = (x.to(tl.float32) + total.to(dtype).to(tl.float32)).to(dtype)
    if SCALED:
        both = (both.to(tl.float32) / scale).to(dtype)
    is_semantic = (token >= begin) & (token <= end)
    tl.store(out + row * dim + at, tl.where(is_semantic, both, x), in_range)


@triton.jit
def _mix(x):
    """lowbias32 on uint32, as in sampling.py."""
    x = (x ^ (x >> 16)) * 0x7FEB352D
    x = (x ^ (x >> 15)) * 0x846CA68B
    return x ^ (x >> 16)


@triton.jit
def _exponential(bits):
    """Exp(1) from 32 random bits: -log(1 - u), by its series where 1 - u would lose u's digits."""
    u = tl.minimum((bits.to(tl.float32) + 0.5) * 2.3283064365386963e-10, 0.99999994)
    series = 1.0 / 5 + u * (1.0 / 6 + u * (1.0 / 7 + u * (1.0 / 8)))
    series = u * (1.0 + u * (1.0 / 2 + u * (1.0 / 3 + u * (1.0 / 4 + u * series))))
    return tl.where(u < 0.0625, series, -tl.log(1.0 - u))


@triton.jit
def _sort_keys(logits):
    """int32 that sort as the floats do."""
    bits = logits.to(tl.int32, bitcast=True)
    return bits ^ ((bits >> 31) & 0x7FFFFFFF)


@triton.jit
def sample(
    logits, window, step, seed, temperature, top_p, penalty, ids, embeddings, frame, nonfinite, x, count,
    begin, codebook_size, dim, book,
    FIRST: tl.constexpr, NUM: tl.constexpr, WINDOW: tl.constexpr, BLOCK: tl.constexpr, DIM: tl.constexpr,
):  # fmt: skip
    """One program per row: penalty, top-p, noise, choice; the code goes to the frame, its embedding to x."""
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    in_range = i < count
    score = tl.load(logits + row * count + i, in_range, -float("inf")).to(tl.float32)
    is_bad = (score != score) | (score == float("inf"))  # noqa: PLR0124 - NaN
    is_nonfinite = tl.max((is_bad & in_range).to(tl.int32), 0)
    is_nonfinite |= (tl.max(score, 0) == -float("inf")).to(tl.int32)
    if not FIRST:
        is_nonfinite |= tl.load(nonfinite + row)
    tl.store(nonfinite + row, is_nonfinite)

    now = tl.load(step + row)
    row_penalty = tl.where(now > 0, tl.load(penalty + row), 1.0)
    recent = window + row * (NUM + 1) * WINDOW
    if FIRST:
        token = tl.load(recent + tl.where(now > WINDOW, (now - 1) % WINDOW, 0)) - begin
        is_penalised = (i == token) & (token < count - 1)
    else:
        is_penalised = i < 0
        for j in tl.static_range(WINDOW):
            is_penalised |= i == tl.load(recent + (book + 1) * WINDOW + j)
    score = tl.where(is_penalised, tl.where(score < 0, score * row_penalty, score / row_penalty), score)

    mass = tl.where(in_range, tl.exp(score - tl.max(score, 0)), 0.0)
    max_mass = tl.sum(mass, 0) * tl.load(top_p + row)
    key = _sort_keys(score)
    kept = tl.max(tl.where(in_range, key, -2147483648), 0).to(tl.int64)
    dropped = tl.min(tl.where(in_range, key, 2147483647), 0).to(tl.int64) - 1
    while kept - dropped > 1:
        middle = dropped + (kept - dropped) // 2
        is_within = tl.sum(tl.where(key >= middle.to(tl.int32), mass, 0.0), 0) <= max_mass
        kept = tl.where(is_within, middle, kept)
        dropped = tl.where(is_within, dropped, middle)

    row_seed = tl.load(seed + row)
    base = _mix((row_seed & 0xFFFFFFFF).to(tl.uint32)) ^ (now * 16 + book).to(tl.uint32)
    base = _mix(_mix(base) ^ (row_seed >> 32).to(tl.uint32))
    noise = _exponential(_mix(base + i.to(tl.uint32) * 0x9E3779B9))
    noisy = score / tl.load(temperature + row) - tl.log(noise)
    noisy = tl.where(in_range & (key >= kept.to(tl.int32)), noisy, -float("inf"))
    code = tl.argmax(noisy, 0).to(tl.int64)
    if FIRST:
        token = tl.load(ids + code)
        tl.store(frame + row * (NUM + 1), token)
        code = tl.minimum(tl.maximum(token - begin, 0), codebook_size - 1)
    tl.store(frame + row * (NUM + 1) + 1 + book, code)
    at = tl.arange(0, DIM)
    tl.store(x + row * dim + at, tl.load(embeddings + code * dim + at, at < dim, 0.0), at < dim)


@triton.jit
def record(
    frame, step, window, codes, ended, nonfinite_at, nonfinite, im_end, length,
    NUM: tl.constexpr, WINDOW: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One program per row: store the frame in codes and window, its end and its first non-finite step."""
    row = tl.program_id(0).to(tl.int64)
    now = tl.load(step + row)
    i = tl.arange(0, BLOCK)
    sampled = tl.load(frame + row * (NUM + 1) + i, i <= NUM, 0)
    to = codes + (row * length + tl.minimum(now, length - 1)) * NUM
    tl.store(to + i - 1, sampled.to(tl.int16), (i >= 1) & (i <= NUM))
    ring = tl.maximum(now - 1, 0) % WINDOW
    tl.store(window + row * (NUM + 1) * WINDOW + i * WINDOW + ring, sampled, (i <= NUM) & (now > 0))
    is_end = tl.load(frame + row * (NUM + 1)) == im_end
    previous = tl.load(ended + row)
    tl.store(ended + row, tl.where(is_end & (previous < 0), now, previous))
    is_nonfinite = tl.load(nonfinite + row) != 0
    previous = tl.load(nonfinite_at + row)
    tl.store(nonfinite_at + row, tl.where(is_nonfinite & (previous < 0), now, previous))
    tl.store(step + row, now + 1)
