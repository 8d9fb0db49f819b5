"""One peer in a process of its own, run on command.

The protocol is that of `mambalite-peer-bench serve`: `ready N` (threads) once loaded; a line `run`
is answered with seconds, a line `output FILE` writes the last result there and is answered `done`.
"""

import argparse
import functools
import sys
import time
from pathlib import Path

import numpy as np

import checkpoint


def torch_peer(options, packed):
    import torch

    import network
    torch.set_num_threads(options.threads)
    loaded = checkpoint.load(options.weights)
    length = options.width * options.height
    linear = functools.partial(network.packed_linear, length=length) if packed else network.eager_linear
    return network.Torch(loaded, network.compile_scan(options.scratch), linear)


def onnx_peer(options, chunks):
    import onnxruntime

    import onnx_export
    loaded = checkpoint.load(options.weights)
    model = onnx_export.Exporter(loaded, options.height, options.width, chunks).model()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings,
                                           providers=["CPUExecutionProvider"])
    return lambda picture: session.run(None, {"picture": picture})[0]


PEERS = {
    "torch": lambda options: torch_peer(options, packed=False),
    "torch-packed": lambda options: torch_peer(options, packed=True),
    "onnx-scan": lambda options: onnx_peer(options, chunks=0),
    "onnx-chunks": lambda options: onnx_peer(options, chunks=options.chunks),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", choices=PEERS, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True)
    for name in ("width", "height", "threads", "chunks"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    peer = PEERS[options.peer](options)
    picture = np.fromfile(options.picture, np.uint8).reshape(options.height, options.width, -1)
    answer = functools.partial(print, flush=True)
    answer("ready", options.threads)
    last = None
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "run":
            start = time.perf_counter()
            last = peer(picture)
            answer(time.perf_counter() - start)
        elif command == "output" and last is not None:
            last.astype(np.float32).tofile(argument)
            answer("done")
        else:
            sys.exit(f"not a command here: {line}")


if __name__ == "__main__":
    main()
