"""The binding to espeak-ng, which the `languages` extra installs (espeakng-loader). API: speak_lib.h.

It is called by ctypes and its samples stay in memory. Its state cannot be reset and changes what it
synthesises next, so the library is loaded again for every sentence (15 ms): the same text gives the same
samples.
"""

# espeakng_loader and soxr have no types:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import _ctypes
import ctypes
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from fishd.engines.preview.analysis.mel_bands import SAMPLE_RATE, Array
from fishd.engines.preview.text import UnspeakableText
from fishd.engines.protocol import EngineError

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples come by callback, in this thread
DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT
RATE, PITCH = 1, 3  # espeakRATE in words a minute, espeakPITCH 0..100
UTF_8 = 1
DEFAULT_RATE, MAX_PITCH = 175, 100

Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """espeak-ng's name of a voice ("de+f3"), its rate in words a minute, and its pitch in 0..100."""

    name: str
    rate: int = DEFAULT_RATE
    pitch: int = 50


def synthesise(text: str, voice: EspeakVoice) -> Array:
    """Float32 mono at 24 kHz, empty if there is nothing to speak. Raises UnspeakableText, EngineError."""
    pieces = list[np.ndarray[tuple[int], np.dtype[np.int16]]]()

    def on_samples(samples: Any, count: int, _events: object) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    with open_library() as (lib, rate):
        callback = Callback(on_samples)  # referenced until the library is done with it
        lib.espeak_SetSynthCallback(callback)
        if lib.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise UnspeakableText(f"espeak-ng has no voice {voice.name}")
        lib.espeak_SetParameter(RATE, voice.rate, 0)
        lib.espeak_SetParameter(PITCH, voice.pitch, 0)
        encoded = text.encode("utf-8", "replace") + b"\0"
        if lib.espeak_Synth(encoded, len(encoded), 0, 1, 0, UTF_8, None, None) != 0:
            raise UnspeakableText("espeak-ng failed to synthesise this text")
        lib.espeak_Synchronize()
    if not pieces:
        return np.zeros(0, np.float32)
    audio = np.concatenate(pieces).astype(np.float32) / 32768
    return soxr.resample(audio, rate, SAMPLE_RATE).astype(np.float32)


@contextmanager
def open_library() -> Generator[tuple[ctypes.CDLL, int], None, None]:
    """The library, freshly loaded and with its noise seeded, and its sample rate. Raises EngineError."""
    import espeakng_loader  # here, since the extra may not be installed

    ctypes.CDLL(None).srand(1)  # one of espeak's two noise sources is libc's rand()
    lib = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        rate = lib.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), DONT_EXIT)
        if rate <= 0:
            raise EngineError("espeak-ng does not start; install the extra again: fishd[languages]")
        lib.espeak_ng_SetRandSeed(1)  # the other is its own; espeak_Initialize seeds it from the clock
        yield lib, rate
        lib.espeak_Terminate()
    finally:
        _ctypes.dlclose(lib._handle)  # noqa: SLF001 - ctypes has no public way to unload
