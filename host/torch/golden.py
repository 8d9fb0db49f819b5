"""Writes the golden gradients that the trainer's tests read: PyTorch's autograd in double precision.

    python host/torch/golden.py tests/golden/gradients

All inputs are numbers of single precision, which is what the kernels take parameters in. A file of a
network has its tensors under their names, and under `golden.` the picture, the weights of the sum of
outputs that is the loss, the outputs and the gradients. `ops.safetensors` has the same of single
operators, in the layouts of the kernels.
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from mambalite_torch import model
from mambalite_torch.checkpoint import Config, mixers

HEIGHT, WIDTH = 4, 5
SMALL = dict(width=4, inner=5, groups=2, blocks=1, states=3, dt_rank=2)
NETWORKS = {
    "dense": (Config(scale=2, **SMALL), ["dense"]),
    "low-rank": (Config(channels=1, scale=3, tied=True, mixer_skip=True, anchor="nearest", **SMALL),
                 ["low-rank"]),
    "identity-rows": (Config(channels=1, scale=4, anchor="bicubic", **SMALL), ["identity-rows"]),
    "mixed": (Config(scale=2, tied=True, mixer_skip=True, anchor="bicubic", **SMALL | {"blocks": 2}),
              ["dense", "low-rank", "identity-rows"]),
}


class Random:
    """Numbers of single precision in tensors of double precision."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape, low=-1.0, high=1.0):
        return torch.from_numpy(self.rng.uniform(low, high, shape).astype(np.float32)).double()


def weight(random, tensors, name, form, outputs, inputs, taps):
    """Puts a weight of a form, with the bias of those that have one, into the tensors."""
    kernel = (3, 3) if taps == 9 else ()
    limit = (2 / (inputs * taps)) ** 0.5
    if form == "dense":
        tensors[f"{name}.weight"] = random(outputs, inputs, *kernel, low=-limit, high=limit)
    else:
        rank = (min(outputs, inputs * taps) + 1) // 2
        copies = rank if form == "identity-rows" else 0
        tensors[f"{name}.weight.v"] = random(rank, inputs, *kernel, low=-limit, high=limit)
        tensors[f"{name}.weight.u"] = random(outputs - copies, rank)
        if copies:
            order = torch.from_numpy(random.rng.permutation(outputs))
            tensors[f"{name}.weight.order"] = order.double()
    if name.endswith("dt_proj"):
        tensors[f"{name}.bias"] = random(outputs, low=-2)
    elif taps == 9:
        tensors[f"{name}.bias"] = random(outputs, low=-0.1, high=0.1)


def tensors_of(config, forms, random):
    """Makes a network with random values; the forms take turns."""
    c, tensors = config, {}
    weights = [("conv_first", c.width, c.channels, 9)]
    for group in range(c.groups):
        for block in range(c.blocks):
            mixer = f"layers.{group}.residual_group.blocks.{block}.mixer"
            weights += [(f"{mixer}.in_proj", 2 * c.inner, c.width, 1),
                        (f"{mixer}.x_proj", c.dt_rank + 2 * c.states, c.inner, 1),
                        (f"{mixer}.dt_proj", c.inner, c.dt_rank, 1),
                        (f"{mixer}.out_proj", c.width, c.inner, 1)]
        weights.append((f"layers.{group}.conv", c.width, c.width, 9))
    weights.append(("conv_after_body", c.width, c.width, 9))
    weights.append(("upsample.0", c.channels * c.scale**2, c.width, 9))
    for i, (name, *shape) in enumerate(weights):
        weight(random, tensors, name, forms[i % len(forms)], *shape)
    blocks = [name for _, _, name in mixers(c)]
    for name in ["patch_embed.norm", "norm_f", *(f"{block}.norm" for block in blocks)]:
        tensors[f"{name}.weight"] = random(c.width, low=0.5, high=1.5)
        tensors[f"{name}.bias"] = random(c.width)
    for mixer in (f"{block}.mixer" for block in blocks):
        tensors[f"{mixer}.conv1d.weight"] = random(c.inner, 1, 4)
        tensors[f"{mixer}.conv1d.bias"] = random(c.inner)
        tensors[f"{mixer}.D"] = random(c.inner, low=0.5, high=1.5)
        tensors[f"{mixer}.A_log"] = random(c.inner, 1 if c.tied else c.states)
    return tensors


