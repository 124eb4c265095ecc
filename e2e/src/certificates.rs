//! Certificate authorities and their certificates: for the API server, Gatekeeper, Countersign and the signers of images.

use anyhow::Context;
use rcgen::BasicConstraints;
use rcgen::Certificate;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use time::Duration;
use time::OffsetDateTime;

/// The usage of a leaf certificate.
#[derive(Clone, Copy)]
pub(crate) enum Usage {
    /// A TLS server on 127.0.0.1.
    Server,
    /// A TLS server of this name.
    NamedServer(&'static str),
    /// A TLS client.
    Client,
    /// A TLS server on 127.0.0.1 and a client with the same certificate, like Gatekeeper.
    ServerAndClient,
    /// The signer of images.
    CodeSigning,
}

/// A certificate with its key, both as PEM. `chain` is the certificate followed by that of its issuer.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// A root certificate and its key. Every certificate is valid from an hour ago until tomorrow.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    pub(crate) fn new(subject: &[(DnType, &str)]) -> anyhow::Result<Self> {
        let mut params = params(subject);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    pub(crate) fn certificate(&self) -> String {
        self.certificate.pem()
    }

    pub(crate) fn issue(&self, subject: &[(DnType, &str)], usage: Usage) -> anyhow::Result<Identity> {
        let mut params = params(subject);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let (purposes, names): (&[ExtendedKeyUsagePurpose], &[&str]) = match usage {
            Usage::Server => (&[ExtendedKeyUsagePurpose::ServerAuth], &["127.0.0.1", "localhost"]),
            Usage::NamedServer(ref name) => (&[ExtendedKeyUsagePurpose::ServerAuth], std::slice::from_ref(name)),
            Usage::Client => (&[ExtendedKeyUsagePurpose::ClientAuth], &[]),
            Usage::ServerAndClient => (
                &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
                &["127.0.0.1", "gatekeeper-webhook-service.gatekeeper-system.svc"],
            ),
            Usage::CodeSigning => (&[ExtendedKeyUsagePurpose::CodeSigning], &[]),
        };
        params.extended_key_usages = purposes.to_vec();
        params.subject_alt_names =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?.subject_alt_names;
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer).context("cannot issue a certificate")?.pem();
        Ok(Identity { chain: leaf.clone() + &self.certificate(), certificate: leaf, key: key.serialize_pem() })
    }
}

fn params(subject: &[(DnType, &str)]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (attribute, value) in subject {
        params.distinguished_name.push(attribute.clone(), *value);
    }
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::hours(1);
    params.not_after = now + Duration::days(1);
    params
}
