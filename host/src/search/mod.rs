//! The network for a budget: which width, depth, rank, states, teacher's weight and number format.
//!
//! Candidates are drawn of a [`space`], those whose [`cost`] the budget does not allow are left
//! out before anything is trained, and the others go through successive halving: all are trained
//! for a short time, the best by PSNR and milliseconds ([`rank`]) again for a longer one, and so on.
//! Each run is a [`crate::train::run`] with a folder of its own, so that a search goes on where it
//! was stopped.

pub mod config;
pub mod cost;
pub mod rank;
pub mod report;
pub mod space;
#[cfg(test)]
mod tests;
pub mod trial;

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::config::{Format, SearchConfig};
use self::cost::Cost;
use self::report::{Report, Row};
use self::space::Candidate;
use self::trial::{Bench, Scores, model_path};
use crate::model_file::ModelFile;
use crate::train::begin::{Beginning, calibration};
use crate::train::config::{Config, ModelSection, TeacherPlace, read_text};
use crate::train::error::TrainError;
use crate::train::model::Model as _;
use crate::train::run::observer::Observer;
use crate::train::run::stop::Stop;
use crate::train::run::validation::Validation;
use crate::upscale::color;
use crate::{Error, Result, json};

/// Training pictures that show the ranges of tensors.
const CALIBRATION: usize = 32;

/// Why a search cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// A configuration that cannot be used.
    #[error("search by `{}`: {cause}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// No network of the space is cheap enough.
    #[error(
        "none of the {candidates} networks of the space fits the budget; the last one needs \
         {needs}; raise the budget or add smaller networks to [space]"
    )]
    Budget {
        /// Networks.
        candidates: usize,
        /// Cost and limit of the last.
        needs: String,
    },
    /// The space is empty.
    #[error("no combination of the values of [space] is a network of the family")]
    Space,
    /// A file of the search is damaged.
    #[error("read `{}`: {cause}; remove it, and it is made again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The search in the folder is another.
    #[error(
        "go on in `{}`: its search had another configuration; \
         restore that, or begin in another folder",
        folder.display()
    )]
    Differs {
        /// The folder.
        folder: PathBuf,
    },
}

impl From<SearchError> for Error {
    fn from(cause: SearchError) -> Self {
        Self::Search { cause }
    }
}

/// Gets news of a search and of its runs.
pub trait SearchObserver: Observer {
    /// The search has at most so many runs.
    fn planned(&self, runs: u64);

    /// A run begins: its network in words.
    fn begins(&self, run: &str);

    /// A run is done.
    ///
    /// # Errors
    /// The result cannot be printed; the search ends.
    fn done(&self, trial: &Trial, scores: &Scores) -> Result<()>;
}

/// Which run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// Number of the network.
    pub candidate: usize,
    /// Rung, from 0 on.
    pub rung: u32,
    /// Number of the seed, from 0 on.
    pub seed: u64,
}

/// `search.json`: what a search was begun with.
#[derive(Deserialize, Serialize)]
struct Begun {
    search: SearchConfig,
    base: Config,
}

/// `candidates.json`: the networks that are tried.
#[derive(Debug, Deserialize, Serialize)]
struct Drawn {
    entrants: Vec<Entrant>,
    /// Networks that cost more than the budget allows.
    over_budget: usize,
}

/// A network that the budget allows in some number formats.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Entrant {
    /// Its number, from 0 on.
    pub number: usize,
    /// Its choices.
    pub choice: Candidate,
    /// What it costs, in the number formats in which the budget allows it.
    pub costs: Vec<(Format, Cost)>,
}

/// Searches; stopped, it returns what is known by then and can be resumed.
///
/// # Errors
/// [`Error::Search`] and all of training. A new search that cannot begin leaves no folder behind.
pub fn search(
    config: &SearchConfig,
    base: &Config,
    resume: bool,
    observer: &dyn SearchObserver,
    stop: &Stop,
) -> Result<Report> {
    open_folder(config, base, resume)?;
    let begun = Search::new(config, base);
    if begun.is_err() && !resume {
        // What went wrong before is what the user is told.
        let _ = fs::remove_dir_all(&config.run.folder);
    }
    begun?.run(observer, stop)
}

