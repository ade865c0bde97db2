"""Matrix products with a checkpoint's weights, laid out for the device.

On a CPU in bfloat16 or float16 the weights are put into the blocked layout of oneDNN once, at load. That
makes a product with few rows 1.4 to 1.7 times faster (bench/README.md), and lets it fuse the gate's
activation. Elsewhere the plain product is used; two weights that share an input are one product.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - as torch's own pages call it
from torch import Tensor

Linear = Callable[[Tensor], Tensor]
Adding = Callable[[Tensor, Tensor], Tensor]

ROWS_HINT = 16  # the layout is chosen for about this many rows; any number may be given


@dataclass(frozen=True, slots=True)
class Product:
    """x -> x weight^T + bias, added onto what is given, by the device's own library."""

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, x: Tensor, onto: Tensor | None = None) -> Tensor:
        y = F.linear(x, self.weight, self.bias)
        return y if onto is None else onto + y


@dataclass(frozen=True, slots=True)
class Gate:
    """x -> silu(x w1^T) * (x w3^T), both in one product; `both` is w1 over w3."""

    both: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        a, b = F.linear(x, self.both).chunk(2, -1)
        return F.silu(a) * b


def linear(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """The product with one weight."""
    if not can_pack(weight):
        return Product(weight, bias)
    packed, product = _pack(weight), torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - torch names it so
    return lambda x: product(x, packed, bias, "none", [], "")


def adding(weight: Tensor, bias: Tensor | None = None) -> Adding:
    """(x, onto) -> onto + x weight^T + bias: a layer's way back to the residual stream."""
    if not can_pack(weight):
        return Product(weight, bias)
    packed, product = _pack(weight), torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - torch names it so
    return lambda x, onto: product.binary(x, onto, packed, bias, "add")


def gated(w1: Tensor, w3: Tensor) -> Linear:
    """The gate of two weights."""
    if can_pack(w1):
        return _packed_gate(w1, w3)
    return Gate(torch.cat([w1, w3]))


def can_pack(weight: Tensor) -> bool:
    """Is this a product that oneDNN speeds up here? False also where torch lacks the operators."""
    if weight.device.type != "cpu" or weight.dtype not in {torch.bfloat16, torch.float16}:
        return False
    support = torch.ops.mkldnn
    known = hasattr(support, "_linear_pointwise") and hasattr(support, "_reorder_linear_weight")
    name = "_is_mkldnn_bf16_supported" if weight.dtype == torch.bfloat16 else "_is_mkldnn_fp16_supported"
    return (
        known and torch.backends.mkldnn.is_available() and hasattr(support, name) and getattr(support, name)()
    )


def _packed_gate(w1: Tensor, w3: Tensor) -> Linear:
    """The same in two products; the first fuses its activation, the second the multiplication."""
    first, second = _pack(w1), _pack(w3)
    product = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001 - torch names it so

    def gate(x: Tensor) -> Tensor:
        return product.binary(x, product(x, first, None, "swish", [], ""), second, None, "mul")

    return gate


def _pack(weight: Tensor) -> Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), ROWS_HINT)  # noqa: SLF001 - as above
