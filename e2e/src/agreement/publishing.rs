//! The image of a case in a registry, with its signatures.

use countersign_testkit::Descriptor;
use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Referrers;
use countersign_testkit::registry::Registry;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use super::axes::Case;
use super::axes::ManifestKind;
use super::signers::Signer;
use super::signing;
use super::signing::Timestamping;
use super::times::CaseTimes;

/// The registries of the cases, by how they list signatures.
pub(super) struct Registries {
    api: Registry,
    unfiltered: Registry,
    tag: Registry,
}

impl Registries {
    pub(super) async fn start() -> Self {
        let registries =
            Self { api: Registry::start().await, unfiltered: Registry::start().await, tag: Registry::start().await };
        registries.unfiltered.referrers(Referrers::ApiWithoutFilter);
        registries.tag.referrers(Referrers::FallbackTag);
        registries
    }

    pub(super) fn hosts(&self) -> [String; 3] {
        [&self.api, &self.unfiltered, &self.tag].map(Registry::host)
    }

    pub(super) fn of(&self, manifest: ManifestKind) -> &Registry {
        match manifest {
            ManifestKind::CurrentTag
            | ManifestKind::LegacyTag
            | ManifestKind::IndexTag
            | ManifestKind::UntrustedBefore => &self.tag,
            ManifestKind::Unfiltered => &self.unfiltered,
            ManifestKind::Current
            | ManifestKind::Legacy
            | ManifestKind::Artifact
            | ManifestKind::Index
            | ManifestKind::BrokenBefore
            | ManifestKind::BrokenAfter
            | ManifestKind::AbsentBefore
            | ManifestKind::TwoLayersBefore
            | ManifestKind::OtherSubject
            | ManifestKind::Copied
            | ManifestKind::Unsigned => &self.api,
        }
    }
}

/// What a signature of the case is made of.
pub(super) struct Signing<'a> {
    pub(super) case: &'a Case,
    pub(super) times: &'a CaseTimes,
    pub(super) signer: &'a Signer<'a>,
    pub(super) timestamping: &'a Timestamping,
}

impl Signing<'_> {
    /// The signature of the case.
    fn signature(&self, signed: &Descriptor) -> anyhow::Result<Signature> {
        let Signing { case, times, signer, timestamping } = self;
        let request = signing::request(case, times, signer, signed);
        let envelope = signing::envelope(case, times, signer, &request, timestamping)?;
        Ok(Signature::of_request(&request, &envelope, signing::format(case)))
    }
}

/// A good signature under a root that is in no trust store.
fn untrusted(target: &Descriptor) -> Signature {
    let chain = Authority::root(CertSpec::root()).issue(CertSpec::leaf());
    Signature::new(&SignRequest::new(&chain, target), Format::Jws)
}

/// Pushes the image of a case into a repository of its own, with its signatures. Returns the reference.
pub(super) fn publish(registry: &Registry, repository: &str, signing: &Signing<'_>) -> anyhow::Result<String> {
    let image = registry.push_image(repository, "image");
    let kind = signing.case.manifest;
    let target = match kind {
        ManifestKind::Index | ManifestKind::IndexTag => registry.push_index(repository, "index", &[image]),
        ManifestKind::Current
        | ManifestKind::Legacy
        | ManifestKind::CurrentTag
        | ManifestKind::LegacyTag
        | ManifestKind::Artifact
        | ManifestKind::Unfiltered
        | ManifestKind::BrokenBefore
        | ManifestKind::BrokenAfter
        | ManifestKind::UntrustedBefore
        | ManifestKind::AbsentBefore
        | ManifestKind::TwoLayersBefore
        | ManifestKind::OtherSubject
        | ManifestKind::Copied
        | ManifestKind::Unsigned => image,
    };
    let own = |form| anyhow::Ok(signing.signature(&target)?.form(form));
    let attach = |signature: &Signature| signature.attach(registry, repository, &target);
    let broken = Signature::of_envelope(br#"{"payload":"e30"}"#, Format::Jws.media_type());
    let current = ManifestForm::Current;
    match kind {
        ManifestKind::Unsigned => return Ok(registry.reference(repository, &target)),
        ManifestKind::Current | ManifestKind::CurrentTag | ManifestKind::Index => drop(attach(&own(current)?)),
        ManifestKind::Legacy | ManifestKind::LegacyTag | ManifestKind::IndexTag => {
            attach(&own(ManifestForm::Legacy)?);
        }
        ManifestKind::Artifact => drop(attach(&own(ManifestForm::Artifact)?)),
        ManifestKind::Unfiltered => {
            let mut sbom = Descriptor::sample(repository);
            sbom.artifact_type = Some("application/spdx+json".to_owned());
            registry.list_referrer(repository, &target.digest, sbom);
            attach(&own(current)?);
        }
        ManifestKind::BrokenBefore => {
            attach(&broken);
            attach(&own(current)?);
        }
        ManifestKind::BrokenAfter => {
            attach(&own(current)?);
            attach(&broken);
        }
        ManifestKind::UntrustedBefore => {
            attach(&untrusted(&target));
            attach(&own(current)?);
        }
        ManifestKind::AbsentBefore => {
            let absent = attach(&untrusted(&target));
            registry.remove(repository, &absent.digest);
            attach(&own(current)?);
        }
        ManifestKind::TwoLayersBefore => {
            attach(&untrusted(&target).extra_layers(1));
            attach(&own(current)?);
        }
        ManifestKind::OtherSubject => {
            let other = registry.push_image(repository, "other");
            attach(&own(current)?.subject(&other));
        }
        ManifestKind::Copied => {
            let other = registry.push_image(repository, "other");
            attach(&signing.signature(&other)?);
        }
    }
    Ok(registry.reference(repository, &target))
}
