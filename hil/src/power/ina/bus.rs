//! A chip on an I2C bus of Linux.

use std::io;
use std::path::{Path, PathBuf};

use i2cdev::core::{I2CMessage, I2CTransfer};
use i2cdev::linux::{LinuxI2CBus, LinuxI2CMessage};

use super::chip::Registers;

/// Returns the device file of a bus.
pub(super) fn path(bus: u8) -> PathBuf {
    PathBuf::from(format!("/dev/i2c-{bus}"))
}

/// One chip on a bus.
pub(super) struct Linux {
    bus: LinuxI2CBus,
    address: u16,
}

impl Linux {
    /// Opens the bus.
    pub(super) fn open(path: &Path, address: u8) -> io::Result<Self> {
        Ok(Self {
            bus: LinuxI2CBus::new(path)?,
            address: address.into(),
        })
    }
}

impl Registers for Linux {
    fn read(&mut self, register: u8, into: &mut [u8]) -> io::Result<()> {
        let pointer = [register];
        let mut messages = [
            LinuxI2CMessage::write(&pointer).with_address(self.address),
            LinuxI2CMessage::read(into).with_address(self.address),
        ];
        self.bus.transfer(&mut messages)?;
        Ok(())
    }

    fn write(&mut self, register: u8, value: u16) -> io::Result<()> {
        let [high, low] = value.to_be_bytes();
        let bytes = [register, high, low];
        let mut messages = [LinuxI2CMessage::write(&bytes).with_address(self.address)];
        self.bus.transfer(&mut messages)?;
        Ok(())
    }
}
