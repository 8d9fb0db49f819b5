"""The network as an ONNX graph of standard operators, for ONNX Runtime.

The scan over tokens is the standard operator `Scan`. In its plain form its body runs once a token.
ONNX Runtime spends far more time between the operators of such a body than in them, so there is a
second form with the same results but for rounding: the sequence is cut into `chunks` pieces that
run side by side in the body, from a zero state; a second, short `Scan` carries the states from
piece to piece, and each token's output gets the share of its piece's first state, which has decayed
by exp(A * sum of steps).
"""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

import checkpoint

OPSET = 21


class Graph:
    """Nodes and constants of a graph while it is made."""

    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def name(self):
        self.count += 1
        return f"t{self.count}"

    def constant(self, value):
        value, name = np.asarray(value), self.name()
        value = value.astype(np.float32 if value.dtype.kind == "f" else value.dtype)
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator, *inputs, outputs=1, **attributes):
        """Adds a node; arrays among the inputs become constants."""
        inputs = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        names = [self.name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def reshape(self, x, *shape):
        return self.add("Reshape", x, np.array(shape, np.int64))

    def transpose(self, x, *order):
        return self.add("Transpose", x, perm=order)

    def split(self, x, *sizes):
        return self.add("Split", x, np.array(sizes, np.int64), axis=-1, outputs=len(sizes))

    def silu(self, x):
        return self.add("Mul", x, self.add("Sigmoid", x))


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def scan(graph, body, states, sequences, outputs):
    """Adds a `Scan` over the first axis.

    * `body(graph, states, inputs)` returns names of the new states and of the outputs, all distinct.
    * `states`, `sequences` - pairs of name and shape (of one step).
    * `outputs` - number of outputs of a step.
    """
    inner = Graph()
    inner.name = graph.name  # Names are unique over all graphs.
    state_names = [inner.name() for _ in states]
    input_names = [inner.name() for _ in sequences]
    results = body(inner, state_names, input_names)
    shapes = [shape for _, shape in states] + [None] * outputs
    made = helper.make_graph(
        inner.nodes, inner.name(),
        [value(n, shape) for n, (_, shape) in zip(state_names + input_names, states + sequences)],
        [value(n, shape) for n, shape in zip(results, shapes)], inner.constants)
    sources = [name for name, _ in states + sequences]
    return graph.add("Scan", *sources, outputs=len(states) + outputs, body=made,
                     num_scan_inputs=len(sequences))


class Exporter:
    """Writes one network for pictures of one size."""

    def __init__(self, network, height, width, chunks):
        self.network, self.config = network, network.config
        self.height, self.width, self.length = height, width, height * width
        self.chunks = chunks
        assert self.length % max(chunks, 1) == 0, "chunks must divide the number of pixels"
        self.graph = Graph()

    def linear(self, x, name):
        for factor in self.network.factors(name + ".weight"):
            x = self.graph.add("MatMul", x, factor.T)
        return x

    def conv(self, x, name):
        factors = self.network.factors(name + ".weight")
        for index, factor in enumerate(factors):
            factor = factor.reshape(*factor.shape[:2], *(factor.shape[2:] or (1, 1)))
            bias = [self.network[name + ".bias"]] if index + 1 == len(factors) else []
            x = self.graph.add("Conv", x, factor, *bias, pads=[factor.shape[-1] // 2] * 4)
        return x

    def norm(self, x, name):
        weight, bias = self.network[name + ".weight"], self.network[name + ".bias"]
        return self.graph.add("LayerNormalization", x, weight, bias, epsilon=1e-5)

    def tokens(self, image):
        channels = self.config.width
        image = self.graph.reshape(image, channels, self.length)
        return self.graph.transpose(image, 1, 0)

    def image(self, tokens):
        tokens = self.graph.transpose(tokens, 1, 0)
        return self.graph.reshape(tokens, 1, self.config.width, self.height, self.width)

    def mixer(self, x, name):
        g, c = self.graph, self.config
        u, z = g.split(self.linear(x, name + ".in_proj"), c.inner, c.inner)
        u = g.silu(self.conv1d(u, name))
        dt, b, out = g.split(self.linear(u, name + ".x_proj"), c.dt_rank, c.states, c.states)
        dt = g.add("Add", self.linear(dt, name + ".dt_proj"), self.network[name + ".dt_proj.bias"])
        # The formula of ONNX Runtime's Softplus in three operators, five times as fast as that one.
        dt = g.add("Log", g.add("Add", g.add("Exp", dt), np.float32(1)))
        moved = g.add("Mul", dt, u)
        run = self.chunked if self.chunks else self.sequential
        y = run(dt, moved, b, out, self.network.rates(name).T)
        y = g.add("Add", y, g.add("Mul", u, self.network[name + ".D"]))
        return self.linear(g.add("Mul", y, g.silu(z)), name + ".out_proj")

    def conv1d(self, u, name):
        """The causal convolution, as a picture of one row."""
        g, inner = self.graph, self.config.inner
        image = g.reshape(g.transpose(u, 1, 0), 1, inner, 1, self.length)
        taps = self.network[name + ".conv1d.weight"].reshape(inner, 1, 1, 4)
        image = g.add("Conv", image, taps, self.network[name + ".conv1d.bias"], group=inner,
                      pads=[0, 3, 0, 0])
        return g.transpose(g.reshape(image, inner, self.length), 1, 0)

    def sequential(self, dt, moved, b, out, rates):
        """One step a token."""
        g, inner, states = self.graph, self.config.inner, self.config.states
        rates = g.constant(rates)

        def body(g, state, inputs):
            (h,), (dt, moved, b, out) = state, inputs
            decay = g.add("Exp", g.add("Mul", dt, rates))
            h = g.add("Add", g.add("Mul", decay, h), g.add("Mul", b, moved))
            return h, g.add("MatMul", out, h)

        sequences = [(g.reshape(dt, self.length, 1, inner), (1, inner)),
                     (g.reshape(moved, self.length, 1, inner), (1, inner)),
                     (g.reshape(b, self.length, states, 1), (states, 1)),
                     (g.reshape(out, self.length, 1, states), (1, states))]
        start = (g.constant(np.zeros((states, inner), np.float32)), (states, inner))
        _, y = scan(g, body, [start], sequences, 1)
        return g.reshape(y, self.length, inner)

    def chunked(self, dt, moved, b, out, rates):
        """One step for a token of each chunk: `chunks` tokens at a time."""
        g, inner, states, chunks = self.graph, self.config.inner, self.config.states, self.chunks
        steps = self.length // chunks
        rates = g.constant(rates)
        zeros = lambda *shape: (g.constant(np.zeros(shape, np.float32)), shape)

        def across(x, *shape):
            x = g.transpose(g.reshape(x, chunks, steps, int(np.prod(shape))), 1, 0, 2)
            return g.reshape(x, steps, chunks, *shape), (chunks, *shape)

        def local(g, state, inputs):
            (h, total), (dt, moved, b, out) = state, inputs
            decay = g.add("Exp", g.add("Mul", dt, rates))
            h = g.add("Add", g.add("Mul", decay, h), g.add("Mul", b, moved))
            total = g.add("Add", total, dt)
            return h, total, g.add("MatMul", out, h), g.add("Identity", total)

        def carry(g, state, inputs):
            (first,), (last, decay) = state, inputs
            return g.add("Add", g.add("Mul", decay, first), last), g.add("Identity", first)

        dt, moved = across(dt, 1, inner), across(moved, 1, inner)
        b, out = across(b, states, 1), across(out, 1, states)
        start = [zeros(chunks, states, inner), zeros(chunks, 1, inner)]
        last, total, y, totals = scan(g, local, start, [dt, moved, b, out], 2)
        decay = g.add("Exp", g.add("Mul", total, rates))
        shape = (states, inner)
        _, firsts = scan(g, carry, [zeros(*shape)], [(last, shape), (decay, shape)], 1)

        def correct(g, _, inputs):
            total, out, y = inputs
            h = g.add("Mul", g.add("Exp", g.add("Mul", total, rates)), firsts)
            return (g.add("Add", y, g.add("MatMul", out, h)),)

        row = (chunks, 1, inner)
        y = scan(g, correct, [], [(totals, row), out, (y, row)], 1)
        return g.reshape(g.transpose(g.reshape(y, steps, chunks, inner), 1, 0, 2), self.length, inner)

    def anchor(self, pixels):
        g = self.graph
        for axis, length in ((2, self.height), (3, self.width)):
            index = np.arange(-2, length + 2) % (2 * length)
            pixels = g.add("Gather", pixels, np.minimum(index, 2 * length - 1 - index), axis=axis)
        return g.add("Conv", pixels, checkpoint.anchor_kernel(self.config))

    def model(self):
        """Returns the model: bytes `[H, W, channels]` to `[H s, W s, channels]`, 0 to 1."""
        g, c = self.graph, self.config
        shape = (self.height, self.width, c.channels)
        pixels = g.add("Div", g.add("Cast", "picture", to=TensorProto.FLOAT), np.float32(255))
        pixels = g.reshape(g.transpose(pixels, 2, 0, 1), 1, c.channels, *shape[:2])
        mean = np.array(c.colour, np.float32).reshape(1, -1, 1, 1)
        first = self.conv(g.add("Sub", pixels, mean), "conv_first")
        x = self.norm(self.tokens(first), "patch_embed.norm")
        for group in range(c.groups):
            group_input = x
            for block in range(c.blocks):
                name = f"layers.{group}.residual_group.blocks.{block}"
                mixed = self.mixer(self.norm(x, name + ".norm"), name + ".mixer")
                x = g.add("Add", mixed, x) if c.mixer_skip else mixed
            x = self.tokens(self.conv(self.image(x), f"layers.{group}.conv"))
            x = g.add("Add", x, group_input)
        x = self.conv(self.image(self.norm(x, "norm_f")), "conv_after_body")
        x = self.conv(g.add("Add", x, first), "upsample.0")
        if c.anchor != "none":
            x = g.add("Add", x, self.anchor(pixels))
        x = g.add("DepthToSpace", x, blocksize=c.scale, mode="CRD")
        x = x if c.anchor != "none" else g.add("Add", x, mean)
        shape_out = (shape[0] * c.scale, shape[1] * c.scale, c.channels)
        x = g.reshape(g.transpose(x, 0, 2, 3, 1), *shape_out)
        graph = helper.make_graph(g.nodes, "network", [value("picture", shape, TensorProto.UINT8)],
                                  [value(x, shape_out)], g.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        checker.check_model(model)
        return model
