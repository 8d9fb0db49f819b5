//! The gate pin: one pulse a job, while the network has rows to run on.

use mambalite_hil_wire::{Request, Response};

use super::fixture::{Host, model, noise};
use super::runner::Elsewhere;
use crate::Streaming;

const ARENA_BYTES: usize = 1 << 17;
const WIDTH: u16 = 12;
const HEIGHT: u16 = 7;
const ROW_BYTES: usize = WIDTH as usize * 3;

/// Runs a session of the kernels; returns the answers and the edges of the pin.
fn run(say: impl FnOnce(&mut Host)) -> (Vec<Response<'static>>, Vec<(bool, usize)>) {
    let mut host = Host::new();
    say(&mut host);
    host.run_gated(Streaming::ALL, model(), ARENA_BYTES)
}

/// Returns the number of answers up to the first of a kind.
fn place(answers: &[Response<'_>], of: impl Fn(&Response<'_>) -> bool) -> usize {
    answers.iter().position(of).unwrap()
}

#[test]
fn each_job_is_one_pulse_without_orders_and_results() {
    let picture = noise(WIDTH, HEIGHT);
    let (answers, edges) = run(|host| {
        host.say(&Request::Hello);
        for job in [1, 2] {
            host.begin(job, WIDTH, HEIGHT);
            host.picture(job, &picture, 0, 50);
        }
        host.say(&Request::Check { index: 0, seed: 1 });
    });
    assert!(
        edges
            .iter()
            .map(|edge| edge.0)
            .eq([true, false, true, false])
    );
    for (job, edges) in [(1, &edges[..2]), (2, &edges[2..])] {
        let begun = place(
            &answers,
            |it| matches!(it, Response::Begun { job: of, .. } if *of == job),
        );
        let digests = place(
            &answers,
            |it| matches!(it, Response::Digests { job: of, .. } if *of == job),
        );
        let output =
            |it: &Response<'_>| matches!(it, Response::Output { job: of, .. } if *of == job);
        let last = answers.iter().rposition(output).unwrap();
        assert!(edges[0].1 > begun && edges[0].1 <= place(&answers, output));
        assert!(edges[1].1 > last && edges[1].1 <= digests);
    }
}

#[test]
fn the_pin_stays_low_until_a_row_is_whole() {
    let picture = noise(WIDTH, HEIGHT);
    let (_, edges) = run(|host| {
        host.begin(1, WIDTH, HEIGHT);
        host.picture(1, &picture[..ROW_BYTES - 1], 0, 50);
        host.say(&Request::Abort { job: 1 });
    });
    assert_eq!(edges, []);
}

#[test]
fn a_refused_job_is_no_pulse() {
    let (answers, edges) = run(|host| host.begin(0, WIDTH, HEIGHT));
    assert!(matches!(answers[..], [Response::Error { .. }]));
    assert_eq!(edges, []);
}

/// An abort, another job, the end of the line.
#[test]
fn the_pin_falls_whatever_ends_a_job() {
    let picture = noise(WIDTH, HEIGHT);
    let half = &picture[..ROW_BYTES * 3];
    for end in 0..3 {
        let (_, edges) = run(|host| {
            host.begin(1, WIDTH, HEIGHT);
            host.picture(1, half, 0, 50);
            match end {
                0 => drop(host.say(&Request::Abort { job: 1 })),
                1 => host.begin(2, WIDTH, HEIGHT),
                _ => {}
            }
        });
        assert!(edges.iter().map(|edge| edge.0).eq([true, false]), "{end}");
    }
}

#[test]
fn the_pin_falls_when_the_network_fails() {
    let file = model();
    let mut host = Host::new();
    host.begin(1, WIDTH, HEIGHT);
    host.picture(1, &noise(WIDTH, HEIGHT), 0, 50);
    let (answers, edges) = host.run_gated(Elsewhere { file, fails: true }, file, 256);
    assert!(matches!(answers.last(), Some(Response::Error { .. })));
    assert!(edges.iter().map(|edge| edge.0).eq([true, false]));
}
