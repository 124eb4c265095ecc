//! The axes of a case and their values. Each value has a text, and a weight: how often it is chosen in the cases beyond the pairs.
//! Values that lead to acceptance weigh more, as a case with one bad value of twelve shows nothing about the others.

/// An axis: its title, and its values.
pub(super) struct Axis {
    pub(super) title: &'static str,
    pub(super) values: &'static [Value],
}

/// A value of an axis.
pub(super) struct Value {
    pub(super) text: &'static str,
    pub(super) weight: usize,
}

macro_rules! axes {
    ($($(#[doc = $doc:literal])+ $field:ident: $name:ident $title:literal { $($variant:ident $weight:literal $text:literal)+ })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(super) enum $name { $(#[doc = $text] $variant,)+ }

            impl $name {
                const ALL: &'static [Self] = &[$(Self::$variant,)+];
                const AXIS: Axis = Axis { title: $title, values: &[$(Value { text: $text, weight: $weight },)+] };
            }
        )+

        /// All axes.
        pub(super) const AXES: [Axis; [$($title,)+].len()] = [$($name::AXIS,)+];

        /// One value of each axis.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) struct Case { $(pub(super) $field: $name,)+ }

        impl Case {
            /// The case with these positions of its values, in the order of [`AXES`].
            pub(super) fn of(row: &[usize]) -> Self {
                let mut positions = row.iter().copied();
                // A missing position, or one beyond the values, is the first value.
                Self { $($field: $name::ALL.get(positions.next().unwrap_or_default()).copied().unwrap_or($name::ALL[0]),)+ }
            }

            /// The positions of its values, in the order of [`AXES`].
            pub(super) fn row(&self) -> Vec<usize> {
                vec![$($name::ALL.iter().position(|value| *value == self.$field).unwrap_or_default(),)+]
            }
        }
    };
}

axes! {
    /// The format of the envelope.
    format: EnvelopeFormat "format" {
        Jws 1 "JWS"
        Cose 1 "COSE"
    }
    /// The key of the signer and of its authorities, and so the algorithm.
    key: SignerKey "key" {
        Rsa2048 1 "RSA 2048, PS256"
        Rsa3072 1 "RSA 3072, PS384"
        Rsa4096 1 "RSA 4096, PS512"
        P256 1 "EC 256, ES256"
        P384 1 "EC 384, ES384"
        P521 1 "EC 521, ES512"
    }
    /// The signing scheme.
    scheme: SigningScheme "scheme" {
        X509 3 "notary.x509"
        SigningAuthority 2 "notary.x509.signingAuthority"
    }
    /// The chain of certificates. Those that are not as specified have three certificates unless their text says something else.
    chain: ChainForm "chain" {
        SelfSigned 40 "self-signed leaf"
        Two 80 "2 certificates"
        Three 80 "3 certificates"
        Four 60 "4 certificates"
        NoEku 16 "leaf without extKeyUsage"
        WrongOrder 1 "root before its issuing CA"
        MissingRoot 1 "no root"
        MissingIssuer 1 "no issuing CA"
        RootTwice 1 "root twice"
        SameNameRoot 1 "root of the same name with another key"
        CaAsLeaf 1 "a CA signs"
        ServerAuth 1 "leaf for TLS servers only"
        AnyPurpose 4 "leaf for any purpose"
        AlsoTimestamping 1 "leaf for code signing and timestamping"
        NoKeyUsage 1 "leaf without keyUsage"
        KeyUsageNotCritical 1 "leaf with keyUsage not critical"
        KeyUsageCertSign 1 "leaf with keyCertSign too"
        ConstraintsNotCritical 4 "CAs with basicConstraints not critical"
        PathLength 1 "root with pathLenConstraint 0 above an issuing CA"
        CaWithoutCertSign 1 "issuing CA without keyCertSign"
        WeakLeaf 1 "leaf with RSA 1024"
        WeakCa 4 "2 certificates, root with RSA 1024"
        OtherKey 1 "signed with another key"
    }
    /// The level of the statement, with an override.
    level: PolicyLevel "level" {
        Strict 60 "strict"
        Permissive 40 "permissive"
        Audit 30 "audit"
        Skip 6 "skip"
        StrictAuthenticityLog 6 "strict, authenticity: log"
        StrictTimestampLog 8 "strict, authenticTimestamp: log"
        StrictExpiryLog 8 "strict, expiry: log"
        StrictRevocationLog 8 "strict, revocation: log"
        StrictRevocationSkip 8 "strict, revocation: skip"
        PermissiveAuthenticityLog 6 "permissive, authenticity: log"
        PermissiveTimestampEnforce 6 "permissive, authenticTimestamp: enforce"
        PermissiveExpiryEnforce 6 "permissive, expiry: enforce"
        PermissiveRevocationEnforce 6 "permissive, revocation: enforce"
        AuditAuthenticityEnforce 6 "audit, authenticity: enforce"
        AuditTimestampEnforce 6 "audit, authenticTimestamp: enforce"
        AuditExpiryEnforce 6 "audit, expiry: enforce"
        AuditRevocationEnforce 6 "audit, revocation: enforce"
        AuditRevocationSkip 6 "audit, revocation: skip"
    }
    /// The trust stores of the statement beside those for timestamps.
    store: StoreContent "store" {
        Root 80 "the root"
        Issuer 30 "the issuing CA"
        Two 30 "another root's store, and the root's"
        BothTypes 15 "the root's, of both types"
        OtherType 1 "the root's, of the other type"
        OtherRoot 1 "another root's"
        Leaf 1 "the leaf"
        Empty 1 "empty"
        Missing 1 "missing"
        RootAndMissing 1 "the root's, and one that is missing"
    }
    /// The trusted identities.
    identity: Identity "identity" {
        Any 30 "*"
        Full 30 "all attributes"
        Partial 30 "C, ST and O"
        OtherOrder 20 "all attributes in another order"
        Multi 30 "another one, and C, ST and O"
        Other 1 "another one"
        Case 1 "other letter case"
        Further 1 "all attributes, and another one"
    }
    /// The times of signature and certificates. A signature was made thirty days ago.
    time: Times "time" {
        Valid 60 "no expiry"
        ValidExpiry 40 "expires tomorrow"
        AboutToExpire 20 "expires within the hour"
        LeafEndsSoon 20 "leaf ends within the hour"
        Expired 2 "expired a minute ago"
        ExpiredLeaf 8 "leaf ended yesterday"
        ExpiredCa 3 "issuing CA ended yesterday"
        NotYetValid 2 "leaf begins tomorrow"
        ExpiryBeforeSigning 1 "expires before it was signed"
    }
    /// Timestamp, `tsa` trust store and `verifyTimestamp`.
    timestamp: Timestamp "timestamp" {
        Off 60 "none, no tsa store"
        Ignored 15 "valid, no tsa store"
        ValidAlways 40 "valid, always"
        ValidDefault 15 "valid, tsa store without verifyTimestamp"
        ValidAfterExpiry 40 "valid, afterCertExpiry"
        NoneAfterExpiry 15 "none, afterCertExpiry"
        NoneAlways 1 "none, always"
        NoneDefault 1 "none, tsa store without verifyTimestamp"
        OtherSignature 1 "of another signature, always"
        OtherSignatureAfterExpiry 3 "of another signature, afterCertExpiry"
        Untrusted 1 "of an untrusted TSA, always"
        UntrustedAfterExpiry 3 "of an untrusted TSA, afterCertExpiry"
        Early 1 "before the leaf begins, always"
        Future 5 "of tomorrow, always"
        Cut 1 "cut off, always"
        RevokedTsa 1 "of a revoked TSA, always"
        UncheckedTsa 1 "of a TSA whose CRL is not available, always"
        StoreMissing 1 "valid, tsa store missing, always"
    }
    /// Addresses in the certificates, and what is served there. Of the leaf, unless the text says something else.
    revocation: Revocation "revocation" {
        None 60 "no address"
        OcspGood 40 "OCSP: good"
        CrlGood 40 "CRL: good"
        OcspDelegated 12 "OCSP: good, by a delegated responder"
        OcspDeadCrlGood 12 "OCSP not reachable, CRL good"
        CaCrlGood 12 "CRL of the issuing CA: good"
        OcspRevoked 1 "OCSP: revoked"
        OcspRevokedLater 2 "OCSP: revoked, invalid since yesterday"
        OcspUnknown 1 "OCSP: unknown"
        OcspDead 1 "OCSP not reachable"
        OcspOld 1 "OCSP: good, ended yesterday"
        OcspOtherKey 1 "OCSP: good, signed with another key"
        OcspByLeaf 4 "OCSP: good, signed by the leaf"
        CrlRevoked 1 "CRL: revoked"
        CrlRevokedLater 2 "CRL: revoked, invalid since yesterday"
        CrlHold 1 "CRL: on hold"
        CrlOld 1 "CRL: good, ended yesterday"
        CrlDead 1 "CRL not reachable"
        CrlOtherKey 1 "CRL: good, signed with another key"
        OcspDeadCrlRevoked 1 "OCSP not reachable, CRL revoked"
        OcspUnknownCrlGood 1 "OCSP unknown, CRL good"
        CaCrlRevoked 1 "CRL of the issuing CA: revoked"
    }
    /// User metadata in the signature, and what is required.
    metadata: Metadata "metadata" {
        None 50 "none"
        Unrequired 20 "present, none required"
        Matching 30 "as required"
        More 20 "more than required"
        Missing 2 "required, missing"
        Different 2 "required, another value"
    }
    /// The registry, the form of the signature manifest, the target, and other signatures.
    manifest: ManifestKind "manifest" {
        Current 20 "OCI 1.1, referrers API"
        Legacy 20 "config media type, referrers API"
        CurrentTag 15 "OCI 1.1, fallback tag"
        LegacyTag 15 "config media type, fallback tag"
        Artifact 8 "artifact manifest, referrers API"
        Unfiltered 10 "OCI 1.1, referrers API without filter, beside an SBOM"
        Index 12 "image index, OCI 1.1, referrers API"
        IndexTag 12 "image index, config media type, fallback tag"
        BrokenBefore 6 "after a broken envelope"
        BrokenAfter 6 "before a broken envelope"
        UntrustedBefore 6 "after an untrusted signature, fallback tag"
        AbsentBefore 3 "after an entry whose manifest is absent"
        TwoLayersBefore 3 "after a manifest with two layers"
        OtherSubject 2 "listed for the image, subject is another one"
        Copied 1 "of another image"
        Unsigned 1 "no signature"
    }
}

impl Case {
    /// The texts of all values.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let values = AXES.iter().zip(self.row());
        values.map(|(axis, position)| (axis.title, axis.values[position].text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_the_values_of_its_row() {
        let row = [1, 5, 1, 3, 2, 1, 0, 4, 2, 6, 3, 2];
        let case = Case::of(&row);
        assert_eq!((case.format, case.key, case.chain), (EnvelopeFormat::Cose, SignerKey::P521, ChainForm::Four));
        assert_eq!((case.revocation, case.manifest), (Revocation::OcspRevoked, ManifestKind::CurrentTag));
        assert_eq!(case.row(), row);
        let texts: Vec<_> = case.texts().map(|(_, value)| value).collect();
        assert_eq!(texts[4..7], ["audit", "the issuing CA", "*"]);
    }
}
