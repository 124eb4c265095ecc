//! What may change in a document that is still accepted, and why it does no harm. Everything else counts as another meaning.

use countersign_core::notation::EnvelopeFormat;
use countersign_core_test_support::mutants::Kind;
use countersign_core_test_support::mutants::cases::Verdict;
use countersign_core_test_support::mutants::equal;
use countersign_core_test_support::mutants::node::Form;
use countersign_core_test_support::mutants::node::Node;

use countersign_testkit::Descriptor;
use countersign_testkit::pki::Authority;
use countersign_testkit::pki::CertSpec;
use countersign_testkit::pki::Key;
use countersign_testkit::pki::KeyType;
use countersign_testkit::signer::Format;
use countersign_testkit::signer::SignRequest;

use super::case;
use super::fields;
use super::is_taken;
use super::mixture;

/// The verdict about the first document of a kind after a change.
fn verdict(kind: Kind, change: impl Fn(&mut Node)) -> Verdict {
    let case = case(kind);
    let mut document = case.document.clone();
    change(&mut document);
    (case.judge)(&document).verdict
}

fn null() -> Node {
    Node::leaf(Form::Primitive(0x05, Vec::new()))
}

fn integer(value: u8) -> Node {
    Node::leaf(Form::Primitive(0x02, vec![value]))
}

// JSON has one meaning for these texts, and nothing that is signed is in them.
#[test]
fn white_space_and_the_order_of_members_of_a_jws_mean_nothing() {
    let case = case(Kind::Jws);
    let judge = |text: &str| (case.judge)(&Node::leaf(Form::Bytes(text.as_bytes().to_vec()))).verdict;
    let good = String::from_utf8(case.document.encode()).unwrap();
    assert_eq!(judge(&good.replacen('{', "{ \n", 1)), Verdict::EqualMeaning);
    let reversed = |node: &mut Node| node.parts.reverse();
    assert_eq!(verdict(Kind::Jws, reversed), Verdict::EqualMeaning);
    // Twice is not the same as once, and padding not the same as none.
    assert_eq!(judge(&good.replacen("{\"payload\"", "{\"payload\":\"\",\"payload\"", 1)), Verdict::Refused);
    let twice = good.replacen("{\"payload\"", "{\"payload\":\"\",\"payload\"", 1);
    assert!(equal::envelope(twice.as_bytes(), EnvelopeFormat::Jws).is_none());
}

// The agent is a claim for people: no check reads it, and anyone who can push a signature can write it.
#[test]
fn the_agent_means_nothing() {
    for (kind, header) in [(Kind::Jws, &[2, 0][..]), (Kind::Cose, &[0, 1])] {
        let without = verdict(kind, |document| {
            let header = document.at_mut(header).unwrap();
            let count = header.parts.len();
            header.parts.retain(|part| !format!("{part:?}").contains("io.cncf.notary.signingAgent"));
            assert_eq!(header.parts.len(), count - 1);
        });
        assert_eq!(without, Verdict::EqualMeaning, "{kind:?}");
    }
}

#[test]
fn every_part_of_an_envelope_that_decides_changes_the_meaning() {
    for (kind, format) in [(Kind::Jws, EnvelopeFormat::Jws), (Kind::Cose, EnvelopeFormat::Cose)] {
        let tree = &case(kind).document;
        let decisive = equal::envelope(&tree.encode(), format).unwrap();
        let keeps = |changed: &Node| {
            let changed = equal::envelope(&changed.encode(), format);
            changed.is_some_and(|changed| decisive.is_kept_by(&changed))
        };
        assert!(keeps(tree));
        let parts: &[&[usize]] = match format {
            // Payload, protected header, first certificate, signature.
            EnvelopeFormat::Jws => &[&[0, 0], &[1, 0], &[2, 0, 0, 0, 0], &[3, 0]],
            EnvelopeFormat::Cose => &[&[0, 2], &[0, 0], &[0, 1, 0, 1, 0], &[0, 3]],
        };
        for path in parts {
            let mut changed = tree.clone();
            let part = changed.at_mut(path).unwrap();
            let mut bytes: Vec<u8> = part.parts.iter().flat_map(Node::encode).collect();
            bytes[0] ^= 1;
            part.parts = vec![Node::leaf(Form::Bytes(bytes))];
            assert!(!keeps(&changed), "{format:?} {path:?}");
            // Twice, or not there.
            let (index, parent) = path.split_last().unwrap();
            for copies in [0, 2] {
                let mut changed = tree.clone();
                let parent = changed.at_mut(parent).unwrap();
                let part = parent.parts.remove(*index);
                parent.parts.extend(std::iter::repeat_n(part, copies));
                assert!(!keeps(&changed), "{format:?} {path:?}");
            }
        }
        // In another alphabet, or with padding.
        if format == EnvelopeFormat::Jws {
            let mut changed = tree.clone();
            changed.at_mut(&[3, 0]).unwrap().form = Form::Base64;
            assert!(!keeps(&changed));
        }
    }
}

