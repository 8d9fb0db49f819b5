//! Launches on the host: the threads of the GPU, one after the other.
#![expect(unsafe_code, reason = "a launch passes addresses")]

use mambalite_kernels::arith::{Arithmetic, Fixed, Float};

use crate::args::{self, Array, Patches};
use crate::operators::operators;
use crate::program::Launch;
use crate::thread;

/// Takes the next argument off the bytes of a launch.
fn take<T: bytemuck::Pod>(args: &mut core::slice::Iter<'_, alloc::vec::Vec<u8>>) -> Option<T> {
    bytemuck::try_pod_read_unaligned(args.next()?).ok()
}

macro_rules! emit {
    ($precision:literal; $($name:literal ($($arg:ident: $type:ty),*)
        |$thread:ident| $body:expr;)*) => {
        |launch: &Launch| -> Option<()> {
            let mut args = launch.args.iter();
            match launch.entry.strip_prefix($precision)? {
                $($name => {
                    $(let $arg: $type = take(&mut args)?;)*
                    for $thread in 0..(launch.blocks * launch.block) as usize {
                        // SAFETY: the caller's promise.
                        unsafe { $body }
                    }
                })*
                _ => return None,
            }
            Some(())
        }
    };
}

/// Runs a launch; nothing where there is no such entry point or it has other arguments.
///
/// # Safety
/// The arrays in its arguments are in this process's memory and live; nothing else uses them.
pub unsafe fn run(launch: &Launch) -> Option<()> {
    let f32 = operators!(emit, "f32", Float<f32>);
    let w8a16 = operators!(emit, "w8a16", Fixed<i16>);
    let w8a8 = operators!(emit, "w8a8", Fixed<i8>);
    f32(launch)
        .or_else(|| w8a16(launch))
        .or_else(|| w8a8(launch))
}
