//! A chip behind a real probe, through `probe-rs`.

use std::sync::Once;
use std::time::Duration;

use probe_rs::flashing::{
    DownloadOptions, FlashError, FlashProgress, ProgressEvent, ProgressOperation,
};
use probe_rs::probe::list::{Accessibility, Lister};
use probe_rs::probe::{DebugProbeError, DebugProbeSelector, ProbeCreationError};
use probe_rs::rtt::{ChannelMode, Rtt, ScanRegion};
use probe_rs::{Core, CoreType, MemoryInterface, Permissions, RegisterValue, Session};

use super::Chip;
use super::core_id::{CPUID, core_name, suits};
use super::error::{ProbeError, udev_rule};
use super::rtt::{FRAMES, LOG};
use crate::error::{Error, Result};
use crate::inventory::ProbeId;

/// For a core to halt.
const HALT: Duration = Duration::from_secs(1);

/// Adds the chips that `probe-rs` has in a library of their own, Espressif's, and the probe in them.
pub(super) fn add_chips() {
    static ADDED: Once = Once::new();
    ADDED.call_once(probe_rs_espressif::register_plugin);
}

/// A chip, attached.
pub(super) struct Attached {
    session: Session,
    rtt: Option<Rtt>,
}

/// Opens the probe `id`, never another one, and attaches to `chip`: as it runs, and where that fails
/// with the chip held in reset.
pub(super) fn attach(lister: &Lister, id: &ProbeId, chip: &str, core: &str) -> Result<Attached> {
    let selector = selector(id)?;
    // A wrong name is no reason to hold the chip in reset.
    let registry = probe_rs::config::Registry::from_builtin_families();
    registry
        .get_target_by_name(chip)
        .map_err(|error| ProbeError::UnknownChip {
            chip: chip.to_owned(),
            cause: words(&error),
        })?;
    let try_attach = |under_reset| -> Result<core::result::Result<Session, probe_rs::Error>> {
        let probe = open(lister, &selector, id)?;
        // Nothing is erased that was not asked for.
        let permissions = Permissions::new();
        Ok(if under_reset {
            probe.attach_under_reset(chip, permissions)
        } else {
            probe.attach(chip, permissions)
        })
    };
    let session = match try_attach(false)? {
        Ok(session) => session,
        Err(error) => {
            refuse_locked(&error, &selector, chip)?;
            match try_attach(true)? {
                Ok(session) => session,
                Err(second) => {
                    refuse_locked(&second, &selector, chip)?;
                    return Err(ProbeError::Attach {
                        probe: selector.to_string(),
                        chip: chip.to_owned(),
                        normal: words(&error),
                        under_reset: words(&second),
                    }
                    .into());
                }
            }
        }
    };
    let mut attached = Attached { session, rtt: None };
    attached.check_core(chip, core)?;
    Ok(attached)
}

fn selector(id: &ProbeId) -> Result<DebugProbeSelector> {
    let text = format!("{}:{}:{}", id.vid, id.pid, id.serial);
    let selector = text.parse::<DebugProbeSelector>();
    Ok(selector.map_err(|cause| ProbeError::Id {
        probe: text.clone(),
        cause: format!("{cause}; vid and pid are four hex digits"),
    })?)
}

/// Opens the probe, or says what is in the way.
fn open(
    lister: &Lister,
    selector: &DebugProbeSelector,
    id: &ProbeId,
) -> Result<probe_rs::probe::Probe, ProbeError> {
    let probe = selector.to_string();
    let there = lister.list_all_with_access();
    let fitting = there.iter().find(|item| selector.matches_probe(&item.info));
    match fitting {
        None => {
            let found = there
                .iter()
                .map(|item| DebugProbeSelector::from(&item.info).to_string())
                .collect();
            return Err(ProbeError::Missing { probe, found });
        }
        Some(item) if item.accessibility == Accessibility::PermissionDenied => {
            let rule = udev_rule(&id.vid, &id.pid);
            return Err(ProbeError::Denied { probe, rule });
        }
        Some(_) => {}
    }
    lister.open(selector.clone()).map_err(|error| match error {
        DebugProbeError::ProbeCouldNotBeCreated(ProbeCreationError::NotFound) => {
            let found = Vec::new();
            ProbeError::Missing { probe, found }
        }
        other => ProbeError::Open {
            probe,
            cause: words(&other),
        },
    })
}

