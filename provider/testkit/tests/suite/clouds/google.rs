//! Google Cloud.

mod artifact_registry;
mod metadata;
mod process;

use countersign_testkit::cloud::Clock;
use countersign_testkit::cloud::Setup;

use crate::clouds::NOW;

const PROJECT: &str = "shop-project";
const ACCOUNT: &str = "countersign@shop-project.iam.gserviceaccount.com";

fn setup() -> Setup {
    Setup::new(&Clock::at(NOW))
}
