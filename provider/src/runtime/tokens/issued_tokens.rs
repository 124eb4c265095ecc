//! The tokens for registries in use: their status in the log, in metrics, and in `/readyz?verbose`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Duration;

use countersign_core::codec::text::Text;
use countersign_core::time::UnixTime;
use countersign_credentials::CredentialError;
use countersign_credentials::Identity;
use countersign_credentials::IdentityObserver;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::runtime::age::age;
use crate::server::health::StatusLine;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::TokensInUse;

/// Most tokens of one source with a status: AWS has half as many regions. Registries of Azure have a token each.
const TOKENS: usize = 64;

/// How long a failure is reported after it was last seen: its token is no longer requested then.
const FAILURE_SHOWN: Duration = Duration::from_secs(3600);

/// The tokens of all sources in use.
pub(in crate::runtime) struct IssuedTokens {
    metrics: Arc<Metrics>,
    clock: Clock,
    sources: Mutex<Vec<Weak<SourceTokens>>>,
}

/// The tokens of one source. As long as it is in use, so is this.
pub(in crate::runtime) struct SourceTokens {
    /// Whose tokens these are. `None` for tokens that only serve to request others: their end matters when the next one is requested,
    /// so that they are not part of the metrics.
    role: Option<String>,
    all: Arc<IssuedTokens>,
    /// By what they are valid for.
    tokens: Mutex<BTreeMap<String, Token>>,
}

#[derive(Clone, Debug, Default)]
struct Token {
    /// When the token in use was issued, and its end.
    issued: Option<(UnixTime, Option<UnixTime>)>,
    /// When the last request for it failed, and why; `None` if it did not.
    failed: Option<(UnixTime, Text)>,
}

impl IssuedTokens {
    pub(in crate::runtime) fn new(metrics: Arc<Metrics>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { metrics, clock, sources: Mutex::default() })
    }

    /// The status of a new source.
    pub(in crate::runtime) fn source(self: &Arc<Self>, role: String) -> Arc<SourceTokens> {
        self.source_of(Some(role))
    }

    /// The status of a new source of tokens that only serve to request others. Their keys say whose they are.
    #[cfg(feature = "azure")]
    pub(in crate::runtime) fn auxiliary(self: &Arc<Self>) -> Arc<SourceTokens> {
        self.source_of(None)
    }

    fn source_of(self: &Arc<Self>, role: Option<String>) -> Arc<SourceTokens> {
        let source = Arc::new(SourceTokens { role, all: Arc::clone(self), tokens: Mutex::default() });
        let mut sources = lock(&self.sources);
        sources.retain(|source| source.strong_count() > 0);
        sources.push(Arc::downgrade(&source));
        source
    }

    /// Shows the tokens that are in use now in the metrics.
    pub(in crate::runtime) fn show(&self) {
        let now = (self.clock)();
        let mut shown = TokensInUse::default();
        for (role, _, Token { issued, failed }) in self.current() {
            let (Some(_), Some((since, end))) = (role, issued) else { continue };
            shown.count += 1;
            shown.oldest = first(shown.oldest, Some(since));
            shown.first_end = first(shown.first_end, end);
            let ends = end.filter(|_| failed.is_some()).map(|end| (since, end));
            shown.without_refresh = shown.without_refresh.into_iter().chain(ends).min_by(|one, other| {
                let left = [one, other].map(|(since, end)| part_left(*since, *end, now));
                left[0].total_cmp(&left[1])
            });
        }
        self.metrics.tokens_in_use(&shown);
    }

    /// A line for each token, and for each that is not issued.
    pub(in crate::runtime) fn lines(&self) -> Vec<StatusLine> {
        let now = (self.clock)();
        self.current().into_iter().map(|(role, key, token)| token.line(role.as_deref(), &key, now)).collect()
    }

    /// The tokens that have not ended and the failures of the last hour, with role and key.
    fn current(&self) -> Vec<(Option<String>, String, Token)> {
        let now = (self.clock)();
        let sources: Vec<_> = lock(&self.sources).iter().filter_map(Weak::upgrade).collect();
        let of_source = |source: Arc<SourceTokens>| {
            let mut tokens = lock(&source.tokens);
            tokens.values_mut().for_each(|token| token.forget_ended(now));
            tokens.retain(|_, token| token.issued.is_some() || token.failed.is_some());
            let of_role = |(key, token): (&String, &Token)| (source.role.clone(), key.clone(), token.clone());
            tokens.iter().map(of_role).collect::<Vec<_>>()
        };
        sources.into_iter().flat_map(of_source).collect()
    }
}

