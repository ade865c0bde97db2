"""Whether the server is there, accepts the key, speaks the API and serves the model: asked once, at start."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

import msgspec

from fishd.engines.openai.client import Client, TooLarge
from fishd.engines.openai.faults import NotFound, ServerBusy, TakeFault
from fishd.engines.openai.options import Settings
from fishd.engines.openai.retries import Backoff, with_retries
from fishd.engines.openai.speech_request import FISH_HEALTH, MODELS, Request
from fishd.engines.protocol import BadOption, EngineError

ANSWER_S = 30.0  # for an answer that needs no speech
MAX_BYTES = 4 * 1024 * 1024
_NAMES_SHOWN = 5
T = TypeVar("T")


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    """OpenAI's list of models, without the keys that are not needed."""

    data: list[_Model]


class _Health(msgspec.Struct):
    status: str


async def check_server(client: Client, settings: Settings, backoff: Backoff) -> str:
    """The model to ask for, "" for fish. A server that is still starting is waited for, up to `retry_s`.

    Raises EngineError, with the fix.
    """
    if settings.api == "fish":
        await _ask(client, settings, backoff, FISH_HEALTH, _Health)
        return ""
    models = await _ask(client, settings, backoff, MODELS, _Models)
    return _choose([model.id for model in models.data], settings)


async def _ask(client: Client, settings: Settings, backoff: Backoff, request: Request, kind: type[T]) -> T:
    other = "openai" if settings.api == "fish" else "fish"
    fix = f'check base_url, and api: does the server need api = "{other}"?'
    where = f"{settings.root}{request.path}"
    try:
        attempt = partial(client.fetch, request, MAX_BYTES, min(settings.timeout_s, ANSWER_S))
        body = await with_retries(attempt, settings.retry_s, backoff)
        return msgspec.json.decode(body, type=kind)
    except NotFound as fault:
        raise EngineError(f"{where}: the server has no such address; {fix}") from fault
    except (msgspec.MsgspecError, UnicodeDecodeError, TooLarge) as fault:
        raise EngineError(f"{where}: the answer is not of this API; {fix}") from fault
    except ServerBusy as fault:
        raise EngineError(f"{fault}; start the server, or correct base_url") from fault
    except TakeFault as fault:
        raise EngineError(f"{fault}; {fix}") from fault


def _choose(served: list[str], settings: Settings) -> str:
    listed = ", ".join(f'"{name}"' for name in served[:_NAMES_SHOWN]) + (", …" * (len(served) > _NAMES_SHOWN))
    where = f"{settings.root} serves {listed or 'no model'}"
    if settings.model and settings.model not in served:
        raise BadOption(f'engine.options.model: "{settings.model}" is not served; {where}')
    if not settings.model and len(served) != 1:
        raise BadOption(f"engine.options.model: is not set; {where}: name one of them")
    return settings.model or served[0]
