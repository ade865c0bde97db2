"""What the checks of takes find: python bench/quality.py [--lines 12] [--seed 1]

Twenty synthetic voices speak lines with the preview engine. Every good take is checked against the baseline
that its speaker has at that moment, and so is the same take after it has been broken, in each of ten ways.
Prints the detection rate by kind, the good takes that were rejected, and what the measuring costs against
the engine, in the same run. Times are of the processor.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from fishd.core.quality.baseline import SpeakerBaseline
from fishd.core.quality.signal_check import assess_take, check_signal
from fishd.engines import preview
from fishd.engines.preview.espeak import EspeakVoice, synthesise
from fishd.engines.protocol import Spoken, Take, Voice
from fishd.worker.features import measure

Audio = NDArray[np.float32]
RATE = 24_000
REQUIRED = ("silence", "junk", "noise", "clipping", "hole", "half")
NEED_WORDS = ("half", "ending", "loop")  # not tried on texts of two or three words, where pace says little
SHORT_CHARS = 16
KINDS = (*REQUIRED, "ending", "loop", "text", "voice")
TEXTS = {
    "en": (
        "The old lighthouse keeper climbed the stairs every evening before the sun went down.",
        "She opened the letter slowly, because she already knew what it would say.",
        "Could you tell me where the nearest train station is, and how long the walk will take?",
        "Good evening, and welcome.",
        "No.",
        "Oh!",
        "Ah, yes.",
        "No, no, no, no!",
        "I never said that! You did.",
        "It was cold, it was dark, and nobody had thought to bring a lamp.",
        "The meeting starts at 9:30 on 14 May 2026, in room 217.",
        "Well... I suppose we could try, couldn't we?",
        "Everything that could be carried away had been carried away long before we came.",
        "What?",
        "Peter, Paul, Mary, and the three dogs went home.",
        "The SQL server was down for 45 minutes; 3,200 people noticed.",
        "Listen - do you hear it?",
        "He stood there, hat in hand, as the rain ran down his neck, and he did not say a word.",
        "Thank you very much.",
    ),
    "de": (
        "Der alte Leuchtturmwärter stieg jeden Abend die Treppe hinauf, bevor die Sonne unterging.",
        "Guten Abend und herzlich willkommen.",
        "Können Sie mir sagen, wo der nächste Bahnhof ist?",
        "Es war kalt, es war dunkel, und niemand hatte eine Lampe mitgebracht.",
        "Das habe ich nie gesagt!",
        "Die Donaudampfschifffahrtsgesellschaft hat heute geschlossen.",
        "Ja.",
        "Oh!",
    ),
    "fr": (
        "Le vieux gardien du phare montait l'escalier chaque soir avant le coucher du soleil.",
        "Bonsoir et bienvenue.",
        "Pouvez-vous me dire où se trouve la gare la plus proche ?",
        "Il faisait froid, il faisait nuit, et personne n'avait pensé à prendre une lampe.",
        "Je n'ai jamais dit cela !",
        "Merci beaucoup, à demain.",
        "Oui.",
        "Ah !",
    ),
    "es": (
        "El viejo guardián del faro subía la escalera cada noche antes de que se pusiera el sol.",
        "Buenas noches y bienvenidos.",
        "¿Puede decirme dónde está la estación de tren más cercana?",
        "Hacía frío, estaba oscuro y nadie había pensado en traer una lámpara.",
        "¡Yo nunca dije eso!",
        "Muchas gracias por todo.",
        "Sí.",
    ),
    "zh": (
        "每天晚上太阳下山之前，老灯塔看守人都要爬上楼梯。",
        "晚上好，欢迎光临。",
        "请问最近的火车站在哪里，走路要多久？",
        "天很冷，也很黑，没有人想到带一盏灯。",
        "不。",
        "好的。",
    ),
    "ru": (
        "Старый смотритель маяка каждый вечер поднимался по лестнице до захода солнца.",
        "Добрый вечер и добро пожаловать.",
        "Не могли бы вы сказать мне, где находится ближайший вокзал?",
        "Было холодно, было темно, и никто не догадался взять с собой лампу.",
        "Да.",
        "Нет!",
    ),
}
REFERENCES = {
    "en": "The quick brown fox jumped over the lazy dog while the rain fell on the roof.",
    "de": "Der schnelle braune Fuchs sprang über den faulen Hund, während der Regen auf das Dach fiel.",
    "fr": "Le rapide renard brun sauta par-dessus le chien paresseux pendant que la pluie tombait.",
    "es": "El rápido zorro marrón saltó sobre el perro perezoso mientras llovía sobre el tejado.",
    "zh": "敏捷的棕色狐狸跳过了懒狗，雨落在屋顶上。",
    "ru": "Быстрая бурая лиса перепрыгнула через ленивую собаку, пока дождь стучал по крыше.",
}
ESPEAK = {"en": "en-us", "zh": "cmn"}
VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5")
LANGUAGES = ("en",) * 12 + ("de", "de", "fr", "fr", "es", "es", "zh", "ru")


@dataclass(frozen=True)
class GoodTake:
    """`work_s` is the engine's time for it."""

    text: str
    audio: Audio
    work_s: float


