//! One source, compiled twice: for the target's baseline and for hosts with AVX2 and FMA.

/// Defines a function that runs `$body` with AVX2 and FMA where the host has them.
///
/// The body must inline; its result does not depend on the choice, since every kernel is specified
/// to the bit.
macro_rules! dispatch {
    (
        $(#[$meta:meta])*
        pub fn $name:ident<$($generic:ident: $bound:path),*>($($arg:ident: $type:ty),* $(,)?) $body:block
    ) => {
        $(#[$meta])*
        #[cfg_attr(
            all(feature = "std", target_arch = "x86_64"),
            expect(unsafe_code, reason = "calls a function for instructions found at run time")
        )]
        pub fn $name<$($generic: $bound),*>($($arg: $type),*) {
            #[inline(always)]
            fn portable<$($generic: $bound),*>($($arg: $type),*) $body

            #[cfg(all(feature = "std", target_arch = "x86_64"))]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2<$($generic: $bound),*>($($arg: $type),*) {
                    portable::<$($generic),*>($($arg),*);
                }
                if std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("fma")
                {
                    // SAFETY: the host has both instruction sets, as found in the line before.
                    return unsafe { avx2::<$($generic),*>($($arg),*) };
                }
            }
            portable::<$($generic),*>($($arg),*);
        }
    };
}
pub(crate) use dispatch;
