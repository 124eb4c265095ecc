//! The credentials of the pod: requested before the first image needs them, and their line in `/readyz?verbose`.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;

use countersign_aws::Aws;
use countersign_aws::CredentialsStatus;
use countersign_aws::CurrentCredentials;
use countersign_aws::pod_source;
use countersign_core::codec::text::Text;
use countersign_core::time::UnixTime;
use tokio::runtime::Handle;

use crate::server::health::StatusLine;

/// The clients in use, or why AWS is not called; `None` if the configuration does not need it.
#[derive(Debug, Default)]
pub(super) struct PodCredentials(Mutex<Option<Result<Aws, Text>>>);

impl PodCredentials {
    /// Shows the credentials of these clients from now on.
    pub(super) fn show(&self, clients: Option<Result<Aws, Text>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = clients;
    }

    /// The line about them.
    pub(super) fn line(&self) -> Option<StatusLine> {
        let clients = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(match clients {
            Ok(aws) => line(&aws.credentials_status(), pod_source(aws.settings())),
            Err(why) => StatusLine { is_good: false, text: format!("AWS is not called: {why}") },
        })
    }
}

fn line(CredentialsStatus { current, failed }: &CredentialsStatus, source: Option<Text>) -> StatusLine {
    let state = match current {
        CurrentCredentials::None => "none".to_owned(),
        CurrentCredentials::Endless => "without an end".to_owned(),
        CurrentCredentials::Until(end) => format!("valid until {}", shown(*end)),
    };
    let name = "credentials of AWS for the pod";
    match failed {
        None => {
            let source = source.map_or_else(String::new, |source| format!(" (from {source})"));
            StatusLine { is_good: true, text: format!("{name}: {state}{source}") }
        }
        // The reason names the source.
        Some((at, why)) => StatusLine {
            is_good: false,
            text: format!("{name}: {state}; requested at {} without success: {why}", shown(*at)),
        },
    }
}

fn shown(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = i64::try_from(seconds).ok().and_then(|seconds| UnixTime::from_seconds(seconds).ok());
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}

/// Requests the credentials in the background, if there are none yet. Nothing waits for them: images that need them before join
/// the request until their own deadline.
pub(super) fn request(aws: &Aws) {
    let Ok(runtime) = Handle::try_current() else { return };
    let aws = aws.clone();
    runtime.spawn(async move {
        if let Err(error) = aws.load_credentials().await {
            tracing::warn!(%error, "there are no credentials of AWS for the pod");
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_line_has_the_end_of_the_credentials() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let text = |current| line(&CredentialsStatus { current, failed: None }, None);
        let good = |text: &str| StatusLine { is_good: true, text: text.to_owned() };
        assert_eq!(text(CurrentCredentials::None), good("credentials of AWS for the pod: none"));
        assert_eq!(text(CurrentCredentials::Endless), good("credentials of AWS for the pod: without an end"));
        assert_eq!(
            text(CurrentCredentials::Until(at(1_795_738_611))),
            good("credentials of AWS for the pod: valid until 2026-11-27T00:16:51Z")
        );
        let endless = CredentialsStatus { current: CurrentCredentials::Endless, failed: None };
        assert_eq!(
            line(&endless, Some(Text::of("EKS Pod Identity"))),
            good("credentials of AWS for the pod: without an end (from EKS Pod Identity)")
        );
    }

    #[test]
    fn without_clients_there_is_no_line_and_otherwise_the_reason() {
        let credentials = PodCredentials::default();
        assert_eq!(credentials.line(), None);
        credentials.show(Some(Err(Text::of("aws.proxy: no"))));
        let text = "AWS is not called: aws.proxy: no".to_owned();
        assert_eq!(credentials.line(), Some(StatusLine { is_good: false, text }));
        credentials.show(None);
        assert_eq!(credentials.line(), None);
    }
}
