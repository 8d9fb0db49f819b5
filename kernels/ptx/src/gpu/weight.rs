//! A weight in any form, from inputs in shared memory to outputs.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "all rest on one promise: the arrays are those that the arguments say"
)]

use mambalite_kernels::linear::copied;

use super::block::{Tile, barrier, each, each_row};
use super::parameters::Device;
use super::product::{Columns, Element, Inputs, Sums, product};
use crate::args;
use crate::layout::{CHUNK, GROUP, Inner, THREADS};

/// Multiplies groups of pixels with a weight.
///
/// * `sum` - adds the products of a group's inputs, tap by tap. * `emit` - takes an output: group,
///   pixel in it, output, result in the unit of the outputs.
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
    mut emit: impl FnMut(usize, usize, usize, A::Acc),
) where
    A::Act: Element<A>,
{
    let middle = Tile::<A::Act>::new(&inner.middle);
    let factored = weight.factored != 0;
    // SAFETY: the caller's promise, here and below.
    unsafe {
        product::<A, X>(
            &weight.first,
            groups,
            sum,
            |group, p, row, acc| match factored {
                true => middle.write(group * GROUP + p, row, A::to_act(acc)),
                false => emit(group, p, row, acc),
            },
        );
    }
    if !factored {
        return;
    }
    let (rank, copies) = (
        weight.first.outputs as usize,
        weight.copies.outputs as usize,
    );
    let pixels = groups * GROUP;
    let padding = rank.next_multiple_of(CHUNK) - rank;
    each_row(pixels, padding, THREADS, |pixel, at| {
        // SAFETY: as above.
        unsafe { middle.write(pixel, rank + at, A::Act::default()) };
    });
    let places = Places::<A>::new(weight, inner);
    barrier();
    // SAFETY: as above.
    unsafe {
        product::<A, A::Act>(
            &weight.second,
            groups,
            |columns, group, sums| {
                let inputs = Inputs {
                    first: middle.row(group * GROUP),
                    stride: middle.stride,
                };
                A::Act::add(columns, 0, inputs, sums);
            },
            |group, p, row, acc| emit(group, p, places.output(copies + row), acc),
        );
        let rows = A::matrix(&weight.copies);
        each_row(pixels, copies, THREADS, |pixel, o| {
            let acc = copied(&rows, o, middle.read(pixel, o));
            emit(pixel / GROUP, pixel % GROUP, places.output(o), acc);
        });
    }
}

/// Which output each of (copies, others) is.
struct Places<A> {
    place: Option<Tile<u16>>,
    arithmetic: core::marker::PhantomData<A>,
}

impl<A: Device> Places<A> {
    /// Turns the order of a weight round; it is there after the next barrier.
    #[inline(always)]
    fn new(weight: &args::Weight, inner: &Inner) -> Self {
        let arithmetic = core::marker::PhantomData;
        if weight.copies.outputs == 0 {
            return Self {
                place: None,
                arithmetic,
            };
        }
        let place = Tile::<u16>::new(&crate::layout::Rows {
            at: inner.place,
            stride: 0,
        });
        // SAFETY: the order has an element an output.
        let order: &[u16] = unsafe { weight.order.slice() };
        each(order.len(), THREADS, |o| {
            // SAFETY: every place is of one output.
            unsafe { place.write(0, usize::from(order[o]), o as u16) };
        });
        Self {
            place: Some(place),
            arithmetic,
        }
    }

    #[inline(always)]
    fn output(&self, at: usize) -> usize {
        match &self.place {
            // SAFETY: it was written before the barrier.
            Some(place) => unsafe { place.read(0, at) }.into(),
            None => at,
        }
    }
}
