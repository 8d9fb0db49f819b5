"""Times the network here against the same network elsewhere, in turns.

Every contestant is a process of its own that has loaded the network and the picture and computes
on command. First all outputs are compared; then, after a warm-up, each round runs every contestant
once, and the ratio of a peer is the median over rounds of its time by ours in the same round.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

import checkpoint
import page

HERE = Path(__file__).parent
PEERS = ("torch", "torch-packed", "onnx-scan", "onnx-chunks")
TOLERANCE = 1e-3  # Of the output's range 0 to 1, or of its size where that is larger.
TICKS = os.sysconf("SC_CLK_TCK")
# Memory that is given back and taken again costs eager PyTorch a third of its time: not here.
KEEP_MEMORY = "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=1000000000000"


class Contestant:
    """A process that runs one network on one picture on command."""

    def __init__(self, name, command):
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "GLIBC_TUNABLES": KEEP_MEMORY}
        self.name, self.seconds, self.cpu_seconds = name, [], []
        self.process = subprocess.Popen([str(word) for word in command], text=True, env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.threads = int(self.answer().split()[1])

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ended with {self.process.wait()}")
        return line

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.answer()

    def cpu(self):
        """Returns the CPU seconds of all threads so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / TICKS

    def run(self):
        before = self.cpu()
        seconds = float(self.ask("run"))
        return seconds, self.cpu() - before

    def output(self, folder):
        path = folder / f"{self.name}.raw"
        self.ask(f"output {path}")
        return path

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def picture(width, height, channels):
    """A smooth picture with an edge and some noise, always the same."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(1).uniform(0, 12, (height, width, channels))
    waves = [np.sin(0.13 * x + 0.21 * y + channel) for channel in range(channels)]
    edge = 60 * (x + y > (width + height) / 2)
    return (80 + 60 * np.stack(waves, -1) + edge[..., None] + noise).astype(np.uint8)


def contestants(options, weights, folder):
    """Starts everyone, ours first."""
    network = checkpoint.load(weights)
    data = picture(options.width, options.height, network.config.channels)
    samples, model = folder / "picture.raw", folder / "f32.mls"
    data.tofile(samples)
    subprocess.run([options.mambalite, "import", weights, "--output", model], check=True,
                   stdout=subprocess.DEVNULL)
    run = ["--picture", samples, "--width", options.width, "--height", options.height,
           "--threads", options.threads]
    started = [Contestant("mambalite", [options.bench, "serve", "--model", model, *run])]
    for peer in options.peers:
        command = [sys.executable, HERE / "worker.py", "--peer", peer, "--weights", weights,
                   "--scratch", folder, "--chunks", options.chunks, *run]
        started.append(Contestant(peer, command))
    return network.config, started


def compare(started, folder):
    """Returns each peer's largest difference to the first peer, and ours beyond its rounding."""
    differences, reference = {}, None
    for contestant in started[1:] + started[:1]:
        path = contestant.output(folder)
        if contestant is started[0]:
            value = np.fromfile(path, np.uint8) / 255
            beyond = np.abs(value - reference.clip(0, 1)) - 0.5 / 255
            differences[contestant.name] = max(0.0, float(beyond.max()))
        else:
            value = np.fromfile(path, np.float32)
            reference = value if reference is None else reference
            differences[contestant.name] = float(np.abs(value - reference).max())
        path.unlink()
    limit = TOLERANCE * max(1.0, float(np.abs(reference).max()))
    for name, difference in differences.items():
        if not difference <= limit:
            print(f"{name} differs by {difference} from {started[1].name}, more than {limit}",
                  file=sys.stderr)
            sys.exit(3)
    return differences


def gemm(options, config, threads, shapes):
    """Measures the `gemm` crate: its peak, and the network's own shapes."""
    names = [f"{options.width * options.height}x{k}x{n}" for k, n in shapes]
    command = [options.bench, "gemm", "--threads", threads, *names]
    output = subprocess.run([str(word) for word in command], check=True, capture_output=True)
    report = json.loads(output.stdout)
    report["network_seconds"] = sum(
        shape["seconds"] * count for shape, count in zip(report["shapes"], shapes.values()))
    return report


def measure(options, name, weights):
    """Measures one network; returns what the report says of it."""
    folder = options.out / name
    folder.mkdir(parents=True, exist_ok=True)
    config, started = contestants(options, weights, folder)
    try:
        for contestant in started:
            contestant.run()
        differences = compare(started, folder)
        for number in range(options.rounds):
            turn = number % len(started)
            for contestant in started[turn:] + started[:turn]:
                time.sleep(0.05)  # Until the threads of the one before no longer wait for work.
                seconds, cpu = contestant.run()
                contestant.seconds.append(seconds)
                contestant.cpu_seconds.append(cpu)
            print(f"{name}: round {number + 1} of {options.rounds}: "
                  + ", ".join(f"{c.name} {c.seconds[-1]:.3f} s" for c in started), file=sys.stderr)
    finally:
        for contestant in started:
            contestant.stop()
    ours = started[0]
    shapes = Counter((k, n) for _, k, n in config.matrices())
    pixels = options.width * options.height
    return {
        "network": name,
        "macs": pixels * sum(k * n * count for (k, n), count in shapes.items()),
        "gemm": [gemm(options, config, threads, shapes)
                 for threads in sorted({1, options.threads})],
        "contestants": [{
            "name": c.name,
            "threads": c.threads,
            "seconds": c.seconds,
            "seconds_median": statistics.median(c.seconds),
            "cpu_seconds_median": statistics.median(c.cpu_seconds),
            "ratio": statistics.median(a / b for a, b in zip(c.seconds, ours.seconds)),
            "difference_max": differences[c.name],
        } for c in started],
    }


def main():
    parser = argparse.ArgumentParser(prog="cargo xtask bench peers", description=__doc__)
    parser.add_argument("--bench", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--mambalite", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--model-weights", type=Path, metavar="FILE",
                        help="safetensors file instead of DVMSR with random weights")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS,
                        help="peers to run (default: all)")
    parser.add_argument("--width", type=int, default=320, help="of the LR picture (default: 320)")
    parser.add_argument("--height", type=int, default=180, help="(default: 180)")
    parser.add_argument("--threads", type=int, default=2, help="of each contestant (default: 2)")
    parser.add_argument("--rounds", type=int, default=7, help="(default: 7)")
    parser.add_argument("--chunks", type=int, default=48,
                        help="pieces that ONNX Runtime runs side by side (default: 48)")
    parser.add_argument("--update", action="store_true", help="writes docs/performance.md")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    dvmsr = options.model_weights
    if dvmsr is None:
        dvmsr = options.out / "dvmsr-random.safetensors"
        checkpoint.random_dvmsr(dvmsr, seed=1)
    shipped = options.root / "models" / "mambalite-x4-tiny" / "weights.safetensors"
    networks = {dvmsr.stem: dvmsr, "mambalite-x4-tiny": shipped}
    report = {"schema": 1, "machine": page.machine(), "versions": page.versions(),
              "width": options.width, "height": options.height, "threads": options.threads,
              "load": os.getloadavg()[0],
              "networks": [measure(options, *network) for network in networks.items()]}
    (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    text = page.markdown(report)
    print(text)
    if options.update:
        page.update(options.root / "docs" / "performance.md", text)


if __name__ == "__main__":
    main()
