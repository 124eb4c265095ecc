//! Credentials are kept, fetched once, and renewed before they end.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use tokio::sync::Semaphore;
use url::Url;

use super::*;
use crate::error::find;
use crate::observer::Unobserved;

const HOUR: Duration = Duration::from_secs(3600);
const START: SystemTime = SystemTime::UNIX_EPOCH;

/// Issues the access keys `1`, `2` and so on, when the semaphore has a permit.
#[derive(Clone, Debug)]
struct Source {
    now: Arc<Mutex<SystemTime>>,
    life: Option<Duration>,
    permits: Arc<Semaphore>,
    attempts: Arc<AtomicUsize>,
    failure: Arc<Mutex<Option<&'static str>>>,
}

impl Source {
    fn with_life(life: Option<Duration>) -> (Self, KeptCredentials) {
        let source = Self {
            now: Arc::new(Mutex::new(START)),
            life,
            permits: Arc::new(Semaphore::new(1000)),
            attempts: Arc::default(),
            failure: Arc::default(),
        };
        let now = Arc::clone(&source.now);
        let clock = AwsClock::new(move || *now.lock().unwrap_or_else(PoisonError::into_inner));
        let kept = KeptCredentials::new(
            SharedCredentialsProvider::new(source.clone()),
            Operation::Credentials,
            clock,
            Arc::new(Unobserved),
        );
        (source, kept)
    }

    fn set(&self, after: Duration) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = START + after;
    }

    fn fail(&self, failure: Option<&'static str>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let number = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
            let permit = self.permits.acquire().await.map_err(CredentialsError::unhandled)?;
            permit.forget();
            if let Some(failure) = *self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err(CredentialsError::provider_error(failure));
            }
            let now = *self.now.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(Credentials::new(number.to_string(), "secret", None, self.life.map(|life| now + life), "test"))
        })
    }
}

async fn key(kept: &KeptCredentials) -> Result<String, String> {
    let credentials = kept.get().await.map_err(|error| error.to_string())?;
    Ok(credentials.access_key_id().to_owned())
}

