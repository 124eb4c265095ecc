//! The certificates of a case, and the key that signs.

use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Chain;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::pki::KeyUsage;
use countersign_testkit::pki::eku;

use super::axes::Case;
use super::axes::ChainForm;
use super::axes::SignerKey;
use super::times::CaseTimes;
use super::times::Validity;
use super::weak_key::WeakKey;

/// Numbers of the cached RSA keys of those who are not in the usual place of a chain.
const OTHER_KEY: usize = 2000;

/// The addresses in the certificates of a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    pub(super) ocsp: Option<String>,
    pub(super) crl: Option<String>,
    /// Of the CRL with the issuing authority.
    pub(super) authority_crl: Option<String>,
}

/// The signer of a case.
pub(super) struct Signer<'a> {
    /// The certificates as they are in the envelope.
    pub(super) chain: Chain,
    /// Signs in place of the chain's key.
    pub(super) weak: Option<&'a WeakKey>,
    /// Issued the signer's certificate; `None` if that is self-signed.
    pub(super) issuer: Option<Authority>,
    /// Issued the certificate of `issuer`, if that is not the root.
    pub(super) above: Option<Authority>,
    /// What trust stores may contain: leaf, authority that issued it, root. DER.
    pub(super) leaf: Vec<u8>,
    pub(super) issuing: Vec<u8>,
    pub(super) root: Vec<u8>,
}

pub(super) fn kind(key: SignerKey) -> KeyType {
    match key {
        SignerKey::Rsa2048 => KeyType::Rsa2048,
        SignerKey::Rsa3072 => KeyType::Rsa3072,
        SignerKey::Rsa4096 => KeyType::Rsa4096,
        SignerKey::P256 => KeyType::P256,
        SignerKey::P384 => KeyType::P384,
        SignerKey::P521 => KeyType::P521,
    }
}

/// Another key of this type than those of the chain.
pub(super) fn other_key(key: SignerKey) -> Key {
    Key::cached(kind(key), OTHER_KEY)
}

/// The certificates of a case, with these addresses. `name` is the common name of the signer.
pub(super) fn signer<'a>(
    case: &Case,
    times: &CaseTimes,
    name: &str,
    addresses: &Addresses,
    weak: &'a WeakKey,
) -> anyhow::Result<Signer<'a>> {
    let leaf = leaf(case, times, name, addresses);
    if case.chain == ChainForm::SelfSigned {
        let chain = Chain::self_signed(valid(leaf, times.self_signed()));
        let certificate = chain.leaf_der().to_vec();
        let (leaf, issuing, root) = (certificate.clone(), certificate.clone(), certificate);
        return Ok(Signer { chain, weak: None, issuer: None, above: None, leaf, issuing, root });
    }
    let authorities = authorities(case, times, name, addresses);
    let [.., issuer] = authorities.as_slice() else { anyhow::bail!("a chain without an authority") };
    let above = authorities.len().checked_sub(2).map(|at| authorities[at].clone());
    let complete = issuer.issue(leaf);
    let (chain, used) = envelope_chain(case, name, &complete, issuer, weak)?;
    // A certificate that was changed is the one to trust, too.
    let root = if case.chain == ChainForm::WeakCa { chain.root_der() } else { complete.root_der() }.to_vec();
    let issuing = if authorities.len() == 1 { root.clone() } else { issuer.der().to_vec() };
    let leaf = chain.leaf_der().to_vec();
    Ok(Signer { chain, weak: used, issuer: Some(issuer.clone()), above, leaf, issuing, root })
}

fn valid(spec: CertSpec, (begin, end): Validity) -> CertSpec {
    spec.valid(begin, end)
}

fn leaf(case: &Case, times: &CaseTimes, name: &str, addresses: &Addresses) -> CertSpec {
    let attributes = [("C", "CH"), ("ST", "ZH"), ("O", "Agreement AG"), ("CN", name)];
    let mut spec = valid(CertSpec::leaf().key(kind(case.key)).subject(&attributes), times.leaf());
    if let Some(url) = &addresses.ocsp {
        spec = spec.ocsp_url(url);
    }
    if let Some(url) = &addresses.crl {
        spec = spec.crl_url(url);
    }
    match case.chain {
        ChainForm::NoEku => spec.without_ekus(),
        ChainForm::ServerAuth => spec.ekus(&[eku::SERVER_AUTH]),
        ChainForm::AnyPurpose => spec.ekus(&[eku::CODE_SIGNING, eku::ANY]),
        ChainForm::AlsoTimestamping => spec.ekus(&[eku::CODE_SIGNING, eku::TIME_STAMPING]),
        ChainForm::NoKeyUsage => spec.without_key_usage(),
        ChainForm::KeyUsageNotCritical => spec.key_usage_critical(false),
        ChainForm::KeyUsageCertSign => spec.key_usage(&[KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]),
        ChainForm::SelfSigned
        | ChainForm::Two
        | ChainForm::Three
        | ChainForm::Four
        | ChainForm::WrongOrder
        | ChainForm::MissingRoot
        | ChainForm::MissingIssuer
        | ChainForm::RootTwice
        | ChainForm::SameNameRoot
        | ChainForm::CaAsLeaf
        | ChainForm::ConstraintsNotCritical
        | ChainForm::PathLength
        | ChainForm::CaWithoutCertSign
        | ChainForm::WeakLeaf
        | ChainForm::WeakCa
        | ChainForm::OtherKey => spec,
    }
}

