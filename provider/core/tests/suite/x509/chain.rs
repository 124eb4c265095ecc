//! Code signing chains.

use countersign_core::crypto::KeyError;
use countersign_core::crypto::SignatureError;
use countersign_core::limits;
use countersign_core::x509::Chain;
use countersign_core::x509::ChainError;
use countersign_core::x509::KeyUse;
use countersign_core::x509::ProfileError;
use countersign_testkit::pki;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::KeyUsage;
use countersign_testkit::pki::eku;

use crate::x509::check;
use crate::x509::pair;
use crate::x509::parse;

const LEAF: &str = "CN=leaf,O=Testkit,ST=ZH,C=CH";
const INTERMEDIATE: &str = "CN=intermediate,O=Testkit,ST=ZH,C=CH";
const ROOT: &str = "CN=root,O=Testkit,ST=ZH,C=CH";

/// A leaf, an intermediate, a root.
fn three(intermediate: CertSpec) -> pki::Chain {
    Authority::root(CertSpec::root()).intermediate(intermediate).issue(CertSpec::leaf())
}

fn profile(subject: &str, error: ProfileError) -> ChainError {
    ChainError::Profile { subject: subject.into(), error }
}

/// The fault of a leaf in an otherwise good chain.
fn leaf_fault(leaf: CertSpec) -> Option<ProfileError> {
    fault(check(pair(leaf).der()), LEAF)
}

/// The fault of an intermediate in an otherwise good chain.
fn authority_fault(intermediate: CertSpec) -> Option<ProfileError> {
    fault(check(three(intermediate).der()), INTERMEDIATE)
}

fn fault(result: Result<Chain, ChainError>, of: &str) -> Option<ProfileError> {
    match result {
        Ok(_) => None,
        Err(ChainError::Profile { subject, error }) if subject == of => Some(error),
        Err(other) => panic!("another error: {other}"),
    }
}

#[test]
fn gives_leaf_root_and_all_between() {
    let signer = three(CertSpec::intermediate());
    let chain = check(signer.der()).unwrap();
    assert_eq!(chain.leaf(), &parse(signer.leaf_der()));
    assert_eq!(chain.root(), &parse(signer.root_der()));
    assert_eq!(chain.certificates().len(), 3);
}

#[test]
fn a_chain_of_one_is_a_self_signed_leaf() {
    let chain = check(pki::Chain::self_signed(CertSpec::leaf()).der()).unwrap();
    assert_eq!(chain.leaf(), chain.root());
    let authority = Authority::root(CertSpec::root());
    assert_eq!(check(&[authority.der().to_vec()]), Err(profile(ROOT, ProfileError::LeafIsAuthority)));
    let orphan = authority.issue(CertSpec::leaf()).leaf_der().to_vec();
    let error = ChainError::RootNotSelfIssued { subject: LEAF.into(), issuer: ROOT.into() };
    assert_eq!(check(&[orphan]), Err(error));
}

#[test]
fn a_single_leaf_with_its_issuers_name_is_not_self_signed() {
    let issuer = Authority::root(CertSpec::root().common_name("leaf"));
    let orphan = issuer.issue(CertSpec::leaf()).leaf_der().to_vec();
    let error = ChainError::RootNotSelfSigned { subject: LEAF.into(), error: SignatureError::Mismatch };
    assert_eq!(check(&[orphan]), Err(error));
}

#[test]
fn refuses_chains_that_are_empty_or_too_long() {
    assert_eq!(check(&[]), Err(ChainError::Empty));
    let mut authority = Authority::root(CertSpec::root());
    for number in 2..limits::CHAIN_CERTIFICATES {
        authority = authority.intermediate(CertSpec::intermediate().common_name(&number.to_string()));
    }
    let longest = authority.issue(CertSpec::leaf());
    assert_eq!(longest.der().len(), limits::CHAIN_CERTIFICATES);
    assert_eq!(check(longest.der()).map(|chain| chain.certificates().len()), Ok(limits::CHAIN_CERTIFICATES));
    let longer = authority.intermediate(CertSpec::intermediate()).issue(CertSpec::leaf());
    assert_eq!(check(longer.der()), Err(ChainError::TooLong { found: limits::CHAIN_CERTIFICATES + 1 }));
}

#[test]
fn refuses_a_chain_without_its_root() {
    let signer = three(CertSpec::intermediate());
    let error = ChainError::RootNotSelfIssued { subject: INTERMEDIATE.into(), issuer: ROOT.into() };
    assert_eq!(check(&signer.der()[..2]), Err(error));
}

