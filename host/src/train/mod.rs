//! Training: forward passes by the kernels that ship, backward passes derived by hand.
//!
//! [`parameters`] holds a network as one flat vector; a step makes a model file of it, runs the
//! patches through the very program that a board runs, keeps every layer on a [`tape`], and
//! [`backward`] goes back over it with the operators of [`op`]. [`network`] does that for a batch.

pub mod backward;
pub mod layout;
pub mod network;
pub mod op;
pub mod parameters;
mod quantization;
pub mod tape;

#[cfg(test)]
mod tests;
