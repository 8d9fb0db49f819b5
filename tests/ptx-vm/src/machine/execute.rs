//! Executes one instruction of one thread.

use crate::error::Fault;
use crate::instruction::{Combine, CompareWith, Op, Slot};
use crate::machine::view::{View, window_of};
use crate::machine::{State, float, integer};
use crate::module::Code;
use crate::parse::CARRY;
use crate::scalar::{Kind, Type};

/// The registers of a thread.
pub(crate) struct Registers<'a>(pub(crate) &'a mut [u64]);

impl Registers<'_> {
    #[inline(always)]
    pub(crate) fn get(&self, slot: Slot) -> u64 {
        self.0[slot as usize]
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, slot: Slot, value: u64) {
        self.0[slot as usize] = value;
    }

    #[inline(always)]
    fn float(&self, slot: Slot) -> f32 {
        f32::from_bits(self.get(slot) as u32)
    }
}

/// Where a thread goes on.
pub(crate) enum Flow {
    Next,
    Jump(u32),
    Stop(State),
}

/// Executes an instruction whose predicate holds.
#[inline(always)]
pub(crate) fn execute(
    op: &Op,
    r: &mut Registers<'_>,
    view: &mut View<'_>,
    code: &Code,
) -> Result<Flow, Box<Fault>> {
    match *op {
        Op::Load {
            access,
            value,
            base,
            offset,
        } => {
            let address = r.get(base).wrapping_add(i64::from(offset) as u64);
            match access.count {
                1 => view.load(access, address, r, &[value])?,
                _ => view.load(access, address, r, &code.lists[value as usize])?,
            }
        }
        Op::Store {
            access,
            value,
            base,
            offset,
        } => {
            let address = r.get(base).wrapping_add(i64::from(offset) as u64);
            match access.count {
                1 => view.store(access, address, r, &[value])?,
                _ => view.store(access, address, r, &code.lists[value as usize])?,
            }
        }
        Op::Divide {
            remainder,
            ty,
            d,
            a,
            b,
        } => {
            let value = integer::divide(remainder, ty, r.get(a), r.get(b))?;
            r.set(d, value);
        }
        Op::Branch { target } => return Ok(Flow::Jump(target)),
        Op::BranchIndex { index, targets } => {
            let targets = &code.lists[targets as usize];
            let index = r.get(index) as u32;
            return match targets.get(index as usize) {
                Some(&target) => Ok(Flow::Jump(target)),
                None => Err(Box::new(Fault::BranchIndex {
                    index,
                    count: targets.len(),
                })),
            };
        }
        Op::Exit => return Ok(Flow::Stop(State::Exited)),
        Op::Trap => return Err(Box::new(Fault::Trap)),
        Op::Barrier { barrier, aligned } => {
            return Ok(Flow::Stop(State::Barrier { barrier, aligned }));
        }
        Op::Warp(_) => return Ok(Flow::Stop(State::Warp)),
        _ => compute(op, r, code),
    }
    Ok(Flow::Next)
}

/// Executes an instruction that only reads and writes registers.
#[inline(always)]
fn compute(op: &Op, r: &mut Registers<'_>, code: &Code) {
    match *op {
        Op::Move { d, a } => r.set(d, r.get(a)),
        Op::Binary { op, ty, d, a, b } => r.set(d, integer::binary(op, ty, r.get(a), r.get(b))),
        Op::Ternary { op, ty, d, a, b, c } => {
            r.set(d, integer::ternary(op, ty, r.get(a), r.get(b), r.get(c)))
        }
        Op::FloatBinary { op, d, a, b } => {
            r.set(d, float::binary(op, r.float(a), r.float(b)));
        }
        Op::Fma { d, a, b, c } => r.set(d, float::fma(r.float(a), r.float(b), r.float(c))),
        Op::Dot { dot, d, a, b, c } => r.set(d, integer::dot(dot, r.get(a), r.get(b), r.get(c))),
        Op::Compare {
            comparison,
            ty,
            d,
            a,
            b,
        } => {
            let result = integer::compare(comparison, ty, r.get(a), r.get(b));
            r.set(d, result.into());
        }
        Op::Select { d, a, b, predicate } => {
            let chosen = if r.get(predicate) != 0 { a } else { b };
            r.set(d, r.get(chosen));
        }
        Op::Unary { op, ty, d, a } => r.set(d, integer::unary(op, ty, r.get(a))),
        Op::FloatUnary { op, d, a } => r.set(d, float::unary(op, r.float(a))),
        Op::Convert { conversion, d, a } => r.set(d, float::convert(conversion, r.get(a))),
        Op::ConvertAddress {
            space,
            to_generic,
            d,
            a,
        } => {
            let window = window_of(space);
            let (a, sum) = (r.get(a), r.get(a).wrapping_add(window));
            r.set(
                d,
                if to_generic {
                    sum
                } else {
                    a.wrapping_sub(window)
                },
            );
        }
        _ => compute_rarely(op, r, code),
    }
}

/// As [`compute`], for the instructions that kernels seldom need.
fn compute_rarely(op: &Op, r: &mut Registers<'_>, code: &Code) {
    match *op {
        Op::Pack { d, list, bits } => {
            let mut packed = 0;
            for (index, &slot) in code.lists[list as usize].iter().enumerate() {
                packed |= r.get(slot) << (index as u32 * u32::from(bits));
            }
            r.set(d, packed);
        }
        Op::Unpack { list, a, bits } => {
            let mut packed = r.get(a);
            for &slot in &code.lists[list as usize] {
                r.set(slot, packed & Type::new(Kind::Bits, bits).mask());
                packed >>= bits;
            }
        }
        Op::Carry {
            subtract,
            takes,
            gives,
            bits,
            d,
            a,
            b,
        } => {
            let carry = takes && r.get(CARRY) != 0;
            let (value, carry) = integer::carry(subtract, bits, r.get(a), r.get(b), carry);
            r.set(d, value);
            if gives {
                r.set(CARRY, carry.into());
            }
        }
        Op::Insert {
            bits,
            d,
            a,
            b,
            at,
            count,
        } => {
            let value = integer::insert(bits, r.get(a), r.get(b), r.get(at), r.get(count));
            r.set(d, value);
        }
        Op::Logic3 { table, d, a, b, c } => {
            r.set(d, integer::logic3(table, r.get(a), r.get(b), r.get(c)));
        }
        Op::CompareWith(ref compare) => compare_with(compare, r),
        Op::SelectSign { float, d, a, b, c } => {
            let first = if float {
                r.float(c) >= 0.0
            } else {
                (r.get(c) as i32) >= 0
            };
            r.set(d, r.get(if first { a } else { b }));
        }
        // `Nop`, and those that `execute` and `compute` have taken.
        _ => {}
    }
}

fn compare_with(compare: &CompareWith, r: &mut Registers<'_>) {
    let result = integer::compare(
        compare.comparison,
        compare.ty,
        r.get(compare.a),
        r.get(compare.b),
    );
    let combined = |result: bool| match compare.combine {
        None => result,
        Some((combine, slot, negated)) => {
            let other = (r.get(slot) != 0) != negated;
            match combine {
                Combine::And => result && other,
                Combine::Or => result || other,
                Combine::Xor => result != other,
            }
        }
    };
    let (result, opposite) = (combined(result), combined(!result));
    r.set(compare.d, if result { compare.one } else { 0 });
    if let Some(slot) = compare.opposite {
        r.set(slot, opposite.into());
    }
}