#[test]
fn refuses_other_orders_and_anything_too_many() {
    let signer = three(CertSpec::intermediate());
    let [leaf, intermediate, root] = [0, 1, 2].map(|index| signer.der()[index].clone());
    let foreign = Authority::root(CertSpec::root().common_name("foreign")).der().to_vec();
    let differs = |subject: &str, issuer: &str, found: &str| {
        Err(ChainError::IssuerDiffers { subject: subject.into(), issuer: issuer.into(), found: found.into() })
    };
    let doubled = |subject: &str| Err(ChainError::SelfSignedBeforeEnd { subject: subject.into() });
    let l = || leaf.clone();
    let i = || intermediate.clone();
    let r = || root.clone();
    assert_eq!(check(&[l(), r(), i()]), differs(LEAF, INTERMEDIATE, ROOT));
    assert_eq!(check(&[r(), i(), l()]), Err(profile(ROOT, ProfileError::LeafIsAuthority)));
    assert_eq!(check(&[l(), i(), i(), r()]), differs(INTERMEDIATE, ROOT, INTERMEDIATE));
    assert_eq!(check(&[l(), i(), r(), r()]), doubled(ROOT));
    assert_eq!(check(&[l(), i(), r(), foreign.clone()]), doubled(ROOT));
    assert_eq!(check(&[l(), i(), foreign]), differs(INTERMEDIATE, ROOT, "CN=foreign,O=Testkit,ST=ZH,C=CH"));
    assert_eq!(check(&[l(), l(), i(), r()]), Err(profile(LEAF, ProfileError::BasicConstraintsMissing)));
}

#[test]
fn refuses_an_authority_of_the_right_name_with_another_key() {
    let signer = pair(CertSpec::leaf());
    let impostor = Authority::root(CertSpec::root()).der().to_vec();
    let link = ChainError::Link { subject: LEAF.into(), signer: ROOT.into(), error: SignatureError::Mismatch };
    assert_eq!(check(&[signer.leaf_der().to_vec(), impostor]), Err(link));
}

#[test]
fn compares_names_by_their_bytes() {
    // The same key and the same name in another string type: PrintableString and UTF8String.
    let key = Key::generate(KeyType::P256);
    let authority = Authority::root(CertSpec::root().with_key(&key));
    let leaf = authority.issue(CertSpec::leaf());
    let utf8 = parse(authority.der()).subject_raw().to_vec();
    let other: Vec<u8> = utf8.iter().map(|&byte| if byte == 0x0c { 0x13 } else { byte }).collect();
    assert_ne!(utf8, other);
    let root = authority.reissue(authority.der(), |tbs| {
        tbs[3].clone_from(&other);
        tbs[5].clone_from(&other);
    });
    let error = ChainError::IssuerDiffers { subject: LEAF.into(), issuer: ROOT.into(), found: ROOT.into() };
    assert_eq!(check(&[leaf.leaf_der().to_vec(), root]), Err(error));
}

#[test]
fn a_leaf_may_have_its_roots_name_and_key() {
    let key = Key::generate(KeyType::P256);
    let authority = Authority::root(CertSpec::root().with_key(&key));
    let same_name = authority.issue(CertSpec::leaf().common_name("root"));
    assert_eq!(check(same_name.der()).map(|chain| chain.certificates().len()), Ok(2));
    let same_key = authority.issue(CertSpec::leaf().common_name("root").with_key(&key));
    assert_eq!(check(same_key.der()).map(|chain| chain.certificates().len()), Ok(2));
}

#[test]
fn an_intermediate_with_its_signers_key_is_a_second_root_only_if_it_has_its_name_too() {
    let key = Key::generate(KeyType::P256);
    let root = Authority::root(CertSpec::root().with_key(&key));
    let below = |spec: CertSpec| check(root.intermediate(spec.with_key(&key)).issue(CertSpec::leaf()).der());
    assert_eq!(below(CertSpec::intermediate()).map(|chain| chain.certificates().len()), Ok(3));
    assert_eq!(below(CertSpec::root()), Err(ChainError::SelfSignedBeforeEnd { subject: ROOT.into() }));
}

#[test]
fn chain_building_ignores_validity_periods() {
    let long_ago = time::macros::datetime!(2001-01-01 00:00:00 UTC);
    let spec = CertSpec::leaf().valid(long_ago, long_ago);
    assert_eq!(leaf_fault(spec), None);
}

#[test]
fn authorities_need_basic_constraints_that_are_critical_and_say_so() {
    let spec = CertSpec::intermediate;
    assert_eq!(authority_fault(spec()), None);
    assert_eq!(authority_fault(spec().without_basic_constraints()), Some(ProfileError::BasicConstraintsMissing));
    assert_eq!(authority_fault(spec().is_ca(false)), Some(ProfileError::NotAnAuthority));
    let lax = spec().basic_constraints_critical(false);
    assert_eq!(authority_fault(lax), Some(ProfileError::BasicConstraintsNotCritical));
    let root = Authority::root(CertSpec::root().basic_constraints_critical(false)).issue(CertSpec::leaf());
    assert_eq!(check(root.der()), Err(profile(ROOT, ProfileError::BasicConstraintsNotCritical)));
}

#[test]
fn authorities_need_a_critical_key_usage_that_signs_certificates() {
    let (spec, expected) = (CertSpec::intermediate, KeyUse::KeyCertSign);
    assert_eq!(authority_fault(spec().without_key_usage()), Some(ProfileError::KeyUsageMissing { expected }));
    assert_eq!(authority_fault(spec().key_usage_critical(false)), Some(ProfileError::KeyUsageNotCritical));
    let lacks = spec().key_usage(&[KeyUsage::CrlSign, KeyUsage::DigitalSignature]);
    let found = vec![KeyUse::DigitalSignature, KeyUse::CrlSign];
    assert_eq!(authority_fault(lacks), Some(ProfileError::KeyUsageLacks { found, expected }));
}

