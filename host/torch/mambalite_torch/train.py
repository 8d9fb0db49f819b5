"""Trains a network of `mambalite export` on one machine or, by `torchrun`, on many GPUs.

    torchrun --nproc-per-node 8 -m mambalite_torch.train start.safetensors --data photos/ \\
        --output trained.safetensors --steps 100000 --batch 64

Every patch of the batch of a step is a function of seed, step and place in the batch, so that the
number of processes changes nothing but the rounding of sums.
"""

import argparse
import copy
import math
import os
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from . import model

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


class Patches:
    """Cuts pairs of patches from the pictures of a folder."""

    def __init__(self, folder, config, side, seed):
        self.files = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in ENDINGS)
        if not self.files:
            raise SystemExit(f"no pictures in {folder}")
        self.config, self.side, self.seed = config, side, seed

    def high(self, step, index):
        """Returns a high-resolution patch, `[channels, side scale, side scale]`."""
        rng = np.random.default_rng([self.seed, step, index])
        file = self.files[rng.integers(len(self.files))]
        with Image.open(file) as picture:
            pixels = np.asarray(picture.convert("RGB" if self.config.channels == 3 else "L"))
        side = self.side * self.config.scale
        pixels = pixels.reshape(*pixels.shape[:2], self.config.channels)
        if min(pixels.shape[:2]) < side:
            raise SystemExit(f"{file} is smaller than a patch of {side} pixels; move it away")
        y, x = (rng.integers(length - side + 1) for length in pixels.shape[:2])
        patch = np.rot90(pixels[y:y + side, x:x + side], rng.integers(4))
        patch = patch[:, ::-1] if rng.integers(2) else patch
        return torch.from_numpy(np.ascontiguousarray(patch.transpose(2, 0, 1)))

    def batch(self, step, indices, device):
        """Returns LR and HR patches, 0 to 1; LR ones in whole grey levels, as those of files."""
        high = torch.stack([self.high(step, i) for i in indices]).to(device).float() / 255
        low = F.interpolate(high, scale_factor=1 / self.config.scale, mode="bicubic", antialias=True)
        return (low.clamp(0, 1) * 255).round() / 255, high


def join():
    """Joins the other processes of `torchrun`; returns rank, their number and the device."""
    cuda = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", 0))
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if "RANK" not in os.environ:
        return 0, 1, device
    if cuda:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if cuda else "gloo")
    return distributed.get_rank(), distributed.get_world_size(), device


def train(options):
    rank, processes, device = join()
    if options.batch % processes:
        raise SystemExit(f"--batch {options.batch} is no multiple of {processes} processes")
    network = model.load(options.start).to(device)
    average = copy.deepcopy(network).requires_grad_(False)
    patches = Patches(options.data, network.config, options.patch, options.seed)
    wrapped = DistributedDataParallel(network) if processes > 1 else network
    optimizer = torch.optim.Adam(network.parameters(), options.rate, (0.9, 0.99))
    cosine = lambda step: (1 + math.cos(math.pi * step / options.steps)) / 2
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, cosine)
    for step in range(options.steps):
        low, high = patches.batch(step, range(rank, options.batch, processes), device)
        loss = F.l1_loss(wrapped(low), high)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), options.clip)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            keep = min(options.ema, (step + 1) / (step + 10))
            for mean, value in zip(average.parameters(), network.parameters()):
                mean.lerp_(value, 1 - keep)
        last = step + 1 == options.steps
        if rank == 0 and (last or (step + 1) % options.every == 0):
            model.save(average, options.output)
            print(f"step {step + 1}: loss {loss.item():.5f}", flush=True)
    if processes > 1:
        distributed.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description="Trains a network; the average of its parameters is saved.")
    parser.add_argument("start", help="safetensors file of `mambalite export`")
    parser.add_argument("--data", required=True, help="folder of high-resolution pictures")
    parser.add_argument("--output", required=True, help="safetensors file for `mambalite import`")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=16, help="patches a step, all processes together")
    parser.add_argument("--patch", type=int, default=48, help="side of a patch in LR pixels")
    parser.add_argument("--rate", type=float, default=5e-4, help="learning rate at the start")
    parser.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient")
    parser.add_argument("--ema", type=float, default=0.999, help="share that the average keeps")
    parser.add_argument("--every", type=int, default=1000, help="steps from one file to the next")
    parser.add_argument("--seed", type=int, default=0)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
