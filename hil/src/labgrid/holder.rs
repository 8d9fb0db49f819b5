//! The name under which places are held: it says which process holds them.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// First word of the user's name; what has another one is not of this program.
const MARK: &str = "hil";

/// Who holds a place, as labgrid says it: `host/user`. The user is
/// `hil-MACHINE-PROCESS-START`: a digest of this start of this machine, or container, the number
/// of the process, and when it was started, which no later process of that number shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    host: String,
    user: String,
    machine: String,
}

impl Holder {
    pub(super) fn this_process() -> Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).map_err(Error::read(path.as_ref()));
        let boot = read("/proc/sys/kernel/random/boot_id")?;
        // Numbers of processes mean something in one namespace only.
        let path = "/proc/self/ns/pid";
        let namespace = std::fs::read_link(path).map_err(Error::read(path.as_ref()))?;
        let digest = Sha256::digest(format!("{boot}{}", namespace.display()));
        let machine = hex::encode(digest.get(..4).unwrap_or_default());
        let process = std::process::id();
        let start = started(process).unwrap_or_default();
        let uname = rustix::system::uname();
        let host = uname.nodename().to_string_lossy().replace('/', "-");
        Ok(Self {
            host,
            user: format!("{MARK}-{machine}-{process}-{start}"),
            machine,
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Reports whether `holder` was a process of this program here, and is gone.
    pub(super) fn is_left_behind(&self, holder: &str) -> bool {
        let Some((host, user)) = holder.split_once('/') else {
            return false;
        };
        let mut words = user.split('-');
        let ours = host == self.host
            && words.next() == Some(MARK)
            && words.next() == Some(self.machine.as_str());
        let process = words.next().and_then(|word| word.parse::<u32>().ok());
        let (Some(process), Some(start), None) = (process, words.next(), words.next()) else {
            return false;
        };
        ours && started(process).is_none_or(|it| it.to_string() != start)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.user)
    }
}

/// Returns when a process was started, in ticks since the machine was; none where there is none.
fn started(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold anything; the fields behind its last bracket are plain.
    let (_, fields) = text.rsplit_once(") ")?;
    fields.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_here_that_is_gone_is_left_behind() {
        let me = Holder::this_process().unwrap();
        assert!(!me.is_left_behind(&me.to_string()), "this process is there");
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let start = started(child.id()).unwrap();
        let other =
            |machine: &str, start| format!("{}/hil-{machine}-{}-{start}", me.host, child.id());
        let (alive, earlier) = (other(&me.machine, start), other(&me.machine, start - 1));
        let foreign = other("00000000", start);
        assert!(!me.is_left_behind(&alive));
        assert!(
            me.is_left_behind(&earlier),
            "its number has been given to another process"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(me.is_left_behind(&alive));
        assert!(
            !me.is_left_behind(&foreign),
            "of another machine nothing is known"
        );
        for holder in [
            "vm/root",
            "root",
            "",
            &format!("other/{}", me.user),
            &format!("{me}-1"),
        ] {
            assert!(!me.is_left_behind(holder), "{holder}");
        }
    }
}
