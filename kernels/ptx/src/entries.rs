//! The entry points of the GPU.
#![expect(unsafe_code, reason = "a launch passes addresses")]

use core::arch::nvptx::{_block_dim_x, _block_idx_x, _thread_idx_x, trap};

use mambalite_kernels::arith::{Arithmetic, Fixed, Float};

use crate::args::{self, Array, Patches};
use crate::operators::operators;
use crate::thread;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it ends the launch, whatever the state.
    unsafe { trap() }
}

/// Returns the number of this thread in the launch.
#[inline(always)]
fn number() -> usize {
    // SAFETY: they read registers.
    let (block, size, thread) = unsafe { (_block_idx_x(), _block_dim_x(), _thread_idx_x()) };
    (block as u32 * size as u32 + thread as u32) as usize
}

macro_rules! emit {
    ($precision:literal; $($name:literal ($($arg:ident: $type:ty),*)
        |$thread:ident| $body:expr;)*) => {$(
        const _: () = {
            #[unsafe(export_name = concat!($precision, $name))]
            unsafe extern "ptx-kernel" fn entry($($arg: $type),*) {
                let $thread = number();
                // SAFETY: whoever launches passes the arrays that the arguments say.
                unsafe { $body }
            }
        };
    )*};
}

operators!(emit, "f32", Float<f32>);
operators!(emit, "w8a16", Fixed<i16>);
operators!(emit, "w8a8", Fixed<i8>);
