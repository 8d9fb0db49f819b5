"""What `time_peers.py` shows: a table and its place in docs/performance.md."""

import platform
from importlib.metadata import version
from pathlib import Path

BEGIN, END = "<!-- bench:peers begin -->", "<!-- bench:peers end -->"
SECTION = """
## The same network elsewhere

Side by side on one machine in one run, in turns, after the outputs were compared
(`xtask/peers/time_peers.py` says how). Ratios are medians over rounds of the peer's time by ours.

```sh
cargo xtask bench peers --update
```

"""
DESCRIPTIONS = {
    "mambalite": "mambalite",
    "torch": "PyTorch, scan compiled",
    "torch-packed": "PyTorch, scan compiled, projections by oneDNN with packed weights",
    "onnx-scan": "ONNX Runtime, `Scan` over tokens",
    "onnx-chunks": "ONNX Runtime, `Scan` over chunks side by side",
}
LOAD_MAX = 0.5  # Above this, something else was running when we began.
GOAL_PEERS, GOAL_MATRIX = 3.0, 1.8


def machine():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def versions():
    return {name: version(name) for name in ("torch", "onnxruntime")}


def verdict(reached, by):
    return "reached" if reached else f"missed by {100 * by:.0f} %"


def network_table(network):
    """Returns the lines about one network."""
    ours = network["contestants"][0]
    lines = ["| contestant | threads | ms | CPU ms | of mambalite | goal | | largest difference |",
             "|---|---|---|---|---|---|---|---|"]
    for c in network["contestants"]:
        ratio, goal, reached = "1", "", ""
        if c is not ours:
            ratio, goal = f"{c['ratio']:.2f}", f">= {GOAL_PEERS:g}"
            reached = verdict(c["ratio"] >= GOAL_PEERS, 1 - c["ratio"] / GOAL_PEERS)
        lines.append(f"| {DESCRIPTIONS[c['name']]} | {c['threads']} | {1e3 * c['seconds_median']:.0f} "
                     f"| {1e3 * c['cpu_seconds_median']:.0f} | {ratio} | {goal} | {reached} "
                     f"| {c['difference_max']:.1e} |")
    lines += ["", "| threads | `gemm` peak, GFLOP/s | matrix work at the peak, ms "
              "| at `gemm`'s speed on its shapes, ms | mambalite by the peak's time | goal | |",
              "|---|---|---|---|---|---|---|"]
    for gemm in network["gemm"]:
        work = 2 * network["macs"] / gemm["peak_gflops"] / 1e9
        ratio, goal, reached = "", "", ""
        if gemm is network["gemm"][-1]:
            times = ours["seconds_median"] / work
            ratio, goal = f"{times:.2f}", f"<= {GOAL_MATRIX}"
            reached = verdict(times <= GOAL_MATRIX, times / GOAL_MATRIX - 1)
        lines.append(f"| {gemm['threads']} | {gemm['peak_gflops']:.0f} | {1e3 * work:.1f} "
                     f"| {1e3 * gemm['network_seconds']:.1f} | {ratio} | {goal} | {reached} |")
    return lines


def markdown(report):
    lines = [f"{report['machine']}, {report['threads']} threads; x4 from {report['width']} x "
             f"{report['height']}, f32; PyTorch {report['versions']['torch']}, ONNX Runtime "
             f"{report['versions']['onnxruntime']}; load average {report['load']:.1f} at the start "
             "(other work on the machine makes every time here longer)."]
    if report["load"] > LOAD_MAX:
        lines += ["", "**The machine was busy: no ratio of wall times here holds.** Threads that wait "
                  "for one another lose more to other work than a single one does."]
    for network in report["networks"]:
        lines += ["", f"### {network['network']}: {network['macs'] / 1e9:.2f} GMAC in matrices", ""]
        lines += network_table(network)
    return "\n".join(lines)


def update(path, text):
    """Puts the text between the marks, where they are or in a new section."""
    page = path.read_text() if path.exists() else "# Performance\n"
    if BEGIN not in page:
        page = page.rstrip("\n") + "\n" + SECTION + BEGIN + "\n" + END + "\n"
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(before + BEGIN + "\n\n" + text + "\n\n" + END + after)
