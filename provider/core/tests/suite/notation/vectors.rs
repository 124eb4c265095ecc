//! Envelopes of other implementations, if available. The time is fixed; envelopes that need a timestamp have another
//! result.
#![allow(clippy::disallowed_methods, reason = "tests read files; the crate does not")]

#[allow(dead_code)]
use std::fs;
use std::path::Path;

use countersign_core::name::MediaType;
use countersign_core::notation::Envelope;
use countersign_core::policy::StoreKind;
use countersign_core::verdict::Code;
use countersign_core_test_support::judge;
use countersign_core_test_support::judge::Judge;

const JWS: &str = "application/jose+json";
const COSE: &str = "application/cose";

/// Runs `test` on the folder, or prints that it was not run.
fn with_vectors(test: impl FnOnce(&Path)) {
    match countersign_core_test_support::vectors::vectors() {
        Some(folder) => test(&folder.join("notation-go")),
        None => println!("not run: the outside vectors are not there (COUNTERSIGN_VECTORS names their folder)"),
    }
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    fs::read(path.as_ref()).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

fn root_of(envelope: &[u8], media_type: &str) -> Vec<u8> {
    let envelope = Envelope::parse(envelope, judge::format(media_type)).expect("a well-formed envelope");
    envelope.unverified_certificates().last().expect("a chain").clone()
}

fn net_monitor() -> Judge {
    let digest = "sha256:60043cf45eaebc4c0867fea485a039b598f52fd09fd5b07b0b2d2f88fad9d74e";
    Judge::about(MediaType::DOCKER_MANIFEST, digest, 528)
}

#[test]
fn mock_envelopes_of_notation_go_give_their_results() {
    with_vectors(|folder| {
        let root = read(folder.join("verifier/testdata/truststore/x509/ca/valid-trust-store/NotationTestRoot.pem"));
        let ca = net_monitor().trusting(StoreKind::Ca, &root);
        let authority = net_monitor().trusting(StoreKind::SigningAuthority, &root);
        for (judge, file, codes) in [
            (&ca, "ca_valid_sig_env.json", vec![]),
            (&ca, "ca_expired_sig_env.json", vec![Code::Expired]),
            (&ca, "ca_invalid_sig_env.json", vec![Code::EnvelopeMalformed]),
            (&ca, "ca_plugin_sig_env.json", vec![Code::PluginUnsupported]),
            (&authority, "sa_valid_sig_env.json", vec![]),
            (&ca, "sa_valid_sig_env.json", vec![Code::UntrustedChain]),
            (&authority, "ca_valid_sig_env.json", vec![Code::UntrustedChain]),
            (&authority, "sa_expired_sig_env.json", vec![Code::Expired]),
            (&authority, "sa_invalid_sig_env.json", vec![Code::EnvelopeMalformed]),
            (&authority, "sa_plugin_sig_env.json", vec![Code::PluginUnsupported]),
        ] {
            let envelope = read(folder.join("internal/mock/testdata").join(file));
            assert_eq!(judge.codes(&envelope, JWS), codes, "{file}");
        }
    });
}

#[test]
fn an_unknown_plugin_of_any_version_fails() {
    with_vectors(|folder| {
        let digest = "sha256:fe7e9333395060c2f5e63cf36a38fba10176f183b4163a5794e081a480abba5f";
        let mut seen = 0;
        for entry in fs::read_dir(folder.join("internal/mock/testdata")).expect("the folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if !name.contains("pluginver") {
                continue;
            }
            let envelope = read(&path);
            let judge =
                Judge::about(MediaType::DOCKER_MANIFEST, digest, 942).trusting(StoreKind::Ca, &root_of(&envelope, JWS));
            assert_eq!(judge.codes(&envelope, JWS), [Code::PluginUnsupported], "{name}");
            seen += 1;
        }
        assert_eq!(seen, 8, "files about plugin versions");
    });
}

#[test]
fn user_metadata_must_be_signed_with_the_required_value() {
    with_vectors(|folder| {
        let envelope = read(folder.join("internal/mock/testdata/sig_env_with_metadata.json"));
        let digest = "sha256:5a07385af4e6b6af81b0ebfd435aedccdfa3507f0609c658209e1aba57159b2b";
        let judge = Judge::about(MediaType::DOCKER_MANIFEST, digest, 942)
            .trusting(StoreKind::Ca, &root_of(&envelope, JWS))
            .at("2023-01-11T10:00:00Z");
        let right = judge.clone().metadata("io.wabbit-networks.buildId", "123");
        assert_eq!(right.codes(&envelope, JWS), []);
        let wrong = judge.clone().metadata("io.wabbit-networks.buildId", "321");
        assert_eq!(
            wrong.sentence(&envelope, JWS),
            "metadata-missing: signed metadata \"io.wabbit-networks.buildId\": found \"123\", expected \"321\""
        );
        let later = judge.at("2026-11-21T12:00:00Z");
        assert_eq!(later.codes(&envelope, JWS), [Code::CertificateOutsideValidity]);
    });
}

