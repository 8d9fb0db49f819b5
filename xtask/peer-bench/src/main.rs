//! Our side of `cargo xtask bench peers`, in a process of its own like each of its peers.

mod matrix;
mod serve;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Our side of `cargo xtask bench peers`.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Loads a network and a picture and runs them each time the standard input says so.
    Serve {
        /// Model file.
        #[arg(long)]
        model: PathBuf,
        /// Samples of the picture, interleaved bytes in raster order.
        #[arg(long)]
        picture: PathBuf,
        /// Width of the picture, pixels.
        #[arg(long)]
        width: usize,
        /// Height of the picture, pixels.
        #[arg(long)]
        height: usize,
        /// Threads.
        #[arg(long)]
        threads: usize,
    },
    /// Measures the `gemm` crate: its peak on square matrices, and given shapes.
    Gemm {
        /// Threads.
        #[arg(long)]
        threads: usize,
        /// Runs of each shape; the fastest counts.
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        /// Shapes to time besides: rows, inputs and outputs, as `57600x60x240`.
        shapes: Vec<matrix::Shape>,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().task {
        Task::Serve {
            model,
            picture,
            width,
            height,
            threads,
        } => serve::run(&model, &picture, (width, height), threads),
        Task::Gemm {
            threads,
            rounds,
            shapes,
        } => matrix::run(threads, rounds, &shapes),
    }
}
