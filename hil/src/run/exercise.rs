//! One board with one model: every picture, every tile, every control.

use mambalite::picture::Picture;
use mambalite_hil_wire::crc32;
use mambalite_kernels::Tile;

use super::gauge::Gauge;
use super::{Order, PlannedFault, Stand, Work, task::Task};
use crate::bench::{AnyLine, Bench};
use crate::controls;
use crate::crash;
use crate::device::{Checked, Device};
use crate::error::{Error, Result};
use crate::fault::{Injection, Point, Targets};
use crate::firmware::Image;
use crate::flasher::{Flasher, check_fit};
use crate::geometry;
use crate::interrupt::Interrupt;
use crate::observer::Watch;
use crate::recovery;
use crate::report::{
    BoardReport, Failure, Images, JobReport, Memory, PictureReport, Rect, SensorReport,
};
use crate::state::file_name;
use crate::transport::Transport;
use crate::verdict::{Stage, Verdict};

/// Lines of the board's log that go into the report; all are in its file.
const LOG_LINES: usize = 200;

/// A rig, its firmware, a model and pictures.
pub(super) struct Exercise<'a> {
    pub(super) order: &'a Order,
    pub(super) stand: &'a Stand,
    pub(super) image: &'a Image,
    pub(super) work: &'a Work<'a>,
    pub(super) fault: Option<&'a PlannedFault>,
    pub(super) interrupt: &'a Interrupt,
}

/// The board's machine, and the fault on purpose that it is to suffer.
struct Machine<'a> {
    bench: &'a mut Bench,
    injection: &'a mut Option<Injection>,
}

impl Machine<'_> {
    /// Lets the fault in if it is time for it.
    fn reach(&mut self, point: Point) {
        if let Some(injection) = self.injection {
            injection.at(point, self.bench);
        }
    }
}

/// Both sides of a magnified picture, put together from tiles.
struct Stitched {
    device: Vec<u8>,
    reference: Vec<u8>,
}

impl<'a> Exercise<'a> {
    /// Runs everything; what was found before an error is in `report` all the same.
    pub(super) fn run(
        &self,
        report: &mut BoardReport,
        images: &mut Vec<Images>,
        watch: &Watch<'_>,
    ) -> Result<()> {
        let mut injection = self.injection()?;
        let gauge = Gauge::open(self.stand)?;
        let (mut bench, mut device) = self.start(injection.as_ref(), watch)?;
        watch.begin(Stage::Handshake, 0);
        let mut machine = Machine {
            bench: &mut bench,
            injection: &mut injection,
        };
        machine.reach(Point::begin(Stage::Handshake));
        let outcome = self.shake_hands(&mut device, report).and_then(|()| {
            self.exercise(&mut device, &mut machine, gauge, (report, images), watch)
        });
        report.link = *device.link.counters();
        if let (Err(error), Some(task)) = (&outcome, self.work.tasks.first())
            && !error.is_lasting()
            && !self.interrupt.is_set()
        {
            let picture = controls::crop(&task.lr)?;
            report.recovery = recovery::climb(&mut device, &mut bench, &picture, self.interrupt);
        }
        report.log = bench.finish();
        report.crash = crash::decode(&report.log, &self.image.elf);
        let surplus = report.log.len().saturating_sub(LOG_LINES);
        report.log.drain(..surplus);
        if let Some(injection) = &injection {
            injection.check()?;
        }
        outcome
    }

    /// Plans the fault on purpose, if one is ordered.
    fn injection(&self) -> Result<Option<Injection>> {
        let (Some(fault), Some(task)) = (self.fault, self.work.tasks.first()) else {
            return Ok(None);
        };
        let targets = Targets::find(&self.stand.board, self.image, self.work.file, &task.lr)?;
        Injection::plan(fault.scenario, fault.seed, &targets).map(Some)
    }

