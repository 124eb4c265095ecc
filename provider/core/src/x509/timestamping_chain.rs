//! The chain of a timestamping authority (TSA), from its certificate to a root of a trust store.

use super::certificate::Certificate;
use super::code_signing::ProfileError;
use super::timestamping;
use crate::codec::text::Text;
use crate::crypto::SignatureError;
use crate::limits;
use crate::time::UnixTime;

/// A valid chain of a TSA that ends at one of the given roots. Created only by [`Self::build`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct TimestampingChain {
    certificates: Vec<Certificate>,
    leaf: Certificate,
    root: Certificate,
}

/// The reason why a certificate has no chain. `subject` is that of the certificate with the mistake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampingChainError {
    /// The issuer is neither among the other certificates nor among the roots.
    #[error(
        "certificate {subject:?} has no trusted issuer: found issuer {issuer:?}, expected a root of the tsa trust \
         stores, or a certificate in the timestamp token with a chain to one"
    )]
    NoIssuer {
        /// Subject of the certificate.
        subject: Text,
        /// Issuer of the certificate.
        issuer: Text,
    },
    /// The certificate with the issuer's name did not sign this one.
    #[error("certificate {subject:?} is not signed by {signer:?}: {error}")]
    Link {
        /// Subject of the certificate.
        subject: Text,
        /// Subject of the certificate with the issuer's name.
        signer: Text,
        /// The cause.
        error: SignatureError,
    },
    /// The certificate does not have the profile of its position.
    #[error("certificate {subject:?} does not meet the requirements for timestamping: {error}")]
    Profile {
        /// Subject of the certificate.
        subject: Text,
        /// The cause.
        error: ProfileError,
    },
    /// The certificate was not valid at the time of the timestamp.
    #[error(
        "certificate {subject:?} is outside its validity: found {not_before} to {not_after}, expected {time} within"
    )]
    Validity {
        /// Subject of the certificate.
        subject: Text,
        /// The start of its validity period.
        not_before: UnixTime,
        /// Its end, included.
        not_after: UnixTime,
        /// The time at which it must be valid.
        time: UnixTime,
    },
    /// A critical extension that is not evaluated.
    #[error(
        "certificate {subject:?}: found the critical extension {oid}, expected none that Countersign does not evaluate"
    )]
    CriticalExtension {
        /// Subject of the certificate.
        subject: Text,
        /// The object identifier of the extension.
        oid: Text,
    },
    /// Name constraints, which are not evaluated.
    #[error("certificate {subject:?}: found nameConstraints, expected none, as Countersign does not evaluate them")]
    NameConstraints {
        /// Subject of the certificate.
        subject: Text,
    },
    /// More signatures of certificates would have to be verified than [`limits::TIMESTAMP_LINKS`].
    #[error(
        "certificate chain: found more than {} possible links between certificates, expected at most that many",
        limits::TIMESTAMP_LINKS
    )]
    TooManyLinks,
    /// More CA certificates than [`limits::CHAIN_CERTIFICATES`] allows.
    #[error(
        "certificate chain: found more than {} certificates, expected at most that many",
        limits::CHAIN_CERTIFICATES
    )]
    TooLong,
}

