"""Scripts in any encoding are read: by mark, as UTF-8, as declared, or by a guess, which is reported."""

from __future__ import annotations

import pytest

from tests.shell.scripts import faults_of, good, read, srt, texts, warnings_of

LINES = ["“C'est déjà Noël”, dit-il.", "Où ça ?", "À bientôt…"]
UNICODE = ["utf-8", "utf-8-sig", "utf-16", "utf-32"]
MARKED = {
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
    "utf-32-le": b"\xff\xfe\0\0",
    "utf-32-be": b"\0\0\xfe\xff",
}

GUESSED = {
    "cp1252": [
        ["He said “don’t go”.", "That’s all — really."],
        ["Où êtes-vous allé hier soir ?", "Je n’ai rien mangé à Noël, ça va."],
        ["Die Straße ist schön.", "Äpfel und Übermut, größer als je."],
        ["¿Dónde está el niño?", "¡Qué día más bonito!"],
        ["Não sei o que você quer dizer.", "A ação começou às três horas."],
        ["Jag är så glad att du är här.", "Vi får se på måndag."],
        ["Let us go to the café tonight.", "Hello there."],
    ],
    "cp1250": [
        ["Cześć, jak się masz?", "Nie wiem, co powiedzieć. Żółta łódź."],
        ["Dobrý den, jak se máte?", "Nevím, co říct. Příliš žluťoučký kůň."],
        ["Jó reggelt, hogy vagy?", "Nem tudom, mit mondjak. Őrült nagy fűzfa."],
    ],
    "cp1251": [
        ["Привет, как дела?", "Я не знаю, что сказать."],
        ["Привіт, як справи?", "Я не знаю, що сказати."],
    ],
    "koi8_r": [["Привет, как дела?", "Я не знаю, что сказать."]],
    "cp1253": [["Γεια σου, τι κάνεις;", "Δεν ξέρω τι να πω."]],
    "cp1254": [["Merhaba, nasılsın?", "Ne söyleyeceğimi bilmiyorum. Şimdi çok güzel."]],
    "cp1255": [["שלום, מה שלומך?", "אני לא יודע מה לומר.", "מחר נלך הביתה."]],
    "cp1256": [["مرحبا، كيف حالك؟", "لا أعرف ماذا أقول."]],
    "gb18030": [["你好，你在哪里？", "我不知道该说什么。"], ["我们走吧。", "好。"]],
    "big5": [["你好，你在哪裡？", "我不知道該說什麼。"]],
    "cp932": [["こんにちは、元気ですか？", "何を言えばいいのかわからない。"]],
    "euc_jp": [["こんにちは、元気ですか？", "何を言えばいいのかわからない。"]],
    "cp949": [["안녕하세요, 잘 지내세요?", "무슨 말을 해야 할지 모르겠어요."]],
}


@pytest.mark.parametrize("encoding", UNICODE)
def test_unicode_is_read_without_a_word(encoding: str) -> None:
    """With a byte order mark or, in UTF-8, without."""
    assert LINES == texts(good("a.srt", srt(*LINES).encode(encoding)))


@pytest.mark.parametrize(("encoding", "mark"), MARKED.items())
def test_both_byte_orders_are_read(encoding: str, mark: bytes) -> None:
    """UTF-32's mark begins like UTF-16's."""
    assert LINES == texts(good("a.srt", mark + srt(*LINES).encode(encoding)))


@pytest.mark.parametrize("encoding", ["cp1252", "Windows-1252", "iso-8859-15", "mac-roman"])
def test_a_declared_encoding_is_used(encoding: str) -> None:
    """Where the file is not UTF-8."""
    lines = ["C'est déjà Noël", "Où ça ?"]
    assert lines == texts(good("a.srt", srt(*lines).encode(encoding), encoding=encoding))
    assert lines == texts(good("a.srt", srt(*lines), encoding=encoding))


def test_utf_16_without_a_mark_must_be_declared() -> None:
    """Its bytes are valid UTF-8, full of NULs."""
    content = srt("Hello.").encode("utf-16-le")
    assert ["Hello."] == texts(good("a.srt", content, encoding="utf-16-le"))
    what = 'it is not a text, or it is UTF-16; then set [script] encoding = "utf-16-le"'
    assert [f"a.srt:1: holds NUL bytes: {what}"] == faults_of(read("a.srt", content))


@pytest.mark.parametrize(
    ("encoding", "lines"), [(encoding, lines) for encoding, many in GUESSED.items() for lines in many]
)
def test_other_encodings_are_guessed_and_reported(encoding: str, lines: list[str]) -> None:
    """From as little as two lines; the warning says how to declare another."""
    script = read("a.srt", srt(*lines).encode(encoding))
    assert () == script.faults
    assert lines == texts(script.lines)
    assert [
        (
            f"a.srt: is not UTF-8: read as {encoding}, which is a guess; "
            'if that is wrong, save it as UTF-8 or set [script] encoding = "…"'
        )
    ] == warnings_of(script)


FAULTS = {
    "not as its mark says": (
        b"\xef\xbb\xbf1\n\xe9\n",
        "",
        ["a.srt:2: byte 0xe9 is not utf-8, as its byte order mark says; save the file as UTF-8"],
    ),
    "cut off in UTF-16": (
        "One.\nTwo.".encode("utf-16")[:-1],
        "",
        ["a.srt:2: byte 0x2e is not utf-16-le, as its byte order mark says; save the file as UTF-8"],
    ),
    "not as declared": (
        b"One.\nTwo \x81.",
        "cp1252",
        ["a.srt:2: byte 0x81 is not cp1252, as its declaration says; save the file as UTF-8"],
    ),
    "no encoding at all": (
        b"a\n" + bytes(range(1, 256)) * 4,
        "",
        [
            (
                "a.srt:4: is not UTF-8, nor any encoding that is recognised; "
                "save it as UTF-8 or set [script] encoding"
            )
        ],
    ),
    "an unknown name": (
        b"One.",
        "uft-8",
        ['script.encoding: "uft-8" is not an encoding; write one such as "cp1252" or "gb18030"'],
    ),
    "a name of no text encoding": (
        b"One.",
        "zlib",
        ['script.encoding: "zlib" is not an encoding; write one such as "cp1252" or "gb18030"'],
    ),
    "a name of an encoding that no file has": (
        b"One.",
        "idna",
        ['script.encoding: "idna" is not an encoding; write one such as "cp1252" or "gb18030"'],
    ),
}


@pytest.mark.parametrize(("content", "encoding", "faults"), FAULTS.values(), ids=FAULTS.keys())
def test_what_cannot_be_decoded_is_reported_with_its_line(
    content: bytes, encoding: str, faults: list[str]
) -> None:
    """And with what to do."""
    assert faults == faults_of(read("a.srt", content, encoding=encoding))
