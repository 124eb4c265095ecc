//! Attacks that have no advisory. They follow from the formats, and each admits an image, or denies one, in a verifier that does not
//! expect it.

use countersign_core::limits;
use countersign_core::verdict::Code;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_testkit::crl::CrlSpec;
use countersign_testkit::notation;
use countersign_testkit::notation::Signature;
use countersign_testkit::ocsp::OcspSpec;
use countersign_testkit::ocsp::Single;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::SignatureForm;
use countersign_testkit::pki::eku;
use countersign_testkit::registry::Route;
use countersign_testkit::signer::Cbor;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;
use serde_json::Value;
use serde_json::json;

use crate::advisories::absent_signature;
use crate::advisories::code;
use crate::advisories::code_of;
use crate::advisories::policy_with;
use crate::engine::evidence::fixture::CRL;
use crate::engine::evidence::fixture::Fixture;
use crate::engine::evidence::fixture::OCSP;
use crate::engine::signed;

/// An attribute of the signature's header.
const SCHEME: &str = "io.cncf.notary.signingScheme";
const EXPIRY: &str = "io.cncf.notary.expiry";

/// The signer restricts its signature by a critical attribute, and a verifier without the plugin for it ignores the restriction.
/// Here every critical attribute must be supported. A number as a name, which COSE allows, is that of no attribute.
#[tokio::test]
async fn found_01_an_unsupported_critical_attribute_is_refused() {
    let fixture = EngineFixture::new().await;
    for format in Format::ALL {
        let only_logged = code_of(&fixture, format, |request| request.attribute("com.example.x", 1)).await;
        assert_eq!(only_logged, Code::Verified, "{format:?}");
        let critical = code_of(&fixture, format, |request| request.critical_attribute("com.example.x", 1)).await;
        assert_eq!(critical, Code::CriticalAttributeUnknown, "{format:?}");
    }
    let label = Cbor::Integer(1000.into());
    let numbered = code_of(&fixture, Format::Cose, |request| {
        request.cose_protected(label, Cbor::Bool(true)).crit([json!(SCHEME), json!(1000)])
    });
    assert_eq!(numbered.await, Code::EnvelopeMalformed);
}

/// The signature requires a plugin, which a statement that skips revocation does not run, and its attributes are not looked at.
/// Here a plugin that is not built in fails at every level and with every override.
#[tokio::test]
async fn found_02_a_plugin_that_is_not_run_is_refused_also_where_revocation_is_skipped() {
    for verification in [
        json!({"level": "strict"}),
        json!({"level": "strict", "override": {"revocation": "skip"}}),
        json!({"level": "audit", "override": {"revocation": "skip"}}),
    ] {
        let fixture = EngineFixture::with(&policy_with(&verification), |_| {}).await;
        for format in Format::ALL {
            let plugin = code_of(&fixture, format, |request| request.plugin("com.example.revocation-only")).await;
            assert_eq!(plugin, Code::PluginUnsupported, "{verification} {format:?}");
        }
    }
}

/// A CRL without a number together with a delta CRL ends the process. Here they cannot be combined, so there is no status.
#[tokio::test]
async fn found_03_a_crl_without_a_number_beside_a_delta_is_no_status_and_no_panic() {
    for (number, expected) in [(true, (Code::Verified, 2)), (false, (Code::RevocationUnchecked, 1))] {
        let fixture = Fixture::new().await;
        let list = CrlSpec::new().freshest_url(&fixture.responder.url("/delta.crl"));
        let list = if number { list } else { list.without_number() };
        fixture.responder.crl("/delta.crl", fixture.engine.root.crl(&CrlSpec::delta(7)));
        let signer = fixture.signer_with_crl();
        fixture.crl_is(&list);
        assert_eq!((fixture.code(&signer).await, fixture.requests()), expected, "{number}");
    }
}

