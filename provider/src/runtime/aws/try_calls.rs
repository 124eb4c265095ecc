//! Tries the calls that the configuration needs, once each.

use std::collections::BTreeSet;

use countersign_aws::Aws;
use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_core::name::SigningProfileVersion;
use countersign_credentials::RepositoryScope;
use tokio::time::Instant;

use super::clients::AwsServices;
use super::clients::role_name;
use super::early_tokens::any_repository;
use super::survey::AwsSurvey;
use super::survey::TriedSigner;
use super::survey::TriedToken;
use crate::clock;
use crate::config::Config;
use crate::config::Credentials;
use crate::config::Registry;

impl AwsServices {
    /// One token for each entry with `credentials.ecr`, and one call of AWS Signer in each region, about a signature by one of
    /// `profiles`; `None` if the configuration needs no AWS.
    pub(in crate::runtime) async fn survey(
        &self,
        config: &Config,
        profiles: &[SigningProfileVersion],
    ) -> Option<AwsSurvey> {
        let clients = self.clients()?;
        let mut survey = AwsSurvey::default();
        for registry in &config.registries {
            survey.tokens.extend(self.try_token(registry).await);
        }
        if config.aws.signer.enabled {
            match clients {
                Ok(aws) => survey.signer = try_signer(aws, config, profiles).await,
                Err(why) => {
                    survey.signer =
                        vec![TriedSigner { region: None, address: "AWS Signer".to_owned(), result: Err(why.clone()) }];
                }
            }
        }
        survey.clock_difference = clients.as_ref().ok().and_then(Aws::clock_difference);
        Some(survey)
    }

    async fn try_token(&self, registry: &Registry) -> Option<TriedToken> {
        let Credentials::Ecr(ecr) = &registry.credentials else { return None };
        let repository = any_repository(&registry.host)?;
        let tried = |result| TriedToken { registry: registry.host.to_string(), role: role_name(ecr), result };
        let source = match self.source(ecr)? {
            Ok(source) => source,
            Err(why) => return Some(tried(Err(why))),
        };
        let deadline = Instant::now() + self.longest_call();
        let identity = source.identity(RepositoryScope::new(&repository), deadline).await;
        let end = |end: Instant| clock::now().saturating_add(end.saturating_duration_since(Instant::now()));
        Some(tried(identity.map(|identity| identity.expires().map(end)).map_err(Text::of)))
    }
}

async fn try_signer(aws: &Aws, config: &Config, profiles: &[SigningProfileVersion]) -> Vec<TriedSigner> {
    let signer = &config.aws.signer;
    let mut regions: BTreeSet<AwsRegion> = signer.regions.values().cloned().collect();
    regions.extend(aws.settings().region.clone().filter(|own| !signer.regions.contains_key(&own.partition())));
    // Those of signatures are asked where no region is configured.
    if regions.is_empty() {
        regions.extend(profiles.iter().map(|profile| profile.region().clone()));
    }
    if regions.is_empty() {
        let why = "no region is configured (aws.region, aws.signer.regions, AWS_REGION), and the trust policy names no signing profile";
        return vec![TriedSigner { region: None, address: "AWS Signer".to_owned(), result: Err(Text::of(why)) }];
    }
    let mut tried = Vec::new();
    for region in regions {
        let profile = profiles.iter().find(|profile| profile.partition() == Some(region.partition()));
        let result = aws.try_signer(&region, profile, Instant::now() + aws.longest_call()).await;
        let result = match result {
            Ok(()) => Ok(None),
            Err(error) if error.refuses_content() => Ok(Some(Text::of(error))),
            Err(error) => Err(Text::of(error)),
        };
        tried.push(TriedSigner { address: aws.signer_address(&region), region: Some(region), result });
    }
    tried
}
