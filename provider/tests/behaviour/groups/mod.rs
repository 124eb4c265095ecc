//! The groups of cases, one configuration each.

use countersign_testkit::signer::Format;

mod certificates;
mod chains;
mod command_line;
mod cose;
mod credentials;
// Its tests wait for time to pass, so they begin early.
mod deadlines;
mod formats;
mod images;
mod jws;
mod levels;
mod payloads;
mod references;
mod registries;
mod requests;
mod signatures;
mod signers;
mod statements;
mod stores;
mod tokens;

/// Both envelope formats, with their names in cases.
const FORMATS: [(&str, Format); 2] = [("jws", Format::Jws), ("cose", Format::Cose)];

/// Members of signed headers.
const SCHEME: &str = "io.cncf.notary.signingScheme";
const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
const AUTHENTIC_TIME: &str = "io.cncf.notary.authenticSigningTime";
const EXPIRY: &str = "io.cncf.notary.expiry";
const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";
const AGENT: &str = "io.cncf.notary.signingAgent";