// The certificates of an envelope are not signed, so a signature counts for every certificate of its key: whoever has the key of a trusted
// signer signs as that signer. That is why no other document of a case has such a signature about the image. It does not count with the
// certificate of an authority that is not trusted.
#[test]
fn a_signature_of_the_same_key_over_the_same_bytes_is_one_of_the_signer() {
    let others = Authority::root(CertSpec::root().common_name("others"));
    let chain = others.issue(CertSpec::leaf().with_key(&Key::cached(KeyType::Rsa2048, 2)));
    let expiry = SignRequest::SIGNED_AT + std::time::Duration::from_secs(86_400 * 3650);
    let request = SignRequest::new(&chain, &Descriptor::sample("image")).expiry(expiry);
    for (kind, format, certificates, signature) in
        [(Kind::Jws, Format::Jws, &[2, 0, 0][..], &[3][..]), (Kind::Cose, Format::Cose, &[0, 1, 0], &[0, 3])]
    {
        let case = case(kind);
        let envelope = request.envelope(format);
        let other = if kind == Kind::Jws { Node::of_json(&envelope) } else { Node::of_cbor(&envelope) }.unwrap();
        let all = fields(&case.document);
        for taken in 0..1_usize << all.len() {
            let has = |path: &[usize]| is_taken(&all, taken, path);
            let expected = match (has(certificates), has(signature)) {
                (true, _) => Verdict::Refused,
                (false, true) => Verdict::Verified,
                (false, false) => Verdict::EqualMeaning,
            };
            let mixture = mixture(&case.document, &other, has);
            assert_eq!((case.judge)(&mixture).verdict, expected, "{kind:?} {taken:#b}");
        }
    }
}

/// The SignedData of a token.
const SIGNED_DATA: [usize; 2] = [1, 0];

/// The only SignerInfo of a token.
fn signer(token: &mut Node) -> &mut Node {
    &mut token.at_mut(&SIGNED_DATA).unwrap().parts.last_mut().unwrap().parts[0]
}

// RFC 5652 5.3 wants the signed attributes in DER, which sorts them. They are a set, hashed in the order of DER (5.4): the signature
// covers each of them, and no check depends on the order. notation encodes them again in the same way and accepts the token.
#[test]
fn the_order_of_the_signed_attributes_of_a_token_means_nothing() {
    let reversed = verdict(Kind::Token, |token| {
        let attributes = &mut signer(token).parts[3];
        assert!(attributes.form == Form::Constructed(0xa0) && attributes.parts.len() >= 3);
        attributes.parts.reverse();
    });
    assert_eq!(reversed, Verdict::EqualMeaning);
    let repeated = verdict(Kind::Token, |token| {
        let attributes = &mut signer(token).parts[3];
        attributes.parts.push(attributes.parts[0].clone());
    });
    assert_eq!(repeated, Verdict::Refused);
}

// RFC 3161 2.4.2 wants the TSA's signature and no other. Each is verified on its own, so one that is not valid cannot make a time, and
// cannot take the time of the valid one away: notation accepts one valid signature of several, too (tspclient-go has a vector).
#[test]
fn other_signatures_of_a_token_mean_nothing() {
    for place in [0, 1] {
        let two = verdict(Kind::Token, |token| {
            let mut other = signer(token).clone();
            other.parts[5] = Node::leaf(Form::Primitive(0x04, vec![1; 256]));
            token.at_mut(&SIGNED_DATA).unwrap().parts.last_mut().unwrap().parts.insert(place, other);
        });
        assert_eq!(two, Verdict::EqualMeaning, "{place}");
    }
    let only = verdict(Kind::Token, |token| {
        signer(token).parts[5] = Node::leaf(Form::Primitive(0x04, vec![1; 256]));
    });
    assert_eq!(only, Verdict::Refused);
}

// RFC 4055 2.1 and 5: the parameters of RSA with SHA-2, and of SHA-2, are NULL, and readers accept that they are absent. Nothing can be
// chosen by it. Any other parameters are refused.
#[test]
fn parameters_that_are_null_or_absent_are_the_same() {
    let with = |path: &'static [usize], parameters: Option<Node>| {
        move |document: &mut Node| {
            let algorithm = document.at_mut(path).unwrap();
            algorithm.parts.truncate(1);
            algorithm.parts.extend(parameters.clone());
        }
    };
    for (parameters, expected) in [
        (None, Verdict::EqualMeaning),
        (Some(null()), Verdict::EqualMeaning),
        (Some(integer(1)), Verdict::Refused),
        (Some(Node::leaf(Form::Primitive(0x05, vec![0]))), Verdict::Refused),
    ] {
        // The algorithm of a response; of the digest and of the key of a token.
        let response = with(&[1, 0, 1, 0, 1], parameters.clone());
        assert_eq!(verdict(Kind::Ocsp, response), expected, "{parameters:?}");
        for part in [2, 4] {
            let found = verdict(Kind::Token, |token| with(&[], parameters.clone())(&mut signer(token).parts[part]));
            assert_eq!(found, expected, "{part} {parameters:?}");
        }
    }
    let two = verdict(Kind::Ocsp, |document| document.at_mut(&[1, 0, 1, 0, 1]).unwrap().parts.extend([null(), null()]));
    assert_eq!(two, Verdict::Refused);
    // A list has its algorithm also in the signed part, and both are the same.
    let list = [None, Some(null())].map(|parameters| verdict(Kind::Crl, with(&[1], parameters)));
    assert!(list.contains(&Verdict::Refused), "{list:?}");
}

