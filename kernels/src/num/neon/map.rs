//! Functions of the elements of tensors, `N` at a time.

use bytemuck::Pod;

use super::{First, Lanes};

macro_rules! map {
    ($(#[$doc:meta])* $name:ident: $($x:ident $X:ident),*) => {
        $(#[$doc])*
        ///
        /// The last elements are filled up with zeros for `function`.
        #[inline(always)]
        pub(crate) fn $name<$($X: Pod,)* O: Copy, const N: usize>(
            $($x: &[$X],)*
            out: &mut [O],
            function: impl Fn($([$X; N]),*) -> [O; N],
        ) {
            let len = out.len()$(.min($x.len()))*;
            let (out, end) = out.split_at_mut(len).0.as_chunks_mut::<N>();
            $(let $x = $x.split_at(len).0.as_chunks::<N>();)*
            for (i, out) in out.iter_mut().enumerate() {
                *out = function($($x.0[i]),*);
            }
            if !end.is_empty() {
                let lanes = First(end.len());
                let values = function($(lanes.load($x.1, 0)),*);
                lanes.store(end, 0, values);
            }
        }
    };
}

map!(
    /// Stores a function of the elements of a tensor.
    map: x X
);
map!(
    /// Stores a function of the elements of two tensors.
    map2: x X, y Y
);
map!(
    /// Stores a function of the elements of three tensors.
    map3: x X, y Y, z Z
);
