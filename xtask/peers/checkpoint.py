"""Networks of the family, as `host/torch` reads them, and random weights where there are no real ones."""

import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

sys.path.append(str(Path(__file__).parents[2] / "host" / "torch"))
from mambalite_torch.checkpoint import Config, Network, anchor_kernel, load, mixers  # noqa: E402, F401


def random_dvmsr(path, seed):
    """Writes a network of DVMSR's shape with random weights.

    Scales are such that activations stay near 1 and steps and decays spread over the range that
    trained networks use; the arithmetic does not depend on the values.
    """
    config, rng = Config(), np.random.default_rng(seed)
    tensors = {}

    def weight(name, *shape, gain=1.0):
        limit = gain * math.sqrt(2.0 / np.prod(shape[1:]))
        tensors[name + ".weight"] = rng.uniform(-limit, limit, shape)

    def vector(name, length, low, high):
        tensors[name] = rng.uniform(low, high, length)

    def conv(name, outputs, inputs, gain=1.0):
        weight(name, outputs, inputs, 3, 3, gain=gain)
        vector(name + ".bias", outputs, -0.1, 0.1)

    def norm(name):
        vector(name + ".weight", config.width, 0.5, 1.5)
        vector(name + ".bias", config.width, -0.2, 0.2)

    conv("conv_first", config.width, config.channels)
    for name in ("patch_embed.norm", "norm_f"):
        norm(name)
    for _, _, block in mixers(config):
        norm(block + ".norm")
        mixer, inner = block + ".mixer", config.inner
        weight(mixer + ".in_proj", 2 * inner, config.width)
        weight(mixer + ".x_proj", config.dt_rank + 2 * config.states, inner)
        weight(mixer + ".dt_proj", inner, config.dt_rank)
        vector(mixer + ".dt_proj.bias", inner, -5.0, -1.0)
        weight(mixer + ".out_proj", config.width, inner)
        tensors[mixer + ".conv1d.weight"] = rng.uniform(-0.6, 0.6, (inner, 1, 4))
        vector(mixer + ".conv1d.bias", inner, -0.1, 0.1)
        vector(mixer + ".D", inner, 0.5, 1.5)
        ramp = np.log(np.arange(1, config.states + 1))
        tensors[mixer + ".A_log"] = ramp + rng.uniform(-0.2, 0.2, (inner, config.states))
    for group in range(config.groups):
        conv(f"layers.{group}.conv", config.width, config.width)
    conv("conv_after_body", config.width, config.width)
    conv("upsample.0", config.channels * config.scale**2, config.width, gain=0.1)
    save_file({name: value.astype(np.float32) for name, value in tensors.items()}, path)
