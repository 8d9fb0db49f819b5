//! The arrays of a network by name: what an importer and a quantiser make and a model file holds.

use std::collections::BTreeMap;

use bytemuck::{Pod, Zeroable};
use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::model::{
    ALIGN, HASH_OFFSET, Param, Source, WeightSource, encode_header, hash_file,
};
use mambalite_kernels::network::{Section, load_section};
use mambalite_kernels::{Config, Form, Model, ModelError, Precision};

use crate::model_file::ModelFile;

/// An array of any element type, aligned for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Array {
    words: Vec<u64>,
    bytes: usize,
}

impl Array {
    fn new<T: Pod>(values: &[T]) -> Self {
        let bytes = size_of_val(values);
        let mut words = vec![u64::zeroed(); bytes.div_ceil(size_of::<u64>())];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes]
            .copy_from_slice(bytemuck::cast_slice(values));
        Self { words, bytes }
    }

    fn values<T: Pod>(&self) -> Option<&[T]> {
        bytemuck::try_cast_slice(&bytemuck::cast_slice::<u64, u8>(&self.words)[..self.bytes]).ok()
    }
}

/// The arrays of one network in the layout of the kernels.
#[derive(Clone, Debug, Default)]
pub struct Arrays {
    by_name: BTreeMap<Param, Array>,
}

impl Arrays {
    /// Puts an array in, or replaces it.
    pub fn insert<T: Pod>(&mut self, param: Param, values: &[T]) {
        self.by_name.insert(param, Array::new(values));
    }

    /// Returns an array; `None` where there is none of this name and type.
    pub fn get<T: Pod>(&self, param: Param) -> Option<&[T]> {
        self.by_name.get(&param)?.values()
    }

    /// Reads the arrays of a model of single precision.
    ///
    /// # Errors
    /// Never for a model of that precision; [`ModelError`] otherwise.
    pub fn of_model(model: &Model<'_>) -> Result<Self, ModelError> {
        let mut arrays = Self::default();
        for section in Section::all(model.config()) {
            let source = model.section(section);
            let mut recorder = Recorder {
                source,
                arrays: &mut arrays,
            };
            let forms = |i| model.form(i);
            load_section::<Float<f32>>(&mut recorder, model.config(), &forms, section)?;
        }
        Ok(arrays)
    }

    /// Writes a model file.
    ///
    /// # Errors
    /// An array that is missing, has a wrong length or values that the format does not allow.
    pub fn to_file(
        &self,
        config: &Config,
        forms: &[Form],
        precision: Precision,
    ) -> Result<ModelFile, ModelError> {
        config.check().map_err(ModelError::Config)?;
        let bytes = match precision {
            Precision::F32 => self.encode::<Float<f32>>(config, forms),
            Precision::W8A16 => self.encode::<Fixed<i16>>(config, forms),
            Precision::W8A8 => self.encode::<Fixed<i8>>(config, forms),
        }?;
        ModelFile::from_bytes(&bytes)
    }

    fn encode<A: Arithmetic>(
        &self,
        config: &Config,
        forms: &[Form],
    ) -> Result<Vec<u8>, ModelError> {
        let (needed, found) = (config.n_weights(), forms.len());
        if needed != found {
            return Err(ModelError::WeightCount { needed, found });
        }
        let mut body = Writer {
            arrays: self,
            bytes: Vec::new(),
        };
        for section in Section::all(config) {
            load_section::<A>(&mut body, config, &|i| forms[i], section)?;
        }
        let body = body.bytes;
        // Long enough for the header of the largest network of the family.
        let mut file = vec![0; 4096.max(128 + 4 * needed)];
        let head = encode_header(config, A::PRECISION, forms, 0, &mut file).unwrap_or_default();
        let len = u32::try_from(head + body.len()).unwrap_or(u32::MAX);
        encode_header(config, A::PRECISION, forms, len, &mut file);
        file.truncate(head);
        file.extend(body);
        let hash = hash_file(&file);
        file[HASH_OFFSET..HASH_OFFSET + hash.len()].copy_from_slice(&hash);
        Ok(file)
    }
}

/// Gives the network its arrays and appends each to a file.
struct Writer<'a> {
    arrays: &'a Arrays,
    bytes: Vec<u8>,
}

impl<'a> Source<'a> for Writer<'a> {
    fn array<T: Pod>(&mut self, param: Param, len: usize) -> Result<&'a [T], ModelError> {
        let none: &[T] = &[];
        let values = if len == 0 {
            Some(none)
        } else {
            self.arrays.get::<T>(param)
        };
        let missing = ModelError::Missing { param, needed: len };
        let values = values.filter(|v| v.len() == len).ok_or(missing)?;
        self.bytes.extend_from_slice(bytemuck::cast_slice(values));
        self.bytes
            .resize(self.bytes.len().next_multiple_of(ALIGN), 0);
        Ok(values)
    }

    fn verifies(&self) -> bool {
        true
    }
}

impl<'a, A: Arithmetic> WeightSource<'a, A> for Writer<'a> {}

/// Keeps a copy of each array that the network asks for.
struct Recorder<'r, S> {
    source: S,
    arrays: &'r mut Arrays,
}

impl<'a, S: Source<'a>> Source<'a> for Recorder<'_, S> {
    fn array<T: Pod>(&mut self, param: Param, len: usize) -> Result<&'a [T], ModelError> {
        let values = self.source.array(param, len)?;
        self.arrays.insert::<T>(param, values);
        Ok(values)
    }

    fn verifies(&self) -> bool {
        self.source.verifies()
    }
}

impl<'a, A: Arithmetic, S: Source<'a>> WeightSource<'a, A> for Recorder<'_, S> {}
