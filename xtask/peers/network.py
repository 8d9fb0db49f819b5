"""The network in PyTorch, with the sequence part of each mixer compiled (`scan.cpp`)."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import checkpoint

COMPILER = ["g++", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
            "-Wno-psabi", "-fopenmp", "-shared", "-fPIC"]


def compile_scan(folder):
    """Compiles the kernels and loads them; PyTorch's OpenMP threads run them."""
    source = Path(__file__).with_name("scan.cpp")
    library = Path(folder) / "libscan.so"
    subprocess.run([*COMPILER, "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


def pointer(tensor):
    assert tensor.is_contiguous() and tensor.dtype == torch.float32
    return ctypes.c_void_p(tensor.data_ptr())


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))


class Mixer:
    """One Mamba mixer over tokens `[L, C]`."""

    def __init__(self, network, name, kernels, linear):
        config = network.config
        self.kernels, self.config = kernels, config
        self.in_proj, self.x_proj, self.out_proj = (
            [linear(factor) for factor in network.factors(f"{name}.{part}.weight")]
            for part in ("in_proj", "x_proj", "out_proj"))
        self.dt = tensor(network.dense(f"{name}.dt_proj.weight").T)
        self.dt_bias = tensor(network[f"{name}.dt_proj.bias"])
        self.taps = tensor(network[f"{name}.conv1d.weight"][:, 0].T)
        self.taps_bias = tensor(network[f"{name}.conv1d.bias"])
        self.rates = tensor(network.rates(name).T * np.float32(np.log2(np.e)))
        self.skip = tensor(network[f"{name}.D"])

    def __call__(self, x):
        length, inner = len(x), self.config.inner
        xz = chain(self.in_proj, x)
        u, y = torch.empty(length, inner), torch.empty(length, inner)
        sizes = [ctypes.c_long(length), ctypes.c_long(inner)]
        self.kernels.causal_conv1d(
            pointer(xz), pointer(self.taps), pointer(self.taps_bias), pointer(u), *sizes)
        dbl = chain(self.x_proj, u)
        tensors = (u, xz, dbl, self.dt, self.dt_bias, self.rates, self.skip, y)
        sizes += [ctypes.c_long(self.config.dt_rank), ctypes.c_long(self.config.states)]
        self.kernels.selective_scan(*map(pointer, tensors), *sizes, int(self.config.tied))
        return chain(self.out_proj, y)


def eager_linear(weight):
    """A projection as PyTorch users write it."""
    weight = tensor(weight)
    return lambda x: F.linear(x, weight)


def packed_linear(weight, length):
    """A projection by oneDNN with its weight reordered once, as `torch.compile` with freezing has it.

    On cores for which MKL has no AVX-512 path this is up to three times as fast.
    """
    weight = torch.ops.mkldnn._reorder_linear_weight(tensor(weight), length)
    return lambda x: torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


def chain(functions, x):
    for function in functions:
        x = function(x)
    return x


class Torch:
    """The network; pictures `[H, W, channels]` of bytes to `[H s, W s, channels]`, 0 to 1."""

    def __init__(self, network, kernels, linear):
        config = network.config
        self.config, self.network = config, network
        self.mean = tensor(np.array(config.colour, np.float32))
        self.mixers = {(g, b): Mixer(network, f"{name}.mixer", kernels, linear)
                       for g, b, name in checkpoint.mixers(config)}
        self.norms = {(g, b): f"{name}.norm" for g, b, name in checkpoint.mixers(config)}
        names = ["conv_first", "conv_after_body", "upsample.0"]
        names += [f"layers.{group}.conv" for group in range(config.groups)]
        self.convs = {name: self.conv_weights(name) for name in names}
        norms = ["patch_embed.norm", "norm_f", *self.norms.values()]
        self.norm_weights = {name: (tensor(network[f"{name}.weight"]), tensor(network[f"{name}.bias"]))
                             for name in norms}
        if config.anchor != "none":
            self.anchor = tensor(checkpoint.anchor_kernel(config))

    def conv_weights(self, name):
        factors = [tensor(f) for f in self.network.factors(f"{name}.weight")]
        factors = [f.reshape(*f.shape[:2], *(f.shape[2:] or (1, 1))) for f in factors]
        factors = [f.contiguous(memory_format=torch.channels_last) for f in factors]
        return factors, tensor(self.network[f"{name}.bias"])

    def conv(self, x, name):
        """A convolution of `[1, C, H, W]`, channels last in memory."""
        factors, bias = self.convs[name]
        for factor in factors:
            last = factor is factors[-1]
            x = F.conv2d(x, factor, bias if last else None, padding=factor.shape[-1] // 2)
        return x

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], *self.norm_weights[name], 1e-5)

    @torch.inference_mode()
    def __call__(self, picture):
        config = self.config
        pixels = torch.from_numpy(picture).float() / 255
        height, width, _ = pixels.shape
        image = lambda tokens: tokens.view(1, height, width, -1).permute(0, 3, 1, 2)
        tokens = lambda image: image.permute(0, 2, 3, 1).reshape(height * width, -1)
        first = self.conv(image(pixels - self.mean), "conv_first")
        x = self.norm(tokens(first), "patch_embed.norm")
        for group in range(config.groups):
            group_input = x
            for block in range(config.blocks):
                mixed = self.mixers[group, block](self.norm(x, self.norms[group, block]))
                x = mixed + x if config.mixer_skip else mixed
            x = tokens(self.conv(image(x), f"layers.{group}.conv")) + group_input
        x = self.conv(image(self.norm(x, "norm_f")), "conv_after_body") + first
        x = self.conv(x, "upsample.0")
        if config.anchor != "none":
            x = x + F.conv2d(self.mirrored(pixels), self.anchor)
        x = F.pixel_shuffle(x, config.scale)[0].permute(1, 2, 0)
        return (x if config.anchor != "none" else x + self.mean).contiguous().numpy()

    @staticmethod
    def mirrored(pixels):
        """Adds two rows and columns on each side, the border pixels repeated; `[1, C, H, W]`."""
        rows, columns = (mirror(length) for length in pixels.shape[:2])
        return pixels[rows][:, columns].permute(2, 0, 1)[None]


def mirror(length):
    """Returns the indices `-2..length + 2` mirrored into `0..length`."""
    index = np.arange(-2, length + 2) % (2 * length)
    return torch.from_numpy(np.minimum(index, 2 * length - 1 - index))
