//! What every bare board shares: start, identity, log, faults, session.
//!
//! A board implements [`Board`], in a few lines, and makes its program with [`board!`]. One that needs
//! more, as a line whose rate changes, supplies `Port` and `Board` of `app` itself to [`serve`].

#![no_std]

mod board;
mod counter;
mod fault;
#[cfg_attr(target_arch = "arm", path = "cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod processor;

use core::cell::RefCell;

use mambalite_firmware_app as app;
use mambalite_firmware_image as image;
use mambalite_firmware_log as log;

pub use board::Board;
pub use counter::Counter;
pub use fault::set_last_words;
pub use processor::unmask;

/// Starts a board and serves the wire protocol for ever.
///
/// * `start` - sets the board's clock and serial port up.
/// * `arena` - the working memory of the network. * `SET` - the precisions that the program is built
///   for, as in [`serve`].
pub fn run<const SET: u8, B: Board>(
    start: impl FnOnce() -> B,
    name: &'static str,
    arena: &'static mut [u64],
) -> ! {
    processor::start();
    let board = RefCell::new(start());
    set_last_words(B::last_words);
    let log = log::Board {
        write: B::log,
        uptime_ms: B::uptime_ms,
    };
    serve::<SET>(
        board::Line(&board),
        board::Facts {
            name,
            board: &board,
        },
        log,
        arena,
    )
}

/// Serves the wire protocol for ever, on a board whose ports are started.
///
/// * `arena` - the working memory of the network. * `SET` - the precisions that the program is built
///   for: bit 0 `f32`, bit 1 `w8a16`, bit 2 `w8a8`.
pub fn serve<const SET: u8>(
    port: impl app::Port,
    board: impl app::Board,
    log: log::Board,
    arena: &'static mut [u64],
) -> ! {
    log::start(log);
    defmt::info!(
        "{=str}: arena {=usize} bytes",
        board.name(),
        size_of_val(arena)
    );
    let (model, runner) = (image::model_region(), app::Streaming::<SET>);
    app::Session::with_runner(port, board, model, arena, runner).run();
    // The line of a board does not close; a port that says so is a bug.
    panic!("the wire closed");
}

/// Makes the program of a board from an expression that starts it: `board!(Nucleo::start())`.
///
/// The board's crate has the constants of its `board.toml` in `OUT_DIR`, and depends on
/// `static_cell` and, for Cortex-M, on `cortex-m-rt`.
#[macro_export]
macro_rules! board {
    ($start:expr) => {
        mod facts {
            include!(concat!(env!("OUT_DIR"), "/board.rs"));
        }

        /// Working memory of the network, in `.bss`.
        static ARENA: static_cell::ConstStaticCell<[u64; facts::ARENA_WORDS]> =
            static_cell::ConstStaticCell::new([0; facts::ARENA_WORDS]);

        #[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
        #[cfg_attr(
            target_arch = "riscv32",
            expect(unsafe_code, reason = "a function that the start-up code calls"),
            unsafe(export_name = "riscv_main")
        )]
        fn main() -> ! {
            $crate::run::<{ facts::PRECISIONS }, _>(|| $start, facts::NAME, ARENA.take())
        }
    };
}
