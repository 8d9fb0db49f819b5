//! What the threads of the GPU do.
//!
//! Every output is computed by the functions of `mambalite-kernels` that specify it, or in an order
//! that gives the same bits: sums of fused multiply-adds in ascending inputs, integers in any order.
#![expect(unsafe_code, reason = "a launch passes addresses")]
#![expect(
    clippy::missing_safety_doc,
    reason = "all operators have one condition: the arrays are those that their arguments say"
)]

mod block;
mod conv;
mod entries;
mod mixer;
mod parameters;
mod picture;
mod product;
mod weight;
