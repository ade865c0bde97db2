"""A real listener process hears real speech."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from fishd.core.quality.faults import FaultKind
from fishd.wire.listen import HeardFault, ListenError
from fishd.wire.messages import Stop
from tests.listener.live_listener import LiveListener, run
from tests.listener.material import recogniser, recorded, speaker_encoder

MARA, ROSS, MOSS = recorded("Mara"), recorded("Ross"), recorded("Doctor Moss")


def test_a_good_take_is_heard_word_for_word_and_has_no_fault() -> None:
    model = recogniser()

    async def scenario(listener: LiveListener) -> None:
        await listener.start_ready(model)

        heard = await listener.hear(ROSS.path, ROSS)

        assert ((), 0.0) == (heard.faults, heard.wer)
        assert heard.text.startswith("Good morning to all ships")

    run(scenario)


def test_broken_takes_have_faults_in_words(tmp_path: Path) -> None:
    model = recogniser()

    async def scenario(listener: LiveListener) -> None:
        async def faults(clip: Path, *texts: str) -> tuple[HeardFault, ...]:
            return (await listener.hear(clip, ROSS, *texts)).faults

        await listener.start_ready(model)
        cut = ROSS.write(tmp_path / "cut.wav", ROSS.part(0, 0.7))
        looped = ROSS.write(tmp_path / "loop.wav", *[ROSS.part(0, 0.25)] * 3, ROSS.part(0.25, 1))
        (lost,) = await faults(cut)
        (repeated,) = await faults(looped)
        (other,) = await faults(ROSS.path, "Nobody ever told us why the old lighthouse went dark.")

        assert {FaultKind.WORDS} == {lost.kind, repeated.kind, other.kind}
        assert lost.text.startswith("leaves out «")
        assert lost.text.endswith("smooth as glass»")
        assert "repeats «Good morning to all ships»" == repeated.text
        assert other.text.startswith("says «Good morning to all ships")
        assert 1.0 == other.severity

    run(scenario)


def test_a_voice_is_measured_and_judged_only_where_that_is_asked() -> None:
    model = recogniser()
    speaker_encoder()

    async def scenario(listener: LiveListener) -> None:
        ready = await listener.start_ready(model)
        assert () == ready.notes
        others = (ROSS.voice, MOSS.voice)

        own = await listener.hear(MARA.path, MARA, min_similarity=0.6, others=others)
        measured = await listener.hear(ROSS.path, MARA, ROSS.text)
        judged = await listener.hear(ROSS.path, MARA, ROSS.text, min_similarity=0.6)
        compared = await listener.hear(ROSS.path, MARA, ROSS.text, min_similarity=0.6, others=others)

        assert (1.0, ()) == (own.similarity, own.faults)
        assert measured.similarity is not None
        assert measured.similarity < 0.6
        assert () == measured.faults
        assert [FaultKind.VOICE] == [fault.kind for fault in judged.faults]
        assert (
            f"does not sound like its reference: similarity {measured.similarity:.2f}"
            == judged.faults[0].text
        )
        assert compared.faults[0].text.startswith("sounds like ross (1.00), not like its speaker")

    run(scenario)


def test_a_language_that_the_model_does_not_know_is_unjudged() -> None:
    model = recogniser()

    async def scenario(listener: LiveListener) -> None:
        await listener.start_ready(model)

        heard = await listener.hear(ROSS.path, ROSS, language="fr")

        assert (None, "", ()) == (heard.wer, heard.text, heard.faults)

    run(scenario)


def test_a_clip_that_cannot_be_read_is_an_answer_and_the_next_one_is_heard(tmp_path: Path) -> None:
    model = recogniser()
    (tmp_path / "noise.wav").write_bytes(b"RIFF")

    async def scenario(listener: LiveListener) -> None:
        await listener.start_ready(model)

        missing = await listener.ask(tmp_path / "missing.wav", ROSS)
        noise = await listener.ask(tmp_path / "noise.wav", ROSS)

        assert [ListenError, ListenError] == [type(missing), type(noise)]
        assert (await listener.hear(ROSS.path, ROSS)).faults == ()

    run(scenario)


def test_silence_and_a_click_are_heard_without_a_fault_of_the_listener(tmp_path: Path) -> None:
    model = recogniser()
    silence = ROSS.write(tmp_path / "silence.wav", 0 * ROSS.part(0, 1))
    click = ROSS.write(tmp_path / "click.wav", ROSS.part(0, 0.001))

    async def scenario(listener: LiveListener) -> None:
        await listener.start_ready(model)

        for clip in (silence, click):
            heard = await listener.hear(clip, ROSS)
            assert None is heard.similarity
            assert [FaultKind.WORDS] == [fault.kind for fault in heard.faults]

    run(scenario)


def test_a_folder_that_is_no_model_is_a_fault_at_the_start(tmp_path: Path) -> None:
    recogniser()

    async def scenario(listener: LiveListener) -> None:
        listener.start(tmp_path)

        exited = await listener.exited()

        assert "load" == exited.kind
        assert "model.bin" in exited.reason

    run(scenario)


def test_a_listener_exits_on_request() -> None:
    model = recogniser()

    async def scenario(listener: LiveListener) -> None:
        await listener.start_ready(model)
        listener.pool.send(0, Stop())

        assert "the process exited with status 0" == (await listener.exited()).reason

    run(scenario)


def test_a_listener_ignores_ctrl_c_and_is_nice() -> None:
    model = recogniser()

    async def scenario(listener: LiveListener) -> None:
        await listener.start_ready(model)
        pid = listener.pool.pid(0)
        assert pid is not None

        os.kill(pid, signal.SIGINT)

        assert () == (await listener.hear(ROSS.path, ROSS)).faults
        assert psutil.Process(pid).nice() >= 10

    run(scenario)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_listener_that_dies_is_an_exit_with_its_reason(number: signal.Signals) -> None:
    model = recogniser()

    async def scenario(listener: LiveListener) -> None:
        await listener.start_ready(model)
        pid = listener.pool.pid(0)
        assert pid is not None

        os.kill(pid, number)

        assert listener.pool.pid(0) is not None
        assert f"killed by {number.name}" in (await listener.exited()).reason

    run(scenario)