#[test]
fn a_path_length_counts_the_authorities_below() {
    let root = |length| Authority::root(CertSpec::root().path_length(length));
    assert_eq!(check(root(0).issue(CertSpec::leaf()).der()).map(|_| ()), Ok(()));
    let below = |length| check(root(length).intermediate(CertSpec::intermediate()).issue(CertSpec::leaf()).der());
    assert_eq!(below(1).map(|_| ()), Ok(()));
    assert_eq!(below(0), Err(profile(ROOT, ProfileError::PathLength { found: 0, expected: 1 })));
}

#[test]
fn authorities_need_a_key_of_a_known_kind() {
    // rcgen cannot sign with SHA-2 by such a key, so the kind of the key is the first error.
    let error = authority_fault(CertSpec::intermediate().key(KeyType::Ed25519));
    let expected = "RSA 2048 to 8192 bits, or EC P-256, P-384 or P-521";
    assert_eq!(error, Some(ProfileError::Key(KeyError { found: "Ed25519".into(), expected })));
}

#[test]
fn leaves_may_not_be_authorities() {
    assert_eq!(leaf_fault(CertSpec::leaf().is_ca(false)), None);
    assert_eq!(leaf_fault(CertSpec::leaf().is_ca(true)), Some(ProfileError::LeafIsAuthority));
}

#[test]
fn leaves_need_a_critical_key_usage_for_signatures_only() {
    let (spec, expected) = (CertSpec::leaf, KeyUse::DigitalSignature);
    assert_eq!(leaf_fault(spec().without_key_usage()), Some(ProfileError::KeyUsageMissing { expected }));
    assert_eq!(leaf_fault(spec().key_usage_critical(false)), Some(ProfileError::KeyUsageNotCritical));
    let found = vec![KeyUse::NonRepudiation];
    let lacks = spec().key_usage(&[KeyUsage::NonRepudiation]);
    assert_eq!(leaf_fault(lacks), Some(ProfileError::KeyUsageLacks { found, expected }));
    assert_eq!(leaf_fault(spec().key_usage(&[KeyUsage::DigitalSignature, KeyUsage::NonRepudiation])), None);
    for (usage, found) in [
        (KeyUsage::KeyEncipherment, KeyUse::KeyEncipherment),
        (KeyUsage::DataEncipherment, KeyUse::DataEncipherment),
        (KeyUsage::KeyAgreement, KeyUse::KeyAgreement),
        (KeyUsage::KeyCertSign, KeyUse::KeyCertSign),
        (KeyUsage::CrlSign, KeyUse::CrlSign),
        (KeyUsage::EncipherOnly, KeyUse::EncipherOnly),
        (KeyUsage::DecipherOnly, KeyUse::DecipherOnly),
    ] {
        let both = spec().key_usage(&[KeyUsage::DigitalSignature, usage]);
        assert_eq!(leaf_fault(both), Some(ProfileError::KeyUsageForbidden { found }));
    }
}

#[test]
fn leaves_may_have_no_purpose_or_any_that_is_not_forbidden() {
    assert_eq!(leaf_fault(CertSpec::leaf().without_ekus()), None);
    assert_eq!(leaf_fault(CertSpec::leaf().ekus(&["1.2.3.4"])), None);
    for (purpose, found) in [
        (eku::ANY, "anyExtendedKeyUsage"),
        (eku::SERVER_AUTH, "serverAuth"),
        (eku::CLIENT_AUTH, "clientAuth"),
        (eku::EMAIL_PROTECTION, "emailProtection"),
        (eku::TIME_STAMPING, "timeStamping"),
        (eku::OCSP_SIGNING, "OCSPSigning"),
    ] {
        let spec = CertSpec::leaf().ekus(&[eku::CODE_SIGNING, purpose]);
        assert_eq!(leaf_fault(spec), Some(ProfileError::ExtendedKeyUsageForbidden { found }));
    }
}

#[test]
fn leaves_need_one_of_the_six_keys() {
    let error = leaf_fault(CertSpec::leaf().key(KeyType::Ed25519));
    let expected = "RSA 2048, 3072 or 4096 bits, or EC P-256, P-384 or P-521";
    assert_eq!(error, Some(ProfileError::Key(KeyError { found: "Ed25519".into(), expected })));
}

#[test]
fn no_flipped_byte_of_a_chain_is_accepted() {
    let signer = pair(CertSpec::leaf());
    for which in [0, 1] {
        for at in 0..signer.der()[which].len() {
            let mut ders = signer.der().to_vec();
            ders[which][at] ^= 0x01;
            let parsed: Result<Vec<_>, _> =
                ders.iter().map(|der| countersign_core::x509::Certificate::parse(der)).collect();
            let accepted = parsed.is_ok_and(|certificates| Chain::code_signing(certificates).is_ok());
            assert!(!accepted, "{which} {at}");
        }
    }
}
