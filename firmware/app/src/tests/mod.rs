//! Whole sessions over a line in memory, against the network run directly.

mod faults;
mod fixture;
mod gate;
mod jobs;
mod rates;
mod runner;
