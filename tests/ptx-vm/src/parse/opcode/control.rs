//! Branches, barriers, and instructions of a warp.

use crate::error::ParseErrorKind;
use crate::instruction::{Op, Shuffle, Vote, Warp};
use crate::parse::cursor::Parsed;
use crate::parse::opcode::Reader;
use crate::parse::operand::Operand;
use crate::scalar::Type;

/// Barriers that a block has.
const BARRIERS: i128 = 16;

const SHUFFLES: [(&str, Shuffle); 4] = [
    ("up", Shuffle::Up),
    ("down", Shuffle::Down),
    ("bfly", Shuffle::Butterfly),
    ("idx", Shuffle::Index),
];

const VOTES: [(&str, Vote); 4] = [
    ("all", Vote::All),
    ("any", Vote::Any),
    ("uni", Vote::Uniform),
    ("ballot", Vote::Ballot),
];

pub(crate) fn decode(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let base = reader.base;
    match base {
        "bra" => {
            reader.take("uni");
            reader.count(1)?;
            label(&reader.operands[0])?;
            Ok(Op::Branch { target: 0 })
        }
        "brx" if reader.take("idx") => {
            reader.take("uni");
            reader.count(2)?;
            label(&reader.operands[1])?;
            Ok(Op::BranchIndex {
                index: reader.source(0, Type::U32)?,
                targets: 0,
            })
        }
        "ret" | "exit" => {
            reader.take("uni");
            reader.count(0)?;
            Ok(Op::Exit)
        }
        "trap" => {
            reader.count(0)?;
            Ok(Op::Trap)
        }
        "bar" | "barrier" => barrier(reader),
        "membar" | "fence" => {
            // Threads of a block run one after the other: memory is in order.
            let levels = ["cta", "gl", "sys", "gpu", "sc", "acq_rel"].map(|level| (level, ()));
            reader.require_one("a level", &levels)?;
            reader.take_one(&levels);
            reader.count(0)?;
            Ok(Op::Nop)
        }
        "shfl" if reader.take("sync") => shuffle(reader),
        "vote" if reader.take("sync") => vote(reader),
        "activemask" => {
            let ty = reader.ty(|ty| ty == Type::B32)?;
            let d = reader.destination(1, ty)?;
            Ok(Op::Warp(Box::new(Warp::ActiveMask { d })))
        }
        _ => Err(ParseErrorKind::UnsupportedInstruction(
            reader.opcode.to_owned(),
        )),
    }
}

fn label(operand: &Operand<'_>) -> Parsed<()> {
    match operand {
        Operand::Name(_) => Ok(()),
        other => Err(ParseErrorKind::OperandForm {
            expected: "a label",
            found: other.to_string(),
        }),
    }
}

/// `bar.sync` and `barrier.sync` of all threads of the block.
fn barrier(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    reader.take("cta");
    if !reader.take("sync") {
        return Err(ParseErrorKind::UnsupportedInstruction(
            reader.opcode.to_owned(),
        ));
    }
    let aligned = reader.base == "bar" || reader.take("aligned");
    reader.count(1)?;
    match reader.operands[0] {
        Operand::Integer(number) if (0..BARRIERS).contains(&number) => Ok(Op::Barrier {
            barrier: number as u8,
            aligned,
        }),
        ref other => Err(ParseErrorKind::OperandForm {
            expected: "a barrier from 0 to 15",
            found: other.to_string(),
        }),
    }
}

fn shuffle(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let mode = reader.require_one("a mode", &SHUFFLES)?;
    let ty = reader.ty(|ty| ty == Type::B32)?;
    reader.count(5)?;
    let (d, in_range) = reader.body.destination_pair(&reader.operands[0], ty)?;
    Ok(Op::Warp(Box::new(Warp::Shuffle {
        mode,
        d,
        in_range,
        a: reader.source(1, ty)?,
        b: reader.source(2, Type::U32)?,
        c: reader.source(3, Type::U32)?,
        mask: reader.source(4, Type::U32)?,
    })))
}

fn vote(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let vote = reader.require_one("a mode", &VOTES)?;
    let result = match vote {
        Vote::Ballot => Type::B32,
        _ => Type::PREDICATE,
    };
    reader.ty(|ty| ty == result)?;
    let d = reader.destination(3, result)?;
    let (predicate, negated) = reader.body.predicate(&reader.operands[1])?;
    Ok(Op::Warp(Box::new(Warp::Vote {
        vote,
        d,
        predicate,
        negated,
        mask: reader.source(2, Type::U32)?,
    })))
}
