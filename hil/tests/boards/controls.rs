//! Negative controls against the firmware's logic: each is caught, and a board that would hide a
//! fault is found out.

use mambalite_hil::controls::{self, Subject};
use mambalite_hil::device::Device;
use mambalite_hil::flasher::Flasher;
use mambalite_hil::report::ControlReport;
use mambalite_hil::transport::Pipe;
use mambalite_hil::{Error, reference};
use mambalite_kernels::Layer;

use crate::flashable::{Flashable, MODEL_ADDRESS};
use crate::in_process::{NAME, link};
use crate::model::{invented, picture, with_flipped_weight};

/// Runs the controls on a picture that is larger than they use.
fn run(device: &mut Device<'_, Pipe>, flasher: &mut dyn Flasher) -> Vec<ControlReport> {
    let file = invented(3);
    let picture = controls::crop(&picture(40, 30)).unwrap();
    let shape = (controls::WIDTH_MAX, controls::HEIGHT_MAX, 3);
    assert_eq!(picture.shape(), shape);
    let good = device.check(&picture, &mut |_, _| ()).unwrap();
    assert!(good.comparison.is_equal());
    let mut subject = Subject {
        device,
        flasher,
        model_address: MODEL_ADDRESS,
        file: &file,
        picture: &picture,
        good: &good,
    };
    controls::run(&mut subject, &mut |_| ()).unwrap()
}

#[test]
fn every_fault_is_caught_and_the_board_works_afterwards() {
    let file = invented(3);
    let model = file.model();
    let (mut board, line) = Flashable::start(file.bytes());
    let mut link = link(line);
    link.hello().unwrap();
    let mut device = Device::new(link, NAME, &model);
    let reports = run(&mut device, &mut board);
    assert_eq!(reports.len(), controls::COUNT);
    for report in &reports {
        assert!(report.caught, "{report:?}");
    }
    let again = device.check(&picture(9, 7), &mut |_, _| ()).unwrap();
    assert!(again.comparison.is_equal());
}

/// A board whose memory takes nothing, and whose flasher does not notice.
struct Deaf(Flashable);

impl Flasher for Deaf {
    fn write(&mut self, _: u32, _: &[u8], _: &mut dyn FnMut(usize)) -> Result<(), Error> {
        Ok(())
    }

    fn verify(&mut self, _: u32, _: &[u8], _: &mut dyn FnMut(usize)) -> Result<(), Error> {
        Ok(())
    }

    fn read_back(&mut self, at: u32, len: usize) -> Result<Vec<u8>, Error> {
        self.0.read_back(at, len)
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.0.reset()
    }

    fn resume(&mut self) -> Result<(), Error> {
        self.0.resume()
    }
}

#[test]
fn a_fault_that_is_not_noticed_is_reported_as_missed() {
    let file = invented(3);
    let model = file.model();
    let (board, line) = Flashable::start(file.bytes());
    let mut link = link(line);
    link.hello().unwrap();
    let mut device = Device::new(link, NAME, &model);
    let reports = run(&mut device, &mut Deaf(board));
    let missed: Vec<_> = reports.iter().filter(|report| !report.caught).collect();
    assert_eq!(missed.len(), 1, "{reports:?}");
    assert_eq!(missed[0].name, "stored weight bit");
}

#[test]
fn another_model_is_located_to_the_element() {
    let file = invented(3);
    let other = with_flipped_weight(&file, file.bytes().len() / 3);
    let (model, picture) = (file.model(), picture(11, 9));
    let (_board, line) = Flashable::start(other.bytes());
    let mut device = Device::new(link(line), NAME, &model);
    let checked = device.check(&picture, &mut |_, _| ()).unwrap();
    assert!(!checked.comparison.is_equal());
    let found = device.locate(&picture, &checked, "p", 2).unwrap().unwrap();

    let first = Layer::all(model.config()).find_map(|layer| {
        let board = reference::trace(&other.model(), &picture, layer).unwrap();
        let host = reference::trace(&model, &picture, layer).unwrap();
        let element = board.iter().zip(&host).position(|(a, b)| a != b)?;
        Some((layer.to_string(), element, board[element], host[element]))
    });
    let (layer, element, board, host) = first.unwrap();
    assert_eq!((found.layer, found.element), (layer, element));
    assert_eq!(found.device_bits, format!("{board:#010x}"));
    assert_eq!(found.reference_bits, format!("{host:#010x}"));
    assert_eq!(found.device_value, f64::from(f32::from_bits(board)));
    assert_eq!((found.picture.as_str(), found.tile), ("p", 2));
    assert!(found.position.unwrap().y < 18);
}