#[test]
fn self_signed_leaves_verify_when_they_are_trusted() {
    with_vectors(|folder| {
        let digest = "sha256:19dbd2e48e921426ee8ace4dc892edfb2ecdc1d1a72d5416c83670c30acecef0";
        for (file, media_type) in [("jws_signature.sig", JWS), ("cose_signature.sig", COSE)] {
            let envelope = read(folder.join("internal/testdata").join(file));
            let root = root_of(&envelope, media_type);
            let about =
                |kind: &str, digest: &str, size| Judge::about(kind, digest, size).trusting(StoreKind::Ca, &root);
            assert_eq!(about(MediaType::OCI_MANIFEST, digest, 481).codes(&envelope, media_type), [], "{file}");
            let other = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
            for judge in [
                about(MediaType::OCI_INDEX, digest, 481),
                about(MediaType::OCI_MANIFEST, digest, 482),
                about(MediaType::OCI_MANIFEST, other, 481),
            ] {
                assert_eq!(judge.codes(&envelope, media_type), [Code::TargetMismatch], "{file}");
            }
            let without_store = Judge::about(MediaType::OCI_MANIFEST, digest, 481);
            let with_other_store = without_store.trusting(StoreKind::SigningAuthority, &root);
            assert_eq!(with_other_store.codes(&envelope, media_type), [Code::UntrustedChain], "{file}");
        }
    });
}

#[test]
fn timestamped_envelopes_of_notation_go_give_their_results() {
    with_vectors(|folder| {
        let stores = folder.join("verifier/testdata/truststore/x509");
        let tsa = read(stores.join("tsa/test-timestamp/globalsignRoot.cer"));
        let other_tsa = read(stores.join("tsa/test-mismatch/DigiCertTSARootSHA384.cer"));
        let digest = "sha256:c0669ef34cdc14332c0f1ab0c2c01acb91d96014b172f1a76f3a39e63d1f0bda";
        // The timestamp is valid; the status of its authority is not available without a network.
        let unchecked = vec![Code::TimestampUnchecked];
        let outside = vec![Code::CertificateOutsideValidity];
        let invalid = vec![Code::TimestampInvalid];
        for (file, media_type, without_tsa, with_tsa, after_expiry) in [
            ("jwsWithTimestamp.sig", JWS, vec![], unchecked.clone(), vec![]),
            ("coseWithTimestamp.sig", COSE, vec![], unchecked.clone(), vec![]),
            ("jwsExpiredWithTimestamp.sig", JWS, outside.clone(), unchecked.clone(), unchecked.clone()),
            ("coseExpiredWithTimestamp.sig", COSE, outside.clone(), unchecked.clone(), unchecked.clone()),
            ("timestampAfterNotAfter.sig", COSE, outside.clone(), outside.clone(), outside.clone()),
            ("timestampBeforeNotBefore.sig", JWS, outside.clone(), outside.clone(), outside.clone()),
            ("withoutTimestamp.sig", JWS, vec![], invalid.clone(), vec![]),
        ] {
            let envelope = read(folder.join("verifier/testdata/timestamp/sigEnv").join(file));
            let plain = Judge::about(MediaType::DOCKER_MANIFEST, digest, 528)
                .trusting(StoreKind::Ca, &root_of(&envelope, media_type));
            assert_eq!(plain.codes(&envelope, media_type), without_tsa, "{file} without a tsa store");
            let judge = plain.clone().trusting(StoreKind::Tsa, &tsa);
            assert_eq!(judge.codes(&envelope, media_type), with_tsa, "{file} with a tsa store");
            let lenient = judge.clone().verify_timestamp("afterCertExpiry");
            assert_eq!(lenient.codes(&envelope, media_type), after_expiry, "{file} after certificate expiry");
            let logged = judge.overriding("authenticTimestamp", "log");
            assert_eq!(logged.codes(&envelope, media_type), [], "{file} where the timestamp is only logged");
            let elsewhere = plain.trusting(StoreKind::Tsa, &other_tsa);
            assert_eq!(elsewhere.codes(&envelope, media_type), invalid, "{file} with another tsa store");
        }
    });
}