@dataclass(frozen=True)
class Speaker:
    name: str
    language: str
    reference: Audio
    takes: tuple[GoodTake, ...]


def main() -> None:
    arguments = parse()
    with tempfile.TemporaryDirectory(prefix="fishd-bench-") as folder:
        speakers = list(speak_all(Path(folder), arguments.lines))
    takes = [take for speaker in speakers for take in speaker.takes]
    audio_s = sum(len(take.audio) for take in takes) / RATE
    languages = ", ".join(sorted({speaker.language for speaker in speakers}))
    print(f"{len(takes)} good takes, {audio_s:.0f} s, {len(speakers)} voices, {languages}")
    rngs = np.random.default_rng(arguments.seed).spawn(arguments.rounds)
    report_findings(speakers, rngs, verbose=arguments.verbose)
    report_cost(takes, audio_s)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=14, help="lines of each voice")
    parser.add_argument("--rounds", type=int, default=3, help="how often every take is broken in every way")
    parser.add_argument("--seed", type=int, default=1, help="of how takes are broken")
    parser.add_argument("--verbose", action="store_true", help="print every miss and every false alarm")
    return parser.parse_args()


# ---- good takes ---------------------------------------------------------------------------------------


def speak_all(folder: Path, lines: int, languages: Sequence[str] = LANGUAGES) -> Iterator[Speaker]:
    """A voice for each of the languages."""
    engine = preview.factory("cpu", {"cache_dir": str(folder / "cache")})
    for number, language in enumerate(languages):
        variant = VARIANTS[number % len(VARIANTS)]
        name = f"{ESPEAK.get(language, language)}+{variant}"
        reference = synthesise(
            REFERENCES[language], EspeakVoice(name, rate=145 + 11 * (number % 6), pitch=30 + 7 * (number % 8))
        )
        clip = folder / f"{number}.wav"
        soundfile.write(clip, reference, RATE)
        voice = Voice(f"voice {number}", (clip,), REFERENCES[language], language)
        texts = TEXTS[language]
        speak(engine, voice, texts[0], language, 0)  # enrols the voice
        takes = tuple(
            speak(engine, voice, texts[(n + number) % len(texts)], language, seed=n) for n in range(lines)
        )
        yield Speaker(name, language, reference, takes)


def speak(engine: object, voice: Voice, text: str, language: str, seed: int) -> GoodTake:
    started = time.process_time()
    engine.start(Take("take", voice, text, language, seed, 60.0))
    while not (ended := engine.step()):
        pass
    (spoken,) = ended
    assert isinstance(spoken, Spoken), spoken
    return GoodTake(text, spoken.audio, time.process_time() - started)


# ---- broken takes -------------------------------------------------------------------------------------


