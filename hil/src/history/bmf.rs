//! The newest values in Bencher's metric format, for a dashboard of one's own.

use serde_json::{Map, Value, json};

use super::compare::Bound;
use super::{Better, Measure, Point, Series, Test, Thresholds};

/// Returns `{benchmark: {measure: {value, lower_value, upper_value}}}` of the newest point of each
/// series. A benchmark is `rig/model/precision`; the bound that the earlier points set is on the
/// side that is worse, where there is one.
#[must_use]
pub fn bmf(series: &[Series], thresholds: &Thresholds) -> Value {
    let mut benchmarks = Map::new();
    for it in series {
        let Some((newest, earlier)) = it.points.split_last() else {
            continue;
        };
        let subject = &it.subject;
        let name = format!("{}/{}/{}", subject.rig, subject.model, subject.precision);
        let mut metric = Map::from_iter([("value".to_owned(), newest.value.into())]);
        let samples = samples(earlier, thresholds.window());
        let test = thresholds.test(subject, &it.measure);
        let measure = Measure::find(&it.measure).filter(|_| test != Test::Informative);
        if let Some(measure) = measure
            && let Some(bound) = Bound::of(test, measure.better, &samples)
        {
            let side = match measure.better {
                Better::Lower => "upper_value",
                Better::Higher => "lower_value",
            };
            metric.insert(side.to_owned(), bound.limit.into());
        }
        let benchmark = benchmarks.entry(name).or_insert_with(|| json!({}));
        if let Value::Object(measures) = benchmark {
            measures.insert(it.measure.clone(), metric.into());
        }
    }
    Value::Object(benchmarks)
}

/// Returns the values that count, the newest first, back to the last that was accepted.
fn samples(points: &[Point], window: usize) -> Vec<f64> {
    let accepted = points.iter().rposition(|it| it.accepted).unwrap_or(0);
    let since = points.iter().skip(accepted).rev();
    let passed = since.filter(|it| it.verdict == "pass" || it.verdict == "flaky");
    passed.take(window).map(|it| it.value).collect()
}
