//! Labels of PEM blocks.

pub(super) fn is_key(label: &str) -> bool {
    label.ends_with("PRIVATE KEY")
}

/// Labels of blocks that tools write in addition to a private key, and that are not secret.
pub(super) fn is_parameters(label: &str) -> bool {
    matches!(label, "EC PARAMETERS" | "DH PARAMETERS" | "PUBLIC KEY" | "RSA PUBLIC KEY" | "EC PUBLIC KEY")
}

/// The remediation for a block with another label than `CERTIFICATE` that may contain certificates.
pub(super) fn certificate_remedy(label: &str) -> &'static str {
    match label {
        "TRUSTED CERTIFICATE" => {
            "; its trust settings are OpenSSL's own and are not read: `openssl x509 -in FILE -out NEW.pem` leaves them out"
        }
        "X509 CERTIFICATE" | "X.509 CERTIFICATE" => "; that label is obsolete: write CERTIFICATE in its place",
        "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA" => {
            "; `openssl pkcs7 -in FILE -print_certs -out NEW.pem` takes them out"
        }
        _ => "",
    }
}

/// The remediation for a key that cannot be used, as the end of a sentence.
pub(super) fn key_remedy(label: &str) -> &'static str {
    match label {
        "OPENSSH PRIVATE KEY" => "; `ssh-keygen -p -m PKCS8` rewrites an OpenSSH key",
        "DSA PRIVATE KEY" => "; TLS has no use for DSA keys",
        _ => "",
    }
}
