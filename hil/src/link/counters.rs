//! What a session counts.

use mambalite_hil_wire::FrameError;
use serde::{Deserialize, Serialize};

/// Traffic and damage of a session, seen from the host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Frames sent.
    pub frames_sent: u64,
    /// Intact frames received.
    pub frames_received: u64,
    /// Bytes sent, frame overhead included.
    pub bytes_sent: u64,
    /// Bytes received, frame overhead included.
    pub bytes_received: u64,
    /// Requests of the board to send data again.
    pub naks: u64,
    /// Times that data was sent again because nothing was heard.
    pub resends: u64,
    /// Picture bytes sent more than once.
    pub bytes_resent: u64,
    /// Requests repeated for want of an answer.
    pub requests_repeated: u64,
    /// Jobs run again because an answer was damaged.
    pub jobs_repeated: u64,
    /// Frames missing between received ones.
    pub frames_lost: u64,
    /// Damaged frames received: too long.
    pub bad_overlong: u64,
    /// Damaged frames received: no COBS.
    pub bad_cobs: u64,
    /// Damaged frames received: wrong length.
    pub bad_length: u64,
    /// Damaged frames received: wrong checksum.
    pub bad_crc: u64,
    /// Intact frames that this version does not know.
    pub unknown: u64,
}

impl Counters {
    /// Returns the damaged frames received.
    #[must_use]
    pub fn bad(&self) -> u64 {
        self.bad_overlong + self.bad_cobs + self.bad_length + self.bad_crc
    }

    pub(super) fn count_bad(&mut self, error: &FrameError) {
        let counter = match error {
            FrameError::Overlong => &mut self.bad_overlong,
            FrameError::Cobs => &mut self.bad_cobs,
            FrameError::Short { .. } | FrameError::Length { .. } => &mut self.bad_length,
            FrameError::Crc { .. } => &mut self.bad_crc,
            _ => &mut self.unknown,
        };
        *counter += 1;
    }
}
