//! Where a case spends its instructions, function by function.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::board::Board;
use crate::functions::Functions;
use crate::measurement::Measurement;

/// Functions with less than so many thousandths of a case are shown as one.
const THOUSANDTHS_MIN: u64 = 1;

/// Returns what each case spends in each function of the project, with what is inlined there but
/// for functions of the project, and in the functions of others that are not inlined.
pub(crate) fn text(board: &Board, measurements: &[Measurement], functions: &Functions) -> String {
    let mut text = String::new();
    // A part has no addresses of its own.
    for one in measurements.iter().filter(|one| one.part_of.is_none()) {
        let _ = write!(
            text,
            "{} ({}): {}: {} instructions, {} {}s\n{}\n",
            board.name,
            board.core,
            one.key(),
            one.instructions,
            one.units,
            one.unit,
            lines(one, functions)
        );
    }
    text
}

fn lines(one: &Measurement, functions: &Functions) -> String {
    let mut counts = BTreeMap::new();
    for (&at, count) in &one.places {
        *counts.entry(functions.ours(at)).or_insert(0) += count;
    }
    let is_small = |count: u64| count * 1000 < one.instructions * THOUSANDTHS_MIN;
    let mut counts: Vec<_> = counts.into_iter().collect();
    let others: u64 = counts
        .iter()
        .filter(|&&(_, count)| is_small(count))
        .map(|&(_, count)| count)
        .sum();
    counts.retain(|&(_, count)| !is_small(count));
    counts.sort_by_key(|&(name, count)| (std::cmp::Reverse(count), name));
    if others > 0 {
        counts.push(("others", others));
    }
    let line = |(name, count): (&str, u64)| {
        let percent = count as f64 / one.instructions as f64 * 100.0;
        format!("{percent:6.1} %  {count:>10}  {name}\n")
    };
    counts.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::BOARDS;
    use crate::functions::tests::functions;

    #[test]
    fn functions_are_shown_by_their_share() {
        let whole = Measurement {
            op: "a".to_owned(),
            format: "w8a8".to_owned(),
            variant: "dsp".to_owned(),
            units: 100,
            unit: "MAC".to_owned(),
            digest: 0,
            instructions: 10_000,
            mnemonics: Vec::new(),
            places: [(0x20, 7500), (0x24, 2497), (0x28, 3)].into(),
            part_of: None,
        };
        let part = Measurement {
            part_of: Some("a"),
            ..whole.clone()
        };
        let wanted = "\
mps2-an386 (Cortex-M4F): a w8a8 dsp: 10000 instructions, 100 MACs
  75.0 %        7500  mambalite_a::silu::<i8>
  25.0 %        2497  mambalite_a::run
   0.0 %           3  others

";
        assert_eq!(text(&BOARDS[0], &[whole, part], &functions()), wanted);
    }
}
