//! What is reported of calls, for metrics; and the clock of AWS.

use std::sync::Mutex;

use countersign_aws::AwsObserver;
use countersign_aws::EcrApi as Override;
use countersign_aws::EcrTokens;
use countersign_aws::Operation;
use countersign_credentials::CallResult;
use countersign_testkit::aws::Protocol;
use countersign_testkit::aws::ServiceError;
use countersign_testkit::aws::ecr_api::EcrApi;
use countersign_testkit::aws::signer_data::SignerData;

use super::ecr::token;
use super::*;

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<(Operation, Result<(), CallResult>)>>);

impl AwsObserver for Seen {
    fn call(&self, operation: Operation, result: Result<(), CallResult>) {
        self.0.lock().unwrap().push((operation, result));
    }
}

impl Seen {
    /// What was reported since the last call.
    fn take(&self) -> Vec<(Operation, Result<(), CallResult>)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Clients with a session of [`ROLE`] and an observer.
fn observed(setup: &Setup, settings: AwsSettings) -> (Aws, Arc<Seen>) {
    let key = setup.keys().for_user(USER);
    let source = SharedCredentialsProvider::new(Credentials::new(&key.id, &key.secret, None, None, "test"));
    let seen = Arc::new(Seen::default());
    let observer = Arc::clone(&seen) as _;
    (Aws::with_credentials(settings, &shared_limits(), clock(setup), observer, source).unwrap(), seen)
}

#[tokio::test]
async fn each_call_is_reported_once_with_all_its_attempts() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let (aws, seen) = observed(&setup, signer_at(&server.url()));
    status(&aws).await.unwrap();
    assert_eq!(seen.take(), [(Operation::Credentials, Ok(())), (Operation::SignerStatus, Ok(()))]);
    for (error, result) in [
        (ServiceError::internal(Protocol::RestJson), CallResult::Failed),
        (ServiceError::new(400, "ValidationException", "x"), CallResult::Refused),
        (ServiceError::throttled(Protocol::RestJson), CallResult::Throttled),
    ] {
        server.succeed();
        server.fail(error);
        status(&aws).await.unwrap_err();
        assert_eq!(seen.take(), [(Operation::SignerStatus, Err(result))]);
    }
    // Nothing is sent, and nothing is reported.
    aws.signer_status(&status_request(), &region("cn-north-1"), in_a_minute()).await.unwrap_err();
    assert_eq!(seen.take(), []);
}

#[tokio::test]
async fn the_token_of_a_registry_is_a_call_of_its_own() {
    let (setup, tokens) = (setup(), countersign_testkit::aws::ecr_tokens::EcrTokens::new());
    let api = EcrApi::start(&setup, &tokens).await;
    let (aws, seen) = observed(&setup, settings());
    let endpoint = api.url().parse().unwrap();
    let source = EcrTokens::new(aws, None, Some(Override { endpoint, region: None }));
    let host = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    token(&source, host).await.unwrap();
    assert_eq!(seen.take(), [(Operation::Credentials, Ok(())), (Operation::EcrToken, Ok(()))]);
    api.fail(ServiceError::throttled(Protocol::Json11));
    token(&source, host).await.unwrap_err();
    assert_eq!(seen.take(), [(Operation::EcrToken, Err(CallResult::Throttled))]);
}

#[tokio::test]
async fn the_clock_is_compared_with_that_of_the_service() {
    let setup = setup();
    let server = SignerData::start(&setup).await;
    let key = setup.keys().for_user(USER);
    for (ahead, seconds) in [(time::Duration::ZERO, 0), (-time::Duration::HOUR, -3600), (time::Duration::MINUTE, 60)] {
        let source = SharedCredentialsProvider::new(Credentials::new(&key.id, &key.secret, None, None, "test"));
        let own = AwsClock::new(move || SystemTime::from(NOW + ahead));
        let settings = signer_at(&server.url());
        let aws = Aws::with_credentials(settings, &shared_limits(), own, Arc::new(Unobserved), source).unwrap();
        assert_eq!(aws.clock_difference(), None);
        // More than five minutes are refused.
        assert_eq!(status(&aws).await.is_ok(), seconds >= 0, "{ahead}");
        assert_eq!(aws.clock_difference(), Some(seconds));
    }
}
