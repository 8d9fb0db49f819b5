//! The harness against boards: the real firmware in this process behind a line that damages what
//! it carries, scripted boards that break the rules, and QEMU.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]

mod checks;
mod clean_line;
mod controls;
mod damaged_line;
mod doctor;
mod examination;
mod farm;
mod faults;
mod faulty;
mod flashable;
mod in_process;
mod jetson;
mod jetson_gpu;
mod killed;
mod meter;
mod model;
mod output_only;
mod paced;
mod process;
mod qemu;
mod qemu_certify;
mod qemu_kinds;
mod qemu_new_board;
mod qemu_program;
mod qemu_run;
mod qemu_small;
mod rated;
mod rates;
mod remote_serial;
mod scripted;
mod serial;
