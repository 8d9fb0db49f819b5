//! The last lanes of a tensor, which fill no vector.

use bytemuck::Pod;

/// The lanes of a block that belong to the tensor.
pub(crate) trait Lanes: Copy {
    /// Returns how many of `all` lanes belong to the tensor.
    fn count(self, all: usize) -> usize;

    /// Returns the lanes from element `at` on; those outside the tensor are zero.
    fn load<T: Pod, const N: usize>(self, from: &[T], at: usize) -> [T; N];

    /// Stores the lanes that belong to the tensor, from element `at` on.
    fn store<T: Copy, const N: usize>(self, to: &mut [T], at: usize, values: [T; N]);
}

/// All lanes.
#[derive(Clone, Copy)]
pub(crate) struct All;

/// The first so many lanes, not all.
#[derive(Clone, Copy)]
pub(crate) struct First(pub(crate) usize);

impl Lanes for All {
    #[inline(always)]
    fn count(self, all: usize) -> usize {
        all
    }

    #[inline(always)]
    fn load<T: Pod, const N: usize>(self, from: &[T], at: usize) -> [T; N] {
        let lanes = from.get(at..).and_then(|rest| rest.first_chunk());
        lanes.copied().unwrap_or([T::zeroed(); N])
    }

    #[inline(always)]
    fn store<T: Copy, const N: usize>(self, to: &mut [T], at: usize, values: [T; N]) {
        if let Some(lanes) = to.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *lanes = values;
        }
    }
}

impl Lanes for First {
    #[inline(always)]
    fn count(self, _all: usize) -> usize {
        self.0
    }

    #[inline(always)]
    fn load<T: Pod, const N: usize>(self, from: &[T], at: usize) -> [T; N] {
        let mut lanes = [T::zeroed(); N];
        let rest = from.get(at..).unwrap_or_default();
        for (lane, &value) in lanes.iter_mut().zip(rest).take(self.0) {
            *lane = value;
        }
        lanes
    }

    #[inline(always)]
    fn store<T: Copy, const N: usize>(self, to: &mut [T], at: usize, values: [T; N]) {
        let rest = to.get_mut(at..).unwrap_or_default();
        for (to, value) in rest.iter_mut().zip(values).take(self.0) {
            *to = value;
        }
    }
}

/// Runs an expression on each block of `$width` elements of `$len`: `$at` is where the block
/// begins, `$lanes` its [`Lanes`].
macro_rules! for_blocks {
    ($width:expr, $len:expr, |$at:ident, $lanes:ident| $body:expr) => {
        let (len, width): (usize, usize) = ($len, $width);
        for $at in (0..len / width).map(|block| block * width) {
            let $lanes = $crate::num::neon::All;
            $body;
        }
        if len % width != 0 {
            let $at = len - len % width;
            let $lanes = $crate::num::neon::First(len % width);
            $body;
        }
    };
}
pub(crate) use for_blocks;
