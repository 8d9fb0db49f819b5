//! The loop.

use std::time::{Duration, Instant};

use super::checkpoint::Score;
use super::curve::Curve;
use super::energy::Meter;
use super::log::{Line, Log};
use super::objective::{Batch, Objective, split};
use super::observer::{Observer, Progress};
use super::stop::Stop;
use super::{Checkpoint, Outcome, Prepared, Task};
use crate::Result;
use crate::train::config::{Config, Length, TeacherPlace};
use crate::train::data::loader::Loader;
use crate::train::error::TrainError;
use crate::train::model::Model;
use crate::train::optimizer::Optimizer;
use crate::train::schedule::Schedule;

/// First steps whose time decides how many fit into some minutes.
const MEASURED_STEPS: u64 = 20;
/// The first of these, in which memory is allocated, are not counted.
const UNMEASURED_STEPS: u64 = 5;
/// Part of the last loss in the smoothed one.
const SMOOTHING: f64 = 0.05;

/// A run at its steps.
pub(super) struct Steps<'a, M> {
    config: &'a Config,
    model: &'a M,
    prepared: Prepared,
    optimizer: Optimizer,
    objective: Objective,
    log: Log,
    curve: Curve,
    meter: Meter,
    clock: Clock,
    /// Sums since the last line of the log.
    window: Window,
    smooth_loss: Option<f64>,
    gradient: Vec<f32>,
}

/// Times of this session.
struct Clock {
    began: Instant,
    /// Step that it began at.
    first_step: u64,
    /// Time that went by with validations.
    validation: Duration,
    /// Time of the last of them.
    last_validation: Duration,
    /// When the steps whose time decides began.
    measured_from: Option<Instant>,
}

/// Sums over some steps.
struct Window {
    steps: u64,
    loss: f64,
    norm: f64,
    began: Instant,
    /// What the clock's time of validations and the loader's time of waiting were then.
    validation: Duration,
    waited: Duration,
}

impl<'a, M: Model> Steps<'a, M> {
    pub(super) fn new(
        task: &Task<'a, M>,
        prepared: Prepared,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let config = task.config;
        let state = &prepared.checkpoint.state;
        let (step, len) = (state.step, state.values.len());
        let (log, lines) = Log::open(&prepared.folder.log(), step)?;
        let mut curve = Curve::default();
        lines.iter().for_each(|line| curve.add(line));
        let pictures = &prepared.patches.pictures;
        let line = Line::Start {
            step,
            steps: prepared.checkpoint.steps,
            parameters: len,
            pictures: pictures.count(),
            skipped: pictures.skipped().len(),
            threads: config.threads(),
        };
        let mut steps = Self {
            config,
            model: task.model,
            optimizer: Optimizer::new(&config.optimizer, task.model.decayed(len)),
            objective: Objective::new(config, task.kind),
            log,
            curve,
            meter: Meter::new(),
            clock: Clock::new(step),
            window: Window::new(Duration::ZERO, Duration::ZERO),
            smooth_loss: None,
            gradient: vec![0.0; len],
            prepared,
        };
        steps.say(&line, observer)?;
        Ok(steps)
    }

    /// Takes the steps that are left.
    pub(super) fn run(mut self, observer: &dyn Observer, stop: &Stop) -> Result<Outcome> {
        let mut loader = None;
        if !stop.is_set() && !self.is_finished() {
            if self.prepared.checkpoint.history.is_empty() && self.step() == 0 {
                self.validate(observer)?;
            }
            let running = loader.insert(self.loader()?);
            while !stop.is_set() && !self.is_finished() {
                self.step_once(running)?;
                self.after_step(running, observer)?;
            }
        }
        let waited = loader.as_ref().map_or(Duration::ZERO, Loader::waited);
        self.end(waited, observer)
    }

    fn step(&self) -> u64 {
        self.prepared.checkpoint.state.step
    }

    fn is_finished(&self) -> bool {
        let steps = self.prepared.checkpoint.steps;
        steps.is_some_and(|steps| self.step() >= steps)
    }

