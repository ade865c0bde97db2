"""The decoder on a CPU in half precision: rows only as long as the longest one is now.

A batched bfloat16 product copies operands that are not contiguous, and a slice of long rows is not: with 16
rows the copies took longer than the attention. Here rows are exactly as long as what is read, and are laid
out again, in place, when the longest outgrows them. With steps of 64 positions that costs 1 ms a frame.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence

import torch

from fishd.engines.fish.decode.decoder import Decoder, Prompt
from fishd.engines.fish.model.slow import SlowTransformer

LENGTH_STEP = 64  # rows grow and shrink by this many positions


class CompactDecoder(Decoder):
    """Decodes every take exactly as Decoder does."""

    def reshape(self, slots: int, length: int) -> None:
        """See Decoder."""
        super().reshape(slots, length)
        self._set_row_length(0, LENGTH_STEP)

    @torch.inference_mode()
    def prefill(self, rows: Sequence[int], prompts: Sequence[Prompt]) -> None:
        """See Decoder. All rows before the new ones are in use."""
        self._fit_rows(min(rows), max(prompt.length for prompt in prompts) + 1)
        super().prefill(rows, prompts)

    @torch.inference_mode()
    def advance(self, n: int) -> None:
        """See Decoder."""
        self._fit_rows(n, 0)
        super().advance(n)

    def _used(self, longest: int) -> int:  # noqa: ARG002 - rows have no unused positions here
        return self._keys.shape[3]

    def _fit_rows(self, n: int, min_length: int) -> None:
        """Fit the row length to the next frame of the first n rows and to `min_length` positions."""
        longest = max([min_length, *(position + 1 for position in self._positions[:n])])
        wanted = min(-(-longest // LENGTH_STEP) * LENGTH_STEP, self.length)
        if wanted > self._keys.shape[3] or 2 * wanted < self._keys.shape[3]:
            self._set_row_length(n, wanted)

    def _set_row_length(self, n: int, length: int) -> None:
        """Give every row this length; the first n keep their content. The copying order matters."""
        length = min(length, self.length)
        keys, values = self._arena.view_rows(self.slots, length)
        kept = min(length, self._keys.shape[3])
        layers = range(len(keys))
        for layer in reversed(layers) if length > self._keys.shape[3] else layers:
            for old, new in ((self._keys, keys), (self._values, values)):
                new[layer, :n, :, :kept] = old[layer, :n, :, :kept].clone()
        self._keys, self._values = keys, values
        self._slow = SlowTransformer(self.model, keys, values)
