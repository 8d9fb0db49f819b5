use mambalite_kernels::Config;

use super::mixer::selected;
use super::*;
use crate::checkpoint::Tensor;
use crate::compress::tests::{config, network, patches};
use crate::compress::{Budget, Factored, Factorization};

fn shrunk(dimensions: Dimensions) -> ModelFile {
    shrink(&network(), &patches(), &dimensions, &|_| ()).unwrap()
}

/// Squared difference of two networks' outputs.
fn change(a: &ModelFile, b: &ModelFile) -> f64 {
    changes(a, vec![checkpoint(b).unwrap()], &patches()).unwrap()[0]
}

#[test]
fn dimensions_are_reached() {
    let file = shrunk(Dimensions {
        groups: Some(1),
        blocks: Some(1),
        width: Some(5),
        inner: Some(7),
        states: Some(2),
    });
    let expected = Config {
        blocks: 1,
        width: 5,
        inner: 7,
        states: 2,
        ..config()
    };
    assert_eq!(file.model().config(), &expected);
}

#[test]
fn what_is_large_enough_stays() {
    let all = Dimensions {
        groups: Some(config().groups),
        blocks: Some(config().blocks),
        width: Some(config().width),
        inner: Some(config().inner),
        states: Some(config().states),
    };
    assert_eq!(change(&shrunk(all), &network()), 0.0);
}

/// Silences a state and a channel of every mixer: nothing is lost without them.
#[test]
fn what_does_nothing_goes_first() {
    let config = config();
    let mut idle = checkpoint(&network()).unwrap();
    for (i, mixer) in Mixer::all(&config).enumerate() {
        mixer
            .silence(&mut idle, &config, i % config.states)
            .unwrap();
        for name in ["out_proj.weight", "x_proj.weight"] {
            let projection = mixer.tensor(&mut idle, name).unwrap();
            for row in projection.data.chunks_exact_mut(config.inner) {
                row[3 + i] = 0.0;
            }
        }
    }
    let idle = imported(&idle).unwrap();
    for dimensions in [
        Dimensions {
            states: Some(config.states - 1),
            ..Dimensions::default()
        },
        Dimensions {
            inner: Some(config.inner - 1),
            ..Dimensions::default()
        },
    ] {
        let smaller = shrink(&idle, &patches(), &dimensions, &|_| ()).unwrap();
        // Sums over one addend less are rounded otherwise.
        let changed = change(&smaller, &idle);
        assert!(changed < 1e-9, "{dimensions:?}: {changed}");
    }
}

/// A feature that nothing reads is the one that goes; of the others all weights stay as they were.
#[test]
fn features_that_nothing_reads_go_first() {
    let config = config();
    let mut idle = checkpoint(&network()).unwrap();
    let feature = 3;
    for (name, tensor) in &mut idle.tensors {
        let reads = name.ends_with("in_proj.weight") || name.ends_with("upsample.0.weight");
        if reads || name.ends_with("conv.weight") || name.ends_with("conv_after_body.weight") {
            let taps: usize = tensor.shape[2..].iter().product();
            for inputs in tensor.data.chunks_exact_mut(config.width * taps) {
                inputs[feature * taps..][..taps].fill(0.0);
            }
        }
    }
    let dimensions = Dimensions {
        width: Some(config.width - 1),
        ..Dimensions::default()
    };
    let smaller = shrink(&imported(&idle).unwrap(), &patches(), &dimensions, &|_| ()).unwrap();
    let smaller = checkpoint(&smaller).unwrap();
    let kept: Vec<usize> = (0..config.width).filter(|&it| it != feature).collect();
    for (name, axes) in [
        ("conv_first.weight", &[0][..]),
        ("conv_first.bias", &[0]),
        ("norm_f.bias", &[0]),
        ("layers.0.conv.weight", &[0, 1]),
        (
            "layers.0.residual_group.blocks.1.mixer.in_proj.weight",
            &[1],
        ),
        (
            "layers.0.residual_group.blocks.1.mixer.out_proj.weight",
            &[0],
        ),
        ("layers.0.residual_group.blocks.1.mixer.conv1d.bias", &[]),
        ("upsample.0.weight", &[1]),
    ] {
        let whole = idle.tensors[name].clone();
        let expected = axes
            .iter()
            .fold(whole, |tensor, &axis| selected(&tensor, axis, &kept));
        assert_eq!(smaller.tensors[name], expected, "{name}");
    }
}

/// A block whose output projection is zero only adds its input: it is the one that goes.
#[test]
fn idle_blocks_go_first() {
    let config = config();
    for block in 0..config.blocks {
        let mut idle = checkpoint(&network()).unwrap();
        let projection = Mixer::new(0, block);
        let tensor = projection.tensor(&mut idle, "out_proj.weight").unwrap();
        tensor.data.fill(0.0);
        let idle = imported(&idle).unwrap();
        let dimensions = Dimensions {
            blocks: Some(config.blocks - 1),
            ..Dimensions::default()
        };
        let smaller = shrink(&idle, &patches(), &dimensions, &|_| ()).unwrap();
        assert_eq!(change(&smaller, &idle), 0.0);
    }
}

#[test]
fn names_close_the_gap() {
    let mut three = Checkpoint::default();
    for name in [
        "layers.0.a",
        "layers.1.a",
        "layers.2.layers.1.a",
        "layers.x",
        "b",
    ] {
        three.tensors.insert(name.to_owned(), Tensor::default());
    }
    let two = without_group(&three, 1);
    let names: Vec<&str> = two.tensors.keys().map(String::as_str).collect();
    assert_eq!(names, ["b", "layers.0.a", "layers.1.layers.1.a"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let refusal = |file: &ModelFile, dimensions: &Dimensions| {
        let refused = shrink(file, &patches(), dimensions, &|_| ());
        refused.unwrap_err().to_string()
    };
    let states = |states| Dimensions {
        states: Some(states),
        ..Dimensions::default()
    };
    for wanted in [0, 99] {
        let message = refusal(&network(), &states(wanted));
        assert!(message.contains("states"), "{message}");
    }
    let budget = Budget::Parameters(900);
    let factored = Factorization::new(&network(), &patches(), &|_| ()).unwrap();
    let factored = factored.within(budget, Factored::LowRank);
    let message = refusal(&factored.unwrap(), &states(1));
    assert!(message.contains("x_proj.weight"), "{message}");
}