/// Ends an attempt at a chip that only a full erase would open.
fn refuse_locked(
    error: &probe_rs::Error,
    selector: &DebugProbeSelector,
    chip: &str,
) -> Result<(), ProbeError> {
    let permissions = match error {
        probe_rs::Error::MissingPermissions(_) => true,
        probe_rs::Error::Arm(cause) => {
            matches!(
                cause,
                probe_rs::architecture::arm::ArmError::MissingPermissions(_)
            )
        }
        _ => false,
    };
    if !permissions {
        return Ok(());
    }
    Err(ProbeError::Locked {
        probe: selector.to_string(),
        chip: chip.to_owned(),
        cause: words(error),
    })
}

/// Returns an error with all its causes.
fn words(error: &dyn core::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

impl Attached {
    fn core<R>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&mut Core<'_>) -> Result<R, probe_rs::Error>,
    ) -> Result<R> {
        let outcome = self.session.core(0).and_then(|mut core| work(&mut core));
        Ok(outcome.map_err(|error| ProbeError::operation(what)(words(&error)))?)
    }

    fn rtt<R>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&mut Rtt, &mut Core<'_>) -> Result<R, probe_rs::rtt::Error>,
    ) -> Result<R> {
        let fail = |cause: &dyn core::error::Error| ProbeError::operation(what)(words(cause));
        let mut core = self.session.core(0).map_err(|error| fail(&error))?;
        let Some(rtt) = &mut self.rtt else {
            return Err(ProbeError::operation(what)("it is not attached".to_owned()).into());
        };
        Ok(work(rtt, &mut core).map_err(|error| fail(&error))?)
    }

    /// Refuses a chip whose core is another one: `probe-rs` takes the name on trust.
    fn check_core(&mut self, chip: &str, expected: &str) -> Result<()> {
        let cpuid = self.core("read the core's id", |core| {
            if matches!(
                core.core_type(),
                CoreType::Armv6m | CoreType::Armv7m | CoreType::Armv7em | CoreType::Armv8m
            ) {
                core.read_word_32(CPUID.into())
            } else {
                Ok(0)
            }
        })?;
        if suits(cpuid, expected) {
            return Ok(());
        }
        Err(ProbeError::WrongCore {
            chip: chip.to_owned(),
            expected: expected.to_owned(),
            found: core_name(cpuid).unwrap_or("unknown").to_owned(),
        }
        .into())
    }
}

impl Chip for Attached {
    fn program(&mut self, at: u32, bytes: &[u8], told: &mut dyn FnMut(usize)) -> Result<()> {
        let mut share = Share::new(bytes.len());
        let mut options = DownloadOptions::new();
        options.verify = true;
        options.preverify = true;
        // A sector may hold the end of the firmware and the start of the model.
        options.keep_unwritten_bytes = true;
        options.progress = FlashProgress::new(|event| told(share.take(&event)));
        let mut loader = self.session.target().flash_loader();
        let outcome = loader
            .add_data(at.into(), bytes)
            .and_then(|()| loader.commit(&mut self.session, options));
        outcome.map_err(|error| Error::Flash {
            address: at,
            len: bytes.len(),
            cause: words(&error),
        })?;
        // What was right before was not programmed.
        told(share.rest());
        Ok(())
    }

    fn is_programmed(&mut self, at: u32, bytes: &[u8]) -> Result<bool> {
        let mut loader = self.session.target().flash_loader();
        let outcome = loader
            .add_data(at.into(), bytes)
            .and_then(|()| loader.verify(&mut self.session, &mut FlashProgress::empty()));
        match outcome {
            Ok(()) => Ok(true),
            Err(FlashError::Verify) => Ok(false),
            Err(error) => Err(Error::Flash {
                address: at,
                len: bytes.len(),
                cause: words(&error),
            }),
        }
    }

    fn read(&mut self, address: u32, buffer: &mut [u8]) -> Result<()> {
        self.core("read the memory", |core| core.read(address.into(), buffer))
    }

