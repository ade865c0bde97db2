"""Makes random checkpoints that load and speak (noise), tiny or S1-mini shaped.

    python -m tests.engines.fish_checkpoint OUTDIR [tiny|s1mini] [--dtype bfloat16] [--no-codec]

In a tiny one the output's rows for text ids are zero, so that semantic ids and the end token win, and the end
token is sampled about once in `num_semantic` frames: takes end by themselves within a few seconds.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import sys
from pathlib import Path

import torch

from fishd.engines.fish.import_stubs import import_upstream, stubbed_imports

S1_MINI = {
    "model_type": "dual_ar", "vocab_size": 155776, "n_layer": 28, "n_head": 16, "n_local_heads": 8,
    "dim": 1024, "head_dim": 128, "intermediate_size": 3072, "rope_base": 1000000, "norm_eps": 1e-6,
    "max_seq_len": 8192, "dropout": 0.0, "tie_word_embeddings": False, "attention_qkv_bias": False,
    "attention_o_bias": False, "attention_qk_norm": True, "codebook_size": 4096, "num_codebooks": 10,
    "use_gradient_checkpointing": True, "initializer_range": 0.03125, "is_reward_model": False,
    "scale_codebook_embeddings": True, "n_fast_layer": 4, "fast_dim": 1024, "fast_n_head": 16,
    "fast_n_local_heads": 8, "fast_head_dim": 64, "fast_intermediate_size": 3072,
    "fast_attention_qkv_bias": False, "fast_attention_qk_norm": False, "fast_attention_o_bias": False,
}  # fmt: skip
TINY = {
    **S1_MINI, "n_layer": 2, "n_head": 4, "n_local_heads": 2, "dim": 64, "head_dim": 16,
    "intermediate_size": 128, "max_seq_len": 4096, "n_fast_layer": 1, "fast_dim": 64, "fast_n_head": 4,
    "fast_n_local_heads": 2, "fast_head_dim": 16, "fast_intermediate_size": 128,
}  # fmt: skip
TINY_CODES = 64
S1_RANKS, S1_SPEAKERS = 151643, 2


def make_tiny(
    folder: Path, *, seed: int = 0, codec: bool = True, silent_text: bool = True, **changes: object
) -> Path:
    """A checkpoint under 2 MB that runs end to end. `changes` go into its config.json.

    Unless `silent_text`, text ids are as likely to be sampled as semantic ones.
    """
    ids = write_tokenizer(folder, num_ranks=256, num_semantic=TINY_CODES)
    config = {**TINY, "vocab_size": ids, "codebook_size": TINY_CODES, **changes}
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    write_model(folder, seed, torch.float32, silent_text=silent_text)
    if codec:
        write_codec(folder, seed, tiny=True)
    return folder


def make_s1_mini(
    folder: Path, *, seed: int = 0, codec: bool = True, dtype: torch.dtype = torch.bfloat16
) -> Path:
    """A checkpoint of S1-mini's shape: 860 M random weights, and 391 M of a codec."""
    write_tokenizer(folder, num_ranks=S1_RANKS, num_semantic=4096)
    (folder / "config.json").write_text(json.dumps(S1_MINI, indent=1))
    write_model(folder, seed, dtype)
    if codec:
        write_codec(folder, seed, tiny=False)
    return folder


def write_tokenizer(folder: Path, num_ranks: int, num_semantic: int) -> int:
    """Byte ranks, then made-up pairs and triples; then specials, semantic ids last. -> number of ids."""
    folder.mkdir(parents=True, exist_ok=True)
    (module,) = import_upstream("fish_speech.tokenizer")
    words = (bytes(w) for n in (1, 2, 3) for w in itertools.product(range(256), repeat=n))
    lines = [
        f"{base64.b64encode(w).decode()} {i}\n" for i, w in enumerate(itertools.islice(words, num_ranks))
    ]
    (folder / "tokenizer.tiktoken").write_text("".join(lines))
    special = [t for t in module.ALL_SPECIAL_TOKENS if not t.startswith("<|semantic:")]
    special += [f"<|speaker:{i}|>" for i in range(S1_SPEAKERS)]
    special += [f"<|semantic:{i}|>" for i in range(num_semantic)]
    ids = {token: num_ranks + i for i, token in enumerate(special)}
    (folder / "special_tokens.json").write_text(json.dumps(ids))
    return num_ranks + len(special)


