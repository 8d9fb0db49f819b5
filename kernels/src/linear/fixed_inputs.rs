//! Inputs of the matrix product in fixed point as vectors take them: in groups that share a 32-bit
//! lane, four of 8 bits or two of 16.

use super::Taps;
use crate::num::lanes::{Products, StoreInput};

/// Returns the inputs that share a lane.
#[inline(always)]
pub(super) fn group<S: Products>(input_bytes: usize) -> usize {
    if S::QUADS && input_bytes == 1 { 4 } else { 2 }
}

/// A type of inputs.
pub(super) trait Input: StoreInput {
    /// Adds the products of a group of inputs and their weights to each lane.
    fn dot<S: Products>(s: S, acc: S::V, x: S::V, w: S::V) -> S::V;

    /// Takes a sum of products to the unit of accumulators.
    fn to_unit<S: Products>(s: S, sum: S::V) -> S::V;

    /// Writes the inputs of a pixel and zeros in the place of those that it has not.
    fn gather<S: Products>(pieces: Pieces<'_, Self>, row: &mut [i32]);
}

/// The inputs of one pixel, in ascending order of their places.
pub(super) struct Pieces<'a, X> {
    taps: &'a Taps<'a, X>,
    pixel: usize,
}

impl<X: Copy> Pieces<'_, X> {
    /// Writes each input in its place, and `zero` everywhere else.
    #[inline(always)]
    fn write<T: Copy>(&self, row: &mut [T], zero: T, convert: impl Fn(X) -> T + Copy) {
        let mut end = 0;
        for piece in self.taps.pieces() {
            let x = piece.x.get(self.pixel * self.taps.stride()..);
            let x = x.and_then(|x| x.get(..piece.len)).unwrap_or_default();
            let to = piece.k..piece.k + piece.len;
            if let Some(gap) = row.get_mut(end..to.start) {
                gap.fill(zero);
            }
            end = to.end;
            if let Some(to) = row.get_mut(to) {
                write_all(to, x, convert);
            }
        }
        if let Some(gap) = row.get_mut(end..) {
            gap.fill(zero);
        }
    }
}

/// Writes vectors of 16, the last of which overlaps the one before it.
#[inline(always)]
fn write_all<T: Copy, X: Copy>(to: &mut [T], x: &[X], convert: impl Fn(X) -> T + Copy) {
    let last = match (to.last_chunk_mut::<16>(), x.last_chunk::<16>()) {
        (Some(to), Some(x)) => {
            *to = x.map(convert);
            true
        }
        _ => false,
    };
    if last {
        for (to, x) in to
            .as_chunks_mut::<16>()
            .0
            .iter_mut()
            .zip(x.as_chunks::<16>().0)
        {
            *to = x.map(convert);
        }
    } else {
        for (to, &x) in to.iter_mut().zip(x) {
            *to = convert(x);
        }
    }
}

/// Writes the inputs of a pixel to a row of lanes.
#[inline(always)]
pub(super) fn gather<S: Products, X: Input>(taps: &Taps<'_, X>, pixel: usize, row: &mut [i32]) {
    X::gather::<S>(Pieces { taps, pixel }, row);
}

impl Input for i16 {
    #[inline(always)]
    fn dot<S: Products>(s: S, acc: S::V, x: S::V, w: S::V) -> S::V {
        s.dot_pairs(acc, x, w)
    }

    #[inline(always)]
    fn to_unit<S: Products>(_: S, sum: S::V) -> S::V {
        sum
    }

    #[inline(always)]
    fn gather<S: Products>(pieces: Pieces<'_, Self>, row: &mut [i32]) {
        pieces.write::<i16>(bytemuck::must_cast_slice_mut(row), 0, |x| x);
    }
}

impl Input for i8 {
    #[inline(always)]
    fn dot<S: Products>(s: S, acc: S::V, x: S::V, w: S::V) -> S::V {
        match S::QUADS {
            true => s.dot_quads(acc, x, w),
            false => s.dot_pairs(acc, x, w),
        }
    }

    /// The inputs are the upper bytes of accumulators' inputs.
    #[inline(always)]
    fn to_unit<S: Products>(s: S, sum: S::V) -> S::V {
        s.shl(sum, s.splat(8))
    }

    #[inline(always)]
    fn gather<S: Products>(pieces: Pieces<'_, Self>, row: &mut [i32]) {
        if S::QUADS {
            // Plus 128: the bias has it taken off again.
            pieces.write::<u8>(bytemuck::must_cast_slice_mut(row), 0x80, |x| x as u8 ^ 0x80);
        } else {
            pieces.write::<i16>(bytemuck::must_cast_slice_mut(row), 0, i16::from);
        }
    }
}