    fn write_word(&mut self, address: u32, word: u32) -> Result<()> {
        self.core("write the memory", |core| {
            core.write_word_32(address.into(), word)
        })
    }

    fn reset(&mut self) -> Result<()> {
        self.rtt = None;
        self.core("reset the chip", |core| core.reset_and_halt(HALT))?;
        Ok(())
    }

    fn halt(&mut self) -> Result<()> {
        self.core("halt the chip", |core| core.halt(HALT))?;
        Ok(())
    }

    fn resume(&mut self) -> Result<()> {
        self.core("let the chip run", |core| core.run())
    }

    fn registers(&mut self) -> Result<Vec<(String, u32)>> {
        self.core("read the registers", |core| {
            let registers: Vec<_> = core.registers().core_registers().collect();
            let mut values = Vec::new();
            for register in registers {
                if let RegisterValue::U32(value) = core.read_core_reg(register)? {
                    values.push((register.name().to_owned(), value));
                }
            }
            Ok(values)
        })
    }

    fn attach_rtt(&mut self, address: u32) -> Result<bool> {
        use probe_rs::rtt::Error as E;
        let what = "attach to RTT";
        let fail = |cause: &dyn core::error::Error| ProbeError::operation(what)(words(cause));
        let mut core = self.session.core(0).map_err(|error| fail(&error))?;
        let region = ScanRegion::Exact(address.into());
        let mut rtt = match Rtt::attach_region(&mut core, &region) {
            Ok(rtt) => rtt,
            // It is not there yet, or is being made at this moment.
            Err(E::ControlBlockNotFound | E::ControlBlockCorrupted(_)) => return Ok(false),
            Err(error) => return Err(fail(&error).into()),
        };
        for (channel, mode) in [
            (FRAMES, ChannelMode::BlockIfFull),
            (LOG, ChannelMode::NoBlockSkip),
        ] {
            // A board without a log has one channel.
            if let Some(up) = rtt.up_channel(channel) {
                up.set_mode(&mut core, mode).map_err(|error| fail(&error))?;
            }
        }
        self.rtt = Some(rtt);
        Ok(true)
    }

    fn read_rtt(&mut self, channel: usize, buffer: &mut [u8]) -> Result<usize> {
        self.rtt("read from RTT", |rtt, core| {
            rtt.up_channel(channel)
                .map_or(Ok(0), |up| up.read(core, buffer))
        })
    }

    fn write_rtt(&mut self, channel: usize, bytes: &[u8]) -> Result<usize> {
        self.rtt("write to RTT", |rtt, core| {
            match rtt.down_channel(channel) {
                Some(down) => down.write(core, bytes),
                None => Err(probe_rs::rtt::Error::MissingChannel(channel)),
            }
        })
    }
}

/// Turns the events of flashing into bytes of the job: flash is programmed in whole pages, so that
/// more may be told than there is.
struct Share {
    total: usize,
    told: usize,
}

impl Share {
    fn new(total: usize) -> Self {
        Self { total, told: 0 }
    }

    /// Returns the bytes of the job that an event adds.
    fn take(&mut self, event: &ProgressEvent) -> usize {
        match *event {
            ProgressEvent::Progress {
                operation: ProgressOperation::Program,
                size,
                ..
            } => {
                let n = usize::try_from(size).unwrap_or(self.total);
                let n = n.min(self.total - self.told);
                self.told += n;
                n
            }
            _ => 0,
        }
    }

    /// Returns the bytes that no event has told of.
    fn rest(&mut self) -> usize {
        let rest = self.total - self.told;
        self.told = self.total;
        rest
    }
}

#[cfg(test)]
mod tests {
    use probe_rs::integration::{FakeProbe, ProbeLister};
    use probe_rs::probe::list::ProbeListItem;
    use probe_rs::probe::{DebugProbe, DebugProbeInfo, Probe, ProbeFactory};

    use super::*;

    /// Lists fake probes, and opens one with a mocked core.
    #[derive(Debug)]
    struct Bench(Vec<ProbeListItem>);

    #[derive(Debug)]
    struct Factory;