/// The holder of a revoked certificate signs the OCSP response about it with its own key, or a colleague does with another
/// certificate of the same authority. Here only the issuer counts, or a certificate that it issued for OCSP signing.
#[tokio::test]
async fn found_04_an_ocsp_response_signed_by_a_certificate_of_signers_is_no_status() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_ocsp();
    let root = fixture.engine.root.clone();
    let colleague = root.issue(CertSpec::leaf());
    // For this purpose, and with the extension that it need not be checked itself.
    let nocheck = CertSpec::leaf().ekus(&[eku::OCSP_SIGNING]).extension("1.3.6.1.5.5.7.48.1.5", false, &[5, 0]);
    let purposeful = root.issue(nocheck);
    let untrusted = Authority::root(CertSpec::root()).issue(CertSpec::leaf().ekus(&[eku::OCSP_SIGNING]));
    for (minute, (responder, expected)) in [
        (&signer, Code::RevocationUnchecked),
        (&colleague, Code::RevocationUnchecked),
        (&untrusted, Code::RevocationUnchecked),
        (&purposeful, Code::Verified),
    ]
    .into_iter()
    .enumerate()
    {
        let response = root.ocsp(&OcspSpec::new([Single::good(signer.leaf_der())]).signed_by(responder));
        fixture.responder.ocsp(OCSP, move |_| response.clone());
        // A response that was refused is not requested again at once.
        fixture.at(&format!("2026-11-21T12:{minute:02}:00Z"));
        assert_eq!(fixture.code(&signer).await, expected, "{minute}");
    }
}

/// A response about the certificate of another authority with the same serial number is presented. Here the hashes of the issuer's
/// name and key count too.
#[tokio::test]
async fn found_05_an_ocsp_response_about_the_same_serial_number_of_another_issuer_is_no_status() {
    let fixture = Fixture::new().await;
    let signer = fixture.signer_with_ocsp();
    // The same key under another name, and another key under the same name.
    let renamed = Authority::root(CertSpec::root().common_name("renamed").with_key(fixture.engine.root.key()));
    let rekeyed = Authority::root(CertSpec::root());
    for (minute, single) in [
        Single::good(signer.leaf_der()).of_issuer(renamed.der()),
        Single::good(signer.leaf_der()).with_key_of(rekeyed.der()),
    ]
    .into_iter()
    .enumerate()
    {
        fixture.ocsp_is(&signer, single);
        fixture.at(&format!("2026-11-21T12:{minute:02}:00Z"));
        assert_eq!(fixture.code(&signer).await, Code::RevocationUnchecked, "{minute}");
    }
    fixture.ocsp_is(&signer, Single::good(signer.leaf_der()));
    fixture.at("2026-11-21T12:05:00Z");
    assert_eq!(fixture.code(&signer).await, Code::Verified);
}

/// Who can push a signature puts addresses into its certificates, and the verifier sends requests there, into the network of the
/// cluster. Here nothing is requested about a chain without a trust anchor, at any level.
#[tokio::test]
async fn found_06_no_address_of_a_chain_without_a_trust_anchor_is_requested() {
    for (level, expected) in
        [("strict", Code::UntrustedChain), ("permissive", Code::UntrustedChain), ("audit", Code::Verified)]
    {
        let fixture = Fixture::with(level, |_| {}).await;
        let untrusted = Authority::root(CertSpec::root().common_name("untrusted"));
        let urls = CertSpec::leaf().ocsp_url(&fixture.responder.url(OCSP)).crl_url(&fixture.responder.url(CRL));
        assert_eq!((fixture.code(&untrusted.issue(urls)).await, fixture.requests()), (expected, 0), "{level}");
    }
}

/// A registry answers with empty pages, each with a link to the next one, without an end. Here fifty are read, and an image without a
/// good signature on them is inconclusive, not unsigned.
#[tokio::test]
async fn found_07_empty_pages_of_referrers_end_after_fifty() {
    let (fixture, image) = signed().await;
    let _ = fixture.registry.when(Route::Referrers).endless_empty_pages();
    assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::TooManySignatures);
    assert_eq!(fixture.registry.count(Route::Referrers), limits::REFERRERS_PAGES);
    assert_eq!(fixture.registry.count(Route::Blob), 0);
}

/// The link to the next page leads to another host, which gets requests, and perhaps a credential. Here it is not followed: the
/// signatures before it count, and without a good one the image is inconclusive.
#[tokio::test]
async fn found_08_a_link_to_another_host_is_not_followed() {
    let (fixture, image) = signed().await;
    let unsigned = fixture.registry.push_image("app", "v2");
    for link in [
        format!("<{}/v2/app/referrers/x>; rel=\"next\"", fixture.other.url()),
        format!("<//{}/x>; rel=\"next\"", fixture.other.host()),
        format!("<https://{}/x>; rel=\"next\"", fixture.registry.host()),
    ] {
        let fault = fixture.registry.when(Route::Referrers).header("link", &link);
        assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::Verified, "{link}");
        let found = fixture.code(&fixture.registry.reference("app", &unsigned)).await;
        assert_eq!(found, Code::RegistryAnswerInvalid, "{link}");
        fault.remove();
    }
    assert_eq!(fixture.other.connections(), 0);
}

