//! Properties of the engine's verdicts, over generated models: registry, policy and stores go in, a verdict comes out. Those of single
//! signatures, levels, names and statements are in `provider/core/tests/suite/properties`, where thousands of models are tried.

mod adding;
mod history;
mod keys;
mod order;
mod signatures;

use std::future::Future;

/// Runs one model on a runtime of the test, whose servers run only meanwhile.
fn run<T>(runtime: &tokio::runtime::Runtime, model: impl Future<Output = T>) -> T {
    runtime.block_on(model)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
