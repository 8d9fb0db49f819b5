pub(crate) const DIGESTS: &[(&str, [u64; 3])] = &[];
