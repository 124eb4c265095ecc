//! Signatures of the form that AWS Signer makes: four certificates, ES384, a leaf that has ended, critical attributes.

use time::Duration;
use time::Month;
use time::OffsetDateTime;

use crate::Descriptor;
use crate::Hash;
use crate::der;
use crate::notation::Signature;
use crate::pki::Authority;
use crate::pki::CertSpec;
use crate::pki::Chain;
use crate::pki::KeyType;
use crate::registry::Registry;
use crate::signer::Format;
use crate::signer::Scheme;
use crate::signer::SignRequest;

/// The verification plugin that AWS Signer's signatures name.
pub const PLUGIN: &str = "com.amazonaws.signer.notation.plugin";
/// The attribute with the ARN of the version of the signing profile.
pub const PROFILE_VERSION: &str = "com.amazonaws.signer.signingProfileVersion";
/// The attribute with the ARN of the signing job.
pub const JOB: &str = "com.amazonaws.signer.signingJob";
/// The attribute with the ARN of an alias of the signing profile.
pub const PROFILE_ALIAS: &str = "com.amazonaws.signer.signingProfileAlias";

/// The validity of a signature by default, in months.
const SIGNATURE_MONTHS: i32 = 135;
/// The validity of a leaf.
const LEAF_LIFE: Duration = Duration::days(6);

/// A hierarchy as that of AWS Signer: root, intermediate, CA of a region. Its own root; nothing of it is AWS's.
#[derive(Clone, Debug)]
pub struct SignerPki {
    root: Authority,
    regional: Authority,
}

impl SignerPki {
    /// The hierarchy for one region, with a new root.
    #[must_use]
    pub fn new(region: &str) -> Self {
        let root = Authority::root(named(CertSpec::root(), "Test AWS Signer Code Signing Root CA G1"));
        Self::below(&root, region)
    }

    /// The hierarchy for one region under an existing root: regions of a partition share it.
    #[must_use]
    pub fn below(root: &Authority, region: &str) -> Self {
        let intermediate = named(CertSpec::intermediate(), "Test AWS Signer Code Signing Int CA G1");
        let intermediate = root.intermediate(intermediate.path_length(1));
        let name = format!("Test AWS Signer {region} Code Signing CA G1");
        let regional = intermediate.intermediate(named(CertSpec::intermediate(), &name).path_length(0));
        Self { root: root.clone(), regional }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Authority {
        &self.root
    }

    /// PEM of the root, for a trust store of the type `signingAuthority`.
    #[must_use]
    pub fn root_pem(&self) -> String {
        self.root.pem()
    }

    /// Four certificates. The leaf, on P-384, is valid from one hour before `signed_at` for six days.
    #[must_use]
    pub fn chain(&self, signed_at: OffsetDateTime) -> Chain {
        let start = signed_at - Duration::HOUR;
        let leaf = CertSpec::leaf().key(KeyType::P384).valid(start, start + LEAF_LIFE).subject(&[
            ("C", "US"),
            ("ST", "WA"),
            ("L", "Seattle"),
            ("O", "AWS"),
            ("OU", "AWS Cryptography"),
            ("CN", "AWS Signer"),
        ]);
        self.regional.issue(leaf)
    }
}

fn named(spec: CertSpec, common_name: &str) -> CertSpec {
    let subject = [("C", "US"), ("O", "AWS"), ("OU", "Cryptography"), ("ST", "WA"), ("CN", common_name)];
    spec.key(KeyType::P384).subject(&subject)
}

/// A signature as AWS Signer makes it. The defaults are those of a correct one that is older than its leaf.
#[derive(Clone, Debug)]
pub struct SignerSignature {
    pki: SignerPki,
    chain: Chain,
    target: Descriptor,
    signed_at: OffsetDateTime,
    expiry: Option<OffsetDateTime>,
    profile_version: String,
    job: String,
    alias: Option<String>,
}

impl SignerSignature {
    /// The default version of a profile.
    pub const PROFILE_VERSION: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-profiles/ci/abcDEF1234";
    /// The default job.
    pub const JOB: &str = "arn:aws:signer:eu-central-1:111122223333:/signing-jobs/0a1b2c3d-0000-4000-8000-000000000000";

