//! The network that a run begins with.

use std::path::PathBuf;

use super::config::{Config, Start};
use super::data;
use super::model::Kind;
use super::network::Network;
use super::parameters::Parameters;
use crate::picture::Picture;
use crate::quantize::QuantizeError;
use crate::resize::{Scale, resize};
use crate::upscale::color;
use crate::{Error, Result};

/// A network before its first step.
#[derive(Debug)]
pub struct Beginning {
    /// The network.
    pub network: Network,
    /// Hash of the model that it starts from.
    pub start: Option<[u8; 32]>,
    /// What its data and teacher must fit.
    pub kind: Kind,
}

impl Beginning {
    /// Makes or loads the network of a configuration; one that is trained through fixed point looks
    /// at its calibration pictures.
    ///
    /// # Errors
    /// A model that cannot be loaded, pictures that cannot be read, ranges that fixed point cannot
    /// express.
    pub fn new(config: &Config) -> Result<Self> {
        let start = config.model.start()?;
        let parameters = match &start {
            Start::Model(file) => Parameters::of_model(&file.model()),
            Start::New {
                config: network,
                forms,
            } => Parameters::new(network, forms, config.run.seed),
        };
        let parameters = parameters.map_err(QuantizeError::Model)?;
        let network = *parameters.layout().config();
        Ok(Self {
            kind: Kind::of(&network),
            start: match &start {
                Start::Model(file) => Some(file.model().sha256()),
                Start::New { .. } => None,
            },
            network: match &config.quantize {
                None => Network::new(parameters),
                Some(section) => {
                    let pictures = calibration(config, section.pictures, &network)?;
                    let percentile = section.percentile;
                    Network::quantized(parameters, section.precision(), &pictures, percentile)?
                }
            },
        })
    }
}

/// Reads as many training pictures as calibration wants, evenly spread over the files, and reduces
/// them; those that cannot be read are left out.
pub(crate) fn calibration(
    config: &Config,
    count: usize,
    network: &mambalite_kernels::Config,
) -> Result<Vec<Picture>> {
    let folders = config.data.train.iter();
    let files = folders
        .map(|it| data::find(&it.folder))
        .collect::<Result<Vec<_>>>()?;
    let files: Vec<PathBuf> = files.concat();
    let load = |path: &PathBuf| {
        let picture = Picture::load(path, color(network))?.modcrop(network.scale)?;
        resize(&picture, Scale::down(network.scale))
    };
    let wanted = count.min(files.len());
    let chosen = (0..wanted).map(|i| &files[i * files.len() / wanted]);
    let pictures: Vec<Picture> = chosen.filter_map(|path| load(path).ok()).collect();
    if pictures.is_empty() {
        return Err(Error::from(QuantizeError::NoPictures));
    }
    Ok(pictures)
}
