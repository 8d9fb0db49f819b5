//! Boards that show no layers, as one with a GPU: what is compared then, and who may do so.

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::upscale::{Executor, upscale};
use mambalite_firmware_app::{Board, Run, Runner};
use mambalite_hil::device::{Checked, Device};
use mambalite_hil::{Error, Result};
use mambalite_hil_wire as wire;
use mambalite_kernels::{Model, Tap};

use crate::in_process::{NAME, link, start_on};
use crate::model::{invented, picture};

const WIDTH: usize = 9;
const HEIGHT: usize = 7;

/// Says that a GPU runs its network, or does not say so.
struct Claims {
    gpu: bool,
}

impl Board for Claims {
    fn name(&self) -> &str {
        NAME
    }

    fn build_id(&self) -> [u8; 20] {
        [7; 20]
    }

    fn cpuid(&self) -> u32 {
        0
    }

    fn uid(&self) -> [u8; 16] {
        [0; 16]
    }

    fn float_flags(&self) -> u32 {
        0
    }

    fn cycles(&self) -> Option<u64> {
        None
    }

    fn stack_used_bytes(&self) -> u32 {
        0
    }

    fn stack_bytes(&self) -> u32 {
        0
    }

    fn backend(&self) -> wire::Backend<'_> {
        match self.gpu {
            true => wire::Backend::Cuda { device: "test" },
            false => wire::Backend::Cpu { note: "" },
        }
    }
}

/// Takes a picture whole.
struct Whole {
    file: ModelFile,
    /// The byte of the result that it gets wrong.
    wrong: Option<usize>,
}

struct Gathered<'r> {
    whole: &'r Whole,
    pixels: Vec<u8>,
}

impl Runner for Whole {
    type Error = mambalite::Error;
    type Run<'r> = Gathered<'r>;

    fn arena_bytes(&self, _model: &Model<'_>, _width: usize) -> usize {
        0
    }

    fn start<'r, 'm: 'r>(
        &'r mut self,
        _model: &Model<'m>,
        _size: (usize, usize),
        _arena: &'r mut [u64],
    ) -> Result<Gathered<'r>, mambalite::Error> {
        let pixels = Vec::new();
        Ok(Gathered {
            whole: self,
            pixels,
        })
    }
}

impl Run for Gathered<'_> {
    type Error = mambalite::Error;
    const LAYERS: bool = false;

    fn push_row(
        &mut self,
        row: &[u8],
        _tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) -> Result<(), mambalite::Error> {
        self.pixels.extend(row);
        if self.pixels.len() < row.len() * HEIGHT {
            return Ok(());
        }
        let lr = Picture::new(WIDTH, HEIGHT, 3, self.pixels.clone())?;
        let sr = upscale(&self.whole.file.model(), &lr, Executor::Stream)?;
        let mut bytes = sr.data().to_vec();
        if let Some(wrong) = self.whole.wrong {
            bytes[wrong] ^= 1;
        }
        let rows = bytes.chunks(sr.width() * 3).enumerate();
        rows.for_each(|(y, row)| sink(y, row));
        Ok(())
    }
}

/// Runs a picture through such a board; returns the place of the first difference too.
fn check(gpu: bool, wrong: Option<usize>) -> Result<(Checked, Option<String>)> {
    let file = invented(3);
    let runner = Whole {
        file: file.clone(),
        wrong,
    };
    let mut link = link(start_on(&file, 64, Claims { gpu }, runner));
    link.hello()?;
    let model = file.model();
    let mut device = Device::new(link, NAME, &model);
    let lr = picture(WIDTH, HEIGHT);
    let checked = device.check(&lr, &mut |_, _| ())?;
    let difference = device.locate(&lr, &checked, "p", 0)?;
    let place = difference.map(|it| format!("{} {}", it.layer, it.element));
    Ok((checked, place))
}

#[test]
fn the_output_of_a_gpu_is_compared_to_the_bit() {
    let (checked, place) = check(true, None).unwrap();
    assert!(checked.comparison.is_equal() && checked.comparison.layers.is_empty());
    assert_eq!(place, None);
    let (checked, place) = check(true, Some(100)).unwrap();
    assert!(!checked.comparison.is_equal());
    assert_eq!(place.as_deref(), Some("picture 100"));
}

#[test]
fn a_processor_has_to_show_its_layers() {
    let error = check(false, None).map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::Misbehaved { .. }), "{error}");
    assert!(error.to_string().contains("digests"), "{error}");
}
