"""Loading the engine: the model and the codec, the slot plan, and the decoder for the device."""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from fishd.engines.fish.checkpoint.files import require_files
from fishd.engines.fish.codec.codec import Codec
from fishd.engines.fish.cuda.codec_stream import StreamedCodec
from fishd.engines.fish.cuda.graph_decoder import GraphDecoder, frame_settings
from fishd.engines.fish.decode.compact import CompactDecoder
from fishd.engines.fish.decode.decoder import Decoder
from fishd.engines.fish.decode.slot_plan import ModelCosts, SlotPlan, plan_slots
from fishd.engines.fish.engine import FishEngine
from fishd.engines.fish.memory import allocated_bytes, is_out_of_memory, limit_memory, release_memory
from fishd.engines.fish.model.architecture import Model
from fishd.engines.fish.model.weights import load_model
from fishd.engines.fish.options import EngineOptions, Sampling, engine_options
from fishd.engines.fish.voices import Voices
from fishd.engines.protocol import EngineError, OutOfMemory

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


def load_engine(device: str, options: Mapping[str, object]) -> FishEngine:
    """See fishd.engines.fish.factory, also for what it raises."""
    chosen, defaults = engine_options(options)
    torch_device = require_device(device)
    try:
        return _assemble(torch_device, chosen, defaults)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemory(
            f"{device} has no room for the checkpoint and a single take of "
            f"pool.model_memory_gb = {chosen.model_memory_gb:g} ({error}); run fewer workers on it"
        ) from error


def require_device(device: str) -> torch.device:
    """The device, if this torch can use it. Raises EngineError."""
    torch_device = torch.device(device)
    if torch_device.type == "cuda" and not torch.cuda.is_available():
        raise EngineError(
            f"{device}: this torch ({torch.__version__}) sees no CUDA; install a CUDA build of it"
        )
    return torch_device


def measure_costs(model: Model, codec: Codec) -> ModelCosts:
    """What the checkpoint takes; on a GPU, at least what is allocated with model and codec loaded."""
    shape = model.slow_shape
    token = 2 * len(model.slow) * shape.num_kv * shape.head_dim * model.dtype.itemsize
    weights = max(model.weight_bytes, allocated_bytes(model.device) - codec.weight_bytes)
    return ModelCosts(weights, codec.weight_bytes, codec.work_bytes, token, model.max_seq_len)


def _assemble(device: torch.device, chosen: EngineOptions, defaults: Sampling) -> FishEngine:
    folder, budget_gb = Path(chosen.checkpoint), chosen.model_memory_gb
    require_files(folder)
    limit_memory(device, budget_gb)
    model = load_model(folder, device, DTYPES[chosen.precision], all_token_ids=chosen.upstream_quirks)
    make_codec = StreamedCodec if device.type == "cuda" else Codec
    codec = make_codec(folder, device, DTYPES[chosen.codec_precision])
    if codec.num_codebooks != model.num_codebooks:
        raise EngineError(
            f"checkpoint {folder}: the model has {model.num_codebooks} codebooks, "
            f"the codec {codec.num_codebooks}"
        )
    release_memory(device)
    plan = plan_slots(budget_gb, measure_costs(model, codec), device.type, chosen.slots, chosen.slot_tokens)
    cache_dir = Path(chosen.cache_dir) if chosen.cache_dir else None
    voices = Voices(codec, model.tokenizer, cache_dir, plan.prefix_tokens)
    return FishEngine(lambda wanted: _make_decoder(model, wanted, chosen), codec, voices, plan, defaults)


def _make_decoder(model: Model, plan: SlotPlan, chosen: EngineOptions) -> Decoder:
    quirks = chosen.upstream_quirks
    if model.device.type == "cuda":
        settings = frame_settings(chosen.kernels, graphs=chosen.cuda_graphs, upstream_quirks=quirks)
        return GraphDecoder(model, plan, upstream_quirks=quirks, settings=settings)
    make = Decoder if model.dtype == torch.float32 else CompactDecoder
    return make(model, plan, upstream_quirks=quirks)
