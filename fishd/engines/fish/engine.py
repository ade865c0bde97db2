"""The fish engine: continuous batching of takes.

    step: prepare new takes -> admit them into free rows -> decode a few frames for every row -> retire the
    rows
          that ended -> decode their codes to audio, several takes at once

A take is new, waiting (prepared), active (in a row of the decoder), or in the codec queue. When memory runs
out, all active takes wait again and the slots are halved, once; a take that is decoded again gives the same
audio.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.codec.queue import CodecQueue
from fishd.engines.fish.decode.decoder import RUNNING, Decoder, Prompt, RowStatus
from fishd.engines.fish.decode.prepare import PreparedTake, prepare_take
from fishd.engines.fish.decode.slot_plan import SlotPlan
from fishd.engines.fish.memory import is_out_of_memory, release_memory, trim_heap
from fishd.engines.fish.options import Sampling, sampling
from fishd.engines.fish.voices import Voices
from fishd.engines.protocol import Failed, OutOfMemory, Spoken, Take

FRAMES_PER_STEP = {"cuda": 16, "cpu": 4}
RESERVED_TOKENS = 2  # beyond a take's limit: its end token, and a frame sampled before that was read back
TRIM_INTERVAL = 64  # takes


@dataclass(slots=True)
class ActiveTake:
    """A take in a row of the decoder: `sampled` of at most `max_frames` frames."""

    take: Take
    max_frames: int
    sampled: int = 0


class FishEngine:
    """See fishd.engines.protocol. `capacity` exceeds the slots a little: a free one is filled at once."""

    name = "fish"
    remark = ""

    def __init__(
        self,
        make_decoder: Callable[[SlotPlan], Decoder],
        codec: Codec,
        voices: Voices,
        plan: SlotPlan,
        defaults: Sampling,
    ) -> None:
        self._make_decoder, self._codec, self._voices, self._defaults = make_decoder, codec, voices, defaults
        self._plan = plan
        self._decoder: Decoder | None = None
        self._new: deque[Take] = deque()
        self._waiting: deque[PreparedTake] = deque()
        self._active: list[ActiveTake] = []  # in the order of the decoder's rows
        self._codec_queue = CodecQueue(codec)
        self._ended: list[Spoken | Failed] = []
        self._is_recovering = False
        self._num_decoded = 0
        self._frames_per_step = FRAMES_PER_STEP.get(codec.device.type, 4)
        self.sample_rate = codec.sample_rate
        try:
            self._allocate(plan)
        except OutOfMemory:
            self._allocate(plan.halved())
        self.notes = (f"fish: {self._plan.summary}", *self._open_decoder.notes)

    def start(self, take: Take) -> None:
        """Queue a take; the work is done in `step`."""
        self._new.append(take)

    def step(self) -> list[Spoken | Failed]:
        """A few frames for every active take. Raises OutOfMemory when halving the slots did not help."""
        if self._decoder is None:
            return []
        try:
            self._prepare()
            self._admit()
            self._decode_frames()
            self._submit_codec_jobs()
            self._collect_audio()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._halve_slots(error)
        ended, self._ended = self._ended, []
        self._is_recovering &= not any(isinstance(e, Spoken) for e in ended)
        return ended

    def close(self) -> None:
        """Release everything. A second call does nothing."""
        self._decoder = None
        self._new.clear()
        self._waiting.clear()
        self._active.clear()
        self._codec_queue.clear()
        self._voices.drop_prefixes(0)
        release_memory(self._codec.device)

    # ---- new -> waiting ------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Tokenise new takes. While takes are active, enrol at most one new voice per step."""
        has_enrolled = False
        while self._new:
            take = self._new[0]
            is_new_voice = not self._voices.is_enrolled(take.voice)
            if is_new_voice and has_enrolled and self._active:
                return
            has_enrolled |= is_new_voice
            prepared = self._prepared(take)
            self._new.popleft()
            if isinstance(prepared, Failed):
                self._ended.append(prepared)
            else:
                self._waiting.append(prepared)

    def _prepared(self, take: Take) -> PreparedTake | Failed:
        model = self._open_decoder.model
        limit = self._plan.max_row_tokens(model.max_seq_len)
        return prepare_take(
            take, self._voices, model, self._codec, max_row_tokens=limit, reserved_tokens=RESERVED_TOKENS
        )

    # ---- waiting -> active ---------------------------------------------------------------------------

    def _admit(self) -> None:
        decoder = self._open_decoder
        if not self._waiting:
            return
        if not self._active:
            self._choose_shape(decoder)
        admitted: list[PreparedTake] = []
        while self._waiting and self._fits(decoder, len(self._active) + len(admitted)):
            admitted.append(self._waiting.popleft())
        if not admitted:
            return
        rows = range(len(self._active), len(self._active) + len(admitted))
        self._active += [ActiveTake(p.take, p.max_frames) for p in admitted]
        decoder.prefill(rows, [self._prompt(decoder, p) for p in admitted])

    def _choose_shape(self, decoder: Decoder) -> None:
        """With no row in use: the plan's slots, or longer ones if the next take needs them."""
        length = max(self._waiting[0].row_tokens, self._plan.length)
        slots = self._plan.slots if length == self._plan.length else self._plan.tokens // length
        if (slots, length) != (decoder.slots, decoder.length):
            decoder.reshape(slots, length)

    def _fits(self, decoder: Decoder, num_used: int) -> bool:
        """Whether the next take may be admitted. Long slots drain once no waiting take needs them."""
        is_long = decoder.length > self._plan.length
        if is_long and num_used and all(p.row_tokens <= self._plan.length for p in self._waiting):
            return False
        return num_used < decoder.slots and self._waiting[0].row_tokens <= decoder.length

    def _prompt(self, decoder: Decoder, prepared: PreparedTake) -> Prompt:
        take = prepared.take
        prefix = self._voices.prefix_kv(take.voice, decoder.prefill_prefix)
        return Prompt(prefix, prepared.suffix, take.seed, sampling(take.options, self._defaults))

    # ---- active -> codec queue -----------------------------------------------------------------------

    def _decode_frames(self) -> None:
        """Frames for every active take, until one of them ends."""
        decoder = self._open_decoder
        for _ in range(self._frames_per_step):
            if not self._active:
                return
            decoder.sample_frame(len(self._active))
            for active in self._active:
                active.sampled += 1
            self._codec_queue.count_frame()
            has_retired = self._retire_ended_rows(decoder)
            if self._active:
                decoder.advance(len(self._active))
            if has_retired:
                return

    def _retire_ended_rows(self, decoder: Decoder) -> bool:
        """Free the rows whose take ended, moving the last row into each gap. Returns whether any was."""
        reaches_limit = any(active.sampled > active.max_frames for active in self._active)
        statuses = (decoder.status if reaches_limit else decoder.recent_status)(len(self._active))
        ended = [row for row, status in enumerate(statuses) if self._end_take(decoder, row, status)]
        for row in reversed(ended):
            last = len(self._active) - 1
            if statuses[row].nonfinite != RUNNING:
                decoder.reset_row(row)
            if row != last:
                decoder.move_row(last, row)
                self._active[row] = self._active[last]
            self._active.pop()
        return bool(ended)

    def _end_take(self, decoder: Decoder, row: int, status: RowStatus) -> bool:
        """Queue the row's take for the codec or fail it, if it ended. Returns whether it did."""
        active = self._active[row]
        take = active.take
        if status.nonfinite != RUNNING and not RUNNING < status.ended <= status.nonfinite:
            reason = f"the model produced NaN or infinite logits at frame {status.nonfinite + 1}"
            self._ended.append(Failed(take.id, reason, retry=status.nonfinite > 0))
        elif RUNNING < status.ended <= active.max_frames:
            self._codec_queue.add(take, decoder.row_codes(row, status.ended))
        elif status.ended != RUNNING or active.sampled > active.max_frames:
            limit_s = active.max_frames / self._codec.frame_rate
            reason = f"the model did not end the line within {limit_s:.1f} s"
            self._ended.append(Failed(take.id, reason, retry=True))
        else:
            return False
        return True

    # ---- codec queue -> ended ------------------------------------------------------------------------

    def _submit_codec_jobs(self) -> None:
        num_submitted = self._codec_queue.submit_batch(is_idle=not self._active)
        self._num_decoded += num_submitted
        if self._num_decoded % TRIM_INTERVAL < num_submitted:
            trim_heap(self._codec.device)

    def _collect_audio(self) -> None:
        """End the takes whose audio is ready; wait for it only when there is nothing else to do."""
        is_idle = not (self._new or self._waiting or self._active)
        for ended in self._codec_queue.collect(wait=is_idle):
            self._ended.append(ended)  # one by one: the next may raise

    # ---- out of memory -------------------------------------------------------------------------------

    def _halve_slots(self, error: Exception) -> None:
        """Decode all active takes again in half the slots. Raises OutOfMemory the second time."""
        if self._is_recovering:
            raise OutOfMemory(
                f"out of memory again, with {self._plan.slots} slots ({error}); lower pool.model_memory_gb"
            ) from error
        self._is_recovering = True
        plan = self._plan.halved()
        takes = [active.take for active in self._active] + [prepared.take for prepared in self._waiting]
        self._new.extendleft(reversed(takes))
        self._active.clear()
        self._waiting.clear()
        self._codec_queue.move_to_cpu()
        self._voices.drop_prefixes(plan.prefix_tokens)
        self._decoder = None
        error.__traceback__ = None  # its frames reference the memory
        self._allocate(plan)

    def _allocate(self, plan: SlotPlan) -> None:
        """Make the decoder for a plan. Raises OutOfMemory."""
        release_memory(self._codec.device)
        try:
            self._decoder = self._make_decoder(plan)
            self._decoder.warm_up()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(f"no room for {plan.slots} slots of {plan.length} tokens ({error})") from error
        self._plan = plan
        self.capacity = plan.slots + max(1, plan.slots // 8)

    @property
    def _open_decoder(self) -> Decoder:
        assert self._decoder is not None, "the engine is closed"
        return self._decoder