/// A search under way.
struct Search<'a> {
    config: &'a SearchConfig,
    base: &'a Config,
    bench: Bench,
    entrants: Vec<Entrant>,
    report: Report,
}

impl<'a> Search<'a> {
    fn new(config: &'a SearchConfig, base: &'a Config) -> Result<Self> {
        let network = base.model.start()?.config();
        let validation = Validation::load(&base.data, (network.scale, color(&network)))?;
        let validation = validation.ok_or_else(|| SearchError::Config {
            path: config.base.clone(),
            cause: "key `data.validation`: there are no pictures to score on".to_owned(),
        })?;
        let bench = Bench {
            validation,
            calibration: calibration(base, CALIBRATION, &network)?,
            formats: config.space.precision.clone(),
        };
        let path = config.run.folder.join("candidates.json");
        // Times are measured once, so that a search that goes on compares by the same.
        let Drawn {
            entrants,
            over_budget,
        } = match path.exists() {
            true => read_json(&path)?,
            false => {
                let drawn = draw(config, base, &bench)?;
                json::write(&path, &drawn)?;
                drawn
            }
        };
        Ok(Self {
            report: Report::new(over_budget),
            config,
            base,
            bench,
            entrants,
        })
    }

    fn run(mut self, observer: &dyn SearchObserver, stop: &Stop) -> Result<Report> {
        let halving = self.config.halving;
        observer.planned(halving.runs(self.entrants.len()));
        let mut running: Vec<usize> = (0..self.entrants.len()).collect();
        for rung in 0..halving.rungs {
            let mut rows = Vec::new();
            for &number in &running {
                match self.entrant_rows(number, rung, observer, stop)? {
                    Some(more) => rows.extend(more),
                    None => return Ok(self.report),
                }
            }
            let points = rows.iter().map(|row| (row.candidate, row.point()));
            let points: Vec<_> = points.collect();
            self.report.add(rows, rung + 1 == halving.rungs);
            json::write(&self.config.run.folder.join("report.json"), &self.report)?;
            let plot = self.config.run.folder.join("pareto.svg");
            report::plot::draw(&self.report, &plot)?;
            running = rank::survivors(&points, halving.kept(running.len()));
        }
        Ok(self.report)
    }

    /// Trains a network with each seed; nothing where that was stopped.
    fn entrant_rows(
        &mut self,
        number: usize,
        rung: u32,
        observer: &dyn SearchObserver,
        stop: &Stop,
    ) -> Result<Option<Vec<Row>>> {
        let halving = self.config.halving;
        let mut all = Vec::new();
        for seed in 0..halving.seeds {
            let trial = Trial {
                candidate: number,
                rung,
                seed,
            };
            let choice = self.entrants[number].choice.text();
            observer.begins(&format!("rung {}, c{number:03}: {choice}", rung + 1));
            let scores = self.bench.run(&self.run_config(trial), observer, stop)?;
            let Some(scores) = scores else {
                return Ok(None);
            };
            observer.done(&trial, &scores)?;
            self.report.add_energy(&scores);
            all.push(scores);
        }
        let first = self.run_config(Trial {
            candidate: number,
            rung,
            seed: 0,
        });
        let entrant = &self.entrants[number];
        let rows = entrant.costs.iter().filter_map(|&(format, cost)| {
            let precision = format.precision();
            let name = precision.to_string();
            let scores: Option<Vec<f64>> =
                all.iter().map(|it| it.psnr_y.get(&name).copied()).collect();
            Some(Row {
                candidate: number,
                choice: entrant.choice,
                precision: format,
                cost,
                rung,
                steps: first.steps()?,
                scores: scores?,
                front: false,
                model: model_path(&first.run.folder, precision),
            })
        });
        Ok(Some(rows.collect()))
    }

