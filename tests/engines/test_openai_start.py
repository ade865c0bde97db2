"""What the openai engine checks before its first take: options, key, address, certificate, API and model."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fishd.engines import openai
from fishd.engines.openai.options import Settings, check_options, read_settings
from fishd.engines.protocol import BadOption, Spoken
from tests.engines.contract import speak_one
from tests.engines.openai_parts import KEY, PROXIES, engine_for, fault_at_start, make_voice, take
from tests.engines.speech_server import MODEL, SpeechServer, content, hang_up, never, serving, status

ADDRESS = 'must be an address such as "http://localhost:8000/v1"'


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with serving() as server:
        yield server


# ---- options ----------------------------------------------------------------------------------------------


def test_the_options_become_settings() -> None:
    """The address loses its /v1; sampling options are told from the server's."""
    options = {"base_url": "https://gpu:8443/tts/v1/", "model": "m", "top_p": 0.7, "precision": "bfloat16"}
    assert Settings("https://gpu:8443/tts", model="m", sampling={"top_p": 0.7}) == read_settings(options)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({}, 'base_url: is not set; write the server\'s address, such as "http://localhost:8000/v1"'),
        ({"base_url": "localhost:8000"}, f'base_url: is "localhost:8000"; {ADDRESS}'),
        ({"base_url": "ftp://gpu"}, f'base_url: is "ftp://gpu"; {ADDRESS}'),
        ({"base_url": "http://"}, f'base_url: is "http://"; {ADDRESS}'),
        ({"base_url": "http://gpu:99999"}, "base_url: is not an address"),
        ({"base_url": "http://gpu/v1?key=x"}, f'base_url: is "http://gpu/v1?key=x"; {ADDRESS}'),
        ({"base_url": 1}, "base_url: is 1; must be a string"),
        ({"api": "grpc"}, 'api: is "grpc"; must be "openai" or "fish"'),
        ({"concurrency": 0}, "concurrency: is 0; must be a whole number of requests at once from 1 to 1024"),
        ({"timeout_s": 0}, "timeout_s: is 0; must be a number of seconds above 0"),
        ({"retry_s": -1}, "retry_s: is -1; must be a number of seconds, 0 or more"),
        ({"sample_rate": 1}, "sample_rate: is 1; must be a whole number of Hz from 8000 to 192000"),
        ({"extra": 1}, 'extra: is 1; must be a table of request fields, such as { task_type = "Base" }'),
        ({"extra": {"input": "x"}}, "extra.input: is set by fishd; remove it"),
        ({"api": "fish", "model": "m"}, 'model: has no meaning with api = "fish"'),
        ({"api_key": KEY}, "api_key: is not an option of the openai engine; did you mean api_key_file?"),
        ({"api_key_file": KEY}, "api_key_file: must be the absolute path of a file with the key in it"),
        ({"top_p": 2}, "top_p: is 2; must be a number above 0, at most 1"),
    ],
)
def test_a_bad_option_is_a_fault_at_start(options: dict[str, object], fault: str) -> None:
    """It names the option, its value unless that may be secret, and what it must be."""
    address = {} if not options else {"base_url": "http://gpu:8000"}
    with pytest.raises(BadOption) as raised:
        openai.factory("cpu", {**address, **options})
    assert f"engine.options.{fault}" in str(raised.value)
    assert KEY not in str(raised.value)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    """The address is logged; the key has a file."""
    with pytest.raises(BadOption, match="must not hold a name or a password") as raised:
        read_settings({"base_url": "http://ann:hunter2@gpu:8000"})
    assert "hunter2" not in str(raised.value)


def test_a_host_that_cannot_be_a_name_is_a_fault_at_start() -> None:
    """What urlsplit accepts and IDNA does not."""
    with pytest.raises(BadOption, match=r"engine\.options\.base_url: http://-ü\.x: .*; correct it"):
        openai.factory("cpu", {"base_url": "http://-ü.x"})


def test_a_job_may_set_how_the_server_samples_and_nothing_else() -> None:
    """A bundle must not send the key to a server of its own, nor name files for the server to read."""
    assert [] == check_options({"temperature": 0.7, "top_p": 0.9, "top_k": 30, "repetition_penalty": 1.1})
    assert [
        "base_url: can be set in config.toml only, in engine.options",
        "extra: can be set in config.toml only, in engine.options",
    ] == check_options({"base_url": "http://evil", "extra": {"ref_audio": "file:///etc/passwd"}})


# ---- the server -------------------------------------------------------------------------------------------


def test_an_address_where_nobody_answers_is_a_fault_at_start() -> None:
    """After `retry_s`, with the fix."""
    with serving() as server:
        pass
    fault = fault_at_start(server)
    assert fault.startswith(f"nobody answers at {server.url}: ")
    assert fault.endswith("retry_s = 0; start the server, or correct base_url")