/// Who can push breaks one entry of the list, and no image is admitted any more. Here a broken entry is a failed candidate, and the
/// good signature after it counts.
#[tokio::test]
async fn found_09_a_broken_entry_does_not_hide_a_good_signature() {
    let fixture = EngineFixture::new().await;
    let (registry, signer) = (&fixture.registry, fixture.root.issue(CertSpec::leaf()));
    let image = registry.push_image("app", "v1");
    let sign = || Signature::new(&SignRequest::new(&signer, &image), Format::Jws).without_annotations();
    registry.list_referrer("app", &image.digest, absent_signature("absent"));
    sign().extra_layers(1).attach(registry, "app", &image);
    let mut large: Value = serde_json::from_slice(&sign().manifest(&image)).unwrap();
    large["padding"] = "x".repeat(limits::MANIFEST_BYTES).into();
    let _ = registry.put_manifest("app", sign().manifest_media_type(), large.to_string().as_bytes());
    Signature::of_envelope(b"{}", "application/jose+json").attach(registry, "app", &image);
    let reference = registry.reference("app", &image);
    // Not all could be read, so the image is not rejected.
    assert_eq!(fixture.code(&reference).await, Code::SignatureUnavailable);
    sign().attach(registry, "app", &image);
    assert_eq!(fixture.code(&reference).await, Code::Verified);
}

/// An expiry that is not a number, or infinity, is never reached. Here times of COSE are whole seconds.
#[tokio::test]
async fn found_10_an_expiry_that_is_no_number_is_refused() {
    let fixture = EngineFixture::new().await;
    for expiry in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        let value = Cbor::Tag(1, Box::new(Cbor::Float(expiry)));
        let found = code_of(&fixture, Format::Cose, |request| {
            request.cose_protected(Cbor::Text(EXPIRY.to_owned()), value).crit([SCHEME, EXPIRY])
        });
        assert_eq!(found.await, Code::EnvelopeMalformed, "{expiry}");
    }
}

/// An expiry at the first time that a library can represent counts as none. Here it is a time like any other, and must be critical.
#[tokio::test]
async fn found_11_an_expiry_at_the_zero_of_a_library_is_not_the_absence_of_one() {
    let fixture = EngineFixture::new().await;
    for critical in [false, true] {
        let found = code_of(&fixture, Format::Jws, |request| {
            let request = request.jws_protected(EXPIRY, "\"0001-01-01T00:00:00Z\"");
            if critical { request.crit([SCHEME, EXPIRY]) } else { request }
        });
        assert_eq!(found.await, Code::EnvelopeMalformed, "{critical}");
    }
}

/// RSASSA-PSS with another length of the salt, and other paddings, which some libraries accept. Here there is one form.
#[tokio::test]
async fn found_12_other_forms_of_an_rsa_signature_are_refused() {
    let fixture = EngineFixture::new().await;
    let signer = fixture.root.issue(CertSpec::leaf().key(KeyType::Rsa2048));
    for format in Format::ALL {
        for (form, expected) in [
            (SignatureForm::Proper, Code::Verified),
            (SignatureForm::PssSalt0, Code::SignatureMismatch),
            (SignatureForm::PssSalt20, Code::SignatureMismatch),
            (SignatureForm::PssSha512, Code::SignatureMismatch),
            (SignatureForm::Pkcs1Sha256, Code::SignatureMismatch),
        ] {
            let sign = |image: &_| Signature::new(&SignRequest::new(&signer, image).form(form), format);
            assert_eq!(code(&fixture, sign).await, expected, "{format:?} {form:?}");
        }
    }
}