    fn run_config(&self, trial: Trial) -> Config {
        let mut config = self.entrants[trial.candidate].choice.of(self.base);
        let folder = &self.config.run.folder;
        config.optimizer.length = self.config.halving.steps_of(trial.rung);
        config.run.validate_every = 0;
        config.run.seed = self.base.run.seed.wrapping_add(trial.seed);
        config.run.folder = folder
            .join(format!("c{:03}", trial.candidate))
            .join(format!("rung-{}-seed-{}", trial.rung + 1, trial.seed + 1));
        if let Some(distill) = &mut config.distill
            && distill.place == TeacherPlace::Picture
        {
            // All runs see the same pictures: the teacher's outputs are computed once.
            let shared = || folder.join("teacher");
            distill.cache = Some(distill.cache.take().unwrap_or_else(shared));
        }
        config
    }
}

/// Draws networks until there are enough that the budget allows; also says how many it does not.
fn draw(config: &SearchConfig, base: &Config, bench: &Bench) -> Result<Drawn> {
    let candidates = space::candidates(config, base);
    let mut known: Vec<(ModelSection, Measured)> = Vec::new();
    let mut entrants = Vec::new();
    let (mut over_budget, mut needs) = (0, String::new());
    for &choice in &candidates {
        if entrants.len() == config.halving.candidates {
            break;
        }
        let run = choice.of(base);
        // The teacher's weight costs nothing: networks that differ in it only have the same time.
        let measured = match known.iter().find(|it| it.0 == run.model) {
            Some((_, measured)) => measured.clone(),
            None => {
                let measured = measure(&run, config, bench)?;
                known.push((run.model.clone(), measured.clone()));
                measured
            }
        };
        if measured.costs.is_empty() {
            over_budget += 1;
            needs = measured.needs;
            continue;
        }
        entrants.push(Entrant {
            number: entrants.len(),
            choice,
            costs: measured.costs,
        });
    }
    match (entrants.is_empty(), candidates.is_empty()) {
        (false, _) => Ok(Drawn {
            entrants,
            over_budget,
        }),
        (true, true) => Err(SearchError::Space.into()),
        (true, false) => Err(SearchError::Budget {
            candidates: candidates.len(),
            needs,
        }
        .into()),
    }
}

/// What a network costs where the budget allows it, and what it needs more where not.
#[derive(Clone, Debug)]
struct Measured {
    costs: Vec<(Format, Cost)>,
    needs: String,
}

fn measure(run: &Config, config: &SearchConfig, bench: &Bench) -> Result<Measured> {
    let Beginning { network, .. } = Beginning::new(run)?;
    let single: ModelFile = network.to_file(&network.initial())?;
    let mut measured = Measured {
        costs: Vec::new(),
        needs: String::new(),
    };
    for (&format, (_, file)) in bench.formats.iter().zip(bench.formats_of(&single)?) {
        let cost = Cost::measure(&file, &config.budget)?;
        match cost.exceeds(&config.budget) {
            Some(needs) => measured.needs = needs,
            None => measured.costs.push((format, cost)),
        }
    }
    Ok(measured)
}

/// Makes the folder of a new search, or looks whether the search in it is this one.
fn open_folder(config: &SearchConfig, base: &Config, resume: bool) -> Result<()> {
    let folder = config.run.folder.clone();
    let path = folder.join("search.json");
    if resume {
        if !path.exists() {
            return Err(TrainError::NothingToResume { folder }.into());
        }
        let was: Begun = read_json(&path)?;
        return match was.search == *config && was.base.differs(base).is_none() {
            true => Ok(()),
            false => Err(SearchError::Differs { folder }.into()),
        };
    }
    if folder.exists() {
        return Err(TrainError::FolderExists { folder }.into());
    }
    fs::create_dir_all(&folder).map_err(|cause| Error::Write {
        path: folder,
        cause,
    })?;
    let begun = Begun {
        search: config.clone(),
        base: base.clone(),
    };
    json::write(&path, &begun)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let damaged = |cause: serde_json::Error| SearchError::Damaged {
        path: path.to_path_buf(),
        cause: cause.to_string(),
    };
    Ok(serde_json::from_str(&read_text(path)?).map_err(damaged)?)
}
