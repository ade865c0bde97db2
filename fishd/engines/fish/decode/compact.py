"""The decoder on a CPU in half precision: rows kept just as long as the longest of them is now.

A batched product in bfloat16 copies what does not lie in one piece, and a slice of long rows does not: at 16
rows the copies took longer than the attention. Here rows are as long as what is looked at, and are laid out
anew, in place, when the longest outgrows them. At 64 positions a time that costs 1 ms a frame.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Sequence

import torch

from fishd.engines.fish.decode.decoder import Decoder, Prompt
from fishd.engines.fish.model.slow import SlowTransformer

STRIDE = 64  # rows grow and shrink by this many positions


class CompactDecoder(Decoder):
    """See decode.Decoder, which it equals take for take; and above."""

    def reshape(self, slots: int, length: int) -> None:
        """See Decoder."""
        super().reshape(slots, length)
        self._lay_out(0, STRIDE)

    @torch.inference_mode()
    def begin(self, rows: Sequence[int], prompts: Sequence[Prompt]) -> None:
        """See Decoder. The rows before the new ones are in use."""
        self._hold(min(rows), max(prompt.length for prompt in prompts) + 1)
        super().begin(rows, prompts)

    @torch.inference_mode()
    def advance(self, n: int) -> None:
        """See Decoder."""
        self._hold(n, 0)
        super().advance(n)

    def _used(self, longest: int) -> int:  # noqa: ARG002 - all that there is, however long the longest
        return self._keys.shape[3]

    def _hold(self, n: int, longest: int) -> None:
        """Make the first n rows long enough for their next frame and for what is to come, or shorter."""
        longest = max([longest, *(position + 1 for position in self._positions[:n])])
        wanted = min(-(-longest // STRIDE) * STRIDE, self.length)
        if wanted > self._keys.shape[3] or 2 * wanted < self._keys.shape[3]:
            self._lay_out(n, wanted)

    def _lay_out(self, n: int, length: int) -> None:
        """Give every row this length; the first n keep what they hold. In place, so the order matters."""
        length = min(length, self.length)
        keys, values = self._arena.shaped(self.slots, length)
        kept = min(length, self._keys.shape[3])
        layers = range(len(keys))
        for layer in reversed(layers) if length > self._keys.shape[3] else layers:
            for old, new in ((self._keys, keys), (self._values, values)):
                new[layer, :n, :, :kept] = old[layer, :n, :, :kept].clone()
        self._keys, self._values = keys, values
        self._slow = SlowTransformer(self.model, keys, values)
