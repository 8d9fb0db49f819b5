//! The scalar types of PTX, and the way in which a register holds them.
//!
//! A register is a `u64`. Whatever its type, the bits above its width are zero; instructions that
//! see a sign extend it themselves.

/// How the bits of a [`Type`] are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bits without a meaning.
    Bits,
    /// An integer that is never negative.
    Unsigned,
    /// An integer in two's complement.
    Signed,
    /// An IEEE 754 number.
    Float,
    /// One bit.
    Predicate,
}

/// A type as instructions name it: `u32`, `b64`, `f32`, `pred`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    pub(crate) kind: Kind,
    /// Width, 1 (predicates) or 8 to 64.
    pub(crate) bits: u8,
}

impl Type {
    pub(crate) const F32: Self = Self::new(Kind::Float, 32);
    pub(crate) const B32: Self = Self::new(Kind::Bits, 32);
    pub(crate) const B64: Self = Self::new(Kind::Bits, 64);
    pub(crate) const U32: Self = Self::new(Kind::Unsigned, 32);
    pub(crate) const PREDICATE: Self = Self::new(Kind::Predicate, 1);

    pub(crate) const fn new(kind: Kind, bits: u8) -> Self {
        Self { kind, bits }
    }

    /// Returns the type of the name, without its dot, if this crate runs instructions of it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "f32" => return Some(Self::F32),
            "pred" => return Some(Self::PREDICATE),
            _ => {}
        }
        let kind = match name.as_bytes().first()? {
            b'b' => Kind::Bits,
            b'u' => Kind::Unsigned,
            b's' => Kind::Signed,
            _ => return None,
        };
        let bits = match name.get(1..)? {
            "8" => 8,
            "16" => 16,
            "32" => 32,
            "64" => 64,
            _ => return None,
        };
        Some(Self::new(kind, bits))
    }

    pub(crate) const fn bytes(self) -> u64 {
        self.bits as u64 / 8
    }

    pub(crate) const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits as u32)
    }

    pub(crate) fn is_signed(self) -> bool {
        self.kind == Kind::Signed
    }

    pub(crate) fn is_float(self) -> bool {
        self.kind == Kind::Float
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self.kind, Kind::Signed | Kind::Unsigned)
    }

    /// Returns the low bits of `x` as an integer in two's complement.
    pub(crate) const fn sign_extend(self, x: u64) -> i64 {
        let above = 64 - self.bits as u32;
        (x << above) as i64 >> above
    }

    /// Returns the integer that a register of this type holds.
    pub(crate) fn integer(self, x: u64) -> i128 {
        if self.is_signed() {
            self.sign_extend(x).into()
        } else {
            (x & self.mask()).into()
        }
    }

    /// Returns the smallest and the largest integer of the type.
    pub(crate) fn range(self) -> (i128, i128) {
        if self.is_signed() {
            let half = 1i128 << (self.bits - 1);
            (-half, half - 1)
        } else {
            (0, self.mask().into())
        }
    }
}
