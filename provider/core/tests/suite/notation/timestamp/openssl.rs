//! Tokens of OpenSSL 3.0 (`openssl ts`), which shares no code with this project. The files in `openssl/` are: the root, and
//! tokens over [`MESSAGE`] of 26 November 2026, by an RSA and by an EC key, with the certificate identifier of the second
//! and of the first version. Each has a fraction, an accuracy in three parts, and the name of the authority.

use countersign_core::timestamp::TimestampToken;
use countersign_core::x509::Certificate;

use crate::notation::timestamp::fixture::MESSAGE;
use crate::notation::timestamp::fixture::at;
use crate::notation::timestamp::fixture::subjects;

#[test]
fn verifies_the_tokens_of_openssl() {
    let root = Certificate::parse(include_bytes!("openssl/root.cer")).unwrap();
    let tokens: [(&str, &[u8], &str, &str); 4] = [
        ("rsa", include_bytes!("openssl/rsa-v2.tst"), "34.530165Z", "37.530365Z"),
        ("rsa", include_bytes!("openssl/rsa-v1.tst"), "34.565775Z", "37.565975Z"),
        ("ec", include_bytes!("openssl/ec-v2.tst"), "34.700608Z", "37.700808Z"),
        ("ec", include_bytes!("openssl/ec-v1.tst"), "34.738366Z", "37.738566Z"),
    ];
    for (name, token, earliest, latest) in tokens {
        let token = TimestampToken::parse(token).unwrap();
        let verify = |message| token.verify(message, std::iter::once(&root), at("2026-11-27T00:00:00Z"));
        let timestamp = verify(MESSAGE).unwrap();
        assert_eq!(timestamp.earliest().to_string(), format!("2026-11-26T23:40:{earliest}"));
        assert_eq!(timestamp.latest().to_string(), format!("2026-11-26T23:40:{latest}"));
        assert_eq!(
            subjects(&timestamp),
            [format!("CN={name},O=OpenSSL TSA,C=CH"), "CN=root,O=OpenSSL TSA,C=CH".into()]
        );
        assert!(verify(b"another message").is_err());
    }
}
