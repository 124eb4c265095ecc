//! Labels of PEM blocks.

pub(super) fn is_key(label: &str) -> bool {
    label.ends_with("PRIVATE KEY")
}

/// What tools write beside a private key and is no secret.
pub(super) fn is_parameters(label: &str) -> bool {
    matches!(label, "EC PARAMETERS" | "DH PARAMETERS" | "PUBLIC KEY" | "RSA PUBLIC KEY" | "EC PUBLIC KEY")
}

/// What to do with a block that is not called `CERTIFICATE` although it may hold some.
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

/// What to do with a key that cannot be used, as the end of a sentence.
pub(super) fn key_remedy(label: &str) -> &'static str {
    match label {
        "OPENSSH PRIVATE KEY" => "; `ssh-keygen -p -m PKCS8` rewrites an OpenSSH key",
        "DSA PRIVATE KEY" => "; TLS has no use for DSA keys",
        _ => "",
    }
}
