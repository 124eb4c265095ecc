//! The profile of the configuration: an error of its source names it, and the files in which it was looked for. The keys of a
//! `source_profile` are checked: the SDK signs the request for a role with them itself.

use std::path::Path;

use aws_config::profile;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::profile::ProfileSet;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future;
use aws_types::os_shim_internal::Env;
use aws_types::os_shim_internal::Fs;
use countersign_core::codec::text::Text;

use super::checked::wrong_part;
use super::profile_files::ReadProfileFiles;
use super::token_file;
use crate::error::MissingProfile;
use crate::error::SourceProblem;
use crate::error::TokenFile;

/// The source of the SDK for a profile, made for each fetch with the content that the files have then.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) config: ProviderConfig,
    /// For a profile that leads to the instance metadata service.
    pub(super) metadata: SharedCredentialsProvider,
}

impl Profile {
    async fn get(&self) -> Result<Credentials, CredentialsError> {
        let files = ReadProfileFiles::read().await;
        self.check(&files).await?;
        let source = ProfileFileCredentialsProvider::builder()
            .configure(&self.config)
            .profile_name(&self.name)
            .profile_files(files.contents())
            // The other sources that a profile can name are checked before it.
            .with_custom_provider("Ec2InstanceMetadata", self.metadata.clone())
            .build();
        source.provide_credentials().await.map_err(|error| self.named(error, &files))
    }

    /// Checks what the SDK would read or send itself. Everything else is left to the SDK, which reports it.
    async fn check(&self, files: &ReadProfileFiles) -> Result<(), CredentialsError> {
        let selected = Some(self.name.clone().into());
        let loaded = profile::load(&Fs::real(), &Env::real(), &files.contents(), selected).await;
        let Ok(profiles) = loaded else { return Ok(()) };
        check_source_profile(&self.name, &profiles).map_err(CredentialsError::provider_error)?;
        for path in token_files(&self.name, &profiles) {
            token_file::check(TokenFile::Profile, path).await.map_err(CredentialsError::provider_error)?;
        }
        Ok(())
    }

    fn named(&self, error: CredentialsError, files: &ReadProfileFiles) -> CredentialsError {
        match error {
            // The next source is used.
            CredentialsError::CredentialsNotLoaded(_) => CredentialsError::not_loaded(MissingProfile {
                profile: Text::at_most(128, &self.name),
                files: files.shown(),
            }),
            // The features of the SDK for them are not built in.
            CredentialsError::InvalidConfiguration(_) if source_text(&error).contains("cargo feature") => {
                let problem = SourceProblem::ProfileUnsupported(Text::at_most(128, &self.name));
                CredentialsError::provider_error(problem)
            }
            CredentialsError::InvalidConfiguration(_) => CredentialsError::invalid_configuration(format!(
                "{}: aws.profile {:?} of {}",
                source_text(&error),
                self.name,
                files.shown()
            )),
            CredentialsError::ProviderTimedOut(_)
            | CredentialsError::ProviderError(_)
            | CredentialsError::Unhandled(_)
            | _ => error,
        }
    }
}

impl ProvideCredentials for Profile {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
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

/// The selected profile, and those that it leads to by `source_profile`, in the order of the SDK.
fn chain<'p>(selected: &'p str, profiles: &'p ProfileSet) -> Vec<&'p profile::Profile> {
    let (mut name, mut visited, mut found) = (selected, Vec::new(), Vec::new());
    while let Some(profile) = profiles.get_profile(name).filter(|_| !visited.contains(&name)) {
        found.push(profile);
        visited.push(name);
        let Some(next) = profile.get("role_arn").and_then(|_| profile.get("source_profile")) else { break };
        name = next;
    }
    found
}

/// Checks the keys with which the SDK requests the role of a profile. Those of a profile without a role are checked as its result.
///
/// # Errors
/// A request cannot carry the keys.
fn check_source_profile(selected: &str, profiles: &ProfileSet) -> Result<(), SourceProblem> {
    for (number, profile) in chain(selected, profiles).into_iter().enumerate() {
        let is_own_source = profile.get("role_arn").is_some() && profile.get("source_profile") == Some(selected);
        if let (true, Some(id), Some(secret)) =
            (number > 0 || is_own_source, profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"))
        {
            // A profile that another one leads to, and that has keys, is the last.
            let wrong = wrong_part(id, secret, profile.get("aws_session_token"));
            return wrong.map_or(Ok(()), |(part, found)| {
                Err(SourceProblem::SourceProfile { profile: Text::at_most(128, profile.name()), part, found })
            });
        }
    }
    Ok(())
}

/// The files of tokens that the SDK may read.
fn token_files<'p>(selected: &'p str, profiles: &'p ProfileSet) -> impl Iterator<Item = &'p Path> {
    chain(selected, profiles).into_iter().filter_map(|profile| profile.get("web_identity_token_file")).map(Path::new)
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
