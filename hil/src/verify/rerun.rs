//! The certified firmware once more, on the same kind of virtual board.

use mambalite_hil_certificate::Predicate;
use mambalite_hil_certificate::predicate::VectorResult;

use super::material::Material;
use super::{VerifyError, differs};
use crate::backend::Wanted;
use crate::bench::{AnyLine, Bench};
use crate::board::Boards;
use crate::certify::Case;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::firmware::{self, Image};
use crate::flasher::check_fit;
use crate::interrupt::Interrupt;
use crate::inventory::Rig;
use crate::observer::{Observer, Watch};
use crate::run::Stand;
use crate::verdict::Stage;

/// What is run again.
pub(super) struct Rerun<'a> {
    pub(super) predicate: &'a Predicate,
    pub(super) material: &'a Material,
    pub(super) cases: &'a [Case],
    pub(super) boards: &'a Boards,
}

impl Rerun<'_> {
    /// Takes the firmware that was given, or builds it, and runs every vector. Returns what differs from
    /// the certificate; a firmware built here that has another hash is no longer run.
    ///
    /// # Errors
    /// [`VerifyError::RealBoard`], and those of building, starting and talking to a board.
    pub(super) fn run(
        &self,
        interrupt: &Interrupt,
        observer: &dyn Observer,
    ) -> Result<Vec<String>> {
        let rig = Rig::of_board(&self.predicate.board.name);
        let stand = Stand::new(rig, false, (self.boards, Wanted::Cpu))?;
        if !stand.board.is_virtual() {
            let board = stand.board.name.clone();
            return Err(VerifyError::RealBoard { board }.into());
        }
        let watch = Watch::new(observer, &stand.rig.name);
        let built = match &self.material.elf {
            Some(_) => None,
            None => Some(self.build(&stand, interrupt, &watch)?),
        };
        let given = self.material.elf.as_ref().map(|elf| &elf.image);
        let Some(image) = given.or(built.as_ref()) else {
            return Ok(Vec::new());
        };
        let certified = &self.predicate.firmware.elf_sha256;
        let found = hex::encode(image.sha256());
        if let Some(fault) = differs("firmware.elf-sha256", certified, &found) {
            let hint = "build with the certified commit and compiler, or give the file with --elf";
            return Ok(vec![format!("{fault}; {hint}")]);
        }
        let found = self.stream(&stand, image, interrupt, &watch);
        watch.end();
        found
    }

    fn build(&self, stand: &Stand, interrupt: &Interrupt, watch: &Watch<'_>) -> Result<Image> {
        watch.begin(Stage::Build, 0);
        let mut crates = 0;
        firmware::build(self.boards, &stand.board, true, interrupt, &mut |_| {
            crates += 1;
            watch.reach(crates);
        })
    }

    fn stream(
        &self,
        stand: &Stand,
        image: &Image,
        interrupt: &Interrupt,
        watch: &Watch<'_>,
    ) -> Result<Vec<String>> {
        let file = &self.material.model;
        let model = file.model();
        check_fit(
            &stand.board,
            image,
            &self.predicate.model.name,
            file.bytes(),
        )?;
        let folder = tempfile::tempdir().map_err(Error::write(&std::env::temp_dir()))?;
        let log = folder.path().join("board.log");
        let rig = (&stand.board, &stand.rig);
        let limits = (stand.patience(), interrupt);
        let (bench, link) = Bench::start(rig, image, file.bytes(), &log, limits, watch)?;
        let mut device = Device::new(link, &stand.rig.name, &model);
        let outcome = self.vectors(stand, image, &mut device, (interrupt, watch));
        let _ = bench.finish();
        outcome
    }

    fn vectors(
        &self,
        stand: &Stand,
        image: &Image,
        device: &mut Device<'_, AnyLine>,
        (interrupt, watch): (&Interrupt, &Watch<'_>),
    ) -> Result<Vec<String>> {
        watch.begin(Stage::Handshake, 0);
        let info = device.link.hello()?;
        let model_sha256 = device.model().sha256();
        stand.check_identity(&info, &image.build_id, &model_sha256)?;
        let total = self.cases.iter().map(|case| case.picture().data().len());
        watch.begin(Stage::Stream, total.sum::<usize>() as u64);
        let (mut faults, mut done) = (Vec::new(), 0);
        for (case, result) in self.cases.iter().zip(&self.predicate.results) {
            interrupt.check()?;
            let checked = device.check(case.picture(), &mut |_, _| ())?;
            faults.extend(compare(result, &case.result(&checked)));
            if !checked.comparison.is_equal() {
                let what = checked.comparison.describe();
                faults.push(format!("results[{}]: {what}", result.id));
            }
            done += case.picture().data().len() as u64;
            watch.reach(done);
        }
        Ok(faults)
    }
}

/// Says where a vector gave other bytes than are certified.
fn compare(certified: &VectorResult, found: &VectorResult) -> Vec<String> {
    let field = |name: &str| format!("results[{}].{name}", certified.id);
    let output = differs(
        &field("actual-sha256"),
        &certified.actual_sha256,
        &found.actual_sha256,
    );
    let layers = |it: &VectorResult| it.actual_layers_sha256.clone().unwrap_or("none".to_owned());
    let layers = differs(
        &field("actual-layers-sha256"),
        &layers(certified),
        &layers(found),
    );
    output.into_iter().chain(layers).collect()
}
