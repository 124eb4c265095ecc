use super::*;

const BLOCK: &str = "-----BEGIN CERTIFICATE-----\nBA==\n-----END CERTIFICATE-----\n";

fn read(text: impl AsRef<[u8]>) -> Result<Vec<Vec<u8>>, PemError> {
    certificates(text.as_ref()).map(|blocks| blocks.into_iter().map(|block| block.der).collect())
}

fn block(label: &str) -> String {
    format!("-----BEGIN {label}-----\nBA==\n-----END {label}-----\n")
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[test]
fn reads_blocks_with_text_and_white_space_around() {
    let text = "Certificate:\n  Version: 3\r\n-----BEGIN CERTIFICATE-----\r\nAQI\r\nD\r\n-----END CERTIFICATE-----\r\n\n \
                # next\n  -----BEGIN CERTIFICATE-----\nBA==\n-----END CERTIFICATE-----\n \t\n";
    let blocks = certificates(text.as_bytes()).unwrap();
    assert_eq!(blocks, [CertificateBlock { line: 3, der: vec![1, 2, 3] }, CertificateBlock { line: 9, der: vec![4] }]);
}

#[test]
fn ignores_what_editors_add() {
    for (name, bytes) in [
        ("UTF-8 byte order mark", [b"\xef\xbb\xbf", BLOCK.as_bytes()].concat()),
        ("Windows", BLOCK.replace('\n', "\r\n").into_bytes()),
        ("old Mac", BLOCK.replace('\n', "\r").into_bytes()),
        ("converted twice", BLOCK.replace('\n', "\r\r\n").into_bytes()),
        ("trailing spaces", BLOCK.replace('\n', " \t\n").into_bytes()),
        ("indented", BLOCK.replace('\n', "\n    ").into_bytes()),
        ("no last line feed", BLOCK.trim_end().as_bytes().to_vec()),
        ("Ctrl-Z", [BLOCK.as_bytes(), b"\x1a"].concat()),
        ("Ctrl-Z after a line end", [BLOCK.as_bytes(), b"\r\n\x1a\r\n"].concat()),
        ("empty lines within", BLOCK.replace("BA==", "\n\nBA=\n=\n").into_bytes()),
    ] {
        assert_eq!(read(&bytes), Ok(vec![vec![4]]), "{name}");
        assert_eq!(certificates_to_the_end(&bytes).map(|blocks| blocks.len()), Ok(1), "{name}");
    }
    // Two files with a mark each, appended.
    let marked = [b"\xef\xbb\xbf", BLOCK.as_bytes()].concat();
    assert_eq!(read(marked.repeat(2)), Ok(vec![vec![4], vec![4]]));
}

#[test]
fn text_may_follow_unless_the_file_must_be_read_to_its_end() {
    let pem = format!("issuer=CN=x\n{BLOCK}\n---\nServer certificate\n");
    assert_eq!(read(&pem), Ok(vec![vec![4]]));
    assert_eq!(certificates_to_the_end(pem.as_bytes()), Err(PemError::TrailingText { line: 6 }));
}

#[test]
fn names_the_line_of_everything_that_cannot_be_read() {
    let boundary = |line, found: &str| Err(PemError::Boundary { line, found: text(found) });
    for (pem, error) in [
        (format!("-----BEGIN CERTIFICATE-----\n{BLOCK}"), boundary(2, "-----BEGIN CERTIFICATE-----")),
        (text("x\n-----END CERTIFICATE-----\n-----BEGIN"), boundary(2, "-----END CERTIFICATE-----")),
        (BLOCK.replace("END CERTIFICATE", "END PRIVATE KEY"), boundary(3, "-----END PRIVATE KEY-----")),
        (BLOCK.replace("BEGIN CERTIFICATE-----", "BEGIN CERTIFICATE----"), boundary(1, "-----BEGIN CERTIFICATE…")),
        (BLOCK.replace("BEGIN CERTIFICATE-----", "BEGIN certificate-----"), boundary(1, "-----BEGIN …")),
        (format!("-----------\n{BLOCK}"), boundary(1, "-----…")),
        (
            text("-----BEGIN CERTIFICATE-----BA==-----END CERTIFICATE-----"),
            Err(PemError::NotAlone { line: 1, found: text("-----BEGIN CERTIFICATE-----") }),
        ),
        // Two files, the first without a last line feed, appended.
        (
            format!("{}{BLOCK}", BLOCK.trim_end()),
            Err(PemError::NotAlone { line: 3, found: text("-----END CERTIFICATE-----") }),
        ),
        (
            format!("{BLOCK}-----BEGIN CERTIFICATE-----\nBA=="),
            Err(PemError::Unfinished { line: 4, label: text("CERTIFICATE") }),
        ),
        (
            format!("{BLOCK}{}", BLOCK.replace("BA==", "BA=")),
            Err(PemError::Base64 { line: 4, label: text("CERTIFICATE") }),
        ),
        (BLOCK.replace("BA==", "BB=="), Err(PemError::Base64 { line: 1, label: text("CERTIFICATE") })),
        (BLOCK.replace("BA==", "Proc-Type: 4"), Err(PemError::Base64 { line: 1, label: text("CERTIFICATE") })),
    ] {
        assert_eq!(read(&pem), error, "{pem}");
    }
}

#[test]
fn other_labels_are_errors_with_a_remediation() {
    for (label, cure) in [
        (
            "TRUSTED CERTIFICATE",
            "; its trust settings are OpenSSL's own and are not read: `openssl x509 -in FILE -out NEW.pem` leaves them out",
        ),
        ("X509 CERTIFICATE", "; that label is obsolete: write CERTIFICATE in its place"),
        ("X.509 CERTIFICATE", "; that label is obsolete: write CERTIFICATE in its place"),
        ("PKCS7", "; `openssl pkcs7 -in FILE -print_certs -out NEW.pem` takes them out"),
        ("CMS", "; `openssl pkcs7 -in FILE -print_certs -out NEW.pem` takes them out"),
        ("CERTIFICATE REQUEST", ""),
        ("X509 CRL", ""),
        ("PUBLIC KEY", ""),
    ] {
        let error = read(format!("{BLOCK}{}", block(label))).unwrap_err();
        assert_eq!(error, PemError::NoCertificate { line: 4, label: text(label) });
        assert_eq!(
            error.to_string(),
            format!("PEM block that begins on line 4: found label {label:?}, expected CERTIFICATE{cure}")
        );
    }
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        let error = read(format!("{BLOCK}{}", block(label))).unwrap_err();
        assert_eq!(error, PemError::KeyAmongCertificates { line: 4, label: text(label) });
    }
}

