//! Numbers for people.

/// Groups the digits of a whole number: `1,234,567`.
pub(super) fn grouped(value: impl TryInto<u64>) -> String {
    let Ok(value) = value.try_into() else {
        return "too large".to_owned();
    };
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a measured value: whole numbers grouped, others with at most four decimals.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "only of whole numbers from 0 to 2^53"
)]
pub(super) fn measured(value: f64) -> String {
    // Of a large number the fraction says nothing.
    let whole = value.fract() == 0.0 || value >= 1.0e5;
    if whole && (0.0..9.0e15).contains(&value) {
        return grouped(value.round() as u64);
    }
    crate::history::plain(value)
}

/// Returns the number of entries, grouped.
pub(super) fn count<T>(entries: &[T]) -> String {
    grouped(entries.len())
}

/// Returns a size in the unit that suits: `512 B`, `11.5 KiB`, `2.25 MiB`.
#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of microcontrollers lie far below 2^53"
)]
pub(super) fn size(bytes: usize) -> String {
    match bytes {
        0..=1023 => format!("{bytes} B"),
        1024..=1_048_575 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.2} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// Returns a time in the unit that suits: `840 ms`, `12.3 s`, `4 min 05 s`.
pub(in crate::report) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".to_owned();
    }
    if seconds < 1.0 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let minutes = (seconds / 60.0).floor();
    format!(
        "{minutes:.0} min {:02.0} s",
        (seconds - minutes * 60.0).floor()
    )
}

/// Returns the share in percent, 0 to 100; 0 where there is no whole.
#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of microcontrollers lie far below 2^53"
)]
pub(super) fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (part as f64 / whole as f64 * 100.0).min(100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (value, text) in cases {
            assert_eq!(grouped(value), text);
        }
        assert_eq!(grouped(-1), "too large");
        assert_eq!(measured(1_234_567.0), "1,234,567");
        assert_eq!(measured(12_418_726.32), "12,418,726");
        assert_eq!(measured(29.534), "29.534");
        assert_eq!(measured(-2.0), "-2");
    }

    #[test]
    fn sizes_and_times_change_their_unit() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size(1 << 20), "1.00 MiB");
        assert_eq!(duration(0.25), "250 ms");
        assert_eq!(duration(59.94), "59.9 s");
        assert_eq!(duration(245.9), "4 min 05 s");
        assert_eq!(duration(f64::NAN), "unknown");
    }

    #[test]
    fn shares_stay_within_the_whole() {
        assert!((percent(1, 4) - 25.0).abs() < 1e-12);
        assert!((percent(9, 4) - 100.0).abs() < 1e-12);
        assert!(percent(1, 0).abs() < 1e-12);
    }
}
