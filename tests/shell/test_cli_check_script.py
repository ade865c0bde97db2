"""`fishd check` of scripts: the lines that would be spoken, and what would come out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.daemon.bundles import make_voice
from tests.shell.cli import NOOP_CONFIG, Ended, fishd, on_a_terminal
from tests.shell.scripts import epub, srt

LIBRARY = f'{NOOP_CONFIG}[voices]\ndefault = "mara"\n[pronounce]\nSQL = "sequel"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a configuration and a voice library of one voice."""
    (tmp_path / "config.toml").write_text(LIBRARY)
    make_voice(tmp_path / "voices" / "mara")
    return tmp_path


def check(folder: Path, name: str, content: str | bytes, *options: str) -> Ended:
    """Check a script that is dropped alone."""
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return fishd("check", name, *options, cwd=folder)


def rows(ended: Ended) -> list[str]:
    return [" ".join(row.split()) for row in ended.stdout.splitlines()]


def test_subtitles_are_shown_as_they_would_be_spoken(folder: Path) -> None:
    """With ids, times, the voice of the library, and what a pronunciation changes."""
    ended = check(folder, "episode.srt", srt("MARA: We use SQL.", "[door]", "- Yes."))

    assert (0, "") == (ended.returncode, ended.stderr)
    lines = ended.stdout.splitlines()
    assert "✓ episode.srt: ok, 1 speaker, 2 segments, 1 skipped" == lines[0]
    assert "  Tracks     tracks/mix.flac" in lines
    assert "mara mara (library) 1.5 s en 2" in rows(ended)
    at = lines.index("Lines")
    assert [
        "  001  00:01.0–00:01.9  mara  We use SQL.",
        "                              spoken: We use sequel.",
        "  002  00:02.0–00:02.9  –     (skipped) [door]",
        "  003  00:03.0–00:03.9  mara  Yes.",
        "",
    ] == lines[at + 1 : at + 6]


def test_a_library_behind_a_symlink_is_the_library(folder: Path) -> None:
    """Its voices are used, and named as such."""
    (folder / "voices").rename(folder / "shared")
    (folder / "voices").symlink_to("shared")
    ended = check(folder, "episode.srt", srt("MARA: Hello."))

    assert 0 == ended.returncode, ended.stdout
    assert "mara mara (library) 1.5 s en 1" in rows(ended)


def test_a_book_is_shown_with_title_author_cover_and_chapters(folder: Path) -> None:
    """Paragraphs are marked; the audiobook is named."""
    pages = {
        "1.xhtml": "<h1>The Boat</h1><p>It rained.</p><p>It poured.</p>",
        "2.xhtml": "<h1>The Sea</h1><p>Calm.</p>",
    }
    cover = '<item id="cover" href="cover.png" media-type="image/png" properties="cover-image"/>'
    metadata = "<dc:title>At Sea</dc:title><dc:creator>A. Muster</dc:creator><dc:language>en</dc:language>"
    png = b"\x89PNG\r\n\x1a\n" + bytes(2000)
    book = epub(pages, manifest=cover, metadata=metadata, OEBPS__cover_png=png)
    ended = check(folder, "book.epub", book)

    assert 0 == ended.returncode, ended.stdout
    assert "✓ book.epub: ok, 1 speaker, 5 segments, 2 chapters" == ended.stdout.splitlines()[0]
    for row in ("Title At Sea", "Author A. Muster", "Cover PNG, 2.0 KiB", "Audiobook book.m4b"):
        assert row in rows(ended)
    assert "¶ 003 mara It poured." in rows(ended)


def test_all_lines_are_listed_when_asked_for(folder: Path) -> None:
    """Else the first twenty and the last, with the number of the others."""
    script = "\n\n".join(f"Paragraph {n}." for n in range(1, 101))
    short, whole = check(folder, "book.txt", script), check(folder, "book.txt", script, "--lines")

    assert "… 79 lines more; --lines lists all" in rows(short)
    assert (22, 100) == tuple(
        ended.stdout.count(" mara  Paragraph ") + more for ended, more in ((short, 1), (whole, 0))
    )
    assert "¶ 100 mara Paragraph 100." in rows(short)


def test_every_fault_has_its_file_and_its_row(folder: Path) -> None:
    """Nothing else is shown then, but the clips that are good."""
    ended = check(folder, "game.csv", "id,speaker,text\na,Nobody,Hello.\nb,mara,\nc,mara,Hello.\nd\n")
    faults = rows(ended)[1:3]

    assert 1 == ended.returncode
    assert "✗ game.csv: 2 faults, 1 warning" == ended.stdout.splitlines()[0]
    assert faults[0].startswith("✗ game.csv row 5: has 1 cell, and the header 3;")
    assert faults[1].startswith('✗ game.csv row 2: "Nobody" is neither a speaker of this bundle nor a voice;')
    assert "! game.csv: left out, because there is no text: row 3" in rows(ended)
    assert "Lines" not in ended.stdout.splitlines()


def test_a_cast_folder_is_shown_with_its_own_voices(folder: Path) -> None:
    """As a folder and as an archive of it, whose temporary files are not named."""
    cast = folder / "cast"
    for name in ("Ada", "Bob"):
        make_voice(cast / name)
    (cast / "play.fountain").write_text("INT. SHIP\n\nADA\nHello.\n\nBOB\nGoodbye.\n")
    archive = shutil.make_archive(str(folder / "packed"), "zip", cast)

    for bundle, name in ((cast, "cast"), (archive, "packed.zip")):
        ended = fishd("check", bundle, cwd=folder)
        assert f"✓ {name}: ok, 2 speakers, 2 segments" in ended.stdout
        assert "Ada Ada/reference.wav 1.5 s en 1" in rows(ended)
        assert "002 Bob Goodbye." in rows(ended)


def test_colours_are_for_a_terminal_only(folder: Path) -> None:
    """Names, times and skipped lines are coloured there; every row fits 80 columns."""
    (folder / "a.srt").write_text(srt("Hello. " * 40, "[door]", "שלום עולם " * 20))
    shown = on_a_terminal("check", "a.srt", cwd=folder)
    piped = fishd("check", "a.srt", cwd=folder).stdout

    assert "\x1b[36mmara" in shown
    assert "\x1b[90m(skipped) [door]" in shown
    assert "\x1b" not in piped
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, plain.replace("\u200e", "").splitlines())) <= 80
