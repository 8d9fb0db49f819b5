//! A model of dimensions and forms before anything is trained: what it takes can be asked of it.

use bytemuck::Pod;
use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::model::{Param, Source, WeightSource};
use mambalite_kernels::network::{Section, load_section};
use mambalite_kernels::{Config, Form, ModelError, Precision};

use crate::arrays::Arrays;
use crate::model_file::ModelFile;

/// A whole number that every array of fixed point allows, four bytes long: 2^30.
const WORD: u32 = 1 << 30;

/// Makes a model whose values mean nothing. Its bytes, its arena and its operations are those of any
/// other of these dimensions and forms.
///
/// # Errors
/// Dimensions or forms that the family does not have.
pub fn placeholder(
    config: &Config,
    forms: &[Form],
    precision: Precision,
) -> Result<ModelFile, ModelError> {
    config.check().map_err(ModelError::Config)?;
    let mut arrays = Arrays::default();
    match precision {
        Precision::F32 => fill::<Float<f32>>(&mut arrays, config, forms),
        Precision::W8A16 => fill::<Fixed<i16>>(&mut arrays, config, forms),
        Precision::W8A8 => fill::<Fixed<i8>>(&mut arrays, config, forms),
    }?;
    arrays.to_file(config, forms, precision)
}

fn fill<A: Arithmetic>(
    arrays: &mut Arrays,
    config: &Config,
    forms: &[Form],
) -> Result<(), ModelError> {
    let (needed, found) = (config.n_weights(), forms.len());
    if needed != found {
        return Err(ModelError::WeightCount { needed, found });
    }
    let word = match A::PRECISION {
        Precision::F32 => 0,
        Precision::W8A16 | Precision::W8A8 => WORD,
    };
    // No array is longer than all weights of the dense network together, in words.
    let words = config.parameters(forms.iter().map(|_| Form::Dense));
    let blank = vec![0_u128; words.div_ceil(size_of::<u128>() / size_of::<u32>())];
    for section in Section::all(config) {
        let mut filler = Filler {
            arrays: &mut *arrays,
            blank: &blank,
            word,
        };
        load_section::<A>(&mut filler, config, &|i| forms[i], section)?;
    }
    Ok(())
}

/// Makes each array that the network asks for: bytes of 1, halves of 0, words of one value.
struct Filler<'a, 'r> {
    arrays: &'r mut Arrays,
    /// What the network gets in their place: it looks at nothing but the lengths.
    blank: &'a [u128],
    word: u32,
}

impl<'a> Source<'a> for Filler<'a, '_> {
    fn array<T: Pod>(&mut self, param: Param, len: usize) -> Result<&'a [T], ModelError> {
        let mut value = T::zeroed();
        match bytemuck::bytes_of_mut(&mut value) {
            [byte] => *byte = 1,
            bytes if bytes.len() == size_of::<u32>() => {
                bytes.copy_from_slice(&self.word.to_le_bytes());
            }
            _ => {}
        }
        self.arrays.insert(param, &vec![value; len]);
        let blank = bytemuck::try_cast_slice(self.blank).ok();
        blank
            .and_then(|it: &[T]| it.get(..len))
            .ok_or(ModelError::Missing { param, needed: len })
    }

    fn verifies(&self) -> bool {
        false
    }
}

impl<'a, A: Arithmetic> WeightSource<'a, A> for Filler<'a, '_> {}
