//! Images with several signatures, and signatures that are stored badly.

use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::json;
use time::macros::datetime;

use crate::environment::Environment;
use crate::environment::Image;
use crate::run::record;

/// The kinds of signatures that images have here.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Good,
    /// Without the annotation that helps to try it first.
    Plain,
    Foreign,
    Expired,
    OfAnother,
    Revocable,
    TwoLayers,
    OtherSubject,
    Malformed,
    Unsupported,
    /// Listed, and not there.
    Missing,
    /// Its envelope is not there.
    WithoutEnvelope,
    /// Its manifest is listed with another size.
    WrongSize,
}

/// Who signs.
struct Signers {
    good: Chain,
    foreign: Chain,
    revocable: Chain,
}

fn add(environment: &mut Environment, image: &mut Image, kind: Kind, signers: &Signers) {
    let Signers { good, foreign, revocable } = signers;
    let by = |chain: &Chain| Signature::new(&SignRequest::new(chain, &image.descriptor), Format::Jws);
    let another = Descriptor::sample("another");
    let signature = match kind {
        Kind::Good | Kind::WithoutEnvelope | Kind::WrongSize => by(good),
        Kind::Plain => by(good).without_annotations(),
        Kind::Foreign => by(foreign),
        Kind::Expired => {
            let request = SignRequest::new(good, &image.descriptor).expiry(datetime!(2026-01-03 00:00 UTC));
            Signature::new(&request, Format::Cose)
        }
        Kind::OfAnother => Signature::new(&SignRequest::new(good, &another), Format::Cose),
        Kind::Revocable => by(revocable),
        Kind::TwoLayers => by(good).extra_layers(1),
        Kind::OtherSubject => by(good).subject(&another),
        Kind::Malformed => Signature::of_envelope(b"{}", "application/jose+json"),
        Kind::Unsupported => Signature::of_envelope(b"x", "application/x-other"),
        Kind::Missing => {
            let gone = Descriptor::of(IMAGE_MANIFEST, format!("nowhere {}", image.tag).as_bytes());
            environment.names.digest(&gone.digest, &format!("missing signature of {}", image.tag));
            let entry = Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..gone };
            environment.registry.list_referrer(&image.repository, &image.descriptor.digest, entry);
            return;
        }
    };
    let signature = if matches!(kind, Kind::Good | Kind::Foreign | Kind::Expired) {
        signature
    } else {
        signature.annotation("number", &format!("{kind:?}"))
    };
    if let Kind::WrongSize = kind {
        let bytes = signature.manifest(&image.descriptor);
        let right = Descriptor::of(IMAGE_MANIFEST, &bytes);
        let wrong = Descriptor { size: 7, artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..right.clone() };
        environment.names.digest(&right.digest, &format!("signature of {} of a wrong size", image.tag));
        environment.registry.list_referrer(&image.repository, &image.descriptor.digest, wrong);
        return;
    }
    environment.attach(image, &signature);
    if let Kind::WithoutEnvelope = kind {
        let envelope = Descriptor::of("", signature.envelope()).digest;
        environment.registry.remove(&image.repository, &envelope);
    }
}

async fn environment() -> (Environment, Signers) {
    let mut environment = Environment::new().await;
    // Signatures are fetched at the same time, and those that are under way are left when one counts.
    environment.unsteady = &[
        "stage=\"blob\"",
        "stage=\"referrer-manifest\"",
        "stage=\"verify\"",
        "event=\"signature-",
        "cache=\"signatures\"",
        "signature_cache_entries",
    ];
    environment.statement("all", &["*"], json!({}));
    environment.repository_with(
        "skip",
        json!({
            "signatureVerification": {"level": "skip"}, "trustStores": null, "trustedIdentities": null,
        }),
    );
    environment.repository("app");
    let (root, untrusted) = (environment.root.clone(), environment.untrusted.clone());
    let signers = Signers {
        good: environment.leaf.clone(),
        foreign: environment.issue(&untrusted, CertSpec::leaf().common_name("foreign"), "foreign leaf"),
        revocable: environment.issue(&root, CertSpec::leaf().ocsp_url("ldap://ocsp.example/a"), "leaf with OCSP"),
    };
    (environment, signers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_signatures_among_bad_ones() {
    use Kind::Expired;
    use Kind::Foreign;
    use Kind::Good;
    use Kind::Malformed;
    use Kind::Missing;
    use Kind::OfAnother;
    use Kind::OtherSubject;
    use Kind::Plain;
    use Kind::Revocable;
    use Kind::TwoLayers;
    use Kind::Unsupported;
    use Kind::WithoutEnvelope;
    use Kind::WrongSize;
    let (mut environment, signers) = environment().await;
    let sets: Vec<Vec<Kind>> = vec![
        vec![TwoLayers],
        vec![OtherSubject],
        vec![Malformed],
        vec![Unsupported],
        vec![Missing],
        vec![WithoutEnvelope],
        vec![WrongSize],
        vec![Plain],
        vec![Good, Good],
        vec![Foreign, Good],
        vec![Good, Foreign],
        vec![Foreign, Plain],
        vec![Plain, Foreign],
        vec![Expired, Plain],
        vec![OfAnother, Plain],
        vec![Malformed, Plain],
        vec![TwoLayers, Plain],
        vec![Missing, Plain],
        vec![WithoutEnvelope, Plain],
        vec![Revocable, Plain],
        vec![Revocable, Foreign],
        vec![Missing, Foreign],
        vec![Malformed, Foreign],
        vec![Foreign, Expired],
        vec![Expired, OfAnother, Foreign, Malformed],
        vec![Malformed, Unsupported, TwoLayers, OtherSubject],
        vec![Foreign, OfAnother, TwoLayers, OtherSubject, Malformed, Unsupported, Missing],
        vec![Foreign, OfAnother, TwoLayers, OtherSubject, Malformed, Unsupported, Missing, Good],
    ];
    for set in sets {
        let name = set.iter().map(|kind| format!("{kind:?}")).collect::<Vec<_>>().join(", ");
        let mut image = environment.image(&name);
        for kind in set {
            add(&mut environment, &mut image, kind, &signers);
        }
    }
    record("signatures", environment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_signatures_than_are_tried() {
    let (mut environment, signers) = environment().await;
    environment.sections = "verification: {maxSignatures: 3}".to_owned();
    for (name, foreign, good) in
        [("three foreign", 3, 0), ("four foreign", 4, 0), ("five foreign and a good one", 5, 1), ("three good", 0, 3)]
    {
        for plain in [false, true] {
            let name = if plain { format!("{name}, without thumbprints") } else { name.to_owned() };
            let mut image = environment.image(&name);
            for (count, chain) in [(foreign, &signers.foreign), (good, &signers.good)] {
                for number in 0..count {
                    let signature = Signature::new(&SignRequest::new(chain, &image.descriptor), Format::Jws);
                    let signature = if plain { signature.without_annotations() } else { signature };
                    environment.attach(&mut image, &signature.annotation("number", &number.to_string()));
                }
            }
        }
    }
    record("many-signatures", environment).await;
}
