"""The engine: takes come and go, the batch goes on.

    step: seat waiting takes in free rows -> a few frames for every row -> those that ended leave their row
          -> their frames are made audible, several at once

A take is waiting, seated (in a row of the decoder), or finished (its frames await the codec). Out of
memory: all seated takes wait again, the slots are halved, once; a take begun anew speaks the same.
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from fishd.engines.fish.codec.chunks import CHUNK_FRAMES, group_by_length
from fishd.engines.fish.codec.clip_check import check_clip
from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.cuda.codec_stream import Sounding, begin
from fishd.engines.fish.decode.decoder import GOING, Decoder, Look, Prompt
from fishd.engines.fish.decode.kv import Plan
from fishd.engines.fish.decode.prepare import Room, Waiting, make_ready
from fishd.engines.fish.memory import give_back, is_out_of_memory, tidy
from fishd.engines.fish.options import Sampling, sampling
from fishd.engines.fish.voices import Voices
from fishd.engines.protocol import Failed, OutOfMemory, Spoken, Take

FRAMES_A_STEP = {"cuda": 16, "cpu": 4}
SPARE = 2  # frames in a row beyond a take's limit: the end token's, and one that was drawn before it was seen
TIDY_EVERY = 64  # takes
CODEC_PATIENCE = 16  # frames that a finished take waits for others, to be decoded with them


@dataclass(slots=True)
class Seat:
    """A take in a row of the decoder: `limit` frames at most, `drawn` so far."""

    take: Take
    limit: int
    drawn: int = 0


class FishEngine:
    """See fishd.engines.protocol. `capacity` is a little above the slots: a free one is filled at once."""

    name = "fish"
    remark = ""

    def __init__(
        self,
        make_decoder: Callable[[Plan], Decoder],
        codec: Codec,
        voices: Voices,
        planned: Plan,
        defaults: Sampling,
    ) -> None:
        self._make_decoder, self._codec, self._voices, self._defaults = make_decoder, codec, voices, defaults
        self._plan = planned
        self._decoder: Decoder | None = None
        self._arrived: deque[Take] = deque()
        self._waiting: deque[Waiting] = deque()
        self._seats: list[Seat] = []  # in the order of the decoder's rows
        self._finished: list[tuple[Take, Tensor]] = []
        self._sounding: deque[tuple[list[Take], Sounding]] = deque()  # silent takes stand last
        self._ended: list[Spoken | Failed] = []
        self._patience = CODEC_PATIENCE
        self._is_recovering = False
        self._num_decoded = 0
        self._frames_a_step = FRAMES_A_STEP.get(codec.device.type, 4)
        self.sample_rate = codec.sample_rate
        try:
            self._adopt(planned)
        except OutOfMemory:
            self._adopt(planned.halved())
        self.notes = (f"fish: {self._plan.said}", *self._the_decoder.notes)

    def start(self, take: Take) -> None:
        """Take it in; nothing is done yet."""
        self._arrived.append(take)

    def step(self) -> list[Spoken | Failed]:
        """A few frames for all. Raises OutOfMemory when halving the slots did not help."""
        if self._decoder is None:
            return []
        try:
            self._prepare()
            self._seat()
            self._speak()
            self._decode()
            self._hear()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._halve(error)
        ended, self._ended = self._ended, []
        self._is_recovering &= not any(isinstance(e, Spoken) for e in ended)
        return ended

    def close(self) -> None:
        """Let go of everything. A second call does nothing."""
        self._decoder = None
        self._arrived.clear()
        self._waiting.clear()
        self._seats.clear()
        self._finished.clear()
        self._sounding.clear()
        self._voices.forget_read(0)
        give_back(self._codec.device)

    # ---- arriving -> waiting -------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Tokenise what arrived. While others speak, enrol no more than one new voice a step."""
        is_enrolling = False
        while self._arrived:
            take = self._arrived[0]
            is_new = not self._voices.knows(take.voice)
            if is_new and is_enrolling and self._seats:
                return
            is_enrolling |= is_new
            ready = self._ready(take)
            self._arrived.popleft()
            if isinstance(ready, Failed):
                self._ended.append(ready)
            else:
                self._waiting.append(ready)

    def _ready(self, take: Take) -> Waiting | Failed:
        model = self._the_decoder.model
        room = Room(self._plan.longest(model.max_seq_len), SPARE)
        return make_ready(take, self._voices, model, self._codec, room)

    # ---- waiting -> seated ---------------------------------------------------------------------------

    def _seat(self) -> None:
        decoder = self._the_decoder
        if not self._waiting:
            return
        if not self._seats:
            self._choose_shape(decoder)
        new: list[Waiting] = []
        while self._waiting and self._fits(decoder, len(self._seats) + len(new)):
            new.append(self._waiting.popleft())
        if not new:
            return
        rows = range(len(self._seats), len(self._seats) + len(new))
        self._seats += [Seat(w.take, w.limit) for w in new]
        decoder.begin(rows, [self._prompt(decoder, w) for w in new])

    def _choose_shape(self, decoder: Decoder) -> None:
        """With no row in use: the usual slots, or longer ones if the take whose turn it is needs them."""
        need = self._waiting[0].need
        length = max(need, self._plan.length)
        slots = self._plan.slots if length == self._plan.length else self._plan.tokens // length
        if (slots, length) != (decoder.slots, decoder.length):
            decoder.reshape(slots, length)

    def _fits(self, decoder: Decoder, used: int) -> bool:
        """May the next take be seated now? When all are short again, long slots are left to run empty."""
        is_long = decoder.length > self._plan.length
        if is_long and used and all(w.need <= self._plan.length for w in self._waiting):
            return used == 0
        return used < decoder.slots and self._waiting[0].need <= decoder.length

    def _prompt(self, decoder: Decoder, ready: Waiting) -> Prompt:
        take = ready.take
        prefix = self._voices.read(take.voice, decoder.prefill_prefix)
        return Prompt(prefix, ready.suffix, take.seed, sampling(take.options, self._defaults))

    # ---- seated -> finished --------------------------------------------------------------------------

    def _speak(self) -> None:
        """Frames for every row, until one ends."""
        decoder = self._the_decoder
        for _ in range(self._frames_a_step):
            if not self._seats:
                return
            decoder.draw(len(self._seats))
            for seat in self._seats:
                seat.drawn += 1
            self._patience -= 1
            has_ended = self._settle(decoder)
            if self._seats:
                decoder.advance(len(self._seats))
            if has_ended:
                return

    def _reaches_limit(self) -> bool:
        return any(seat.drawn > seat.limit for seat in self._seats)

    def _settle(self, decoder: Decoder) -> bool:
        """Let rows go whose take has ended; the last row takes the place of one that went."""
        is_exact = self._reaches_limit()
        looks = decoder.look(len(self._seats)) if is_exact else decoder.glance(len(self._seats))
        gone = [row for row, look in enumerate(looks) if self._has_gone(decoder, row, look)]
        for row in reversed(gone):
            last = len(self._seats) - 1
            if looks[row].broken != GOING:
                decoder.scrub(row)
            if row != last:
                decoder.move(last, row)
                self._seats[row] = self._seats[last]
            self._seats.pop()
        return bool(gone)

    def _has_gone(self, decoder: Decoder, row: int, look: Look) -> bool:
        seat = self._seats[row]
        take = seat.take
        is_broken = look.broken != GOING and not GOING < look.ended <= look.broken
        if is_broken:
            reason = f"the model gave no numbers at frame {look.broken + 1} (NaN or infinite logits)"
            self._ended.append(Failed(take.id, reason, retry=look.broken > 0))
        elif GOING < look.ended <= seat.limit:
            self._patience = CODEC_PATIENCE if not self._finished else self._patience
            self._finished.append((take, decoder.codes(row, look.ended)))
        elif look.ended != GOING or seat.drawn > seat.limit:
            limit_s = seat.limit / self._codec.frame_rate
            self._ended.append(Failed(take.id, f"it was not over after {limit_s:.1f} s", retry=True))
        else:
            return False
        return True

    # ---- finished -> spoken --------------------------------------------------------------------------

    def _decode(self) -> None:
        """Make finished takes audible: when there is a batch of them, or nothing to wait for."""
        lengths = [codes.shape[1] for _, codes in self._finished]
        is_batch = len(lengths) >= self._codec.max_clips or sum(lengths) >= CHUNK_FRAMES
        if not lengths or (self._seats and self._patience > 0 and not is_batch):
            return
        group = group_by_length(lengths, self._codec.max_clips)[0]
        voiced = [i for i in group if lengths[i]]
        sounding = begin(self._codec, [self._finished[i][1] for i in voiced])
        takes = [self._finished[i][0] for i in (*voiced, *(i for i in group if not lengths[i]))]
        self._sounding.append((takes, sounding))
        self._finished = [one for i, one in enumerate(self._finished) if i not in group]
        self._num_decoded += len(group)
        if self._num_decoded % TIDY_EVERY < len(group):
            tidy(self._codec.device)

    def _hear(self) -> None:
        """Take what has become audible; wait for it only when there is nothing else to do."""
        while self._sounding:
            takes, sounding = self._sounding[0]
            is_idle = not (self._arrived or self._waiting or self._seats or self._finished)
            if not (is_idle or sounding.is_over()):
                return
            clips = sounding.clips()
            self._sounding.popleft()
            for i, take in enumerate(takes):
                self._ended.append(
                    check_clip(take.id, clips[i] if i < len(clips) else None, self.sample_rate)
                )

    # ---- out of memory -------------------------------------------------------------------------------

    def _halve(self, error: Exception) -> None:
        """Begin all seated takes anew in half the slots. Raises OutOfMemory the second time."""
        if self._is_recovering:
            raise OutOfMemory(
                f"out of memory again, with {self._plan.slots} slots ({error}); lower pool.model_memory_gb"
            ) from error
        self._is_recovering = True
        smaller = self._plan.halved()
        self._arrived.extendleft(
            reversed([seat.take for seat in self._seats] + [w.take for w in self._waiting])
        )
        self._seats.clear()
        self._waiting.clear()
        self._finished = [(take, codes.cpu()) for take, codes in self._finished]
        self._voices.forget_read(smaller.voice_tokens)
        self._decoder = None
        error.__traceback__ = None  # its frames hold on to the memory
        self._adopt(smaller)

    def _adopt(self, planned: Plan) -> None:
        """Take the memory that a plan asks for. Raises OutOfMemory."""
        give_back(self._codec.device)
        try:
            self._decoder = self._make_decoder(planned)
            self._decoder.prepare()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(
                f"no room for {planned.slots} slots of {planned.length} tokens ({error})"
            ) from error
        self._plan = planned
        self.capacity = planned.slots + max(1, planned.slots // 8)

    @property
    def _the_decoder(self) -> Decoder:
        assert self._decoder is not None, "the engine is closed"
        return self._decoder
