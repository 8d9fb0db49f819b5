"""The other side of the test `host/tests/exchange.rs`: runs and saves what mambalite exported.

For every `NAME.safetensors` in the folder, with `NAME.onnx` and `NAME.picture`, writes `NAME.torch` and
`NAME.onnxruntime`, what these make of the picture, and `NAME.saved`, the network as the PyTorch module
saves it. All but the `.onnx` are safetensors.
"""

import sys
from pathlib import Path

import onnxruntime
import torch
from safetensors.torch import load_file, save_file

from mambalite_torch import model


def main():
    folder = Path(sys.argv[1])
    for path in sorted(folder.glob("*.picture")):
        picture = load_file(path)["picture"]
        network = model.load(path.with_suffix(".safetensors"))
        with torch.inference_mode():
            output = network(picture)
        save_file({"output": output.contiguous()}, path.with_suffix(".torch"))
        model.save(network, path.with_suffix(".saved"))
        session = onnxruntime.InferenceSession(
            path.with_suffix(".onnx"), providers=["CPUExecutionProvider"])
        output, = session.run(None, {"picture": picture.numpy()})
        save_file({"output": torch.from_numpy(output)}, path.with_suffix(".onnxruntime"))


if __name__ == "__main__":
    main()
