//! Training: forward passes by the kernels that ship, backward passes derived by hand.
//!
//! [`parameters`] holds a network as one flat vector; a step makes a model file of it, runs the
//! patches through the very program that a board runs, keeps every layer on a [`tape`], and
//! [`backward`] goes back over it with the operators of [`op`]. [`network`] does that for a batch.
//!
//! A [`config`] says everything of a run. [`data`] reads the pictures and cuts patches ahead of
//! the loop, [`teacher`] adds what a larger network makes of them, [`loss`] compares, [`optimizer`]
//! and [`schedule`] move the parameters, and [`run`] is the loop with its folder, checkpoints, log
//! and curve. What is trained is a [`Model`].

pub mod backward;
pub mod begin;
pub mod config;
pub mod data;
pub mod error;
pub mod layout;
pub mod loss;
pub mod model;
pub mod network;
pub mod op;
pub mod optimizer;
pub mod parameters;
mod quantization;
pub mod run;
pub mod schedule;
pub mod tape;
pub mod teacher;

pub use error::TrainError;
pub use model::{Kind, Model, Objective};

#[cfg(test)]
mod tests;