def write_model(folder: Path, seed: int, dtype: torch.dtype, *, silent_text: bool = True) -> None:
    """model.pth: normally distributed weights, norms of one; with `silent_text`, zero logits for text."""
    from fishd.engines.fish.checkpoint.files import read_architecture, read_tokenizer

    architecture = read_architecture(folder)
    tokenizer = read_tokenizer(folder, architecture)
    (llama,) = import_upstream("fish_speech.models.text2semantic.llama")
    with torch.device("meta"):
        module = llama.DualARTransformer(architecture, tokenizer)
    weights = random_weights(module, seed, architecture.initializer_range, dtype)
    if silent_text and (output := weights.get("output.weight")) is not None:
        end = tokenizer.get_token_id("<|im_end|>")
        silent = torch.ones(len(output), dtype=torch.bool)
        silent[[end, *range(tokenizer.semantic_begin_id, tokenizer.semantic_end_id + 1)]] = False
        output[silent] = 0
    torch.save(weights, folder / "model.pth")


def write_codec(folder: Path, seed: int, *, tiny: bool) -> None:
    """codec.pth, and for a tiny one the codec.yaml that describes it."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    root, _, _ = import_upstream(
        "fish_speech", "fish_speech.models.dac.modded_dac", "fish_speech.models.dac.rvq"
    )
    settings = OmegaConf.load(Path(root.__path__[0]) / "configs/modded_dac_vq.yaml")
    if tiny:
        shrink(settings)
        OmegaConf.save(settings, folder / "codec.yaml")
    with stubbed_imports(), torch.device("meta"):
        module = instantiate(settings)
    weights = random_weights(module, seed, 0.02, torch.float32)
    for name in [n for n in weights if n.startswith("decoder.") and n.endswith("original0")]:
        weights[name].fill_(1.0)  # loud enough not to count as silence
    torch.save(weights, folder / "codec.pth")


def shrink(settings) -> None:
    """The real codec's structure at a size of half a megabyte."""
    settings.encoder_dim, settings.decoder_dim = 1, 16
    settings.encoder_transformer_layers = settings.decoder_transformer_layers = [0, 0, 0, 0]
    settings.transformer_general_config.block_size = 512
    q = settings.quantizer
    q.input_dim, q.semantic_codebook_size, q.codebook_size = 16, TINY_CODES, TINY_CODES
    for part in (q.post_module, q.pre_module):
        part.input_dim = 16
        part.config.update(
            {
                "block_size": 4096,
                "n_layer": 1,
                "n_head": 1,
                "dim": 16,
                "intermediate_size": 32,
                "head_dim": 64,
            }
        )


def random_weights(
    module: torch.nn.Module, seed: int, std: float, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """Weights for a module on the meta device: matrices are random, gains and biases constant."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, parameter in module.named_parameters():
        shape = tuple(parameter.shape)
        if len(shape) < 2 or name.endswith(("original0", "alpha", "weight_g")):
            fill = 0.0 if name.endswith("bias") else 1e-2 if name.endswith("gamma") else 1.0
            weights[name] = torch.full(shape, fill, dtype=dtype)
        else:
            weights[name] = (torch.randn(shape, generator=generator) * std).to(dtype)
    return weights


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", nargs="?", default="tiny", choices=["tiny", "s1mini"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="bfloat16", help="of an S1-mini shaped model")
    parser.add_argument("--no-codec", action="store_true")
    given = parser.parse_args(arguments)
    if given.kind == "tiny":
        make_tiny(given.folder, seed=given.seed, codec=not given.no_codec)
    else:
        make_s1_mini(
            given.folder, seed=given.seed, codec=not given.no_codec, dtype=getattr(torch, given.dtype)
        )
    print(given.folder)


if __name__ == "__main__":
    main(sys.argv[1:])
