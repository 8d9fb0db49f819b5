//! The newest values in Bencher's metric format, for a dashboard of one's own.

use serde_json::{Map, Value, json};

use super::{Measure, compare::Bound};
use super::{Series, Test, Thresholds};

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
        let mut metric = json!({ "value": newest.value });
        let samples = earlier
            .iter()
            .rev()
            .filter(|it| it.verdict == "pass" || it.verdict == "flaky");
        let samples: Vec<f64> = samples
            .take(thresholds.window())
            .map(|it| it.value)
            .collect();
        let test = thresholds.test(subject, &it.measure);
        let measure = Measure::find(&it.measure).filter(|_| test != Test::Informative);
        if let Some(measure) = measure
            && let Some(bound) = Bound::of(test, measure.better, &samples)
        {
            let side = match measure.better {
                super::Better::Lower => "upper_value",
                super::Better::Higher => "lower_value",
            };
            metric[side] = bound.limit.into();
        }
        let benchmark = benchmarks.entry(name).or_insert_with(|| json!({}));
        benchmark[it.measure.as_str()] = metric;
    }
    Value::Object(benchmarks)
}
