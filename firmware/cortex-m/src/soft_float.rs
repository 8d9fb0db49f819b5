//! The floating-point mode where floating point is software: always that of the number contract.

/// Does nothing: there is no mode to set.
pub fn set_default_float() {}

/// Returns 0, the mode of the number contract.
pub fn float_flags() -> u32 {
    0
}
