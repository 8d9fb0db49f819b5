"""The network as a PyTorch module whose state is the tensors of a mambalite safetensors file."""

import os

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from . import checkpoint

EPSILON = 1e-5


class Factors(nn.Module):
    """A weight of low rank: outputs are `u (v x)`.

    With identity rows `u` has rows for the other outputs only; output `o` is row `order[o]` of the
    copies `v x` and then the others.
    """

    def __init__(self, v, u, order):
        super().__init__()
        self.v = nn.Parameter(torch.empty(v))
        self.u = nn.Parameter(torch.empty(u))
        # Numbers of the file's one type, for it has no integers.
        self.register_buffer("order", None if order is None else torch.empty(order))


def weight_of(name, tensors):
    """Makes the empty parameter of weight `name` in the form that it has in a file."""
    shape = lambda key: tensors[key].shape if key in tensors else None
    if name in tensors:
        return nn.Parameter(torch.empty(shape(name)))
    return Factors(*(shape(f"{name}.{factor}") for factor in ("v", "u", "order")))


def applied(weight, bias, x, first, second, axis):
    """Applies a weight of any form: `first(x, w, b)`, or for the factor `u` `second(x, w, b)`.

    * `axis` - of the outputs in what these return.
    """
    if not isinstance(weight, Factors):
        return first(x, weight, bias)
    middle = first(x, weight.v, None)
    if weight.order is None:
        return second(middle, weight.u, bias)
    both = torch.cat([middle, second(middle, weight.u, None)], axis)
    y = both.index_select(axis, weight.order.long())
    return y if bias is None else y + bias.view(-1, *[1] * (-1 - axis))


class Linear(nn.Module):
    """A projection of tokens `[..., inputs]`."""

    def __init__(self, name, tensors):
        super().__init__()
        self.weight = weight_of(f"{name}.weight", tensors)
        bias = tensors.get(f"{name}.bias")
        self.register_parameter("bias", None if bias is None else nn.Parameter(torch.empty(bias.shape)))

    def forward(self, x):
        return applied(self.weight, self.bias, x, F.linear, F.linear, -1)


class Conv3x3(nn.Module):
    """A convolution of pictures `[B, inputs, H, W]`."""

    def __init__(self, name, tensors):
        super().__init__()
        self.weight = weight_of(f"{name}.weight", tensors)
        self.bias = nn.Parameter(torch.empty(tensors[f"{name}.bias"].shape))

    def forward(self, x):
        taps = lambda x, w, b: F.conv2d(x, w, b, padding=1)
        point = lambda x, w, b: F.conv2d(x, w[:, :, None, None], b)
        return applied(self.weight, self.bias, x, taps, point, -3)


class Mixer(nn.Module):
    """One Mamba mixer over tokens `[B, L, C]`."""

    def __init__(self, name, tensors, config):
        super().__init__()
        self.config = config
        self.in_proj, self.x_proj, self.dt_proj, self.out_proj = (
            Linear(f"{name}.{part}", tensors) for part in ("in_proj", "x_proj", "dt_proj", "out_proj"))
        inner = config.inner
        self.conv1d = nn.Conv1d(inner, inner, 4, groups=inner, padding=3)
        self.A_log = nn.Parameter(torch.empty(inner, 1 if config.tied else config.states))
        self.D = nn.Parameter(torch.empty(inner))

    def rates(self):
        """Returns A, `[E, N]`."""
        rates = -torch.exp(self.A_log)
        if self.config.tied:
            rates = rates * torch.arange(1, self.config.states + 1, device=rates.device)
        return rates

    def forward(self, x):
        c = self.config
        u, z = self.in_proj(x).split(c.inner, -1)
        u = F.silu(self.conv1d(u.transpose(1, 2))[..., :u.shape[1]]).transpose(1, 2)
        dt, b, out = self.x_proj(u).split([c.dt_rank, c.states, c.states], -1)
        dt = F.softplus(self.dt_proj(dt))
        y = selective_scan(dt, u, b, out, self.rates()) + u * self.D
        return self.out_proj(y * F.silu(z))