def broken(
    kind: str, take: GoodTake, other_text: Audio, other_voice: Audio, rng: np.random.Generator
) -> Audio:
    audio, num = take.audio, len(take.audio)
    match kind:
        case "silence":
            return noise(num, rng, rng.uniform(-95, -60))
        case "junk":
            return noise(int(rng.uniform(0.046, 0.3) * RATE), rng, rng.uniform(-40, -10))
        case "noise":
            return audio + noise(num, rng, level_db(audio) + rng.uniform(0, 10))
        case "clipping":
            return np.clip(audio / np.abs(audio).max() * rng.uniform(4, 12), -1, 1)
        case "hole":
            at = rng.integers(num // 4, 3 * num // 4)
            gap = noise(int(rng.uniform(2.5, 4) * RATE), rng, -90)
            return np.concatenate([audio[:at], gap, audio[at:]])
        case "half":
            return audio[: int(num * rng.uniform(0.4, 0.5))]
        case "ending":
            return audio[: int(num * 0.85)]
        case "loop":
            length = min(int(rng.uniform(0.3, 0.7) * RATE), num // 2)
            at = rng.integers(num // 5, num - length)
            word = np.tile(audio[at : at + length], 7)
            return np.concatenate([audio[: at + length], word, audio[at + length :]])
        case "text":
            return other_text
        case "voice":
            return other_voice
    raise ValueError(kind)


def level_db(audio: Audio) -> float:
    return 10 * float(np.log10(np.mean(np.square(audio)) + 1e-12))


def noise(num: int, rng: np.random.Generator, level: float) -> Audio:
    return (rng.standard_normal(num) * 10 ** (level / 20)).astype(np.float32)


# ---- what is found ------------------------------------------------------------------------------------


def report_findings(speakers: list[Speaker], rngs: list[np.random.Generator], *, verbose: bool) -> None:
    tried, found, named = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
    alarms: list[str] = []
    for s, speaker in enumerate(speakers):
        others = speakers[(s + 1) % len(speakers)].takes
        reference = measure(speaker.reference, RATE)
        baseline = SpeakerBaseline.of_reference((reference,), REFERENCES[speaker.language])
        for n, take in enumerate(speaker.takes):
            quality = assess_take(measure(take.audio, RATE), take.text, baseline)
            if quality.faults:
                alarms.append(f"{speaker.name} {take.text!r}: {'; '.join(map(str, quality.faults))}")
            for kind, rng in itertools.product(KINDS, rngs):
                if kind in NEED_WORDS and len(take.text) < SHORT_CHARS:
                    continue
                audio = broken(kind, take, speaker.takes[n - 1].audio, others[n].audio, rng)
                faults = check_signal(measure(audio, RATE), take.text, baseline)
                tried[kind] += 1
                found[kind] += bool(faults)
                named[kind, faults[0].kind if faults else "-"] += 1
                if verbose and not faults and kind in REQUIRED:
                    print(f"missed {kind}: {speaker.name} {take.text!r}")
            baseline = baseline.with_take(quality)
    num_good = sum(len(speaker.takes) for speaker in speakers)
    for kind in KINDS:
        bar = "   (bar: >= 99 %)" if kind in REQUIRED else ""
        names = ", ".join(f"{name} {n}" for (k, name), n in named.most_common() if k == kind)
        print(f"{kind:9} {found[kind] / tried[kind]:7.1%} of {tried[kind]}{bar}   named {names}")
    print(f"false alarms {len(alarms) / num_good:.2%} of {num_good}   (bar: <= 0.5 %)")
    for alarm in alarms:
        print(f"    {alarm}")


def report_cost(takes: list[GoodTake], audio_s: float) -> None:
    started = time.process_time()
    features = [measure(take.audio, RATE) for take in takes]
    measure_s = time.process_time() - started
    baseline = SpeakerBaseline()
    started = time.process_time()
    for take, measured in zip(takes, features, strict=True):
        baseline = baseline.with_take(assess_take(measured, take.text, baseline))
    check_s = time.process_time() - started
    engine_s = sum(take.work_s for take in takes)
    print(f"engine    x{audio_s / engine_s:.0f} real time")
    share = f"{measure_s / engine_s:.2%} of the engine's time"
    print(f"measuring {measure_s / len(takes) * 1e3:.3f} ms a take, {share}   (bar: <= 1 %)")
    print(f"checking  {check_s / len(takes) * 1e3:.3f} ms a take, in the daemon")


if __name__ == "__main__":
    main()
