//! Links the entry points of every variant for this target, and nothing else of the kernels.
//!
//! It never runs. All that can panic ends in [`mambalite_panic_is_possible`]; the linker drops what nothing
//! calls, so that `cargo xtask no-panic` sees whether a variant can panic by whether the function
//! is there.

#![no_std]
#![no_main]
#![expect(unsafe_code, reason = "names that the linker and the check look for")]

use core::hint::black_box;
use core::panic::PanicInfo;

use mambalite_kernels::Variant;
use mambalite_kernels::arith::{Arithmetic, Fixed, Float};

/// Keeps an entry point as it is for any arguments: nobody can tell what becomes of it.
fn keep<K>(get: Option<fn() -> Option<K>>) {
    if let Some(get) = get {
        black_box(get());
    }
}

/// Returns a variant of a table. As a constant it brings nothing else of the table along.
const fn variant<K>(table: &[Variant<K>], index: usize) -> Option<fn() -> Option<K>> {
    assert!(table.len() <= 4, "more variants than are kept");
    match index < table.len() {
        true => Some(table[index].get),
        false => None,
    }
}

/// Keeps all variants of a precision but the reference, which may panic.
macro_rules! keep_all {
    ($arith:ty: $($op:ident)*) => {$(
        keep(const { variant(<$arith>::VARIANTS.$op, 1) });
        keep(const { variant(<$arith>::VARIANTS.$op, 2) });
        keep(const { variant(<$arith>::VARIANTS.$op, 3) });
    )*};
}

/// Where the program would begin.
#[unsafe(no_mangle)]
extern "C" fn _start() {
    keep_all!(Float<f32>: linear norm conv1d step scan gate sum);
    keep_all!(Fixed<i16>: linear norm conv1d step scan gate sum);
    keep_all!(Fixed<i8>: linear norm conv1d step scan gate sum);
    #[cfg(feature = "control")]
    black_box(control as fn(&[u32], usize) -> u32);
}

/// Panics if there is no such element.
#[cfg(feature = "control")]
fn control(values: &[u32], index: usize) -> u32 {
    values[index]
}

/// What the check looks for.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn mambalite_panic_is_possible() -> ! {
    loop {
        black_box(());
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    mambalite_panic_is_possible()
}
