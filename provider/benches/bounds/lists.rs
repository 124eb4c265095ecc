//! Lists of signatures: without end, long, and with one good signature among others.

use countersign_testkit::Descriptor;
use countersign_testkit::IMAGE_MANIFEST;
use countersign_testkit::notation::SIGNATURE_ARTIFACT_TYPE;
use countersign_testkit::notation::Signature;
use countersign_testkit::notation::THUMBPRINT_ANNOTATION;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use crate::host::Host;
use crate::row::Authorities;
use crate::row::Row;

/// The default of `verification.maxSignatures`.
const MOST: usize = 100;

/// How the other signatures are.
#[derive(Clone, Copy)]
enum Others {
    /// Good envelopes of a signer under a root that is in no trust store.
    Foreign,
    /// The same, each listed with the fingerprint of the trusted signer, so that they are tried first.
    Claiming,
    /// Of every kind.
    Mixed,
}

fn add_others(authorities: &Authorities, host: &Host, image: &Descriptor, others: Others, count: usize) {
    let untrusted = authorities.untrusted.issue(CertSpec::leaf());
    let claim = format!("[\"{}\"]", authorities.root.as_chain().thumbprints()[0]);
    let request = SignRequest::new(&untrusted, image);
    for number in 0..count {
        let foreign = || Signature::new(&request, Format::Jws).without_annotations();
        let signature = match (others, number % 5) {
            (Others::Foreign, _) | (Others::Mixed, 0) => foreign(),
            (Others::Claiming, _) | (Others::Mixed, 1) => foreign().annotation(THUMBPRINT_ANNOTATION, &claim),
            (Others::Mixed, 2) => foreign().extra_layers(2),
            (Others::Mixed, 3) => Signature::of_envelope(&vec![b'['; 1000 + number], Format::Jws.media_type()),
            (Others::Mixed, _) => {
                let envelope = [request.cose().as_slice(), &vec![0; number]].concat();
                Signature::of_envelope(&envelope, Format::Cose.media_type())
            }
        };
        host.attach(image, signature);
    }
}

/// An image with these signatures, and after them a good one if `has_good`.
async fn among(authorities: &Authorities, others: Others, count: usize, has_good: bool) -> (Host, String) {
    let host = authorities.host().await;
    let image = host.push();
    add_others(authorities, &host, &image, others, count);
    if has_good {
        host.sign(&image, &authorities.root.issue(CertSpec::leaf()));
    }
    let reference = host.reference(&image);
    (host, reference)
}

async fn endless_pages(authorities: &Authorities) -> Row {
    let (host, image) = among(authorities, Others::Foreign, 0, true).await;
    host.registry.when(Route::Referrers).endless_empty_pages();
    Row::new("list of signatures: empty pages without end, each with a link", host, image, "too-many-signatures")
}

async fn one_entry_pages(authorities: &Authorities) -> Row {
    let (host, image) = among(authorities, Others::Foreign, 60, true).await;
    host.registry.page_size(1);
    Row::new("list of signatures: 61 pages of one entry", host, image, "too-many-signatures")
}

/// 10,000 entries, and a good signature among them.
async fn long_list(authorities: &Authorities, good_is_first: bool) -> Row {
    let host = authorities.host().await;
    let image = host.push();
    let good = authorities.root.issue(CertSpec::leaf());
    let sign = || match good_is_first {
        true => host.attach(&image, Signature::new(&SignRequest::new(&good, &image), Format::Jws)),
        false => host.sign(&image, &good),
    };
    if good_is_first {
        sign();
    }
    for number in 0..9_999 {
        let absent = Descriptor::of(IMAGE_MANIFEST, format!("absent {number}").as_bytes());
        let absent = Descriptor { artifact_type: Some(SIGNATURE_ARTIFACT_TYPE.to_owned()), ..absent };
        host.registry.list_referrer(crate::host::REPOSITORY, &image.digest, absent);
    }
    if !good_is_first {
        sign();
    }
    let (place, code) = if good_is_first { ("first", "verified") } else { ("last", "too-many-signatures") };
    let reference = host.reference(&image);
    Row::new(format!("list of 10,000 signatures, a good one is the {place}"), host, reference, code)
}

/// The rows of this file.
pub(crate) async fn rows(authorities: &Authorities) -> Vec<Row> {
    let mut rows = vec![
        endless_pages(authorities).await,
        one_entry_pages(authorities).await,
        long_list(authorities, true).await,
        long_list(authorities, false).await,
    ];
    let last = MOST - 1;
    for (offered, others, count, has_good, code) in [
        ("100 signatures, only the last one is good", Others::Foreign, last, true, "verified"),
        (
            "100 signatures, 99 claim the trusted signer, and the last one, which does not, is good",
            Others::Claiming,
            last,
            true,
            "verified",
        ),
        ("100 signatures of every kind, only the last one is good", Others::Mixed, last, true, "verified"),
        ("100 signatures of every kind, none is good", Others::Mixed, MOST, false, "untrusted-chain"),
        ("101 signatures, only the last one is good", Others::Foreign, MOST, true, "too-many-signatures"),
    ] {
        let (host, image) = among(authorities, others, count, has_good).await;
        rows.push(Row::new(offered, host, image, code));
    }
    rows
}
