//! Tries the calls that the configuration needs, once each.

use std::collections::BTreeMap;

use countersign_aws::Aws;
use countersign_aws::pod_source;
use countersign_core::codec::text::Text;
use countersign_core::name::AwsRegion;
use countersign_core::name::SigningProfileVersion;
use tokio::time::Instant;

use super::clients::AwsServices;
use super::survey::AwsSurvey;
use super::survey::TriedSigner;
use crate::config::Config;
use crate::config::Registry;
use crate::runtime::tokens::TriedToken;
use crate::runtime::tokens::tried_token::try_token;

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
                    let (address, result) = ("AWS Signer".to_owned(), Err(why.clone()));
                    survey.signer = vec![TriedSigner { region: None, address, profile: None, result }];
                }
            }
        }
        survey.source = clients.as_ref().ok().and_then(|aws| pod_source(aws.settings()));
        survey.clock_difference = clients.as_ref().ok().and_then(Aws::clock_difference);
        Some(survey)
    }

    async fn try_token(&self, registry: &Registry) -> Option<TriedToken> {
        let ecr = registry.credentials.ecr()?;
        try_token(registry, ecr.role_name(), self.source(ecr), self.longest_call()).await
    }
}

/// Each region that is asked about a signature of one of `profiles`, with that profile. Also the configured regions and that of
/// the pod, which without a profile are tried about a made-up one.
fn regions(
    aws: &Aws,
    config: &Config,
    profiles: &[SigningProfileVersion],
) -> BTreeMap<AwsRegion, Option<SigningProfileVersion>> {
    let configured = &config.aws.signer.regions;
    let of_pod = aws.settings().region.clone();
    let mut regions = BTreeMap::new();
    for profile in profiles {
        // As for signatures.
        let partition = profile.partition().filter(|partition| config.aws.partitions.contains(partition));
        let Some(partition) = partition else { continue };
        let of_pod = of_pod.as_ref().filter(|region| region.partition() == partition);
        let region = configured.get(&partition).or(of_pod).unwrap_or(profile.region()).clone();
        regions.entry(region).or_insert_with(|| Some(profile.clone()));
    }
    let of_pod = of_pod.filter(|own| !configured.contains_key(&own.partition()));
    for region in configured.values().cloned().chain(of_pod) {
        regions.entry(region).or_default();
    }
    regions
}

/// The profiles whose partitions are not called, so that no status of their signatures is requested: one for each partition.
fn not_asked(config: &Config, profiles: &[SigningProfileVersion]) -> Vec<TriedSigner> {
    let partitions = &config.aws.partitions;
    let mut found = BTreeMap::new();
    for profile in profiles {
        if !profile.partition().is_some_and(|partition| partitions.contains(&partition)) {
            found.entry(profile.partition_name()).or_insert(profile);
        }
    }
    let allowed = partitions.iter().map(|partition| partition.as_str()).collect::<Vec<_>>().join(", ");
    let tried = |(partition, profile): (&str, &SigningProfileVersion)| TriedSigner {
        region: Some(profile.region().clone()),
        address: "AWS Signer".to_owned(),
        profile: None,
        result: Err(Text::of(format_args!(
            "it was not asked: the trust policy names a signing profile in the partition {partition}, expected one of \
             aws.partitions: {allowed}; add it if its services may be called"
        ))),
    };
    found.into_iter().map(tried).collect()
}

async fn try_signer(aws: &Aws, config: &Config, profiles: &[SigningProfileVersion]) -> Vec<TriedSigner> {
    let mut tried = not_asked(config, profiles);
    let regions = regions(aws, config, profiles);
    if regions.is_empty() && tried.is_empty() {
        let why = "no region is configured (aws.region, aws.signer.regions, AWS_REGION), and the trust policy names no signing profile";
        let (address, result) = ("AWS Signer".to_owned(), Err(Text::of(why)));
        return vec![TriedSigner { region: None, address, profile: None, result }];
    }
    for (region, profile) in regions {
        let result = aws.try_signer(&region, profile.as_ref(), Instant::now() + aws.longest_call()).await;
        let result = match result {
            Ok(()) => Ok(None),
            Err(error) if error.refuses_content() => Ok(Some(error.cause())),
            Err(error) => Err(Text::of(error)),
        };
        let profile = profile.map(|profile| Text::of(profile.as_str()));
        tried.push(TriedSigner { address: aws.signer_address(&region), region: Some(region), profile, result });
    }
    tried
}
