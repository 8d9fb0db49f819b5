//! The sensors of a Jetson, where Linux has them in files.

mod files;
mod rails;
mod sampler;

use std::path::PathBuf;

use mambalite_hil_wire::Quantity;

pub(crate) use sampler::{Sampler, cut};

/// Where sensors are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// Folder that stands for `/`.
    pub(crate) root: PathBuf,
    /// Folders of INA3221 monitors below it.
    pub(crate) hwmon: String,
    /// Program that tells the power mode.
    pub(crate) nvpmodel: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            root: "/".into(),
            // The numbers of bus and hwmon are not the same on every board and start.
            hwmon: "sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*".to_owned(),
            nvpmodel: "nvpmodel".into(),
        }
    }
}

/// A sensor.
pub(crate) struct Source {
    /// What it measures.
    quantity: Quantity,
    /// Its label.
    name: String,
    /// Takes a sample; `None` where there is none now.
    read: Box<dyn Fn() -> Option<i64> + Send>,
}

/// Sensors, and facts that do not change while the agent runs.
pub(crate) struct Found {
    /// What is sampled.
    sources: Vec<Source>,
    /// What is not.
    facts: Vec<String>,
}

/// Looks for sensors.
pub(crate) fn find(places: &Places) -> Found {
    let mut sources = rails::find(&places.root, &places.hwmon);
    sources.extend(files::thermal_zones(&places.root));
    sources.extend(files::clocks(&places.root));
    sources.extend(files::memory(&places.root));
    Found {
        sources,
        facts: files::facts(places),
    }
}
