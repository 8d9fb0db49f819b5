//! Jobs on something that takes a picture whole and shows no layers, as a GPU does.

use mambalite_hil_wire::{Fault, ModelState, Request, Response, crc32};
use mambalite_kernels::{Model, Tap};

use super::fixture::{Host, model, noise, reference};
use crate::{Run, Runner};

const WIDTH: u16 = 12;
const HEIGHT: u16 = 7;

/// Widest picture that it takes, LR pixels.
const WIDTH_MAX: usize = 20;

/// It has the network run elsewhere, once a picture is whole.
pub(crate) struct Elsewhere {
    pub(crate) file: &'static [u8],
    /// Whether it fails at the last row.
    pub(crate) fails: bool,
}

pub(crate) struct Picture<'r> {
    runner: &'r Elsewhere,
    pixels: Vec<u8>,
    height: usize,
}

impl Runner for Elsewhere {
    type Error = &'static str;
    type Run<'r> = Picture<'r>;

    fn fault(_error: &&'static str) -> Fault {
        Fault::Geometry
    }

    fn arena_bytes(&self, _model: &Model<'_>, _width: usize) -> usize {
        0
    }

    fn start<'r, 'm: 'r>(
        &'r mut self,
        _model: &Model<'m>,
        (width, height): (usize, usize),
        _arena: &'r mut [u64],
    ) -> Result<Picture<'r>, &'static str> {
        match width <= WIDTH_MAX {
            true => Ok(Picture {
                runner: self,
                pixels: Vec::new(),
                height,
            }),
            false => Err("too wide for it"),
        }
    }
}

impl Run for Picture<'_> {
    type Error = &'static str;
    const LAYERS: bool = false;

    fn push_row(
        &mut self,
        row: &[u8],
        _tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) -> Result<(), &'static str> {
        self.pixels.extend(row);
        if self.pixels.len() < self.height * row.len() {
            return Ok(());
        }
        if self.runner.fails {
            return Err("it broke");
        }
        let magnified = reference(self.runner.file, &self.pixels, row.len() as u16 / 3, 0).picture;
        let rows = magnified.chunks(row.len() * 2).enumerate();
        rows.for_each(|(y, row)| sink(y, row));
        Ok(())
    }
}

fn answers(fails: bool, say: impl FnOnce(&mut Host)) -> Vec<Response<'static>> {
    let file = model();
    let mut host = Host::new();
    say(&mut host);
    // Room for a row and nothing else.
    host.run_on(Elsewhere { file, fails }, file, 256)
}

#[test]
fn a_picture_comes_back_whole_and_without_digests() {
    let input = noise(WIDTH, HEIGHT);
    let answers = answers(false, |host| {
        host.say(&Request::Hello);
        host.begin(1, WIDTH, HEIGHT);
        host.picture(1, &input, 0, 50);
    });
    let ready = |answer: &Response<'_>| match answer {
        Response::Hello {
            model: ModelState::Ready { layers, .. },
            ..
        } => Some(*layers),
        _ => None,
    };
    assert_eq!(answers.iter().find_map(ready), Some(0), "it shows layers");
    let mut picture = Vec::new();
    for answer in &answers {
        match *answer {
            Response::Output { bytes, .. } => picture.extend(bytes),
            Response::Digests { .. } | Response::Trace { .. } => panic!("{answer:?}"),
            Response::Begun { arena_needed, .. } => assert_eq!(arena_needed, 40),
            _ => {}
        }
    }
    assert!(picture == reference(model(), &input, WIDTH, 0).picture);
    let Some(Response::Result {
        output_crc32,
        layers: 0,
        ..
    }) = answers.last()
    else {
        panic!("{:?}", answers.last());
    };
    assert_eq!(*output_crc32, crc32(&picture));
}

#[test]
fn what_it_cannot_do_is_told_with_its_words() {
    let wide = WIDTH_MAX as u16 + 1;
    let of_start = answers(false, |host| host.begin(1, wide, HEIGHT));
    let of_trace = answers(false, |host| {
        let (width, height, trace) = (WIDTH, HEIGHT, Some(0));
        host.say(&Request::Begin {
            job: 1,
            width,
            height,
            trace,
        });
    });
    let of_run = answers(true, |host| {
        host.begin(1, WIDTH, HEIGHT);
        host.picture(1, &noise(WIDTH, HEIGHT), 0, 50);
    });
    for (answers, expected, words) in [
        (of_start, Fault::Geometry, "too wide for it"),
        (of_trace, Fault::UnknownLayer { layer: 0 }, "layer"),
        (of_run, Fault::Exec, "it broke"),
    ] {
        let Some(Response::Error { fault, detail, .. }) = answers.last() else {
            panic!("{:?}", answers.last());
        };
        assert_eq!(*fault, expected);
        assert!(detail.contains(words), "{detail}");
    }
}
