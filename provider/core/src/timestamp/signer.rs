//! One SignerInfo of a token ([RFC 5652 §5.3](https://www.rfc-editor.org/rfc/rfc5652#section-5.3)).

use super::attributes;
use super::attributes::Attribute;
use super::attributes::SignedAttributes;
use super::error::SignerError;
use super::signed_data::TST_INFO;
use super::signed_data::TimestampToken;
use super::signing_certificate;
use crate::codec::der;
use crate::codec::der::Element;
use crate::codec::der::NotDer;
use crate::codec::der::Oid;
use crate::codec::der::Reader;
use crate::codec::hex::hex;
use crate::codec::text::Text;
use crate::crypto::HashAlgorithm;
use crate::crypto::SignatureAlgorithm;
use crate::limits;
use crate::time::UnixTime;
use crate::x509::Certificate;
use crate::x509::DistinguishedName;
use crate::x509::TimestampingChain;
use crate::x509::read_time;

/// The parts of a SignerInfo of version 1.
struct SignerInfo<'a> {
    issuer: &'a [u8],
    serial: &'a [u8],
    digest: HashAlgorithm,
    attributes: SignedAttributes<'a>,
    algorithm: SignatureAlgorithm,
    signature: &'a [u8],
}

impl<'a> SignerInfo<'a> {
    /// Reads a SignerInfo with its SEQUENCE: first its form, then what is supported. Unsigned attributes prove nothing.
    fn read(der: &'a [u8]) -> Result<Self, SignerError> {
        let part = |part| move |NotDer| SignerError::Malformed { part };
        let mut fields = Reader::only(der, der::SEQUENCE).map_err(part("structure"))?.inside();
        let version = fields.expect(der::INTEGER).map_err(part("version"))?;
        let identifier = fields.next().map_err(part("sid"))?;
        let digest = fields.expect(der::SEQUENCE).map_err(part("digestAlgorithm"))?.raw;
        let attributes = fields.optional(der::constructed(0)).map_err(part("signedAttrs"))?;
        let algorithm = fields.expect(der::SEQUENCE).map_err(part("signatureAlgorithm"))?.raw;
        let signature = fields.expect(der::OCTET_STRING).map_err(part("signature"))?.contents;
        if let Some(unsigned) = fields.optional(der::constructed(1)).map_err(part("unsignedAttrs"))? {
            attributes::check(unsigned.inside()).map_err(part("unsignedAttrs"))?;
        }
        fields.end().map_err(part("end"))?;
        let attributes = attributes.map(|list| SignedAttributes::read(list.inside()));
        if version.contents != [1] {
            return Err(SignerError::Version { found: Text::of(hex(version.contents)) });
        }
        let (issuer, serial) = issuer_and_serial(&identifier).map_err(part("sid"))?;
        let attributes = attributes.ok_or(SignerError::NoSignedAttributes)??;
        let digest = HashAlgorithm::from_der(digest).map_err(SignerError::Digest)?;
        let algorithm = SignatureAlgorithm::from_cms(algorithm, digest).map_err(SignerError::Algorithm)?;
        Ok(Self { issuer, serial, digest, attributes, algorithm, signature })
    }

    /// The certificate of the token that the identifier names.
    fn certificate<'c>(&self, token: &'c TimestampToken) -> Option<&'c Certificate> {
        token.certificates.iter().find(|certificate| certificate.is_issued_as(self.issuer, self.serial))
    }
}

/// The issuer with its SEQUENCE, and the contents of the serial number.
fn issuer_and_serial<'a>(identifier: &Element<'a>) -> Result<(&'a [u8], &'a [u8]), NotDer> {
    let mut fields = if identifier.tag == der::SEQUENCE { identifier.inside() } else { return Err(NotDer) };
    let issuer = fields.expect(der::SEQUENCE)?.raw;
    let serial = fields.expect(der::INTEGER)?.contents;
    fields.end()?;
    Ok((issuer, serial))
}

