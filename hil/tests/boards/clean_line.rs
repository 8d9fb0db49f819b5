//! The firmware behind a line that loses nothing.

use std::collections::BTreeSet;

use mambalite_hil::device::{Device, Extras};
use mambalite_hil::error::EXIT_INPUT;
use mambalite_hil::geometry::{HALO_DEFAULT, arena_needed};
use mambalite_hil::link::DeviceModel;
use mambalite_hil::reference;
use mambalite_hil::{Error, interrupt::Interrupt, link::Link};
use mambalite_kernels::Layer;

use crate::in_process::{HASTE, NAME, link, start, start_with_arena};
use crate::model::{invented, invented_deep, picture, with_flipped_weight};

#[test]
fn the_handshake_brings_what_the_board_is() {
    let file = invented(1);
    let info = link(start(&file)).hello().unwrap();
    assert_eq!(info.board, NAME);
    assert_eq!(info.build_id, [7; 20]);
    let DeviceModel::Ready {
        sha256,
        precision,
        scale,
        ..
    } = info.model
    else {
        panic!("the model is refused: {:?}", info.model);
    };
    assert_eq!(sha256, file.model().sha256());
    assert_eq!((precision, scale), ("f32", 2));
}

#[test]
fn echoes_come_back_whole() {
    let mut link = link(start(&invented(1)));
    let bytes: Vec<u8> = (0..10_000_u32).map(|i| ((i * i) >> 3) as u8).collect();
    assert_eq!(link.echo(&bytes).unwrap(), 0);
    assert_eq!(link.counters().bad(), 0);
}

/// A network deeper than any that ships, up to the place where a late layer differs.
#[test]
fn a_network_of_303_layers_has_a_digest_for_each() {
    let board = invented_deep(6);
    let model = board.model();
    assert_eq!(Layer::count(model.config()), 303);
    let arena_words = arena_needed(&model, 9) / 8;
    let line = || link(start_with_arena(&board, arena_words));
    let checked = Device::new(line(), NAME, &model)
        .check(&picture(9, 4), &mut |_, _| ())
        .unwrap();
    assert!(checked.comparison.is_equal());
    assert_eq!(checked.result.digests.len(), 303);
    let digests: BTreeSet<_> = checked.result.digests.iter().collect();
    assert!(digests.len() > 256, "they are not shared");

    // A weight of the last convolution.
    let other = with_flipped_weight(&board, 200);
    let other = other.model();
    let checked = Device::new(line(), NAME, &other)
        .check(&picture(9, 4), &mut |_, _| ())
        .unwrap();
    let first = checked.comparison.first_layer().unwrap();
    assert_eq!(checked.comparison.layers[first].name, "upsample");
}

#[test]
fn jobs_of_every_shape_equal_the_reference() {
    let file = invented(1);
    let model = file.model();
    let mut device = Device::new(link(start(&file)), NAME, &model);
    for (width, height) in [(1, 1), (1, 9), (9, 1), (24, 20), (40, 33)] {
        let checked = device
            .check(&picture(width, height), &mut |_, _| ())
            .unwrap();
        assert!(
            checked.comparison.is_equal(),
            "{width}x{height}: {}",
            checked.comparison.describe()
        );
        assert_eq!(checked.result.attempts, 1);
        assert_eq!(
            checked.comparison.layers.len(),
            Layer::count(model.config())
        );
    }
    let counters = device.link.counters();
    assert_eq!(
        (counters.bad(), counters.naks, counters.jobs_repeated),
        (0, 0, 0)
    );
}

#[test]
fn every_layer_can_be_traced() {
    let file = invented(2);
    let model = file.model();
    let picture = picture(7, 5);
    let mut device = Device::new(link(start(&file)), NAME, &model);
    for (index, layer) in Layer::all(model.config()).enumerate() {
        let extras = Extras {
            trace: Some(index),
            damage: None,
        };
        let result = device.run(&picture, extras, &mut |_, _| ()).unwrap();
        let expected = reference::trace(&model, &picture, layer).unwrap();
        assert!(!expected.is_empty(), "{layer}");
        assert!(result.trace == expected, "{layer}");
    }
}

#[test]
fn a_wrong_weight_is_found_in_its_layer() {
    let board = invented(3);
    for from_end in [16, 700, 1500] {
        let host = with_flipped_weight(&board, from_end);
        let model = host.model();
        let picture = picture(12, 9);
        let mut device = Device::new(link(start(&board)), NAME, &model);
        let checked = device.check(&picture, &mut |_, _| ()).unwrap();
        assert!(!checked.comparison.is_equal(), "{from_end}");
        let difference = device.locate(&picture, &checked, "p", 0).unwrap().unwrap();
        let first = checked.comparison.first_layer().unwrap();
        assert_eq!(difference.layer, checked.comparison.layers[first].name);
        assert_ne!(difference.device_bits, difference.reference_bits);
        assert_ne!(difference.device_value, difference.reference_value);
    }
}

#[test]
fn a_row_too_wide_for_the_arena_is_told_with_the_missing_bytes() {
    let file = invented(1);
    let model = file.model();
    // Room for the smallest tile that is suggested, with its halo on both sides.
    let arena = arena_needed(&model, 8 + 2 * HALO_DEFAULT);
    let words = arena / size_of::<u64>();
    let mut device = Device::new(link(start_with_arena(&file, words)), NAME, &model);
    let error = device.check(&picture(60, 4), &mut |_, _| ()).unwrap_err();
    let Error::ArenaTooSmall {
        needed,
        available,
        tile,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!((*available, *tile), (arena, 8));
    assert!(
        error
            .to_string()
            .contains(&(needed - available).to_string()),
        "{error}"
    );
    assert_eq!(error.exit_code(), EXIT_INPUT);
    // The board goes on, and what is suggested fits.
    let checked = device.check(&picture(*tile, 4), &mut |_, _| ()).unwrap();
    assert!(checked.comparison.is_equal());
}

#[test]
fn an_interrupt_ends_a_job() {
    let file = invented(1);
    let model = file.model();
    let interrupt = Interrupt::default();
    let mut device = Device::new(
        Link::new(start(&file), HASTE, interrupt.clone()),
        NAME,
        &model,
    );
    let stop = |_: usize, _: usize| interrupt.set();
    let error = device
        .run(&picture(40, 40), Extras::default(), &mut { stop })
        .unwrap_err();
    assert!(matches!(error, Error::Interrupted), "{error}");
}
