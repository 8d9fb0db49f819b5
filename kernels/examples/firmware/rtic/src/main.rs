//! The network as a task of RTIC: it computes at low priority, and interrupts go on.

#![no_std]
#![no_main]

use panic_semihosting as _;

#[rtic::app(
    device = mambalite_example_scene::device,
    peripherals = false,
    dispatchers = [Dispatcher]
)]
mod app {
    use cortex_m::peripheral::syst::SystClkSource;
    use mambalite_example_scene::{self as scene, ARENA_WORDS, Digest, HEIGHT, MODEL, WIDTH};
    use mambalite_kernels::{Model, NoTap, Upscaler};

    /// Clock of the board in cycles a millisecond.
    const CYCLES_MS: u32 = 25_000;

    #[shared]
    struct Shared {
        /// Interrupts of the timer.
        ticks: u32,
    }

    #[local]
    struct Local {
        run: Upscaler<'static>,
    }

    #[init(local = [arena: [u64; ARENA_WORDS] = [0; ARENA_WORDS]])]
    fn init(cx: init::Context) -> (Shared, Local) {
        let model = Model::parse(MODEL).unwrap_or_else(|error| scene::stop(error));
        let run = Upscaler::new(&model, WIDTH, HEIGHT, cx.local.arena);
        let run = run.unwrap_or_else(|error| scene::stop(error));
        let mut timer = cx.core.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(CYCLES_MS - 1);
        timer.clear_current();
        timer.enable_interrupt();
        timer.enable_counter();
        if upscale::spawn().is_err() {
            scene::stop("the task runs already");
        }
        (Shared { ticks: 0 }, Local { run })
    }

    /// Magnifies the picture; all that has a higher priority goes first.
    #[task(priority = 1, local = [run], shared = [ticks])]
    async fn upscale(mut cx: upscale::Context) {
        let mut digest = Digest::new();
        for y in 0..HEIGHT {
            let mut sink = |_: usize, row: &[u8]| digest.add(row);
            let pushed = cx.local.run.push_row(&scene::row(y), &mut NoTap, &mut sink);
            if let Err(error) = pushed {
                scene::stop(error);
            }
        }
        if cx.shared.ticks.lock(|ticks| *ticks) == 0 {
            scene::stop("the timer had no turn while the network ran");
        }
        scene::report(digest)
    }

    /// What else the firmware does.
    #[task(binds = SysTick, priority = 2, shared = [ticks])]
    fn tick(mut cx: tick::Context) {
        cx.shared.ticks.lock(|ticks| *ticks += 1);
    }
}