/// Checks the form of a SignerInfo. Whether it is supported, and valid, is checked when it is verified.
pub(super) fn check_form(der: &[u8]) -> Result<(), SignerError> {
    match SignerInfo::read(der) {
        Err(error) if matches!(error, SignerError::Malformed { .. }) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

impl TimestampToken {
    /// The certificate that the first signature names as its signer's, a claim of the token; `None` if the token lacks
    /// it.
    #[must_use]
    pub fn unverified_authority(&self) -> Option<&Certificate> {
        SignerInfo::read(self.signers.first()?).ok()?.certificate(self)
    }
}

/// Verifies one SignerInfo of the token: its certificate, which the signed attributes identify, signed the TSTInfo, and
/// has a chain to one of `roots` that was valid at the time of the timestamp. `links` is as for
/// [`TimestampingChain::build`].
pub(super) fn verify<'c>(
    token: &'c TimestampToken,
    signer: &[u8],
    roots: impl Iterator<Item = &'c Certificate> + Clone,
    links: &mut usize,
) -> Result<TimestampingChain, SignerError> {
    let signer = SignerInfo::read(signer)?;
    let is_signer = |certificate: &&Certificate| certificate.is_issued_as(signer.issuer, signer.serial);
    let certificate = token
        .certificates
        .iter()
        .find(is_signer)
        .ok_or_else(|| SignerError::CertificateMissing { serial: Text::of(hex(signer.serial)) })?;
    signing_certificate::check(&signer.attributes, certificate)?;
    check_content(&signer, &token.content)?;
    let signed = signer.attributes.signed_bytes();
    certificate
        .verify_message(signer.algorithm, &signed, signer.signature)
        .map_err(|error| SignerError::Signature { subject: certificate.subject().to_text(), error })?;
    let chain = TimestampingChain::build(certificate, &token.certificates, roots, token.info.gen_time, links)
        .map_err(SignerError::Chain)?;
    check_signing_time(&signer.attributes, &chain)?;
    check_name(token.info.tsa.as_deref(), certificate)?;
    Ok(chain)
}

/// Checks that the signed attributes are about this TSTInfo.
fn check_content(signer: &SignerInfo<'_>, content: &[u8]) -> Result<(), SignerError> {
    let value = signer.attributes.required(Attribute::ContentType)?;
    let oid = Oid::from_contents(value.contents).ok().filter(|_| value.tag == der::OBJECT_IDENTIFIER);
    let oid = oid.ok_or_else(|| Attribute::ContentType.malformed())?;
    if oid.contents() != TST_INFO {
        return Err(SignerError::ContentType { found: Text::of(&oid) });
    }
    let value = signer.attributes.required(Attribute::MessageDigest)?;
    if value.tag != der::OCTET_STRING {
        return Err(Attribute::MessageDigest.malformed());
    }
    let expected = signer.digest.digest(content);
    if value.contents == expected {
        return Ok(());
    }
    let (found, expected) = (Text::of(hex(value.contents)), Text::of(hex(&expected)));
    Err(SignerError::MessageDigest { found, expected, algorithm: signer.digest.name() })
}

/// Checks that signingTime, if present, is within the validity of every certificate of the chain.
fn check_signing_time(attributes: &SignedAttributes<'_>, chain: &TimestampingChain) -> Result<(), SignerError> {
    let Some(value) = attributes.value(Attribute::SigningTime)? else { return Ok(()) };
    let found: UnixTime = read_time(&value).map_err(|NotDer| Attribute::SigningTime.malformed())?;
    match chain.certificates().iter().find(|certificate| !certificate.covers(found)) {
        Some(certificate) => Err(SignerError::SigningTime {
            found,
            subject: certificate.subject().to_text(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        }),
        None => Ok(()),
    }
}

/// Checks that `tsa` of the TSTInfo, if present, is the subject or an alternative name of the certificate
/// ([RFC 3161 §2.4.2](https://www.rfc-editor.org/rfc/rfc3161#section-2.4.2)). A name is compared by its attributes, as
/// the types of its strings may differ.
fn check_name(name: Option<&[u8]>, certificate: &Certificate) -> Result<(), SignerError> {
    let Some(name) = name else { return Ok(()) };
    let directory_name = Reader::only(name, der::constructed(4)).ok();
    let within_limit =
        |name: &Element<'_>| DistinguishedName::count_der(name.contents).is_ok_and(|n| n <= limits::NAME_ATTRIBUTES);
    let directory_name =
        directory_name.filter(within_limit).and_then(|name| DistinguishedName::from_der(name.contents).ok());
    if directory_name.as_ref() == Some(certificate.subject()) || certificate.has_alternative_name(name) {
        return Ok(());
    }
    let found = match &directory_name {
        Some(name) => Text::of(format_args!("{:?}", name.to_text())),
        None => Text::of("a name of another kind"),
    };
    Err(SignerError::TsaName { found, subject: certificate.subject().to_text() })
}