def test_a_server_that_is_still_loading_is_waited_for(server: SpeechServer) -> None:
    """It refuses, is busy, and then answers."""
    server.first_answers.extend([hang_up, status(503), status(503)])
    with engine_for(server):
        assert 4 == len(server.seen)


def test_a_server_that_never_answers_is_a_fault_at_start(server: SpeechServer) -> None:
    """Within the time of a request."""
    server.first_answers.append(never)
    assert f"{server.url}/v1/models gave no answer in 0.1 s" in fault_at_start(server, timeout_s=0.1)


def test_a_model_that_is_not_served_is_a_fault_at_start(server: SpeechServer) -> None:
    """With those that are."""
    server.models = ("a", "b")
    assert (f'engine.options.model: "c" is not served; {server.url} serves "a", "b"') == fault_at_start(
        server, model="c"
    )


def test_the_only_model_needs_no_name(server: SpeechServer) -> None:
    """Of several, one must be named; so must it where there is none."""
    with engine_for(server) as engine:
        assert engine.notes[0].startswith(f"{MODEL} at ")
    server.models = tuple("abcdefg")
    assert (
        f'engine.options.model: is not set; {server.url} serves "a", "b", "c", "d", "e", …: name one of them'
    ) == fault_at_start(server)
    server.models = ()
    assert f"is not set; {server.url} serves no model" in fault_at_start(server)


@pytest.mark.parametrize(("api", "other"), [("openai", "fish"), ("fish", "openai")])
def test_the_other_api_is_a_fault_at_start(server: SpeechServer, api: str, other: str) -> None:
    """With the option that is likely wrong."""
    server.api = other
    path = {"openai": "/v1/models", "fish": "/v1/health"}[api]
    assert (
        f"{server.url}{path}: the server has no such address; check base_url, and api: does the server need "
        f'api = "{other}"?'
    ) == fault_at_start(server, api=api)


@pytest.mark.parametrize(
    "body", [b"<html>Welcome to nginx!</html>", b'{"models": []}', b"", b"\xff\xfe", b"[1]"]
)
def test_another_kind_of_server_is_a_fault_at_start(server: SpeechServer, body: bytes) -> None:
    """What answers is not a list of models."""
    server.first_answers.append(content(body, "text/html"))
    assert f"{server.url}/v1/models: the answer is not of this API; check base_url" in fault_at_start(server)


def test_a_redirect_at_start_is_not_followed(server: SpeechServer) -> None:
    """Base_url is to be corrected."""
    server.first_answers.append(status(301, "", Location="https://gpu.example/v1/models"))
    fault = fault_at_start(server)
    assert "a redirect to https://gpu.example; redirects are not followed: correct base_url" in fault
    assert 1 == len(server.seen)


# ---- proxies and certificates -----------------------------------------------------------------------------


def test_a_proxy_in_the_environment_is_used(server: SpeechServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless NO_PROXY names the host."""
    monkeypatch.setenv("HTTP_PROXY", server.url)
    with engine_for(server, base_url="http://gpu.invalid:8000"):
        assert "http://gpu.invalid:8000/v1/models" == server.seen[0].path
    monkeypatch.setenv("NO_PROXY", "gpu.invalid")
    assert "nobody answers at http://gpu.invalid" in fault_at_start(
        server, base_url="http://gpu.invalid:8000"
    )


def test_a_proxy_that_cannot_be_used_is_a_fault_at_start(
    server: SpeechServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as SOCKS, for which a package is missing."""
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1080")
    assert "proxy or certificates in the environment: " in fault_at_start(server)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself; with its key."""
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


@pytest.fixture
def tls_server(certificate: tuple[Path, Path]) -> Iterator[SpeechServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving(tls=context) as server:
        yield server


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server: SpeechServer) -> None:
    """At once: no retry can help. Nothing is sent."""
    fault = fault_at_start(tls_server, retry_s=60)
    assert fault.startswith(
        f"{tls_server.url}: its certificate is refused: self-signed certificate; trust its CA"
    )
    assert [] == tls_server.seen


def test_a_certificate_of_a_ca_in_ssl_cert_file_is_accepted(
    tls_server: SpeechServer, certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And speech goes through TLS."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with engine_for(tls_server) as engine:
        assert isinstance(speak_one(engine, take(make_voice(tmp_path))), Spoken)


def test_a_missing_package_is_a_fault_with_the_fix() -> None:
    """In a process whose httpx2 cannot be found."""
    program = (
        "import sys; sys.modules['httpx2'] = None\n"
        "from fishd.engines import openai\n"
        "assert 'numpy' not in sys.modules\n"
        "openai.factory('cpu', {'base_url': 'http://gpu'})\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "EngineError: httpx2 cannot be imported; install it: pip install 'fishd[server]'" in ended.stderr
