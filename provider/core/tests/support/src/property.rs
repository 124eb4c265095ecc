//! Properties that hold for every generated model. The models are the same on every machine; `COUNTERSIGN_SWEEPS=full` tries more of
//! them. Nothing is written to disk: a failure prints the smallest model that was found.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::Config;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestCaseError;
use proptest::test_runner::TestError;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;

use crate::sweep;

/// How many models are tried.
#[derive(Clone, Copy, Debug)]
pub struct Cases {
    /// In every run.
    pub usual: u32,
    /// With `COUNTERSIGN_SWEEPS=full`.
    pub full: u32,
}

/// Tries the property with generated models. It returns what is wrong about one.
///
/// # Panics
/// With the smallest model found for which the property does not hold.
pub fn holds<M: Debug>(cases: Cases, models: impl Strategy<Value = M>, property: impl Fn(&M) -> Result<(), String>) {
    let cases = if sweep::is_full() { cases.full } else { cases.usual };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let tried = runner.run(&models, |model| property(&model).map_err(TestCaseError::fail));
    match tried {
        Ok(()) => {}
        Err(TestError::Fail(why, model)) => panic!("{why}\nfound for {model:#?}"),
        Err(TestError::Abort(why)) => panic!("models cannot be generated: {why}"),
    }
}

/// That both are equal; otherwise what they are.
///
/// # Errors
/// Both values, with `what` they are.
pub fn same<T: PartialEq + Debug>(what: &str, one: &T, other: &T) -> Result<(), String> {
    if one == other { Ok(()) } else { Err(format!("{what}: found {one:?} and {other:?}, expected the same")) }
}