def golden_network(config, forms, random):
    """Returns the tensors of a file and its metadata."""
    tensors = tensors_of(config, forms, random)
    golden = {name: value.float() for name, value in tensors.items()}
    for name in tensors:
        if name.endswith(".A_log"):
            # The kernels have the rates in single precision: the network is that of these.
            tensors[name] = torch.log(torch.exp(tensors[name]).float().double())
    network = model.Network(config, tensors).double()
    network.load_state_dict(tensors)
    if network.anchor is not None:
        network.anchor = torch.from_numpy(model.checkpoint.anchor_kernel(config, np.float64))
    # The kernels take the mean from the file, in single precision.
    network.mean = torch.tensor(config.colour, dtype=torch.float32).double().view(-1, 1, 1)
    picture = torch.from_numpy(random.rng.integers(0, 256, (HEIGHT, WIDTH, config.channels)))
    output = network((picture.double() / 255).permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    weights = random(*output.shape, low=-8.0, high=8.0)
    (output * weights).sum().backward()
    golden |= {"golden.picture": picture.double(), "golden.weights": weights, "golden.output": output}
    golden |= {f"golden.gradient.{name}": value.grad for name, value in network.named_parameters()}
    return golden, config.metadata()


def op(golden, name, function, **inputs):
    """Puts an operator in: inputs, the gradient of its output, and the gradients of its inputs."""
    for value in inputs.values():
        value.requires_grad_(True)
    output = function(**inputs)
    g = golden["random"](*output.shape)
    (output * g).sum().backward()
    golden[f"{name}.output"], golden[f"{name}.g"] = output, g
    for key, value in inputs.items():
        golden[f"{name}.{key}"], golden[f"{name}.d_{key}"] = value, value.grad


def scan(tied, rank):
    def run(rate, skip, u, dt, projected):
        states = (projected.shape[1] - rank) // 2
        _, b, c = projected.split([rank, states, states], 1)
        rates = rate * torch.arange(1, states + 1)[:, None] if tied else rate
        state, rows = torch.zeros(states, u.shape[1], dtype=u.dtype), []
        for t in range(len(u)):
            state = torch.exp(dt[t] * rates) * state + b[t, :, None] * (dt[t] * u[t])
            rows.append(c[t] @ state + skip * u[t])
        return torch.stack(rows)
    return run


def conv1d(in_proj, taps, bias):
    u = in_proj[:, :len(bias)]
    padded = F.pad(u, (0, 0, 3, 0))
    return F.silu(sum(padded[i:i + len(u)] * taps[i] for i in range(4)) + bias)


def product(taps, rank, identity, outputs, inputs, order):
    """A weight over 12 pixels, parameters in one vector as in the model file."""
    def run(x, values):
        if taps == 9:
            picture = x.view(3, 4, inputs).permute(2, 0, 1)[None]
            patches = F.unfold(picture, 3, padding=1)[0].view(inputs, 9, 12)
            x = patches.permute(2, 1, 0).reshape(12, 9 * inputs)
        if not rank:
            w, bias = values.split([x.shape[1] * outputs, outputs])
            return x @ w.view(-1, outputs) + bias
        if not identity:
            v, u, bias = values.split([x.shape[1] * rank, rank * outputs, outputs])
            return x @ v.view(-1, rank) @ u.view(rank, outputs) + bias
        others = outputs - rank
        v, copies, u, bias = values.split([x.shape[1] * rank, rank, rank * others, others])
        middle = x @ v.view(-1, rank)
        both = torch.cat([middle + copies, middle @ u.view(rank, others) + bias], 1)
        return both[:, order]
    return run


def golden_ops(random):
    golden = {"random": random}
    pixels, inner, states, rank = 7, 5, 6, 2
    for name, rows in (("scan.full", states), ("scan.tied", 1)):
        op(golden, name, scan(rows == 1, rank), rate=random(rows, inner, low=-0.75, high=-0.25),
           skip=random(inner), u=random(pixels, inner), dt=random(pixels, inner, low=0.125, high=0.75),
           projected=random(pixels, rank + 2 * states))
    op(golden, "conv1d", conv1d, in_proj=random(pixels, 2 * inner), taps=random(4, inner),
       bias=random(inner))
    width = 5
    op(golden, "norm", lambda x, gamma, beta: F.layer_norm(x, [width], gamma, beta, model.EPSILON),
       x=random(3, width), gamma=random(width), beta=random(width))
    op(golden, "gate", lambda y, x: y * F.silu(x[:, inner:]), y=random(3, inner),
       x=random(3, 2 * inner, low=-4, high=4))
    op(golden, "step", F.softplus, input=random(40, low=-6, high=6))
    for taps in (1, 9):
        for rank, identity, form in ((0, False, "dense"), (3, False, "low-rank"), (3, True, "identity")):
            outputs, inputs, order = 7, 5, [3, 0, 6, 1, 5, 2, 4]
            n = taps * inputs
            length = (n * outputs + outputs if not rank else
                      n * rank + rank * (outputs - rank * identity) + outputs)
            op(golden, f"weight.{taps}.{form}", product(taps, rank, identity, outputs, inputs, order),
               x=random(12, inputs), values=random(length))
    del golden["random"]
    return golden


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    ready = lambda tensors: {k: v.detach().contiguous().clone() for k, v in tensors.items()}
    for seed, (name, (config, forms)) in enumerate(NETWORKS.items()):
        tensors, metadata = golden_network(config, forms, Random(seed))
        save_file(ready(tensors), folder / f"{name}.safetensors", metadata)
    save_file(ready(golden_ops(Random(100))), folder / "ops.safetensors")


if __name__ == "__main__":
    main()
