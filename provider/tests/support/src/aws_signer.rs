//! AWS Signer in the process of a test or of the demo: knows what is revoked, and counts the requests.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use countersign::evidence::SignerAccess;
use countersign::evidence::SignerClient;
use countersign::evidence::SignerFailure;
use countersign::evidence::SignerService;
use countersign::telemetry::metrics::EvidenceResult;
use countersign_core::evidence::SignerCause;
use countersign_core::evidence::SignerStatusRequest;
use countersign_core::name::AwsRegion;
use countersign_core::name::Partition;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

/// The service for all regions. Clones are the same service.
#[derive(Clone, Debug, Default)]
pub struct AwsSigner(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    revoked: BTreeSet<String>,
    is_down: bool,
    requests: usize,
}

impl AwsSigner {
    /// Revokes a signing job or a version of a profile, by its ARN.
    pub fn revoke(&self, arn: &str) {
        self.0.lock().unwrap().revoked.insert(arn.to_owned());
    }

    /// Does not answer any more.
    pub fn stop(&self) {
        self.0.lock().unwrap().is_down = true;
    }

    /// The number of requests.
    pub fn requests(&self) -> usize {
        self.0.lock().unwrap().requests
    }

    /// The service, with settings as those of the configuration; it is asked about all signing profiles of the commercial regions.
    pub fn access(&self) -> SignerAccess {
        SignerAccess {
            client: SignerClient::new(self.clone()),
            regions: BTreeMap::new(),
            pod_region: None,
            partitions: vec![Partition::Aws],
            timeout: Duration::from_secs(20),
            good_lifetime: Duration::from_secs(300),
            revoked_lifetime: Duration::from_secs(3600),
        }
    }
}

impl SignerService for AwsSigner {
    fn ask(
        &self,
        request: SignerStatusRequest,
        _: AwsRegion,
        _: Instant,
    ) -> BoxFuture<'static, Result<Vec<String>, SignerFailure>> {
        let mut state = self.0.lock().unwrap();
        state.requests += 1;
        let (profile, job) = (request.profile_version().as_str().to_owned(), request.job().as_str().to_owned());
        let mut entities = vec![profile, job];
        entities.extend(request.certificate_hashes().iter().cloned());
        entities.retain(|entity| state.revoked.contains(entity));
        let down = SignerFailure {
            text: "found status 503, expected 200".into(),
            pause: None,
            result: EvidenceResult::ServerError,
            cause: SignerCause::Failed,
        };
        let answer = if state.is_down { Err(down) } else { Ok(entities) };
        async { answer }.boxed()
    }

    fn address(&self, region: &AwsRegion) -> String {
        format!("AWS Signer in this process ({region})")
    }
}
