"""Matrix products with a checkpoint's weights, laid out for the device.

On a CPU in bfloat16 or float16, weights are converted once, at load, to oneDNN's blocked layout. That makes a
product with few rows 1.4 to 1.7 times faster (bench/fish_decode.md) and lets it fuse the gate's activation.
Elsewhere products are plain, and two weights that share an input are one product.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

Linear = Callable[[Tensor], Tensor]
ResidualLinear = Callable[[Tensor, Tensor], Tensor]

PACKING_ROWS = 16  # the layout is chosen for about this many rows; any number works


@dataclass(frozen=True, slots=True)
class PlainLinear:
    """x -> x weight^T + bias, plus `residual` if given."""

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        y = F.linear(x, self.weight, self.bias)
        return y if residual is None else residual + y


@dataclass(frozen=True, slots=True)
class PlainGate:
    """x -> silu(x w1^T) * (x w3^T) in one product; `both` is w1 stacked on w3."""

    both: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        a, b = F.linear(x, self.both).chunk(2, -1)
        return F.silu(a) * b


def linear(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """X -> x weight^T + bias."""
    if not can_pack(weight):
        return PlainLinear(weight, bias)
    packed, product = _pack(weight), torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - torch's own name
    return lambda x: product(x, packed, bias, "none", [], "")


def residual_linear(weight: Tensor, bias: Tensor | None = None) -> ResidualLinear:
    """(x, residual) -> residual + x weight^T + bias: how a layer's output joins the residual stream."""
    if not can_pack(weight):
        return PlainLinear(weight, bias)
    packed, product = _pack(weight), torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - torch's own name
    return lambda x, residual: product.binary(x, residual, packed, bias, "add")


def gated_linear(w1: Tensor, w3: Tensor) -> Linear:
    """X -> silu(x w1^T) * (x w3^T)."""
    if can_pack(w1):
        return _packed_gate(w1, w3)
    return PlainGate(torch.cat([w1, w3]))


def can_pack(weight: Tensor) -> bool:
    """Whether oneDNN speeds up products with this weight here. False where torch lacks the operators."""
    if weight.device.type != "cpu" or weight.dtype not in {torch.bfloat16, torch.float16}:
        return False
    ops = torch.ops.mkldnn
    has_ops = hasattr(ops, "_linear_pointwise") and hasattr(ops, "_reorder_linear_weight")
    name = "_is_mkldnn_bf16_supported" if weight.dtype == torch.bfloat16 else "_is_mkldnn_fp16_supported"
    return has_ops and torch.backends.mkldnn.is_available() and hasattr(ops, name) and getattr(ops, name)()


def _packed_gate(w1: Tensor, w3: Tensor) -> Linear:
    """The gate in two products: the first fuses its activation, the second the multiplication."""
    first, second = _pack(w1), _pack(w3)
    product = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - torch's own name

    def gate(x: Tensor) -> Tensor:
        return product.binary(x, product(x, first, None, "swish", [], ""), second, None, "mul")

    return gate


def _pack(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKING_ROWS)  # noqa: SLF001 - as above
