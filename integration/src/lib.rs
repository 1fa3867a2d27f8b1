//! What the end-to-end tests share. The tests are in `tests/`: `boundaries` and `rpc_callers` read the tree, `chart` the rendered
//! chart, `cluster` the real node.

pub mod agreement;
