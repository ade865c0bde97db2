"""Languages other than English: espeak-ng reads them, at the reference's pitch and pace.

Only pitch, rate and loudness follow the reference: reshaping espeak's spectra makes it hard to understand.
The library comes with the `languages` extra (espeakng-loader) and is called by ctypes; its samples stay in
memory. Its state cannot be reset and colours what it says next, so it is loaded anew for every sentence
(15 ms): the same text gives the same samples. API: espeak-ng's speak_lib.h.
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
from fishd.engines.preview.analysis.pitch import find_pitch
from fishd.engines.preview.text import Unspeakable
from fishd.engines.protocol import EngineError

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples come by callback, in this thread
DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT
RATE, PITCH = 1, 3  # espeakRATE in words a minute, espeakPITCH 0..100
UTF_8 = 1
USUAL_RATE, RATES = 175, (80, 450)
HIGH_VOICE_HZ = 160.0  # from here on a woman's variant is nearer
PITCH_STEPS = 6  # halvings of 0..100

Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Manner:
    """How to read: espeak's voice ("de+f3"), words a minute, and pitch in 0..100."""

    voice: str
    rate: int = USUAL_RATE
    pitch: int = 50


def find_manner(text: str, language: str, pitch_hz: float, pace: float) -> Manner:
    """The manner in which espeak's median pitch over this text comes nearest to `pitch_hz`."""
    voice = f"{language}+f3" if pitch_hz > HIGH_VOICE_HZ else language
    rate = round(min(max(USUAL_RATE * pace, RATES[0]), RATES[1]))
    low, high = 0, 100
    for _ in range(PITCH_STEPS):
        middle = (low + high) // 2
        lower = median_pitch(read(text, Manner(voice, rate, middle))) < pitch_hz
        low, high = (middle, high) if lower else (low, middle)
    return Manner(voice, rate, (low + high) // 2)


def median_pitch(sound: Array) -> float:
    """Hz; 0 if nothing is voiced."""
    pitch = find_pitch(sound, 0.0125)
    return float(np.median(pitch[pitch > 0])) if (pitch > 0).any() else 0.0


def read(text: str, manner: Manner) -> Array:
    """Speak; float32 mono at 24 kHz, empty if there is nothing to say. Raises Unspeakable."""
    pieces = list[np.ndarray[tuple[int], np.dtype[np.int16]]]()

    def hear(samples: Any, count: int, _events: object) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    with library() as (lib, rate):
        heard = Callback(hear)  # referenced until the library is done with it
        lib.espeak_SetSynthCallback(heard)
        if lib.espeak_SetVoiceByName(manner.voice.encode()) != 0:
            raise Unspeakable(f"espeak-ng has no voice {manner.voice}")
        lib.espeak_SetParameter(RATE, manner.rate, 0)
        lib.espeak_SetParameter(PITCH, manner.pitch, 0)
        encoded = text.encode("utf-8", "replace") + b"\0"
        if lib.espeak_Synth(encoded, len(encoded), 0, 1, 0, UTF_8, None, None) != 0:
            raise Unspeakable("espeak-ng would not speak this text")
        lib.espeak_Synchronize()
    if not pieces:
        return np.zeros(0, np.float32)
    sound = np.concatenate(pieces).astype(np.float32) / 32768
    return soxr.resample(sound, rate, SAMPLE_RATE).astype(np.float32)


@contextmanager
def library() -> Generator[tuple[ctypes.CDLL, int], None, None]:
    """A library fresh from the disk, and its sample rate."""
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