impl TimestampingChain {
    /// Builds the chain from `leaf` through certificates among `others`, in any order, to one of `roots`
    /// ([RFC 5280 §6.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1)). Names are compared byte for byte; every
    /// certificate has the profile of its position and is valid at `time`; critical extensions that are not evaluated
    /// and name constraints are refused.
    ///
    /// The caller states that `roots` are roots, as those of a `tsa` trust store are. A self-signed certificate among
    /// `others` is never the end of a chain.
    ///
    /// `links` is the number of signatures of certificates that may still be verified, and is reduced by those that were.
    ///
    /// # Errors
    /// The reason that is nearest to a root.
    pub fn build<'c>(
        leaf: &'c Certificate,
        others: &'c [Certificate],
        roots: impl Iterator<Item = &'c Certificate> + Clone,
        time: UnixTime,
        links: &mut usize,
    ) -> Result<Self, TimestampingChainError> {
        let profile = timestamping::check_leaf(leaf);
        profile.map_err(|error| TimestampingChainError::Profile { subject: leaf.subject().to_text(), error })?;
        check_path_rules(leaf, time)?;
        // Breadth first: every certificate is reached by its shortest path, on which path lengths are met if they are
        // met on any. So each is visited once.
        let mut search = Search { reached: vec![Reached { certificate: leaf, issued: None, position: 0 }] };
        let mut failure = None;
        let mut next = 0;
        while let Some(&Reached { certificate, position, .. }) = search.reached.get(next) {
            let mut has_issuer = false;
            for (issuer, is_trusted) in candidates(certificate, others, roots.clone()) {
                if !is_trusted && search.has(issuer) {
                    continue;
                }
                has_issuer = true;
                *links = links.checked_sub(1).ok_or(TimestampingChainError::TooManyLinks)?;
                match check_issuer(certificate, issuer, position + 1, time) {
                    Ok(()) if is_trusted => return Ok(search.path(next, issuer)),
                    Ok(()) => {
                        search.reached.push(Reached {
                            certificate: issuer,
                            issued: Some(next),
                            position: position + 1,
                        });
                    }
                    Err(error) => failure = Some(error),
                }
            }
            if !has_issuer {
                let (subject, issuer) = (certificate.subject().to_text(), certificate.issuer().to_text());
                failure = Some(TimestampingChainError::NoIssuer { subject, issuer });
            }
            next += 1;
        }
        Err(failure.unwrap_or(TimestampingChainError::TooLong))
    }

    /// The certificate that signs timestamps.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Certificate {
        &self.root
    }

    /// Leaf first, root last; at least two.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }
}

/// The certificates that are reached from the leaf.
struct Search<'c> {
    reached: Vec<Reached<'c>>,
}

#[derive(Clone, Copy)]
struct Reached<'c> {
    certificate: &'c Certificate,
    /// The index of the certificate that this one issued; `None` for the leaf.
    issued: Option<usize>,
    /// The number of certificates below this one.
    position: usize,
}

impl Search<'_> {
    fn has(&self, certificate: &Certificate) -> bool {
        self.reached.iter().any(|reached| reached.certificate == certificate)
    }

    /// The chain through the certificate at `index` to `root`.
    fn path(&self, index: usize, root: &Certificate) -> TimestampingChain {
        let mut certificates = vec![root.clone()];
        let mut at = Some(index);
        let mut leaf = root;
        while let Some(reached) = at.and_then(|index| self.reached.get(index)) {
            certificates.push(reached.certificate.clone());
            leaf = reached.certificate;
            at = reached.issued;
        }
        certificates.reverse();
        TimestampingChain { certificates, leaf: leaf.clone(), root: root.clone() }
    }
}

/// The certificates with the name of the issuer, roots first, and whether each is a root that is trusted.
fn candidates<'c>(
    certificate: &Certificate,
    others: &'c [Certificate],
    roots: impl Iterator<Item = &'c Certificate>,
) -> Vec<(&'c Certificate, bool)> {
    let is_issuer = |candidate: &&Certificate| candidate.subject_raw() == certificate.issuer_raw();
    let trusted = roots.filter(is_issuer).map(|root| (root, true));
    let others = others.iter().filter(is_issuer).map(|other| (other, false));
    trusted.chain(others).collect()
}

/// Checks that `issuer`, at `position` of the chain, issued the certificate and may do so.
fn check_issuer(
    certificate: &Certificate,
    issuer: &Certificate,
    position: usize,
    time: UnixTime,
) -> Result<(), TimestampingChainError> {
    if position >= limits::CHAIN_CERTIFICATES {
        return Err(TimestampingChainError::TooLong);
    }
    let (subject, signer) = (|| certificate.subject().to_text(), || issuer.subject().to_text());
    certificate.verify_signed_by(issuer).map_err(|error| TimestampingChainError::Link {
        subject: subject(),
        signer: signer(),
        error,
    })?;
    timestamping::check_authority(issuer, position)
        .map_err(|error| TimestampingChainError::Profile { subject: signer(), error })?;
    check_path_rules(issuer, time)
}

/// The rules for every certificate of the path.
fn check_path_rules(certificate: &Certificate, time: UnixTime) -> Result<(), TimestampingChainError> {
    let subject = || certificate.subject().to_text();
    if !certificate.covers(time) {
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        return Err(TimestampingChainError::Validity { subject: subject(), not_before, not_after, time });
    }
    if certificate.has_name_constraints() {
        return Err(TimestampingChainError::NameConstraints { subject: subject() });
    }
    match certificate.unsupported_critical_extensions().first() {
        Some(oid) => Err(TimestampingChainError::CriticalExtension { subject: subject(), oid: Text::of(oid) }),
        None => Ok(()),
    }
}
