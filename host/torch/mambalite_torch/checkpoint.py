"""Networks of the family in safetensors files: dimensions, tensors, and what these stand for.

Names and layouts are those of PyTorch's DVMSR. A weight `X.weight` may be low-rank, `X.weight.u`
times `X.weight.v`, with identity rows where there is an `X.weight.order`.
"""

import dataclasses
import math

import numpy as np
from safetensors import safe_open


@dataclasses.dataclass(frozen=True)
class Config:
    """Dimensions and options; letters in brackets are those of the papers."""

    channels: int = 3
    scale: int = 4
    width: int = 60  # [C]
    inner: int = 120  # [E]
    groups: int = 4
    blocks: int = 2
    states: int = 16  # [N]
    dt_rank: int = 4  # [R]
    tied: bool = False
    mixer_skip: bool = False
    anchor: str = "none"
    mean: tuple = (0.4488, 0.4371, 0.4040)  # Of one channel, the first counts.

    @property
    def colour(self):
        """The mean of each channel."""
        return self.mean[:self.channels]

    def metadata(self):
        """Returns what the shapes of the tensors do not tell, as it stands in a file."""
        return {
            "mambalite.scale": str(self.scale),
            "mambalite.mixer_skip": str(self.mixer_skip).lower(),
            "mambalite.anchor": self.anchor,
            "mambalite.decay": "tied" if self.tied else "full",
            "mambalite.mean": ",".join(map(str, self.mean)),
        }

    def matrices(self):
        """Yields name, inputs and outputs of every matrix product of a pixel, as if dense."""
        yield "conv_first", 9 * self.channels, self.width
        for group in range(self.groups):
            for _ in range(self.blocks):
                yield "in_proj", self.width, 2 * self.inner
                yield "x_proj", self.inner, self.dt_rank + 2 * self.states
                yield "dt_proj", self.dt_rank, self.inner
                yield "out_proj", self.inner, self.width
            yield f"layers.{group}.conv", 9 * self.width, self.width
        yield "conv_after_body", 9 * self.width, self.width
        yield "upsample", 9 * self.width, self.channels * self.scale**2


class Network:
    """A configuration and its tensors as NumPy arrays."""

    def __init__(self, config, tensors):
        self.config = config
        self.tensors = tensors

    def __getitem__(self, name):
        return self.tensors[name]

    def dense(self, name):
        """Returns a weight as one array, whatever its form."""
        factors = self.factors(name)
        if len(factors) == 1:
            return factors[0]
        v, u = factors
        return (u @ v.reshape(len(v), -1)).reshape(len(u), *v.shape[1:])

    def factors(self, name):
        """Returns the arrays that a weight is applied as, the first one first."""
        if name in self.tensors:
            return [self.tensors[name]]
        v, u = self.tensors[name + ".v"], self.tensors[name + ".u"]
        if name + ".order" in self.tensors:
            order = self.tensors[name + ".order"].astype(int)
            u = np.concatenate([np.eye(len(v), dtype=np.float32), u])[order]
        return [v, u]

    def rates(self, mixer):
        """Returns A, `[E, N]`."""
        rates = -np.exp(self.tensors[mixer + ".A_log"].astype(np.float64))
        if self.config.tied:
            rates = rates * np.arange(1, self.config.states + 1)
        return rates.astype(np.float32)


def mixers(config):
    """Yields group and block of every mixer and the prefix of its block's names."""
    for group in range(config.groups):
        for block in range(config.blocks):
            yield group, block, f"layers.{group}.residual_group.blocks.{block}"


def load(path):
    """Reads a safetensors file."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}
    network = Network(None, tensors)
    mixer = "layers.0.residual_group.blocks.0.mixer"
    outputs = {n: network.dense(f"{n}.weight").shape[0] for n in ("conv_first", "upsample.0")}
    states = (network.dense(f"{mixer}.x_proj.weight").shape[0]
              - network.dense(f"{mixer}.dt_proj.weight").shape[1]) // 2
    count = lambda prefix: len({n[len(prefix):].split(".")[0] for n in tensors if n.startswith(prefix)})
    channels = network.dense("conv_first.weight").shape[1]
    mean = metadata.get("mambalite.mean", "0.4488,0.4371,0.4040")
    mean = tuple(float(value) for value in mean.split(","))
    shown = "tied" if states > 1 and tensors[f"{mixer}.A_log"].shape[1] == 1 else "full"
    network.config = Config(
        channels=channels,
        scale=int(metadata.get("mambalite.scale", round(math.sqrt(outputs["upsample.0"] / channels)))),
        width=outputs["conv_first"],
        inner=len(tensors[f"{mixer}.D"]),
        groups=count("layers."),
        blocks=count("layers.0.residual_group.blocks."),
        states=states,
        dt_rank=network.dense(f"{mixer}.dt_proj.weight").shape[1],
        tied=metadata.get("mambalite.decay", shown) == "tied",
        mixer_skip=metadata.get("mambalite.mixer_skip", "false") == "true",
        anchor=metadata.get("mambalite.anchor", "none"),
        mean=mean * (3 // len(mean)),
    )
    return network


def anchor_kernel(config, dtype=np.float32):
    """Returns the anchor as a convolution to sub-pixels, `[channels scale^2, channels, 5, 5]`."""
    scale, channels = config.scale, config.channels
    taps = np.zeros((scale, 5))
    for phase in range(scale):
        x = np.abs((phase + 0.5) / scale - 0.5 - np.arange(-2, 3))
        near = 1.5 * x**3 - 2.5 * x**2 + 1
        far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        taps[phase] = np.where(x <= 1, near, np.where(x < 2, far, 0))
        # The kernels have them in 1024ths, exact for scales 2 and 4, with a sum of 1.
        taps[phase] = np.rint(1024 * taps[phase]) / 1024
        taps[phase, 2] += 1 - taps[phase].sum()
        if config.anchor == "nearest":
            taps[phase] = np.arange(5) == 2
    kernel = np.zeros((channels, scale, scale, channels, 5, 5), dtype)
    for channel in range(channels):
        kernel[channel, :, :, channel] = np.einsum("ai,bj->abij", taps, taps)
    return kernel.reshape(channels * scale**2, channels, 5, 5)
