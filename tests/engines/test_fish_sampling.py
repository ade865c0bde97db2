"""Sampling: the distribution is upstream's, the noise is each row's own."""

from __future__ import annotations

import pytest
import torch

from fishd.engines.fish.import_stubs import import_upstream
from fishd.engines.fish.model.sampling import candidate_salt, exponential_noise, penalise, sample, top_p_floor

CPU = torch.device("cpu")


def some_logits(rows: int, candidates: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(rows, candidates, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("temperature", "top_p", "penalty"), [(0.8, 0.8, 1.1), (1.3, 0.95, 1.0), (0.5, 0.3, 1.4)]
)
def test_the_distribution_is_upstreams(temperature: float, top_p: float, penalty: float) -> None:
    """Over many samples each candidate occurs as often as upstream's logits_to_probs says."""
    (inference,) = import_upstream("fish_speech.models.text2semantic.inference")
    logits, recent = some_logits(1, 24), torch.tensor([[3, 5, 5, 0]])
    options = [torch.tensor(x) for x in (temperature, top_p, penalty)]
    expected = inference.logits_to_probs(logits[0].clone(), *options, previous_tokens=recent[0])
    samples = 40_000
    ours = penalise(logits, recent, torch.full((1, 1), penalty)).expand(samples, -1)
    noise = exponential_noise(torch.full((samples,), 11), torch.arange(samples), 3, candidate_salt(24, CPU))
    column = torch.ones(samples, 1)
    sampled = sample(ours, column * temperature, column * top_p, noise)
    observed = torch.bincount(sampled, minlength=24) / samples
    assert expected.nonzero().flatten().tolist() == observed.nonzero().flatten().tolist()
    assert float((expected - observed).abs().max()) < 4 * (0.25 / samples) ** 0.5


def test_noise_depends_on_its_own_row_only() -> None:
    """A row's noise is the same in every batch, and differs by seed, step and codebook."""
    salt = candidate_salt(100, CPU)
    seeds, steps = torch.tensor([5, 2**62 + 1, 5 + 2**32]), torch.tensor([0, 7, 0])
    together = exponential_noise(seeds, steps, 2, salt)
    for row in range(3):
        alone = exponential_noise(seeds[row : row + 1], steps[row : row + 1], 2, salt)
        assert torch.equal(together[row], alone[0])
    others = [
        exponential_noise(seeds[:1], steps[:1] + 1, 2, salt),
        exponential_noise(seeds[:1], steps[:1], 3, salt),
        together[1:2],
        together[2:],
    ]
    assert not any(torch.allclose(together[:1], other) for other in others)


def test_noise_is_exponential_and_finite() -> None:
    """Mean and variance of 1, no zeros and no infinities, over two million values."""
    noise = exponential_noise(torch.arange(512), torch.arange(512) * 3, 9, candidate_salt(4097, CPU))
    assert torch.isfinite(noise).all()
    assert float(noise.min()) > 0
    assert 1.0 == pytest.approx(float(noise.mean()), abs=0.01)
    assert 1.0 == pytest.approx(float(noise.var()), abs=0.02)


def test_neighbouring_candidates_and_steps_are_uncorrelated() -> None:
    """The hash leaves no correlation between neighbouring candidates or successive steps."""
    noise = exponential_noise(torch.full((500,), 3), torch.arange(500), 1, candidate_salt(1024, CPU))
    centred = noise - noise.mean()
    assert 0.0 == pytest.approx(float((centred[:, 1:] * centred[:, :-1]).mean()), abs=0.01)
    assert 0.0 == pytest.approx(float((centred[1:] * centred[:-1]).mean()), abs=0.01)


def test_a_tiny_top_p_is_greedy() -> None:
    """The best candidate is always kept, here as the only one."""
    logits = some_logits(8, 50)
    noise = exponential_noise(torch.arange(8), torch.arange(8), 0, candidate_salt(50, CPU))
    tiny = torch.full((8, 1), 1e-6)
    assert torch.equal(logits.argmax(-1), sample(logits, torch.ones(8, 1), tiny, noise))
    assert torch.equal(logits.amax(-1, keepdim=True), top_p_floor(logits, tiny))


def test_rows_have_options_of_their_own() -> None:
    """One row of a batch may be greedy while its neighbour is not."""
    logits = some_logits(1, 50).expand(2000, -1)
    noise = exponential_noise(
        torch.arange(2000), torch.zeros(2000, dtype=torch.long), 0, candidate_salt(50, CPU)
    )
    top_p = torch.tensor([1e-6, 0.99]).repeat(1000)[:, None]
    sampled = sample(logits, torch.ones(2000, 1), top_p, noise)
    assert 1 == len(sampled[::2].unique())
    assert 1 < len(sampled[1::2].unique())