/// Which part of the life of a token is left.
#[allow(clippy::cast_precision_loss, reason = "a comparison of lives")]
fn part_left(since: UnixTime, end: UnixTime, now: UnixTime) -> f64 {
    let seconds = |from: UnixTime, to: UnixTime| to.seconds().saturating_sub(from.seconds()) as f64;
    seconds(now, end) / seconds(since, end).max(1.0)
}

fn first(one: Option<UnixTime>, other: Option<UnixTime>) -> Option<UnixTime> {
    one.into_iter().chain(other).min()
}

impl Token {
    fn forget_ended(&mut self, now: UnixTime) {
        self.issued = self.issued.filter(|(_, end)| end.is_none_or(|end| now < end));
        let is_old = |at: UnixTime| at.saturating_add(FAILURE_SHOWN) < now;
        self.failed = self.failed.take().filter(|(at, _)| !is_old(*at));
    }

    fn line(&self, role: Option<&str>, key: &str, now: UnixTime) -> StatusLine {
        let name = role.map_or_else(|| format!("token {key}"), |role| format!("token {key} for {role}"));
        let state = match self.issued {
            None => "none".to_owned(),
            Some((since, end)) => {
                let end = end.map_or_else(String::new, |end| format!(", ends at {end}"));
                format!("issued at {since}, {} ago{end}", age(since, now))
            }
        };
        match &self.failed {
            None => StatusLine { is_good: true, text: format!("{name}: {state}") },
            Some((at, why)) => StatusLine {
                is_good: false,
                text: format!("{name}: {state}; requested at {at} without success: {why}"),
            },
        }
    }
}

impl IdentityObserver for SourceTokens {
    fn fetched(&self, key: &str, result: Result<&Identity, &CredentialError>) {
        let Self { role, all, tokens } = self;
        let role = role.as_deref();
        let now = (all.clock)();
        {
            let mut tokens = lock(tokens);
            if !tokens.contains_key(key) && tokens.len() >= TOKENS {
                tokens.pop_first();
            }
            let token = tokens.entry(key.to_owned()).or_default();
            match result {
                Ok(identity) => {
                    let end = identity.expires().map(|end| now.saturating_add(end.duration_since(Instant::now())));
                    token.issued = Some((now, end));
                    if token.failed.take().is_some() {
                        tracing::info!(token = key, role, "the token is issued again");
                    }
                }
                Err(error) => {
                    let former = token.failed.replace((now, Text::of(error)));
                    if former.is_none() {
                        tracing::warn!(token = key, role, %error, "the token is not issued");
                    }
                }
            }
        }
        if role.is_some() {
            all.metrics.token_fetched(result.is_ok());
            all.show();
        }
    }
}

