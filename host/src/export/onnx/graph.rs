//! A graph while it is made.

use super::proto::{
    Attribute, Dimension, FLOAT, GRAPH, Graph, INT, INT64, INTS, Node, STRING, Shape, Tensor,
    TensorType, Type, Value,
};

/// Name of a tensor in a graph.
pub(super) type Name = String;

/// Nodes and constants so far; inner graphs have theirs in a builder of their own.
#[derive(Debug)]
pub(super) struct Builder {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
    /// In front of numbers, so that names are unique over all graphs.
    prefix: String,
    count: usize,
}

impl Builder {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            nodes: Vec::new(),
            constants: Vec::new(),
            prefix: prefix.to_owned(),
            count: 0,
        }
    }

    /// Returns a name that nothing has.
    pub(super) fn name(&mut self) -> Name {
        self.count += 1;
        format!("{}{}", self.prefix, self.count)
    }

    fn constant(&mut self, dims: &[usize], data_type: i32, raw_data: Vec<u8>) -> Name {
        let name = self.name();
        self.constants.push(Tensor {
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type,
            name: name.clone(),
            raw_data,
        });
        name
    }

    /// Adds a constant of single precision.
    pub(super) fn floats(&mut self, dims: &[usize], values: &[f32]) -> Name {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(dims, FLOAT, bytes)
    }

    /// Adds a list of whole numbers.
    pub(super) fn list(&mut self, values: &[i64]) -> Name {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.constant(&[values.len()], INT64, bytes)
    }

    /// Adds a whole number.
    pub(super) fn whole(&mut self, value: i64) -> Name {
        self.constant(&[], INT64, value.to_le_bytes().to_vec())
    }

    /// Adds a node of several outputs.
    pub(super) fn node<const N: usize>(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) -> [Name; N] {
        let outputs: [Name; N] = core::array::from_fn(|_| self.name());
        self.nodes.push(Node {
            input: inputs.iter().map(|&it| it.to_owned()).collect(),
            output: outputs.to_vec(),
            op_type: op.to_owned(),
            attribute: attributes,
        });
        outputs
    }

    /// Adds a node of one output with attributes.
    pub(super) fn with(&mut self, op: &str, inputs: &[&str], attributes: Vec<Attribute>) -> Name {
        let [output] = self.node(op, inputs, attributes);
        output
    }

    /// Adds a node of one output.
    pub(super) fn add(&mut self, op: &str, inputs: &[&str]) -> Name {
        self.with(op, inputs, Vec::new())
    }

    /// Adds a reshape; -1 is what remains.
    pub(super) fn reshape(&mut self, x: &str, dims: &[i64]) -> Name {
        let dims = self.list(dims);
        self.add("Reshape", &[x, &dims])
    }

    pub(super) fn transpose(&mut self, x: &str, order: &[i64]) -> Name {
        self.with("Transpose", &[x], vec![ints("perm", order)])
    }

    /// Cuts the last axis.
    pub(super) fn split<const N: usize>(&mut self, x: &str, sizes: [usize; N]) -> [Name; N] {
        let sizes = self.list(&sizes.map(|size| size as i64));
        self.node("Split", &[x, &sizes], vec![int("axis", -1)])
    }

    pub(super) fn silu(&mut self, x: &str) -> Name {
        let logistic = self.add("Sigmoid", &[x]);
        self.add("Mul", &[x, &logistic])
    }

    /// Returns the graph; its outputs take the names that they have in it.
    pub(super) fn finish(self, name: &str, input: Vec<Value>, output: Vec<Value>) -> Graph {
        Graph {
            node: self.nodes,
            name: name.to_owned(),
            initializer: self.constants,
            input,
            output,
        }
    }

    /// Gives a tensor a name that users see.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        self.nodes.push(Node {
            input: vec![from.to_owned()],
            output: vec![to.to_owned()],
            op_type: "Identity".to_owned(),
            attribute: Vec::new(),
        });
    }
}

/// A dimension that is known.
pub(super) fn known(size: usize) -> Dimension {
    Dimension {
        dim_value: Some(size as i64),
        dim_param: None,
    }
}

/// A dimension that is known when the network runs.
pub(super) fn open(name: &str) -> Dimension {
    Dimension {
        dim_value: None,
        dim_param: Some(name.to_owned()),
    }
}

/// Describes an input or output of single precision.
pub(super) fn value(name: &str, dim: Vec<Dimension>) -> Value {
    Value {
        name: name.to_owned(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type: FLOAT,
                shape: Some(Shape { dim }),
            }),
        }),
    }
}

fn attribute(name: &str, r#type: i32) -> Attribute {
    Attribute {
        name: name.to_owned(),
        r#type,
        ..Attribute::default()
    }
}

pub(super) fn int(name: &str, i: i64) -> Attribute {
    Attribute {
        i,
        ..attribute(name, INT)
    }
}

pub(super) fn ints(name: &str, ints: &[i64]) -> Attribute {
    Attribute {
        ints: ints.to_vec(),
        ..attribute(name, INTS)
    }
}

pub(super) fn text(name: &str, text: &str) -> Attribute {
    Attribute {
        s: text.as_bytes().to_vec(),
        ..attribute(name, STRING)
    }
}

pub(super) fn graph(name: &str, graph: Graph) -> Attribute {
    Attribute {
        g: Some(graph),
        ..attribute(name, GRAPH)
    }
}