/// Lets the background work run that needs no time.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_callers_share_one_fetch_and_one_failure() {
    let (source, kept) = Source::with_life(Some(HOUR));
    let at_once = async || {
        source.permits.forget_permits(1000);
        let callers: Vec<_> = (0..20)
            .map(|_| {
                let kept = kept.clone();
                tokio::spawn(async move { key(&kept).await })
            })
            .collect();
        settle().await;
        source.permits.add_permits(1000);
        let mut results = Vec::new();
        for caller in callers {
            results.push(caller.await.unwrap_or_else(|error| Err(error.to_string())));
        }
        results.dedup();
        results
    };
    source.fail(Some("down"));
    let failed = "AWS credentials failed: an error occurred while loading credentials: down; it is called again with the \
                  next image";
    assert_eq!(at_once().await, [Err(failed.to_owned())]);
    assert_eq!(source.attempts(), 1);
    source.fail(None);
    assert_eq!(at_once().await, [Ok("2".to_owned())]);
    assert_eq!(at_once().await, [Ok("2".to_owned())]);
    assert_eq!(source.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_slower_than_a_caller_has_a_result_for_the_next_one() {
    let (source, kept) = Source::with_life(Some(HOUR));
    source.permits.forget_permits(1000);
    let first = tokio::time::timeout(Duration::from_secs(2), key(&kept)).await;
    assert!(first.is_err());
    source.permits.add_permits(1);
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    assert_eq!(source.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_in_the_background_five_minutes_before_their_end() {
    let (source, kept) = Source::with_life(Some(HOUR));
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    source.set(HOUR - Duration::from_secs(301));
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    settle().await;
    assert_eq!(source.attempts(), 1);
    source.set(HOUR - Duration::from_secs(300));
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    settle().await;
    assert_eq!(key(&kept).await, Ok("2".to_owned()));
    assert_eq!(source.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn credentials_with_a_short_life_are_renewed_a_quarter_before_their_end() {
    let (source, kept) = Source::with_life(Some(Duration::from_secs(400)));
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    source.set(Duration::from_secs(299));
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    settle().await;
    assert_eq!(source.attempts(), 1);
    source.set(Duration::from_secs(300));
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    settle().await;
    assert_eq!(key(&kept).await, Ok("2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn credentials_are_used_until_their_end_while_the_source_fails() {
    let (source, kept) = Source::with_life(Some(HOUR));
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    source.fail(Some("down"));
    let due = HOUR - Duration::from_secs(300);
    for (after, attempts) in [(0, 2), (0, 2), (29, 2), (30, 3), (59, 3), (60, 4), (299, 5)] {
        source.set(due + Duration::from_secs(after));
        assert_eq!(key(&kept).await, Ok("1".to_owned()), "{after}");
        settle().await;
        assert_eq!(source.attempts(), attempts, "{after}");
    }
    source.set(HOUR);
    let failed = "AWS credentials failed: an error occurred while loading credentials: down; it is called again with the \
                  next image";
    assert_eq!(key(&kept).await, Err(failed.to_owned()));
    source.fail(None);
    assert_eq!(key(&kept).await, Ok("7".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_no_credentials_last_longer() {
    let (source, kept) = Source::with_life(Some(HOUR));
    source.set(24 * HOUR);
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    source.set(Duration::ZERO);
    source.fail(Some("down"));
    tokio::time::advance(HOUR - Duration::from_secs(301)).await;
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    settle().await;
    assert_eq!(source.attempts(), 1);
    // They are due five minutes before their end, and once more half a minute after a failure.
    for (after, attempts) in [(1, 2), (29, 2), (1, 3)] {
        tokio::time::advance(Duration::from_secs(after)).await;
        assert_eq!(key(&kept).await, Ok("1".to_owned()));
        settle().await;
        assert_eq!(source.attempts(), attempts);
    }
    tokio::time::advance(Duration::from_secs(270)).await;
    let failed = "AWS credentials failed: an error occurred while loading credentials: down; it is called again with the \
                  next image";
    assert_eq!(key(&kept).await, Err(failed.to_owned()));
    // Those that are fetched now have their life by the clock that was set.
    source.fail(None);
    assert_eq!(key(&kept).await, Ok("5".to_owned()));
    source.set(HOUR);
    assert_eq!(key(&kept).await, Ok("6".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn credentials_without_an_end_are_fetched_once() {
    let (source, kept) = Source::with_life(None);
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    source.set(HOUR * 24 * 365);
    assert_eq!(key(&kept).await, Ok("1".to_owned()));
    settle().await;
    assert_eq!(source.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_have_ended_already_are_refused() {
    let (source, kept) = Source::with_life(Some(Duration::ZERO));
    let refused = "AWS credentials failed: found credentials that have ended already, expected valid ones: check the clock \
                   of the node; it is called again with the next image";
    assert_eq!(key(&kept).await, Err(refused.to_owned()));
    assert_eq!(source.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_does_not_answer_is_given_up() {
    let (source, kept) = Source::with_life(Some(HOUR));
    source.permits.forget_permits(1000);
    let late = "AWS credentials failed: there was no answer in time; check the region (aws.region, or AWS_REGION or \
                AWS_DEFAULT_REGION of the pod), the network policy, the VPC endpoint and the proxy";
    let before = Instant::now();
    assert_eq!(key(&kept).await, Err(late.to_owned()));
    assert_eq!(before.elapsed(), limits::CREDENTIALS_TIMEOUT);
}

/// Credentials of a role that STS is asked for; of keys if there is none.
#[derive(Debug)]
struct OfRole(Option<&'static str>);

impl ProvideCredentials for OfRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            if let Some(role) = self.0 {
                let url = Url::parse("https://sts.eu-central-1.amazonaws.com/").map_err(CredentialsError::unhandled)?;
                naming::note(&url, format!("Action=AssumeRole&RoleArn={role}").as_bytes());
            }
            Ok(Credentials::new("1", "secret", None, None, "test"))
        })
    }
}

#[tokio::test]
async fn credentials_of_a_role_are_for_the_regions_of_its_partition_only() {
    let of = async |role, region: &str| {
        let source = SharedCredentialsProvider::new(OfRole(role));
        let clock = AwsClock::new(|| START);
        let kept = KeptCredentials::new(source, Operation::Credentials, clock, Arc::new(Unobserved));
        let provider = kept.for_region(&region.parse().map_err(|error| format!("{error}"))?);
        let call = async {
            provider
                .provide_credentials()
                .await
                .map_err(|error| find::<AwsError>(&error).map(ToString::to_string).unwrap_or_default())
        };
        naming::calling(Operation::SignerStatus, call).await.map(|found| found.access_key_id().to_owned())
    };
    let refused = |credentials: &str, region: &str, expected: &str| {
        Err(format!(
            "AWS Signer GetRevocationStatus failed: found credentials of the partition {credentials} for the region {region}, expected \
             those of {expected}; they are not sent to another partition, which does not know them: use a role of that partition, in a \
             cluster there, or static keys; or remove the partition from aws.partitions"
        ))
    };
    let found = Ok("1".to_owned());
    let (own, china) = (Some("arn:aws:iam::111122223333:role/pod"), Some("arn:aws-cn:iam::111122223333:role/pod"));
    assert_eq!(of(own, "eu-central-1").await, found);
    assert_eq!(of(china, "cn-north-1").await, found);
    assert_eq!(of(own, "cn-north-1").await, refused("aws", "cn-north-1", "aws-cn"));
    assert_eq!(of(own, "us-gov-west-1").await, refused("aws", "us-gov-west-1", "aws-us-gov"));
    assert_eq!(of(china, "eu-central-1").await, refused("aws-cn", "eu-central-1", "aws"));
    // Keys, and a role whose partition is not known: the settings alone decide.
    assert_eq!(of(None, "cn-north-1").await, found);
    assert_eq!(of(Some("pod"), "cn-north-1").await, found);
}