    /// Starts the threads that cut patches: one keeps ahead, but where each patch is shown to the
    /// teacher first.
    fn loader(&self) -> Result<Loader> {
        let crop = |it: &crate::train::config::DistillSection| it.place == TeacherPlace::Crop;
        let threads = match self.config.distill.as_ref().is_some_and(crop) {
            true => self.config.threads(),
            false => 1,
        };
        let patches = &self.prepared.patches;
        Loader::start(patches, self.step(), self.config.data.batch, threads)
    }

    fn step_once(&mut self, loader: &mut Loader) -> Result<()> {
        let (pictures, targets) = split(loader.next_batch()?);
        let checkpoint = &mut self.prepared.checkpoint;
        let (state, objective) = (&mut checkpoint.state, &self.objective);
        let loss = self.model.gradient(
            &state.values,
            &pictures,
            &Batch { objective, targets },
            &mut self.gradient,
        )?;
        let diverged = TrainError::Diverged {
            step: state.step + 1,
        };
        if !loss.is_finite() {
            return Err(diverged.into());
        }
        let rate = schedule(self.config, checkpoint.steps).rate(state.step);
        let norm = self.optimizer.step(state, &mut self.gradient, rate);
        if !norm.is_finite() {
            return Err(diverged.into());
        }
        self.window.add(loss, norm);
        let smooth = self.smooth_loss.unwrap_or(loss);
        self.smooth_loss = Some(smooth + SMOOTHING * (loss - smooth));
        Ok(())
    }

    /// Does all that is due after a step.
    fn after_step(&mut self, loader: &Loader, observer: &dyn Observer) -> Result<()> {
        let (run, step) = (&self.config.run, self.step());
        observer.step(&self.progress(loader.waited()));
        self.find_length(observer)?;
        if step.is_multiple_of(run.log_every) {
            self.say_step(loader.waited(), observer)?;
        }
        if run.validate_every > 0 && step.is_multiple_of(run.validate_every) {
            self.validate(observer)?;
        }
        if step.is_multiple_of(run.checkpoint_every) {
            self.save()?;
        }
        Ok(())
    }

    /// Fixes the number of steps of a run of some minutes, as soon as that can be told.
    fn find_length(&mut self, observer: &dyn Observer) -> Result<()> {
        let Length::Minutes(minutes) = self.config.optimizer.length else {
            return Ok(());
        };
        if self.prepared.checkpoint.steps.is_some() {
            return Ok(());
        }
        let clock = &mut self.clock;
        let step = self.prepared.checkpoint.state.step;
        let here = step - clock.first_step;
        if here == UNMEASURED_STEPS {
            clock.measured_from = Some(Instant::now());
        }
        if here < MEASURED_STEPS {
            return Ok(());
        }
        let measured = clock.measured_from.unwrap_or(clock.began).elapsed();
        let each = measured.as_secs_f64() / (here - UNMEASURED_STEPS) as f64;
        let every = self.config.run.validate_every;
        let validation = match every {
            0 => 0.0,
            every => clock.last_validation.as_secs_f64() / every as f64,
        };
        let left = minutes * 60.0 - clock.began.elapsed().as_secs_f64();
        // The conversion takes a negative number to 0.
        let steps = step + ((left / (each + validation)) as u64).max(1);
        self.prepared.checkpoint.steps = Some(steps);
        self.say(&Line::Length { step, steps }, observer)?;
        // From here on the same steps follow, however the run is interrupted.
        self.save()
    }

    fn say_step(&mut self, waited: Duration, observer: &dyn Observer) -> Result<()> {
        let window = &self.window;
        let (count, step) = (window.steps as f64, self.step());
        let seconds = window.seconds(self.clock.validation);
        let line = Line::Step {
            step,
            loss: window.loss / count,
            gradient_norm: window.norm / count,
            rate: schedule(self.config, self.prepared.checkpoint.steps).rate(step - 1),
            patches_per_second: count * self.config.data.batch as f64 / seconds,
            waited: (waited - window.waited).as_secs_f64() / seconds,
            seconds: self.clock.seconds(),
        };
        self.window = Window::new(self.clock.validation, waited);
        self.meter.read();
        self.say(&line, observer)
    }

