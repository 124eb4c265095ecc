//! The doubles of AWS's services to a client that is not theirs.

mod client;
mod credentials;
mod ecr;
mod process;
mod signature;
mod signer_data;

use countersign_testkit::aws::Clock;
use countersign_testkit::aws::Setup;
use time::OffsetDateTime;
use time::macros::datetime;

const NOW: OffsetDateTime = datetime!(2026-05-06 07:08:09 UTC);
const REGION: &str = "eu-central-1";
const USER: &str = "arn:aws:iam::111122223333:user/ci";
const ROLE: &str = "arn:aws:iam::111122223333:role/countersign";

fn setup() -> Setup {
    Setup::new(&Clock::at(NOW))
}
