//! Values that no run can have.

use super::{Config, Length, LossKind, OptimizerKind, SCHEMA, TeacherPlace};

/// A value that is not allowed.
#[derive(Debug)]
pub(super) struct Fault {
    /// The key with its tables, as `data.patch`.
    key: String,
    problem: String,
    mend: String,
}

impl Fault {
    pub(super) fn new(
        key: impl Into<String>,
        problem: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
            mend: mend.into(),
        }
    }

    /// Returns the message, with the line where `text` has the key.
    pub(super) fn message(&self, text: &str) -> String {
        let place = match super::text::line(text, &self.key) {
            Some(line) => format!("line {line}, key `{}`", self.key),
            None => format!("key `{}`", self.key),
        };
        format!("{place}: {}; {}", self.problem, self.mend)
    }
}

impl Config {
    /// Finds the first value that is not allowed.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.schema != SCHEMA {
            return Err(Fault::new(
                "schema",
                format!("{} is not known", self.schema),
                format!("take {SCHEMA}, or a newer mambalite"),
            ));
        }
        self.model.check()?;
        self.check_data()?;
        self.check_loss()?;
        self.check_quantize()?;
        self.check_optimizer()?;
        let run = &self.run;
        at_least("run.checkpoint-every", run.checkpoint_every, 1)?;
        at_least("run.log-every", run.log_every, 1)
    }

    fn check_quantize(&self) -> Result<(), Fault> {
        let Some(quantize) = &self.quantize else {
            return Ok(());
        };
        at_least("quantize.pictures", quantize.pictures as u64, 1)?;
        if quantize.percentile > 50.0 && quantize.percentile <= 100.0 {
            return Ok(());
        }
        Err(Fault::new(
            "quantize.percentile",
            format!("{} is out of range", quantize.percentile),
            "take more than 50 and at most 100",
        ))
    }

    fn check_data(&self) -> Result<(), Fault> {
        let data = &self.data;
        if data.train.is_empty() {
            return Err(Fault::new(
                "data.train",
                "there is no folder",
                "name one, as `train = [{ folder = \"photos\" }]`",
            ));
        }
        for folder in &data.train {
            let weight = folder.weight;
            within(
                "data.train",
                weight,
                weight > 0.0 && weight.is_finite(),
                "a weight above 0",
            )?;
        }
        if data.validation_low.is_some() && data.validation.is_none() {
            return Err(Fault::new(
                "data.validation-low",
                "there is no `validation`",
                "name the folder of high-resolution pictures too",
            ));
        }
        let patch = data.patch as u64;
        within(
            "data.patch",
            data.patch,
            (8..=1024).contains(&patch),
            "8 to 1024",
        )?;
        let batch = data.batch as u64;
        within(
            "data.batch",
            data.batch,
            (1..=4096).contains(&batch),
            "1 to 4096",
        )?;
        at_least("data.min-pictures", data.min_pictures as u64, 1)
    }

    fn check_loss(&self) -> Result<(), Fault> {
        if let Some(weight) = self.loss.fft_weight {
            if self.loss.kind != LossKind::L1Fft {
                return Err(Fault::new(
                    "loss.fft-weight",
                    "this loss has no spectra",
                    "remove the key, or take kind = \"l1-fft\"",
                ));
            }
            let fits = weight >= 0.0 && weight.is_finite();
            within("loss.fft-weight", weight, fits, "0 or more")?;
        }
        match &self.distill {
            Some(distill) => {
                let weight = distill.weight;
                within(
                    "distill.weight",
                    weight,
                    (0.0..=1.0).contains(&weight),
                    "0 to 1",
                )?;
                let features = distill.features;
                let fits = features >= 0.0 && features.is_finite();
                within("distill.features", features, fits, "0 or more")?;
                if features > 0.0 && distill.place != TeacherPlace::Crop {
                    return Err(Fault::new(
                        "distill.features",
                        "features are not kept for whole pictures",
                        "take where = \"crop\", or remove the key",
                    ));
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn check_optimizer(&self) -> Result<(), Fault> {
        let it = &self.optimizer;
        let fits = it.rate > 0.0 && it.rate.is_finite();
        within("optimizer.rate", it.rate, fits, "a number above 0")?;
        for beta in it.betas {
            let fits = (0.0..1.0).contains(&beta);
            within("optimizer.betas", beta, fits, "0 or more, below 1")?;
        }
        if let Some(decay) = it.weight_decay {
            if it.kind != OptimizerKind::Adamw {
                return Err(Fault::new(
                    "optimizer.weight-decay",
                    "Adam has none",
                    "remove the key, or take kind = \"adamw\"",
                ));
            }
            let fits = decay >= 0.0 && decay.is_finite();
            within("optimizer.weight-decay", decay, fits, "0 or more")?;
        }
        let fits = it.clip >= 0.0 && it.clip.is_finite();
        within(
            "optimizer.clip",
            it.clip,
            fits,
            "a number above 0, or 0 for none",
        )?;
        within(
            "optimizer.ema",
            it.ema,
            (0.0..1.0).contains(&it.ema),
            "0 or more, below 1",
        )?;
        let fits = (0.0..=1.0).contains(&it.min_rate);
        within("optimizer.min-rate", it.min_rate, fits, "0 to 1")?;
        match it.length {
            Length::Steps(steps) => at_least("optimizer.length", steps, 1),
            Length::Minutes(minutes) => {
                let fits = minutes > 0.0 && minutes.is_finite();
                within("optimizer.length", minutes, fits, "minutes above 0")
            }
        }
    }
}

fn at_least(key: &str, value: u64, least: u64) -> Result<(), Fault> {
    within(key, value, value >= least, &format!("{least} or more"))
}

fn within(key: &str, value: impl core::fmt::Display, fits: bool, range: &str) -> Result<(), Fault> {
    match fits {
        true => Ok(()),
        false => Err(Fault::new(
            key,
            format!("{value} is out of range"),
            format!("take {range}"),
        )),
    }
}