    /// Starts the board with the firmware, and checks that it computes a small picture.
    ///
    /// # Errors
    /// Those of [`Bench::start`] and [`recovery::health`].
    pub(super) fn health(&self, watch: &Watch<'_>) -> Result<()> {
        let Some(task) = self.work.tasks.first() else {
            return Ok(());
        };
        let (bench, mut device) = self.start(None, watch)?;
        let healthy = recovery::health(&mut device, &controls::crop(&task.lr)?);
        let _ = bench.finish();
        healthy
    }

    fn start(
        &self,
        injection: Option<&Injection>,
        watch: &Watch<'_>,
    ) -> Result<(Bench, Device<'a, AnyLine>)> {
        let (model, board) = (self.work.file.bytes(), &self.stand.board);
        check_fit(board, self.image, &self.order.model, model)?;
        let precision = self.work.model.precision();
        let log = format!("{}_{precision}.log", file_name(&self.stand.rig.name));
        let log = self.order.out.join(log);
        let limits = (self.stand.patience(), self.interrupt);
        let (bench, link) = Bench::start(
            (board, &self.stand.rig),
            self.image,
            model,
            &log,
            limits,
            watch,
        )?;
        let link = match injection {
            Some(injection) => link.wrap_line(|line| injection.wrap_line(line)),
            None => link,
        };
        let device = Device::new(link, &self.stand.rig.name, self.work.model);
        Ok((bench, device.with_references(&self.work.references)))
    }

    fn shake_hands(
        &self,
        device: &mut Device<'a, AnyLine>,
        report: &mut BoardReport,
    ) -> Result<()> {
        let info = device.link.hello()?;
        report.device = Some((&info).into());
        let (build_id, model) = (&self.image.build_id, self.work.model);
        self.stand.check_identity(&info, build_id, &model.sha256())
    }

    /// Sends every picture, then the faults.
    fn exercise<T: Transport>(
        &self,
        device: &mut Device<'a, T>,
        machine: &mut Machine<'_>,
        mut gauge: Gauge,
        (report, images): (&mut BoardReport, &mut Vec<Images>),
        watch: &Watch<'_>,
    ) -> Result<()> {
        let total = self.work.tasks.iter().map(|task| self.bytes(task)).sum();
        watch.begin(Stage::Stream, total);
        gauge.begin(&mut device.link, report, self.interrupt);
        // From here on the samples are of the pictures.
        device.link.sensors(true)?;
        machine.reach(Point::begin(Stage::Stream));
        let mut done = 0;
        for task in &self.work.tasks {
            let stitched =
                self.picture((device, machine), task, report, (&mut done, total), watch)?;
            let picture_idx = report.pictures.len();
            let (sr, reference) = self.pictures(task, stitched)?;
            report.pictures.push(self.save(task, &sr)?);
            images.push(Images {
                // Its place is known when all rigs are done.
                board_idx: 0,
                picture_idx,
                lr: task.lr.clone(),
                sr,
                reference,
                bicubic: task.bicubic.clone(),
            });
        }
        // Before the faults: they start the board anew.
        let sensors = device.link.sensors(false)?;
        let made_up = self.stand.board.is_virtual();
        report.sensors = sensors.map(|it| SensorReport::new(&it, made_up));
        let work = report.sensors.clone();
        gauge.finish(&mut device.link, work.as_ref(), report, self.interrupt);
        watch.end();
        watch.begin(Stage::Controls, controls::COUNT as u64);
        self.controls(device, machine.bench.flasher(), report, watch)?;
        watch.end();
        check_memory(&self.stand.rig.name, &report.memory)
    }

    /// Returns the bytes of LR picture that go to the board, halos included.
    fn bytes(&self, task: &Task) -> u64 {
        let tiles = geometry::tiles(task.lr.width(), task.lr.height(), self.order.executor);
        let pixels = tiles.map(|tile| tile.padded.width * tile.padded.height);
        (pixels.sum::<usize>() * task.lr.channels()) as u64
    }