/// The authorities above the leaf, the root first.
fn authorities(case: &Case, times: &CaseTimes, name: &str, addresses: &Addresses) -> Vec<Authority> {
    let is_short = matches!(case.chain, ChainForm::Two | ChainForm::WeakCa);
    let count = if is_short { 1 } else { 2 + usize::from(case.chain == ChainForm::Four) };
    let mut all: Vec<Authority> = Vec::new();
    for number in 0..count {
        let is_last = number + 1 == count;
        let validity = if is_last { times.issuer() } else { times.authority() };
        let spec = if number == 0 { CertSpec::root() } else { CertSpec::intermediate() };
        let mut spec = valid(spec.key(kind(case.key)).common_name(&format!("CA {number} of {name}")), validity);
        if case.chain == ChainForm::ConstraintsNotCritical {
            spec = spec.basic_constraints_critical(false);
        }
        if case.chain == ChainForm::PathLength && number == 0 {
            spec = spec.path_length(0);
        }
        if case.chain == ChainForm::CaWithoutCertSign && is_last {
            spec = spec.key_usage(&[KeyUsage::CrlSign]);
        }
        let url = addresses.authority_crl.as_deref().filter(|_| is_last && number > 0);
        if let Some(url) = url {
            spec = spec.crl_url(url);
        }
        all.push(match all.last() {
            None => Authority::root(spec),
            Some(above) => above.intermediate(spec),
        });
    }
    all
}

/// The chain as it is in the envelope, and the weak key if that signs.
fn envelope_chain<'a>(
    case: &Case,
    name: &str,
    complete: &Chain,
    issuer: &Authority,
    weak: &'a WeakKey,
) -> anyhow::Result<(Chain, Option<&'a WeakKey>)> {
    let der = complete.der();
    let chain = match case.chain {
        ChainForm::WrongOrder => complete.with_certificates(vec![der[0].clone(), der[2].clone(), der[1].clone()]),
        ChainForm::MissingRoot => complete.with_certificates(der[..2].to_vec()),
        ChainForm::MissingIssuer => complete.with_certificates(vec![der[0].clone(), der[2].clone()]),
        ChainForm::RootTwice => complete.with_certificates([der, &der[2..]].concat()),
        ChainForm::SameNameRoot => {
            let root = CertSpec::root().common_name(&format!("CA 0 of {name}")).with_key(&other_key(case.key));
            let other = Authority::root(root);
            complete.with_certificates(vec![der[0].clone(), der[1].clone(), other.der().to_vec()])
        }
        ChainForm::CaAsLeaf => issuer.as_chain(),
        ChainForm::OtherKey => complete.with_key(&other_key(case.key)),
        ChainForm::WeakLeaf => {
            let leaf = issuer.reissue(&der[0], |tbs| weak.put_into(tbs));
            let chain = complete.with_certificates([vec![leaf], der[1..].to_vec()].concat());
            return Ok((chain, Some(weak)));
        }
        ChainForm::WeakCa => {
            complete.with_certificates(vec![weak.reissue(&der[0], false)?, weak.reissue(&der[1], true)?])
        }
        ChainForm::SelfSigned
        | ChainForm::Two
        | ChainForm::Three
        | ChainForm::Four
        | ChainForm::NoEku
        | ChainForm::ServerAuth
        | ChainForm::AnyPurpose
        | ChainForm::AlsoTimestamping
        | ChainForm::NoKeyUsage
        | ChainForm::KeyUsageNotCritical
        | ChainForm::KeyUsageCertSign
        | ChainForm::ConstraintsNotCritical
        | ChainForm::PathLength
        | ChainForm::CaWithoutCertSign => complete.clone(),
    };
    Ok((chain, None))
}
