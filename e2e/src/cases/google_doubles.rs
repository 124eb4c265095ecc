//! The doubles of Google Cloud's services that the tests of this project use, with Google's own client library as their client.

use serde_json::json;

use crate::cloud_doubles::Cloud;
use crate::cloud_doubles::CloudDoubles;
use crate::transcript::Transcript;
use crate::workdir::Workdir;

use super::doubles_client::Case;
use super::doubles_client::Client;

/// The program with Google's client library.
const LIBRARY: Client = Client { python: "clouds-python", program: "clouds/google_client.py" };

pub(super) fn run(workdir: &Workdir, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.chapter("The doubles of Google Cloud's services, with google-auth as client");
    let doubles = CloudDoubles::start(workdir, Cloud::Google, "google", json!({}))?;
    let mut case = Case { client: LIBRARY, workdir, transcript, doubles };
    case.set([json!({ "do": "push", "image": "app", "tag": "v1" })])?;
    let found = "metadata server found: True";
    let token = "countersign@shop-project.iam.gserviceaccount.com, token ya29.…, 60 minutes";
    case.prints("the metadata server returns a token of the service account", "token", true, &[found, token])?;
    case.set([json!({ "do": "renew" })])?;
    let registry =
        [found, token, "401 scope=\"repository:shop-project/images/app:pull\"", "200", "200 with a token of * minutes"];
    let image = "registry shop-project/images/app";
    case.prints("Artifact Registry accepts it as a password, and exchanges it", image, true, &registry)?;
    case.set([json!({ "do": "fail", "service": "metadata", "status": 403, "times": 1 })])?;
    case.prints(
        "a service account without a binding gets no token",
        "token",
        false,
        &[found, "RefreshError: *IAM returned 403 Forbidden*"],
    )?;
    case.set([json!({ "do": "account" })])?;
    case.prints("without a service account there is no token", "token", false, &[found, "RefreshError: *404*"])?;
    case.set([json!({ "do": "flavor" })])?;
    case.prints(
        "a server that does not identify itself is not the metadata server",
        "token",
        false,
        &["metadata server found: False", "RefreshError: *"],
    )
}
