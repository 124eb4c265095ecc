//! Names, trust policies, references, manifests, requests and configurations.

use std::collections::BTreeSet;
use std::path::Path;

use countersign_core::limits;
use countersign_core::name::ImageRef;
use countersign_core::name::MediaType;
use countersign_core::oci::ArtifactManifest;
use countersign_core::oci::Index;
use countersign_core::oci::artifact_type;
use countersign_core::oci::target_media_type;
use countersign_core::policy::Identities;
use countersign_core::policy::Identity;
use countersign_core::policy::TrustPolicy;
use countersign_service::config::Config;
use countersign_service::config::Purpose;
use countersign_service::protocol::gatekeeper::ProviderRequest;

use crate::text;

/// One identity on each line.
pub(crate) fn name(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines {
        let Ok(identity) = line.parse::<Identity>() else { continue };
        assert_eq!(identity.as_str(), *line, "printed as written");
        let again: Identity = identity.as_str().parse().unwrap();
        assert_eq!(format!("{again:?}"), format!("{identity:?}"));
        if let Some(subject) = identity.subject() {
            for required in ["C", "ST", "O"] {
                assert!(subject.attribute(required).is_some_and(|value| !value.is_empty()), "{required}");
            }
        }
    }
    let all = Identities::parse(&lines).is_ok();
    let each = lines.iter().all(|line| *line == "*" || line.parse::<Identity>().is_ok());
    assert!(!all || each, "a list is not accepted with an entry that is not");
}

pub(crate) fn policy(input: &[u8]) {
    let Ok(policy) = TrustPolicy::parse(input) else { return };
    let again = TrustPolicy::parse(input).unwrap();
    // The statements in their order; an index of them has none.
    let rules = |policy: &TrustPolicy| format!("{:?}", policy.rules().collect::<Vec<_>>());
    assert_eq!((rules(&policy), policy.mistakes()), (rules(&again), again.mistakes()));
}

pub(crate) fn reference(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let Ok(reference) = text.parse::<ImageRef>() else { return };
    assert_eq!(reference.written(), text);
    assert!(text.starts_with(reference.written_name()));
    let printed = reference.to_string();
    // The expanded form may be longer than the limit of what is written.
    if printed.len() > limits::REFERENCE_BYTES {
        return;
    }
    let again: ImageRef = printed.parse().unwrap_or_else(|error| panic!("{printed:?}: {error}"));
    assert_eq!(again.to_string(), printed, "the expanded form is stable");
    assert_eq!((again.repository(), again.selector()), (reference.repository(), reference.selector()));
}

pub(crate) fn manifest(input: &[u8]) {
    for media_type in [MediaType::OCI_MANIFEST, MediaType::OCI_ARTIFACT] {
        let declared: MediaType = media_type.parse().unwrap();
        // The older artifact manifest has no config, which is then not looked at.
        if ArtifactManifest::parse(input, &declared).is_ok() && media_type == MediaType::OCI_MANIFEST {
            assert!(artifact_type(input).is_ok(), "the type alone is readable, too");
        }
    }
    if let Ok(index) = Index::parse(input) {
        assert!(index.entries.len() <= limits::REFERRERS_ENTRIES);
        let annotations = index.entries.iter().flatten().flat_map(|entry| &entry.annotations);
        assert!(annotations.map(|(key, value)| key.len() + value.len()).sum::<usize>() <= input.len());
    }
    for declared in [MediaType::OCI_MANIFEST, MediaType::OCI_INDEX, ""] {
        if let (Ok(found), false) = (target_media_type(input, declared), declared.is_empty()) {
            assert_eq!(found.as_str(), declared, "body and header agree");
        }
    }
}

pub(crate) fn request(input: &[u8]) {
    const KEYS: usize = 100;
    let Ok(request) = ProviderRequest::from_json(input, KEYS) else { return };
    let keys = &request.request.keys;
    assert!(keys.len() <= KEYS && keys.iter().collect::<BTreeSet<_>>().len() == keys.len());
    let again = ProviderRequest::from_json(serde_json::to_string(&request).unwrap().as_bytes(), KEYS).unwrap();
    assert_eq!(again, request);
}

pub(crate) fn config(input: &[u8]) {
    let Some(text) = text(input) else { return };
    for purpose in [Purpose::Serve, Purpose::Verify] {
        if let Err(error) = Config::parse(text, Path::new("config.yaml"), purpose) {
            let _ = error.to_string();
        }
    }
}
