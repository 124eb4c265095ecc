//! Requests and responses of the timestamp protocol (RFC 3161 §2.4), for a TSA over HTTP.

use crate::der;
use crate::timestamp::Tsa;

impl Tsa {
    /// Media type of a request.
    pub const QUERY: &str = "application/timestamp-query";
    /// Media type of a response.
    pub const REPLY: &str = "application/timestamp-reply";

    /// The TimeStampResp to a TimeStampReq, with the request's imprint, policy and nonce, and with certificates if the
    /// request asks for them. Panics on a malformed request.
    #[must_use]
    pub fn respond(&self, request: &[u8]) -> Vec<u8> {
        let fields = der::children(request);
        let imprint = der::children(fields[1]);
        let mut parts = self.parts(&[]);
        (parts.info.imprint_algorithm, parts.info.imprint) = (imprint[0].to_vec(), der::content(imprint[1]).to_vec());
        let mut wants_certificates = false;
        for field in &fields[2..] {
            match field[0] {
                0x02 => parts.info.nonce = Some(field.to_vec()),
                0x01 => wants_certificates = field[2] != 0,
                _ => {}
            }
        }
        if !wants_certificates {
            parts.certificates.clear();
        }
        der::sequence([der::sequence([der::integer(0)]), parts.seal()])
    }
}
