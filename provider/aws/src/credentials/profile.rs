//! The profile of the configuration: an error of its source names it, and the files in which it was looked for. The keys of a
//! `source_profile` are checked: the SDK signs the request for a role with them itself.

use std::env;
use std::fs::File;
use std::io::Read as _;

use aws_config::profile;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_types::os_shim_internal::Env;
use aws_types::os_shim_internal::Fs;
use countersign_core::codec::text::Text;

use super::checked::wrong_part;
use crate::error::MissingProfile;
use crate::error::SourceProblem;

/// The files of profiles: their variables, and where they are in the home directory without them
/// ([location](https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html)).
const FILES: [(&str, &str); 2] =
    [("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), ("AWS_CONFIG_FILE", ".aws/config")];

/// The source of the SDK for this profile.
#[derive(Debug)]
pub(super) struct NamingProfile<P> {
    pub(super) profile: String,
    pub(super) source: P,
}

impl<P: ProvideCredentials> ProvideCredentials for NamingProfile<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let files = || Text::of(format_args!("{} and {}", file(FILES[0]), file(FILES[1])));
        let named = move |error| match error {
            // The next source is used.
            CredentialsError::CredentialsNotLoaded(_) => CredentialsError::not_loaded(MissingProfile {
                profile: Text::at_most(128, &self.profile),
                files: files(),
            }),
            // The features of the SDK for them are not built in.
            CredentialsError::InvalidConfiguration(_) if source_text(&error).contains("cargo feature") => {
                let problem = SourceProblem::ProfileUnsupported(Text::at_most(128, &self.profile));
                CredentialsError::provider_error(problem)
            }
            CredentialsError::InvalidConfiguration(_) => CredentialsError::invalid_configuration(format!(
                "{}: aws.profile {:?} of {}",
                source_text(&error),
                self.profile,
                files()
            )),
            CredentialsError::ProviderTimedOut(_)
            | CredentialsError::ProviderError(_)
            | CredentialsError::Unhandled(_)
            | _ => error,
        };
        future::ProvideCredentials::new(async move {
            check_source_profile(&self.profile).await.map_err(CredentialsError::provider_error)?;
            self.source.provide_credentials().await.map_err(named)
        })
    }
}

/// In place of the instance metadata service, if the settings exclude it: a profile could lead to it (`credential_source`).
#[derive(Debug)]
pub(super) struct NoMetadata {
    pub(super) profile: String,
}

impl ProvideCredentials for NoMetadata {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let problem = SourceProblem::ProfileMetadata(Text::at_most(128, &self.profile));
        future::ProvideCredentials::ready(Err(CredentialsError::provider_error(problem)))
    }
}

/// Checks the keys with which the SDK requests the role of a profile. Those of a profile without a role are checked as its result.
/// Everything else is left to the SDK, which reports it.
///
/// # Errors
/// A request cannot carry the keys.
async fn check_source_profile(selected: &str) -> Result<(), SourceProblem> {
    let loaded = profile::load(&Fs::real(), &Env::real(), &Default::default(), Some(selected.to_owned().into())).await;
    let Ok(profiles) = loaded else { return Ok(()) };
    let (mut name, mut visited) = (selected, Vec::new());
    // In the order of the SDK: a profile that another one leads to, and that has keys, is the last.
    while let Some(found) = profiles.get_profile(name).filter(|_| !visited.contains(&name)) {
        let source = found.get("role_arn").and_then(|_| found.get("source_profile"));
        let is_source = !visited.is_empty() || source == Some(name);
        if let (true, Some(id), Some(secret)) =
            (is_source, found.get("aws_access_key_id"), found.get("aws_secret_access_key"))
        {
            return match wrong_part(id, secret, found.get("aws_session_token")) {
                Some((part, wrong)) => {
                    Err(SourceProblem::SourceProfile { profile: Text::at_most(128, name), part, found: wrong })
                }
                None => Ok(()),
            };
        }
        visited.push(name);
        let Some(next) = source else { return Ok(()) };
        name = next;
    }
    Ok(())
}

/// The texts of the causes.
fn source_text(error: &CredentialsError) -> String {
    let mut texts = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        texts.push(cause.to_string());
        next = cause.source();
    }
    texts.join(": ")
}

/// The path of a file with its variable, and the error of the system if it cannot be read.
fn file((variable, default): (&str, &str)) -> Text {
    let path = env::var_os(variable).map(std::path::PathBuf::from);
    let Some(path) = path.or_else(|| env::home_dir().map(|home| home.join(default))) else {
        return Text::of(format_args!("{variable} (not set, and there is no home directory)"));
    };
    let read = File::open(&path).and_then(|mut file| file.read(&mut [0]));
    match read {
        Ok(_) => Text::of(format_args!("{} ({variable})", path.display())),
        Err(why) => Text::of(format_args!("{} ({variable}, which cannot be read: {why})", path.display())),
    }
}