#[test]
fn a_server_may_have_both_in_one_file() {
    let both = format!("{}{BLOCK}{}{BLOCK}", block("EC PARAMETERS"), block("EC PRIVATE KEY"));
    let blocks = certificates_beside_key(both.as_bytes()).unwrap();
    assert_eq!(blocks.iter().map(|block| block.line).collect::<Vec<_>>(), [4, 10]);
    assert_eq!(private_key(both.as_bytes()), Ok(PrivateKey { format: KeyFormat::Sec1, der: vec![4] }));
    let only_key = block("PRIVATE KEY");
    assert_eq!(certificates_beside_key(only_key.as_bytes()), Err(PemError::NoCertificateBlock));
    let trusted = format!("{BLOCK}{}", block("TRUSTED CERTIFICATE"));
    assert_eq!(
        certificates_beside_key(trusted.as_bytes()),
        Err(PemError::NoCertificate { line: 4, label: text("TRUSTED CERTIFICATE") })
    );
}

#[test]
fn reads_every_kind_of_private_key() {
    for (label, format) in
        [("PRIVATE KEY", KeyFormat::Pkcs8), ("RSA PRIVATE KEY", KeyFormat::Pkcs1), ("EC PRIVATE KEY", KeyFormat::Sec1)]
    {
        let pem = format!("\u{feff}Bag Attributes\r\n{}", block(label).replace('\n', "\r\n"));
        assert_eq!(private_key(pem.as_bytes()), Ok(PrivateKey { format, der: vec![4] }));
    }
}