impl std::fmt::Debug for SourceTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceTokens({:?})", self.role)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use countersign_credentials::AuthMethod;
    use countersign_credentials::Secret;
    use prometheus::Registry;

    use super::*;
    use crate::telemetry::metrics::encode_text;

    const START: i64 = 1_795_738_611;
    const HOUR: u64 = 3600;

    /// All tokens under a clock, and the metrics.
    fn at_start() -> (Arc<IssuedTokens>, Arc<Mutex<UnixTime>>, Registry) {
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let now = Arc::new(Mutex::new(UnixTime::from_seconds(START).unwrap()));
        let shown = Arc::clone(&now);
        (IssuedTokens::new(metrics, Arc::new(move || *shown.lock().unwrap())), now, registry)
    }

    fn identity(life: u64) -> Identity {
        let method = AuthMethod::Basic { user: "AWS".to_owned(), password: Secret::new("hunter2") };
        Identity::new(method, Some(Instant::now() + Duration::from_secs(life))).unwrap()
    }

    fn lines(all: &IssuedTokens) -> Vec<(bool, String)> {
        all.lines().into_iter().map(|StatusLine { is_good, text }| (is_good, text)).collect()
    }

    /// The values of the metrics that are not zero.
    fn values(registry: &Registry) -> Vec<String> {
        let text = encode_text(registry).unwrap();
        let is_set = |line: &&str| line.starts_with("countersign_registry_token") && !line.ends_with(" 0");
        text.lines()
            .filter(is_set)
            .map(|line| line.trim_start_matches("countersign_registry_token").to_owned())
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn age_end_and_failures_are_shown() {
        let (all, now, registry) = at_start();
        let source = all.source("the role of the pod".to_owned());
        source.fetched("ecr eu-west-1", Ok(&identity(12 * HOUR)));
        let advance = |hours| {
            let mut now = now.lock().unwrap();
            *now = now.saturating_add(Duration::from_secs(hours * HOUR));
        };
        advance(2);
        let issued = "issued at 2026-11-27T00:16:51Z";
        let end = "ends at 2026-11-27T12:16:51Z";
        let name = "token ecr eu-west-1 for the role of the pod";
        assert_eq!(lines(&all), [(true, format!("{name}: {issued}, 2h00m ago, {end}"))]);
        assert_eq!(
            values(&registry),
            [
                format!("_end_timestamp_seconds {}", START + 12 * 3600),
                "_fetches_total{result=\"ok\"} 1".to_owned(),
                format!("_oldest_timestamp_seconds {START}"),
                "s 1".to_owned(),
            ]
        );
        advance(4);
        source.fetched("ecr eu-west-1", Err(&CredentialError::Timeout));
        let failed = "requested at 2026-11-27T06:16:51Z without success: the credential was not issued in time";
        assert_eq!(lines(&all), [(false, format!("{name}: {issued}, 6h00m ago, {end}; {failed}"))]);
        let ends = format!("_end_without_refresh_timestamp_seconds {}", START + 12 * 3600);
        assert!(values(&registry).contains(&ends), "{:?}", values(&registry));
        source.fetched("ecr eu-west-1", Ok(&identity(12 * HOUR)));
        assert!(lines(&all)[0].0);
        // What has ended, and old failures, are no longer shown.
        source.fetched("ecr public", Err(&CredentialError::Timeout));
        assert_eq!(lines(&all)[1].1, format!("token ecr public for the role of the pod: none; {failed}"));
        advance(12);
        assert_eq!(lines(&all), []);
        all.show();
        assert_eq!(values(&registry), ["_fetches_total{result=\"failed\"} 2", "_fetches_total{result=\"ok\"} 2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_tokens_that_are_not_refreshed_the_one_with_the_smallest_part_of_its_life_is_shown() {
        let (all, now, registry) = at_start();
        let source = all.source("the workload identity of the pod".to_owned());
        source.fetched("acr shops.azurecr.io", Ok(&identity(3 * HOUR)));
        source.fetched("ecr eu-west-1", Ok(&identity(12 * HOUR)));
        let advance = |seconds| {
            let mut now = now.lock().unwrap();
            *now = now.saturating_add(Duration::from_secs(seconds));
            drop(now);
            all.show();
        };
        advance(6 * HOUR);
        // A second one of three hours: half of its life is left after one and a half.
        source.fetched("acr tools.azurecr.io", Ok(&identity(3 * HOUR)));
        let fail = || {
            for key in ["ecr eu-west-1", "acr tools.azurecr.io"] {
                source.fetched(key, Err(&CredentialError::Timeout));
            }
        };
        fail();
        let shown = |issued: i64, end: i64| {
            [
                format!("_end_without_refresh_timestamp_seconds {}", START + end * 3600),
                format!("_issued_without_refresh_timestamp_seconds {}", START + issued * 3600),
            ]
        };
        let found = || -> Vec<String> {
            values(&registry).into_iter().filter(|line| line.contains("_without_refresh_")).collect()
        };
        // Of ECR a half is left, and of ACR all.
        assert_eq!(found(), shown(0, 12));
        // Half an hour before the end of the token of ACR a sixth of it is left, and of ECR more. Failures of the last hour count.
        advance(5 * HOUR / 2);
        fail();
        assert_eq!(found(), shown(6, 9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_is_no_longer_in_use_has_no_status() {
        let (all, _, _) = at_start();
        let source = all.source("arn:aws:iam::111122223333:role/pull".to_owned());
        source.fetched("ecr eu-west-1", Ok(&identity(HOUR)));
        assert_eq!(lines(&all).len(), 1);
        drop(source);
        assert_eq!(lines(&all), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_serves_to_request_others_has_a_line_and_no_metrics() {
        let (all, _, registry) = at_start();
        let source = all.auxiliary();
        source.fetched("entra for the pod", Ok(&identity(HOUR)));
        source.fetched("entra for the pod", Err(&CredentialError::Timeout));
        let [(false, line)] = &lines(&all)[..] else { panic!("{:?}", lines(&all)) };
        assert!(line.starts_with("token entra for the pod: issued at 2026-11-27T00:16:51Z"), "{line}");
        assert_eq!(values(&registry), [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_tokens_is_bounded() {
        let (all, _, _) = at_start();
        let source = all.source("the role of the pod".to_owned());
        for number in 0..TOKENS + 10 {
            source.fetched(&format!("ecr eu-west-{number}"), Err(&CredentialError::Timeout));
        }
        assert_eq!(lines(&all).len(), TOKENS);
    }
}
