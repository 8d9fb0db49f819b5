//! Gradients of whole networks against those of PyTorch's autograd in double precision, which
//! `host/torch/golden.py` wrote down.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ::safetensors::SafeTensors;

use super::*;
use crate::export::tensors;
use crate::{checkpoint, import};

/// The numbers of a golden file in double precision, by name.
pub(in crate::train) struct Golden(BTreeMap<String, Vec<f64>>);

impl Golden {
    fn path(name: &str) -> PathBuf {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        root.join(format!("../tests/golden/gradients/{name}.safetensors"))
    }

    pub(in crate::train) fn load(name: &str) -> Self {
        let bytes = std::fs::read(Self::path(name)).unwrap();
        let numbers = |data: &[u8]| {
            let chunks = data.chunks_exact(8);
            chunks
                .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
                .collect()
        };
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let double = file
            .iter()
            .filter(|(_, view)| view.dtype() == ::safetensors::Dtype::F64);
        Self(
            double
                .map(|(name, view)| (name.to_owned(), numbers(view.data())))
                .collect(),
        )
    }

    pub(in crate::train) fn get(&self, name: &str) -> &[f64] {
        self.0.get(name).unwrap_or_else(|| panic!("no {name}"))
    }
}

/// Reads the network of a golden file.
fn case(name: &str, golden: &Golden) -> Case {
    let mut network = checkpoint::load(&Golden::path(name)).unwrap();
    network
        .tensors
        .retain(|name, _| !name.starts_with("golden."));
    let file = import::import(&network).unwrap();
    let model = file.model();
    let parameters = Parameters::of_model(&model).unwrap();
    let arrays = Arrays::of_model(&model).unwrap();
    let mut values = Vec::new();
    for (param, _) in parameters.layout().arrays() {
        values.extend(
            arrays
                .get::<f32>(param)
                .unwrap()
                .iter()
                .map(|&x| f64::from(x)),
        );
    }
    let bytes = golden.get("golden.picture").iter().map(|&x| x as u8);
    let channels = model.config().channels;
    Case {
        parameters,
        values,
        picture: Picture::new(SIZE.0, SIZE.1, channels, bytes.collect()).unwrap(),
    }
}

#[test]
fn networks_have_the_gradients_of_autograd() {
    for name in ["dense", "low-rank", "identity-rows", "mixed"] {
        let golden = Golden::load(name);
        let case = case(name, &golden);
        let tape = case.forward(&case.values);
        let output = golden.get("golden.output");
        assert_close(
            &format!("{name}: output"),
            tape.layer(Layer::Output),
            output,
        );
        let gradient = case.log_gradient(golden.get("golden.weights"), &[]);
        let layout = case.parameters.layout();
        let mut arrays = Arrays::default();
        for (param, range) in layout.arrays() {
            arrays.insert(param, &gradient[range]);
        }
        for (param, order) in case.parameters.orders() {
            arrays.insert(*param, order);
        }
        let found = tensors::<f64>(layout.config(), layout.forms(), &arrays).unwrap();
        let trained = found.iter().filter(|(name, _)| !name.ends_with(".order"));
        let mut compared = 0;
        for (tensor, (_, gradient)) in trained {
            let expected = golden.get(&format!("golden.gradient.{tensor}"));
            assert_close(&format!("{name}: {tensor}"), gradient, expected);
            compared += gradient.len();
        }
        assert_eq!(compared, layout.len());
    }
}