    /// Signs `target` at [`SignRequest::SIGNED_AT`], with the default profile and job.
    #[must_use]
    pub fn new(pki: &SignerPki, target: &Descriptor) -> Self {
        Self {
            pki: pki.clone(),
            chain: pki.chain(SignRequest::SIGNED_AT),
            target: target.clone(),
            signed_at: SignRequest::SIGNED_AT,
            expiry: None,
            profile_version: Self::PROFILE_VERSION.to_owned(),
            job: Self::JOB.to_owned(),
            alias: None,
        }
    }

    /// Sets the time of signing, with a new leaf that is valid around it.
    #[must_use]
    pub fn signed_at(mut self, time: OffsetDateTime) -> Self {
        self.signed_at = time;
        self.chain = self.pki.chain(time);
        self
    }

    /// Sets the expiry. Default: 135 months after signing.
    #[must_use]
    pub fn expiry(mut self, time: OffsetDateTime) -> Self {
        self.expiry = Some(time);
        self
    }

    /// Sets the ARN of the version of the profile: `arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/VERSION`.
    #[must_use]
    pub fn with_profile_version(mut self, arn: &str) -> Self {
        arn.clone_into(&mut self.profile_version);
        self
    }

    /// Sets the ARN of the job: `arn:aws:signer:REGION:ACCOUNT:/signing-jobs/UUID`.
    #[must_use]
    pub fn with_job(mut self, arn: &str) -> Self {
        arn.clone_into(&mut self.job);
        self
    }

    /// Adds the ARN of an alias of the profile, critical.
    #[must_use]
    pub fn with_alias(mut self, arn: &str) -> Self {
        self.alias = Some(arn.to_owned());
        self
    }

    /// The ARN of the version of the profile.
    #[must_use]
    pub fn profile_version(&self) -> &str {
        &self.profile_version
    }

    /// The ARN of the job.
    #[must_use]
    pub fn job(&self) -> &str {
        &self.job
    }

    /// The four certificates.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The content of the envelope, for further changes. AWS Signer writes JWS envelopes only.
    #[must_use]
    pub fn request(&self) -> SignRequest {
        let request = SignRequest::new(&self.chain, &self.target)
            .scheme(Scheme::SigningAuthority)
            .authentic_signing_time(self.signed_at)
            .expiry(self.expiry.unwrap_or_else(|| months_after(self.signed_at, SIGNATURE_MONTHS)))
            .plugin(PLUGIN)
            .critical_attribute(PROFILE_VERSION, self.profile_version.as_str())
            .critical_attribute(JOB, self.job.as_str());
        match &self.alias {
            Some(alias) => request.critical_attribute(PROFILE_ALIAS, alias.as_str()),
            None => request,
        }
    }

    /// Stores the signature as a referrer of its target. Returns the descriptor of its manifest.
    pub fn attach(&self, registry: &Registry, repository: &str) -> Descriptor {
        Signature::new(&self.request(), Format::Jws).attach(registry, repository, &self.target)
    }
}

/// The hashes by which AWS Signer knows the certificates of a chain, leaf first: the SHA-384 of the TBSCertificate, and the one
/// of the issuer's, both in lower-case hex. The root is its own issuer.
#[must_use]
pub fn certificate_hashes(chain: &Chain) -> Vec<String> {
    let hashes: Vec<String> = chain.der().iter().map(|certificate| tbs_hash(certificate)).collect();
    let issuers = hashes.iter().skip(1).chain(hashes.last());
    hashes.iter().zip(issuers).map(|(own, issuer)| format!("{own}{issuer}")).collect()
}

fn tbs_hash(certificate: &[u8]) -> String {
    Hash::Sha384.digest(der::children(certificate)[0]).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same day and time this many months later, or the last day of the month.
fn months_after(time: OffsetDateTime, months: i32) -> OffsetDateTime {
    let count = time.year() * 12 + i32::from(u8::from(time.month())) - 1 + months;
    let month = u8::try_from(count.rem_euclid(12) + 1).expect("a month");
    let month = Month::try_from(month).expect("a month");
    let year = count.div_euclid(12);
    let day = time.day().min(month.length(year));
    let date = time::Date::from_calendar_date(year, month, day).expect("a date");
    time.replace_date(date)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn months_end_on_existing_days() {
        assert_eq!(months_after(datetime!(2026-01-02 03:04:05 UTC), 135), datetime!(2037-04-02 03:04:05 UTC));
        assert_eq!(months_after(datetime!(2026-11-30 0:00 UTC), 3), datetime!(2027-02-28 0:00 UTC));
    }
}
