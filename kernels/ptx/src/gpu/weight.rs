//! A weight in any form, from inputs in shared memory to outputs.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::linear::copied;

use super::block::{Tile, barrier, each_quad};
use super::parameters::Device;
use super::product::{Columns, Element, Outputs, Sums, product, rows_of, unrolled};
use crate::args;
use crate::layout::{GROUP, Inner, OUTPUTS};

/// Multiplies groups of pixels with a weight.
///
/// * `sum` - adds the products of a group's inputs, tap by tap. * `emit` - takes outputs.
///
/// The values between the two factors stay in shared memory. All threads of the block come here;
/// what they emit to shared memory is there after the next barrier.
///
/// # Safety
/// The weight is as [`args::Weight`] says, and `inner` was laid out for it.
#[inline(always)]
pub(super) unsafe fn weight<A: Device, X: Element<A>>(
    weight: &args::Weight,
    inner: &Inner,
    groups: usize,
    sum: impl Fn(&Columns, usize, &mut Sums<A>),
    mut emit: impl FnMut(Outputs<A::Acc>),
) where
    A::Act: Element<A>,
{
    let middle = Tile::<A::Act>::new(&inner.middle);
    let factored = weight.factored != 0;
    // SAFETY: the caller's promise, here and below.
    unsafe {
        product::<A, X>(&weight.first, groups, sum, |out| match factored {
            true => {
                let values = unrolled!(outputs J => A::to_act(out.values[J]));
                middle.write_quad(out.row(), out.first, values);
            }
            false => emit(out),
        });
    }
    if !factored {
        return;
    }
    barrier();
    let copies = weight.copies.outputs as usize;
    let unordered = Tile::<A::Acc>::new(&inner.unordered);
    // SAFETY: as above.
    unsafe {
        product::<A, A::Act>(
            &weight.second,
            groups,
            rows_of(&middle),
            |out| match copies {
                0 => emit(out),
                _ => unordered.write_quad(out.row(), out.first, out.values),
            },
        );
    }
    if copies == 0 {
        return;
    }
    barrier();
    // SAFETY: as above.
    let rows = unsafe { A::matrix(&weight.copies) };
    each_quad(groups * GROUP, weight.outputs as usize, |pixel, first| {
        let n = (weight.outputs as usize - first).min(OUTPUTS);
        let values = unrolled!(outputs J => {
            let at = first + J.min(n - 1);
            // SAFETY: as above; the order has an element an output.
            unsafe {
                let place = usize::from(weight.order.read::<u16>(at));
                match place < copies {
                    true => copied(&rows, place, middle.read(pixel, place)),
                    false => unordered.read(pixel, place - copies),
                }
            }
        });
        emit(Outputs {
            group: pixel / GROUP,
            pixel: pixel % GROUP,
            first,
            n,
            values,
        });
    });
}