// RFC 5754 3.2: a signer may name RSA alone or with the hash function, which must be that of the digest. The same key verifies the same
// signature of the same bytes.
#[test]
fn rsa_alone_and_with_the_hash_function_of_the_digest_are_the_same_algorithm_of_a_token() {
    // The last number of 1.2.840.113549.1.1: RSA alone; with MD5, SHA-1, SHA-256, SHA-384 and SHA-512; PSS without parameters.
    for (number, expected) in [
        (1, Verdict::EqualMeaning),
        (4, Verdict::Refused),
        (5, Verdict::Refused),
        (11, Verdict::EqualMeaning),
        (12, Verdict::Refused),
        (13, Verdict::Refused),
        (10, Verdict::Refused),
    ] {
        let name = vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, number];
        let found = verdict(Kind::Token, |token| {
            signer(token).parts[4].parts[0] = Node::leaf(Form::Primitive(0x06, name.clone()));
        });
        assert_eq!(found, expected, "{number}");
    }
}

// RFC 5652 5.3: unsigned attributes are signed by no one, and no check reads them. Certificates only help to find a chain, every link of
// which is verified; the signer's is named by a signed attribute with its hash.
#[test]
fn unsigned_attributes_and_more_certificates_of_a_token_mean_nothing() {
    let attribute = || {
        let name = Node::leaf(Form::Primitive(0x06, vec![0x2a, 0x03]));
        Node {
            form: Form::Constructed(0x30),
            parts: vec![name, Node { form: Form::Constructed(0x31), parts: vec![integer(1)] }],
        }
    };
    let unsigned = verdict(Kind::Token, |token| {
        signer(token).parts.push(Node { form: Form::Constructed(0xa1), parts: vec![attribute()] });
    });
    assert_eq!(unsigned, Verdict::EqualMeaning);
    let repeated = verdict(Kind::Token, |token| {
        let certificates = token.at_mut(&[1, 0, 3]).unwrap();
        assert_eq!(certificates.form, Form::Constructed(0xa0));
        certificates.parts.push(certificates.parts[0].clone());
        certificates.parts.reverse();
    });
    assert_eq!(repeated, Verdict::EqualMeaning);
}

#[test]
fn every_part_of_a_token_that_decides_changes_the_meaning() {
    let token = &case(Kind::Token).document;
    let decisive = equal::token(token).unwrap();
    let mut other = token.clone();
    other.at_mut(&SIGNED_DATA).unwrap().parts[2].parts.reverse();
    assert!(!decisive.is_kept_by(&equal::token(&other).unwrap()));
    // Version, identifier, digest, attributes, algorithm.
    for part in 0..5 {
        let mut other = token.clone();
        signer(&mut other).parts[part].parts.push(integer(1));
        if part == 0 {
            signer(&mut other).parts[part] = integer(3);
        }
        let other = equal::token(&other).unwrap();
        assert!(!decisive.is_kept_by(&other), "{part}");
    }
    let mut other = token.clone();
    signer(&mut other).parts[5] = Node::leaf(Form::Primitive(0x04, vec![1; 256]));
    assert!(!decisive.is_kept_by(&equal::token(&other).unwrap()));
}

// RFC 6960 4.2.1: the certificates of a response are not signed by it, and help to find the responder, who is checked.
#[test]
fn more_certificates_of_a_response_mean_nothing() {
    let certificates = |document: &mut Node, other: Node| {
        let list = Node { form: Form::Constructed(0x30), parts: vec![other] };
        let basic = document.at_mut(&[1, 0, 1, 0]).unwrap();
        basic.parts.truncate(3);
        basic.parts.push(Node { form: Form::Constructed(0xa0), parts: vec![list] });
    };
    let other = case(Kind::Chain).document.parts[0].clone();
    assert_eq!(verdict(Kind::Ocsp, |document| certificates(document, other.clone())), Verdict::EqualMeaning);
    // But the status of the response, which is not signed either, decides.
    let later = verdict(Kind::Ocsp, |document| document.parts[0] = Node::leaf(Form::Primitive(0x0a, vec![3])));
    assert_eq!(later, Verdict::Refused);
}
