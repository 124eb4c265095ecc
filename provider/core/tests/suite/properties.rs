//! Properties of what the core decides, over generated models. Those of the engine are in `provider/tests/suite/engine/properties`.

mod levels;
mod names;
mod references;
mod statements;