#[test]
fn refuses_other_keys_without_showing_them() {
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nBA==\n-----END RSA PRIVATE KEY-----\n";
    let two = format!("{}{}", block("PRIVATE KEY"), block("EC PRIVATE KEY"));
    let unknown = |label: &str| PemError::UnknownKey { line: 1, label: text(label) };
    let one_line = "-----BEGIN PRIVATE KEY-----hunter2-----END PRIVATE KEY-----";
    for (pem, error) in [
        (block("ENCRYPTED PRIVATE KEY"), PemError::EncryptedKey { line: 1 }),
        (text(old), PemError::EncryptedKey { line: 1 }),
        (two, PemError::SeveralKeys { first: 1, second: 4 }),
        (block("OPENSSH PRIVATE KEY"), unknown("OPENSSH PRIVATE KEY")),
        (block("DSA PRIVATE KEY"), unknown("DSA PRIVATE KEY")),
        (block("X509 CRL"), unknown("X509 CRL")),
        (text(BLOCK), PemError::NoKeyBlock),
        (text("hunter2"), PemError::KeyNotPem { form: Form::Other }),
        (text(one_line), PemError::NotAlone { line: 1, found: text("-----BEGIN PRIVATE KEY-----") }),
        (text("-----BEGIN PRIVATE KEY-hunter2-----\n"), PemError::Boundary { line: 1, found: text("-----BEGIN …") }),
        (text("-----BEGIN PRIVATE KEY-----\nhunter2\n"), PemError::Unfinished { line: 1, label: text("PRIVATE KEY") }),
        (block("PRIVATE KEY").replace("BA==", "hunter2!"), PemError::Base64 { line: 1, label: text("PRIVATE KEY") }),
    ] {
        let found = private_key(pem.as_bytes()).unwrap_err();
        assert!(!found.to_string().contains("hunter2"), "{found}");
        assert_eq!(found, error);
    }
    let key = private_key(block("PRIVATE KEY").as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey { format: Pkcs8, .. }");
}

#[test]
fn names_the_format_of_a_file_that_is_not_pem() {
    let utf16: Vec<u8> = BLOCK.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [&[0xff, 0xfe][..], &utf16].concat();
    let signed_data = [0x30, 0x82, 1, 0, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    for (bytes, form, message) in [
        (
            &[0x30, 0x82, 1, 0, 0x30][..],
            Form::Der,
            "is DER, expected CERTIFICATE blocks in PEM; `openssl x509 -inform der -in FILE -out NEW.pem` \
             converts a certificate",
        ),
        (
            &[0x30, 0x82, 1, 0, 2, 1, 3, 0x30],
            Form::Pkcs12,
            "is a PKCS #12 file, expected CERTIFICATE blocks in PEM; `openssl pkcs12 -in FILE -nokeys -out \
             NEW.pem` takes the certificates out",
        ),
        (
            &signed_data,
            Form::Pkcs7,
            "is a PKCS #7 file, expected CERTIFICATE blocks in PEM; `openssl pkcs7 -inform der -in FILE \
             -print_certs -out NEW.pem` takes the certificates out",
        ),
        (
            &[0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2],
            Form::JavaKeyStore,
            "is a Java key store, expected CERTIFICATE blocks in PEM; `keytool -exportcert -rfc -alias NAME \
             -keystore FILE` takes a certificate out",
        ),
        (&utf16, Form::Utf16, "is UTF-16 text, expected CERTIFICATE blocks in PEM; save the file as UTF-8 or ASCII"),
        (&marked, Form::Utf16, "is UTF-16 text, expected CERTIFICATE blocks in PEM; save the file as UTF-8 or ASCII"),
        (
            b"LS0tLS1CRUdJTiBDRVJU\n",
            Form::Base64OfPem,
            "is base64 of PEM, expected CERTIFICATE blocks in PEM; `base64 -d FILE` decodes it",
        ),
        (b" \r\n\x1a", Form::Empty, "is empty, expected CERTIFICATE blocks in PEM"),
        (b"# no certificates yet\n", Form::Other, "has no -----BEGIN line, expected CERTIFICATE blocks in PEM"),
    ] {
        let error = read(bytes).unwrap_err();
        assert_eq!((error.clone(), error.to_string().as_str()), (PemError::NotPem { form }, message));
        assert_eq!(private_key(bytes), Err(PemError::KeyNotPem { form }));
    }
}

#[test]
fn blocks_are_counted_while_reading() {
    assert_eq!(read(BLOCK.repeat(crate::limits::PEM_BLOCKS)).unwrap().len(), crate::limits::PEM_BLOCKS);
    assert_eq!(read(BLOCK.repeat(crate::limits::PEM_BLOCKS + 1)), Err(PemError::TooManyBlocks));
}