    /// Sends a picture tile by tile.
    fn picture<T: Transport>(
        &self,
        (device, machine): (&mut Device<'a, T>, &mut Machine<'_>),
        task: &Task,
        report: &mut BoardReport,
        (done, total): (&mut u64, u64),
        watch: &Watch<'_>,
    ) -> Result<Stitched> {
        let len = task.bicubic.data().len();
        let mut stitched = Stitched {
            device: vec![0; len],
            reference: vec![0; len],
        };
        let tiles = geometry::tiles(task.lr.width(), task.lr.height(), self.order.executor);
        for (index, tile) in tiles.enumerate() {
            self.interrupt.check()?;
            let padded = tile.padded;
            let lr = task
                .lr
                .crop(padded.x, padded.y, padded.width, padded.height)?;
            let before = *done;
            let checked = device.check(&lr, &mut |acknowledged, _| {
                let done = before + acknowledged as u64;
                watch.reach(done);
                machine.reach(Point {
                    stage: Stage::Stream,
                    done,
                    total,
                });
            })?;
            *done += lr.data().len() as u64;
            self.stitch(task, &tile, &checked, &mut stitched);
            note_memory(&mut report.memory, &checked);
            report
                .jobs
                .push(job_report(task, index, &tile, &lr, &checked));
            if !checked.comparison.is_equal() && report.first_difference.is_none() {
                locate(device, report, &lr, &checked, (&task.name, index))?;
            }
        }
        Ok(stitched)
    }

    fn stitch(&self, task: &Task, tile: &Tile, checked: &Checked, into: &mut Stitched) {
        let (scale, channels) = (self.work.model.config().scale, task.lr.channels());
        let stride = task.bicubic.width() * channels;
        let row_len = tile.padded.width * scale * channels;
        let sides = [
            (&checked.result.output, &mut into.device),
            (&checked.reference.output, &mut into.reference),
        ];
        for (rows, picture) in sides {
            for (y, row) in rows.chunks_exact(row_len).enumerate() {
                tile.stitch(y, row, scale, channels, picture, stride);
            }
        }
    }

    /// Returns the board's picture and the reference's.
    fn pictures(&self, task: &Task, stitched: Stitched) -> Result<(Picture, Picture)> {
        let (width, height, channels) = task.bicubic.shape();
        let picture = |data| Picture::new(width, height, channels, data);
        Ok((picture(stitched.device)?, picture(stitched.reference)?))
    }

    fn save(&self, task: &Task, sr: &Picture) -> Result<PictureReport> {
        let config = self.work.model.config();
        let (stem, rig) = (&task.stem, file_name(&self.stand.rig.name));
        let file = if self.order.precisions.len() > 1 {
            format!("{stem}_{rig}_{}.png", self.work.model.precision())
        } else {
            format!("{stem}_{rig}.png")
        };
        let path = self.order.out.join(&file);
        if path.exists() && same_file(&path, &task.path) {
            return Err(Error::Picture(mambalite::Error::OutputIsInput { path }));
        }
        sr.save(&path)?;
        Ok(PictureReport {
            name: task.name.clone(),
            lr_size: [task.lr.width(), task.lr.height()],
            sr_size: [sr.width(), sr.height()],
            board_scores: task.scores(config, sr)?,
            bicubic_scores: task.bicubic_scores,
            files: vec![file],
        })
    }

    /// Runs the negative controls on a corner of the first picture.
    fn controls<T: Transport>(
        &self,
        device: &mut Device<'a, T>,
        flasher: &mut dyn Flasher,
        report: &mut BoardReport,
        watch: &Watch<'_>,
    ) -> Result<()> {
        let Some(task) = self.work.tasks.first() else {
            return Ok(());
        };
        let picture = controls::crop(&task.lr)?;
        let good = device.check(&picture, &mut |_, _| ())?;
        if !good.comparison.is_equal() {
            // Faults on top of a fault prove nothing.
            let whole = Tile {
                core: corner(&picture),
                padded: corner(&picture),
            };
            let job = job_report(task, 0, &whole, &picture, &good);
            report.jobs.push(job);
            if report.first_difference.is_none() {
                let name = format!("{} (corner for the controls)", task.name);
                locate(device, report, &picture, &good, (&name, 0))?;
            }
            let missing = "no negative controls: the board is wrong without them";
            report.failure.get_or_insert_with(|| Failure {
                stage: Stage::Controls,
                verdict: Verdict::Mismatch,
                cause: missing.to_owned(),
            });
            return Ok(());
        }
        let mut subject = controls::Subject {
            device,
            flasher,
            model_address: self.stand.board.model_address(),
            file: self.work.file,
            picture: &picture,
            good: &good,
        };
        report.controls = controls::run(&mut subject, &mut |done| watch.reach(done))?;
        Ok(())
    }
}