    impl core::fmt::Display for Factory {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("fake")
        }
    }

    impl ProbeFactory for Factory {
        fn open(&self, _: &DebugProbeSelector) -> Result<Box<dyn DebugProbe>, DebugProbeError> {
            Ok(Box::new(FakeProbe::with_mocked_core()))
        }

        fn list_probes(&self) -> Vec<ProbeListItem> {
            Vec::new()
        }
    }

    impl ProbeLister for Bench {
        fn open(&self, selector: &DebugProbeSelector) -> Result<Probe, DebugProbeError> {
            assert!(self.0.iter().any(|it| selector.matches_probe(&it.info)));
            Ok(FakeProbe::with_mocked_core().into_probe())
        }

        fn list_with_access(&self, _: Option<&DebugProbeSelector>) -> Vec<ProbeListItem> {
            self.0.clone()
        }
    }

    fn item(serial: &str, accessibility: Accessibility) -> ProbeListItem {
        let serial = Some(serial.to_owned());
        let info = DebugProbeInfo::new("fake", 0x0483, 0x374b, serial, &Factory, None, false);
        ProbeListItem {
            info,
            accessibility,
        }
    }

    fn bench() -> Lister {
        let probes = vec![
            item("A", Accessibility::Accessible),
            item("B", Accessibility::PermissionDenied),
        ];
        Lister::with_lister(Box::new(Bench(probes)))
    }

    fn id(serial: &str) -> ProbeId {
        ProbeId {
            vid: "0483".to_owned(),
            pid: "374b".to_owned(),
            serial: serial.to_owned(),
        }
    }

    const CHIP: &str = "nrf51822_xxAC";

    fn refused(serial: &str, chip: &str) -> String {
        let refused = attach(&bench(), &id(serial), chip, "cortex-m0");
        refused.err().unwrap().to_string()
    }

    #[test]
    fn the_probe_named_is_opened_and_no_other() {
        let mut chip = attach(&bench(), &id("A"), CHIP, "cortex-m0").unwrap();
        chip.halt().unwrap();
        chip.resume().unwrap();
        let mut word = [1; 8];
        chip.read(0x2000_0000, &mut word).unwrap();
        assert_eq!(word, [0; 8]);
        chip.write_word(0x2000_0000, 7).unwrap();
        assert!(
            !chip.attach_rtt(0x2000_0000).unwrap(),
            "its memory is zeros"
        );
        assert!(chip.read_rtt(FRAMES, &mut word).is_err());
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let missing = refused("C", CHIP);
        assert!(missing.contains("0483:374b:C: not there"), "{missing}");
        assert!(missing.contains("0483:374b:A, 0483:374b:B"), "{missing}");
        let denied = refused("B", CHIP);
        assert!(
            denied.contains("permission denied") && denied.contains("ATTR{idVendor}==\"0483\""),
            "{denied}"
        );
        let unknown = refused("A", "no-such-chip");
        assert!(unknown.contains("no-such-chip"), "{unknown}");
        let mut wrong = id("A");
        wrong.vid = "xyz".to_owned();
        let error = attach(&bench(), &wrong, CHIP, "").err().unwrap();
        assert!(error.to_string().contains("four hex digits"), "{error}");
    }

    #[test]
    fn chips_of_espressif_are_known_by_their_names() {
        add_chips();
        add_chips();
        let refused = refused("A", "esp32c6");
        assert!(!refused.contains("names for `probe-chip`"), "{refused}");
        let registry = probe_rs::config::Registry::from_builtin_families();
        let chip = registry.get_target_by_name("esp32c6").unwrap();
        assert!(chip.memory_region_by_address(0x0030_0000).is_some());
    }

    #[test]
    fn no_more_is_told_than_there_is() {
        let mut share = Share::new(100);
        let program = |size| ProgressEvent::Progress {
            operation: ProgressOperation::Program,
            size,
            time: Duration::ZERO,
        };
        assert_eq!(share.take(&program(64)), 64);
        assert_eq!(
            share.take(&ProgressEvent::Started(ProgressOperation::Erase)),
            0
        );
        assert_eq!((share.take(&program(64)), share.rest()), (36, 0));
        assert_eq!(Share::new(9).rest(), 9);
    }
}