    /// Scores the average of the parameters.
    fn validate(&mut self, observer: &dyn Observer) -> Result<()> {
        let Some(validation) = &self.prepared.validation else {
            return Ok(());
        };
        let began = Instant::now();
        let checkpoint = &mut self.prepared.checkpoint;
        let psnr_y = validation.score(&self.model.to_file(&checkpoint.state.average)?)?;
        let step = checkpoint.state.step;
        checkpoint.history.push(Score { step, psnr_y });
        self.clock.last_validation = began.elapsed();
        self.clock.validation += self.clock.last_validation;
        let line = Line::Validation {
            step,
            psnr_y: psnr_y.is_finite().then_some(psnr_y),
            seconds: self.clock.seconds(),
        };
        self.say(&line, observer)
    }

    /// Writes checkpoint, model and curve.
    fn save(&self) -> Result<()> {
        let Prepared {
            folder, checkpoint, ..
        } = &self.prepared;
        let model = self.model.to_file(&checkpoint.state.average)?;
        model.save(&folder.model())?;
        checkpoint.save(&folder.checkpoint())?;
        self.curve.draw(&folder.curve())
    }

    fn end(mut self, waited: Duration, observer: &dyn Observer) -> Result<Outcome> {
        let (finished, step) = (self.is_finished(), self.step());
        let last = |checkpoint: &Checkpoint| checkpoint.history.last().copied();
        let scored = last(&self.prepared.checkpoint).is_some_and(|it| it.step == step);
        if finished && !scored {
            self.validate(observer)?;
        }
        self.save()?;
        self.meter.read();
        let seconds = self.clock.seconds();
        let energy = self.meter.joules().map_err(str::to_owned);
        let line = Line::End {
            step,
            finished,
            seconds,
            waited: waited.as_secs_f64() / (seconds - self.clock.validation.as_secs_f64()),
            energy_j: energy.as_ref().ok().copied(),
            energy_reason: energy.err(),
        };
        self.say(&line, observer)?;
        Ok(Outcome {
            folder: self.prepared.folder.path().to_path_buf(),
            step,
            steps: self.prepared.checkpoint.steps,
            finished,
            psnr_y: last(&self.prepared.checkpoint).map(|it| it.psnr_y),
        })
    }

    fn progress(&self, waited: Duration) -> Progress {
        let checkpoint = &self.prepared.checkpoint;
        let step = checkpoint.state.step;
        let seconds = self.clock.began.elapsed() - self.clock.validation;
        let done = (step - self.clock.first_step) as f64;
        let each = seconds.as_secs_f64() / done;
        Progress {
            step,
            steps: checkpoint.steps,
            loss: self.smooth_loss.unwrap_or_default(),
            psnr_y: checkpoint.history.last().map(|it| it.psnr_y),
            patches_per_second: self.config.data.batch as f64 / each,
            waited: waited.as_secs_f64() / seconds.as_secs_f64(),
            seconds_left: checkpoint
                .steps
                .map(|steps| each * steps.saturating_sub(step) as f64),
        }
    }

    fn say(&mut self, line: &Line, observer: &dyn Observer) -> Result<()> {
        self.log.write(line)?;
        self.curve.add(line);
        observer.line(line)
    }
}

impl Clock {
    fn new(first_step: u64) -> Self {
        Self {
            began: Instant::now(),
            first_step,
            validation: Duration::ZERO,
            last_validation: Duration::ZERO,
            measured_from: None,
        }
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}

impl Window {
    fn new(validation: Duration, waited: Duration) -> Self {
        Self {
            steps: 0,
            loss: 0.0,
            norm: 0.0,
            began: Instant::now(),
            validation,
            waited,
        }
    }

    fn add(&mut self, loss: f64, norm: f64) {
        self.steps += 1;
        self.loss += loss;
        self.norm += norm;
    }

    /// Returns its seconds without validations, of which there were `validation` by now.
    fn seconds(&self, validation: Duration) -> f64 {
        (self.began.elapsed() - (validation - self.validation)).as_secs_f64()
    }
}

fn schedule(config: &Config, steps: Option<u64>) -> Schedule {
    let optimizer = &config.optimizer;
    Schedule {
        rate: optimizer.rate,
        warm_up: optimizer.warm_up,
        min_rate: optimizer.min_rate,
        steps,
    }
}