/// Finds out where a job differs first.
fn locate<T: Transport>(
    device: &mut Device<'_, T>,
    report: &mut BoardReport,
    lr: &Picture,
    checked: &Checked,
    (name, tile): (&str, usize),
) -> Result<()> {
    report.first_difference = device.locate(lr, checked, name, tile)?;
    if report.first_difference.is_none() {
        let cause = format!(
            "`{name}`, tile {tile}: {}, but not when run again: the board is not deterministic",
            checked.comparison.describe()
        );
        report.failure = Some(Failure {
            stage: Stage::Stream,
            verdict: Verdict::Mismatch,
            cause,
        });
    }
    Ok(())
}

/// Returns the whole of a picture as a rectangle.
fn corner(picture: &Picture) -> mambalite_kernels::Rect {
    mambalite_kernels::Rect {
        x: 0,
        y: 0,
        width: picture.width(),
        height: picture.height(),
    }
}

fn same_file(a: &std::path::Path, b: &std::path::Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// Holds what the board used against the plan.
fn check_memory(board: &str, memory: &Memory) -> Result<()> {
    let arena = ("arena", memory.arena_bytes, memory.arena_used_bytes);
    let stack = ("stack", memory.stack_bytes, memory.stack_used_bytes);
    for (what, planned, used) in [arena, stack] {
        let used = used.unwrap_or(0);
        if used > planned {
            return Err(Error::Plan {
                board: board.to_owned(),
                what,
                planned,
                used,
            });
        }
    }
    Ok(())
}

fn note_memory(memory: &mut Memory, checked: &Checked) {
    let result = &checked.result;
    let arena = memory.arena_used_bytes.unwrap_or(0);
    memory.arena_used_bytes = Some(arena.max(result.arena_needed as usize));
    memory.stack_size_bytes = result.stack_size_bytes as usize;
    // No size: an operating system sees to the stack, and nothing was measured.
    if memory.stack_size_bytes > 0 {
        let stack = memory.stack_used_bytes.unwrap_or(0);
        memory.stack_used_bytes = Some(stack.max(result.stack_used_bytes as usize));
    }
}

fn job_report(
    task: &Task,
    tile_idx: usize,
    tile: &Tile,
    lr: &Picture,
    checked: &Checked,
) -> JobReport {
    let (result, padded) = (&checked.result, tile.padded);
    JobReport {
        input: task.path.display().to_string(),
        tile: tile_idx,
        rect: Rect {
            x: padded.x,
            y: padded.y,
            width: padded.width,
            height: padded.height,
        },
        input_bytes: lr.data().len(),
        output_bytes: result.output.len(),
        output_crc32: format!("{:#010x}", crc32(&result.output)),
        output_equal: checked.comparison.output_equal,
        layers: checked.comparison.layers.clone(),
        cycles: result.cycles,
        wall_ms: checked.wall.as_secs_f64() * 1e3,
        attempts: result.attempts,
        device_frames_bad: result.frames_bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_memory_than_planned_is_an_error() {
        let memory = |used| Memory {
            flash_bytes: 1,
            flash_size_bytes: 2,
            arena_bytes: 100,
            arena_used_bytes: Some(100),
            arena_size_bytes: 200,
            object_bytes: 1,
            stack_bytes: 50,
            stack_used_bytes: Some(used),
            stack_size_bytes: 80,
        };
        assert!(check_memory("board", &memory(50)).is_ok());
        let error = check_memory("board", &memory(51)).unwrap_err();
        assert!(error.to_string().contains("51 bytes of stack"), "{error}");
    }
}