def selective_scan(dt, u, b, c, rates):
    """Returns `y_t = C_t h_t` for `h_t = exp(dt_t A) h_(t-1) + dt_t B_t u_t`, `[B, L, E]`.

    * `dt`, `u` - `[B, L, E]`. * `b`, `c` - `[B, L, N]`. * `rates` - A, `[E, N]`.

    The sequence is cut into about `sqrt(L)` pieces of equal length. All pieces run side by side from
    a zero state; then their last states are carried from piece to piece, and each token gets the
    share of its piece's first state, which has decayed by `exp(A * sum of steps)`.
    """
    batch, length, _ = u.shape
    steps = max(1, int(length ** 0.5))
    # Tokens after the last change nothing before them.
    fill = -length % steps
    pieces = lambda x: F.pad(x, (0, 0, 0, fill)).view(batch, -1, steps, x.shape[-1])
    dt, moved, b, c = pieces(dt), pieces(dt * u), pieces(b), pieces(c)
    state = dt.new_zeros(batch, dt.shape[1], *rates.shape)
    local = []
    for t in range(steps):
        decay = torch.exp(dt[:, :, t, :, None] * rates)
        state = decay * state + moved[:, :, t, :, None] * b[:, :, t, None]
        local.append((state * c[:, :, t, None]).sum(-1))
    total = dt.cumsum(2)
    decay = torch.exp(total[:, :, -1, :, None] * rates)
    first = [torch.zeros_like(state[:, 0])]
    for piece in range(dt.shape[1] - 1):
        first.append(decay[:, piece] * first[-1] + state[:, piece])
    first = torch.stack(first, 1)[:, :, None]
    carried = (torch.exp(total[..., None] * rates) * first * c[..., None, :]).sum(-1)
    y = torch.stack(local, 2) + carried
    return y.flatten(1, 2)[:, :length]


class Block(nn.Module):
    """Norm and mixer."""

    def __init__(self, name, tensors, config):
        super().__init__()
        self.skip = config.mixer_skip
        self.norm = nn.LayerNorm(config.width, EPSILON)
        self.mixer = Mixer(f"{name}.mixer", tensors, config)

    def forward(self, x):
        mixed = self.mixer(self.norm(x))
        return mixed + x if self.skip else mixed


class Group(nn.Module):
    """Blocks and a convolution beside a shortcut."""

    def __init__(self, name, tensors, config):
        super().__init__()
        blocks = [Block(f"{name}.residual_group.blocks.{i}", tensors, config)
                  for i in range(config.blocks)]
        self.residual_group = nn.ModuleDict({"blocks": nn.ModuleList(blocks)})
        self.conv = Conv3x3(f"{name}.conv", tensors)

    def forward(self, x, size):
        shortcut = x
        for block in self.residual_group["blocks"]:
            x = block(x)
        return tokens(self.conv(image(x, size))) + shortcut


class Network(nn.Module):
    """Magnifies pictures `[B, channels, H, W]`, 0 to 1; what it returns is not clamped.

    Made of the tensors and dimensions of a file, see `load`.
    """

    def __init__(self, config, tensors):
        super().__init__()
        self.config = config
        self.conv_first = Conv3x3("conv_first", tensors)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(config.width, EPSILON)})
        self.layers = nn.ModuleList(
            Group(f"layers.{i}", tensors, config) for i in range(config.groups))
        self.norm_f = nn.LayerNorm(config.width, EPSILON)
        self.conv_after_body = Conv3x3("conv_after_body", tensors)
        self.upsample = nn.ModuleList([Conv3x3("upsample.0", tensors)])
        mean = torch.tensor(config.colour).view(-1, 1, 1)
        self.register_buffer("mean", mean, persistent=False)
        kernel = None
        if config.anchor != "none":
            kernel = torch.from_numpy(checkpoint.anchor_kernel(config))
        self.register_buffer("anchor", kernel, persistent=False)
        self.load_state_dict(tensors)

    def forward(self, picture):
        size = picture.shape[-2:]
        first = self.conv_first(picture - self.mean)
        x = self.patch_embed["norm"](tokens(first))
        for group in self.layers:
            x = group(x, size)
        x = self.conv_after_body(image(self.norm_f(x), size)) + first
        x = self.upsample[0](x)
        if self.anchor is None:
            return F.pixel_shuffle(x, self.config.scale) + self.mean
        x = x + F.conv2d(mirrored(picture), self.anchor)
        return F.pixel_shuffle(x, self.config.scale)


def tokens(image):
    """Takes `[B, C, H, W]` to `[B, H W, C]`, in raster order."""
    return image.flatten(2).transpose(1, 2)


def image(tokens, size):
    """Takes `[B, H W, C]` to `[B, C, H, W]`."""
    return tokens.transpose(1, 2).unflatten(2, size)


def mirrored(picture):
    """Adds two rows and columns on each side; the mirror stands outside the border pixels."""
    for axis in (-2, -1):
        length = picture.shape[axis]
        index = torch.arange(-2, length + 2, device=picture.device) % (2 * length)
        picture = picture.index_select(axis, torch.minimum(index, 2 * length - 1 - index))
    return picture


def load(path):
    """Reads a network that `mambalite export` or `save` wrote."""
    return Network(checkpoint.load(path).config, load_file(path))


def save(network, path):
    """Writes a network so that `mambalite import` reads it; the file appears whole or not at all."""
    tensors = {name: value.detach().cpu().float().contiguous()
               for name, value in network.state_dict().items()}
    part = f"{path}.part"
    save_file(tensors, part, network.config.metadata())
    os.replace(part, path)
