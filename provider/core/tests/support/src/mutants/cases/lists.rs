//! Signature manifests and lists of referrers: from the changed document to the verdict about each envelope that it leads to.
//!
//! They are not signed, so a changed one may still lead to the good envelope. It must lead to no other verdict: the way is less strict
//! than that of the engine, which also compares sizes and subjects.

use std::collections::BTreeMap;

use countersign_core::name::Digest;
use countersign_core::name::MediaType;
use countersign_core::notation::EnvelopeFormat;
use countersign_core::oci::ArtifactManifest;
use countersign_core::oci::Index;
use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_INDEX;
use countersign_testkit::notation::ManifestForm;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::sha256_digest;
use countersign_testkit::signer::Format;
use serde_json::json;

use super::Case;
use super::Judging;
use super::Outcome;
use super::Verdict;
use super::envelopes::World;
use crate::judge::unavailable;
use crate::mutants::Kind;
use crate::mutants::node::Node;

/// The content of a repository by digest, and the judge of the image.
struct Repository {
    content: BTreeMap<String, Vec<u8>>,
    /// The digests of envelopes that verify.
    good: Vec<String>,
    judging: Judging,
}

pub(super) fn cases(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for form in [ManifestForm::Current, ManifestForm::Legacy, ManifestForm::Artifact] {
        let signatures: Vec<Signature> = [world.good()]
            .iter()
            .chain(&world.others())
            .enumerate()
            .map(|(index, request)| Signature::new(request, Format::ALL[index % 2]).form(form))
            .collect();
        let manifests: Vec<Vec<u8>> = signatures.iter().map(|signature| signature.manifest(&world.target)).collect();
        let repository = || Repository::new(world, &signatures, &manifests);
        let media_type = signatures[0].manifest_media_type();
        let trees: Vec<Node> = manifests.iter().map(|manifest| Node::of_json(manifest).unwrap()).collect();
        for original in [0, 1] {
            let name = format!("{form:?} manifest of {}", if original == 0 { "a good envelope" } else { "another" });
            let others = trees.iter().enumerate().filter(|(index, _)| *index != original).map(|(_, tree)| tree.clone());
            cases.push(of_manifest(&name, trees[original].clone(), others.collect(), media_type, repository()));
        }
        let lists = [&manifests[..], &manifests[1..]].map(|listed| index(media_type, listed));
        let trees = lists.each_ref().map(|list| Node::of_json(list).unwrap());
        for (name, at) in [("with a good signature", 0), ("without a good signature", 1)] {
            let others = vec![trees[1 - at].clone()];
            cases.push(of_index(&format!("{form:?} list {name}"), trees[at].clone(), others, repository()));
        }
    }
    cases
}

/// A list of referrers with these manifests.
fn index(media_type: &str, manifests: &[Vec<u8>]) -> Vec<u8> {
    let entries: Vec<_> = manifests
        .iter()
        .map(|manifest| {
            let artifact_type = Some(SIGNATURE_ARTIFACT_TYPE.to_owned());
            Descriptor { artifact_type, ..Descriptor::of(media_type, manifest) }.annotation("key", "value").to_json()
        })
        .collect();
    json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries }).to_string().into_bytes()
}

impl Repository {
    fn new(world: &World, signatures: &[Signature], manifests: &[Vec<u8>]) -> Self {
        let envelopes = signatures.iter().map(|signature| signature.envelope().to_vec());
        let content = envelopes.chain(manifests.iter().cloned()).map(|bytes| (sha256_digest(&bytes), bytes)).collect();
        let good = vec![sha256_digest(signatures[0].envelope())];
        Self { content, good, judging: world.judging() }
    }

    fn find(&self, digest: &Digest) -> Option<&[u8]> {
        self.content.get(digest.as_str()).map(Vec::as_slice)
    }

    /// The verdict about the envelopes of a manifest.
    fn follow(&self, manifest: &ArtifactManifest) -> Verdict {
        let mut verdict = Verdict::Refused;
        for layer in &manifest.layers {
            let Some(bytes) = self.find(&layer.digest) else { continue };
            let Some(format) = EnvelopeFormat::of_media_type(&layer.media_type) else { continue };
            if self.judging.ask(bytes, format, unavailable).is_ok() && verdict != Verdict::Verified {
                verdict = Verdict::accepted(self.good.iter().any(|good| good == layer.digest.as_str()));
            }
        }
        verdict
    }

    /// The verdict about the manifests of a list.
    fn follow_all(&self, list: &Index) -> Verdict {
        let manifests = list.entries.iter().flatten().filter_map(|entry| {
            ArtifactManifest::parse(self.find(&entry.digest)?, &entry.media_type).ok().map(|read| self.follow(&read))
        });
        let verdicts: Vec<Verdict> = manifests.collect();
        let worst = [Verdict::Verified, Verdict::EqualMeaning].into_iter().find(|worst| verdicts.contains(worst));
        worst.unwrap_or(Verdict::Refused)
    }
}

fn of_manifest(name: &str, document: Node, others: Vec<Node>, media_type: &str, repository: Repository) -> Case {
    let media_type: MediaType = media_type.parse().unwrap();
    let judge = move |mutant: &Node| {
        let read = ArtifactManifest::parse(&mutant.encode(), &media_type);
        let verdict = read.as_ref().map_or(Verdict::Refused, |manifest| repository.follow(manifest));
        Outcome { parsed: read.is_ok(), verdict }
    };
    Case { kind: Kind::Manifest, name: name.to_owned(), document, others, judge: Box::new(judge) }
}

fn of_index(name: &str, document: Node, others: Vec<Node>, repository: Repository) -> Case {
    let judge = move |mutant: &Node| {
        let read = Index::parse(&mutant.encode());
        let verdict = read.as_ref().map_or(Verdict::Refused, |list| repository.follow_all(list));
        Outcome { parsed: read.is_ok(), verdict }
    };
    Case { kind: Kind::Index, name: name.to_owned(), document, others, judge: Box::new(judge) }
}