/// A member that is present twice, or in another spelling, is one thing to one reader and another thing to the next. Here it is
/// refused at every level of a document.
#[tokio::test]
async fn found_13_repeated_members_and_other_spellings_are_refused() {
    let fixture = EngineFixture::new().await;
    let signer = fixture.root.issue(CertSpec::leaf());
    for (name, value) in [("alg", "\"ES256\""), ("cty", "\"x\""), ("IO.CNCF.NOTARY.EXPIRY", "\"2099-01-01T00:00:00Z\"")]
    {
        let found = code_of(&fixture, Format::Jws, |request| request.jws_protected(name, value)).await;
        assert_eq!(found, Code::EnvelopeMalformed, "{name}");
    }
    let twice = code(&fixture, |image| {
        let payload = json!({"targetArtifact": image.to_json()}).to_string();
        let other = json!({"targetArtifact": absent_signature("other").to_json()}).to_string();
        let both = format!("{},{}", &payload[..payload.len() - 1], &other[1..]);
        Signature::new(&SignRequest::of_payload(&signer, both.as_bytes()), Format::Jws)
    });
    assert_eq!(twice.await, Code::PayloadInvalid);
}

/// A trust store with the name `..` is a directory outside of the trust stores. Here a name has at least one other character.
#[tokio::test]
async fn found_14_a_trust_store_name_does_not_lead_out_of_the_directory() {
    for name in ["..", ".", "../main", "main/../other"] {
        let fixture = EngineFixture::new().await;
        // What would be found there.
        fixture.folder.write("truststore/x509/root.pem", fixture.root.pem());
        fixture.folder.write("trustpolicy.json", policy(&[&format!("ca:{name}")], &["*"]));
        let _ = fixture.poll();
        let found = code_of(&fixture, Format::Jws, |request| request).await;
        assert_eq!(found, Code::StatementDisabled, "{name}");
    }
}

/// A statement for all repositories that skips verification admits every unsigned image. Here it is a mistake.
#[tokio::test]
async fn found_15_a_statement_for_all_repositories_cannot_skip() {
    let document = json!({
        "version": "1.0",
        "trustPolicies": [{"name": "all", "registryScopes": ["*"], "signatureVerification": {"level": "skip"}}],
    });
    let fixture = EngineFixture::new().await;
    fixture.folder.write("trustpolicy.json", document.to_string());
    let _ = fixture.poll();
    let image = fixture.registry.push_image("app", "v1");
    assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, Code::StatementDisabled);
}

/// A certificate for every purpose, as some TLS servers have, signs code. Here a leaf must be for code signing, and not for all.
#[tokio::test]
async fn found_16_a_certificate_for_every_purpose_signs_nothing() {
    let fixture = EngineFixture::new().await;
    for purposes in [&[eku::ANY][..], &[eku::CODE_SIGNING, eku::ANY], &[eku::SERVER_AUTH]] {
        let signer = fixture.root.issue(CertSpec::leaf().ekus(purposes));
        let sign = |image: &_| Signature::new(&SignRequest::new(&signer, image), Format::Jws);
        assert_eq!(code(&fixture, sign).await, Code::CertificateInvalid, "{purposes:?}");
    }
}

/// As many bad signatures as the limit: all were checked, and the reason is theirs. With one more it is that of the limit, and
/// the image is inconclusive.
#[tokio::test]
async fn found_17_as_many_signatures_as_the_limit_have_their_own_reason() {
    let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), |settings| settings.max_signatures = 3).await;
    let untrusted = Authority::root(CertSpec::root().common_name("untrusted"));
    let image = fixture.registry.push_image("app", "v1");
    for (number, expected) in
        [Code::UntrustedChain, Code::UntrustedChain, Code::UntrustedChain, Code::TooManySignatures].iter().enumerate()
    {
        let signer: Chain = untrusted.issue(CertSpec::leaf().common_name(&number.to_string()));
        notation::sign_image(&fixture.registry, "app", &image, &signer);
        assert_eq!(fixture.code(&fixture.registry.reference("app", &image)).await, *expected, "{number}");
    }
}

/// An identity with an empty value matches every subject that does not have the attribute. Here it is a mistake.
#[tokio::test]
async fn found_18_an_identity_with_an_empty_value_is_a_mistake() {
    for identity in ["x509.subject: C=CH, ST=ZH, O=Testkit, L=", "x509.subject: C=CH, ST=ZH, O="] {
        let fixture = EngineFixture::with(&policy(&["ca:main"], &[identity]), |_| {}).await;
        let found = code_of(&fixture, Format::Jws, |request| request).await;
        assert_eq!(found, Code::StatementDisabled, "{identity}");
    }
}
