//! One tree for JSON, CBOR and DER, with what is encoded inside them (base64, byte strings), so that a change of one part leaves
//! everything around it well-formed: lengths and encodings are written again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ciborium::Value as Cbor;
use serde_json::json;

/// An element and the elements inside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What the element is, without its parts.
    pub form: Form,
    /// The elements inside it, in order.
    pub parts: Vec<Self>,
}

/// What an element is.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// An object of JSON; its parts are members.
    Object,
    /// A member of an object, with one part.
    Member(String),
    /// An array of JSON.
    Array,
    /// A text of JSON.
    Text(String),
    /// Any other value of JSON, as written.
    Raw(String),
    /// A text of JSON: base64url without padding of the parts.
    Base64Url,
    /// A text of JSON: base64 with padding of the parts.
    Base64,
    /// A map of CBOR; its parts are pairs.
    Map,
    /// A label and its value.
    Pair,
    /// An array of CBOR.
    List,
    /// A tag of CBOR, with one part.
    Tag(u64),
    /// A byte string of CBOR with the encoding of the parts.
    ByteString,
    /// Any other item of CBOR.
    Item(Cbor),
    /// A constructed element of DER, by its tag.
    Constructed(u8),
    /// A primitive element of DER with elements inside it, after these bytes: OCTET STRING, BIT STRING.
    Wrapping(u8, Vec<u8>),
    /// A primitive element of DER.
    Primitive(u8, Vec<u8>),
    /// Several documents, such as the certificates of a chain.
    Documents,
    /// Anything else.
    Bytes(Vec<u8>),
}

/// Where an element may be without that the outer parse fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A value of JSON.
    Json,
    /// A member of an object.
    Member,
    /// An item of CBOR.
    Cbor,
    /// A pair of a map.
    Pair,
    /// An element of DER.
    Der,
    /// The content of an encoding, or a whole document.
    Content,
}

/// The indexes of parts from the root.
pub type Path = Vec<usize>;

impl Node {
    /// An element without parts.
    #[must_use]
    pub fn leaf(form: Form) -> Self {
        Self { form, parts: Vec::new() }
    }

    /// A member of an object.
    #[must_use]
    pub fn member(name: &str, value: Self) -> Self {
        Self { form: Form::Member(name.to_owned()), parts: vec![value] }
    }

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let inside = || self.parts.iter().flat_map(Self::encode).collect::<Vec<u8>>();
        let joined = || self.parts.iter().map(Self::encode).collect::<Vec<_>>().join(&b","[..]);
        match &self.form {
            Form::Object => [b"{", &joined()[..], b"}"].concat(),
            Form::Array => [b"[", &joined()[..], b"]"].concat(),
            Form::Member(name) => [json!(name).to_string().as_bytes(), b":", &inside()].concat(),
            Form::Text(text) => json!(text).to_string().into_bytes(),
            Form::Raw(text) => text.clone().into_bytes(),
            Form::Base64Url => format!("\"{}\"", URL_SAFE_NO_PAD.encode(inside())).into_bytes(),
            Form::Base64 => format!("\"{}\"", STANDARD.encode(inside())).into_bytes(),
            Form::Map => [head(5, self.parts.len()), inside()].concat(),
            Form::List => [head(4, self.parts.len()), inside()].concat(),
            Form::Tag(number) => [head(6, usize::try_from(*number).unwrap_or_default()), inside()].concat(),
            Form::ByteString => {
                let content = inside();
                [head(2, content.len()), content].concat()
            }
            Form::Item(value) => {
                let mut bytes = Vec::new();
                ciborium::into_writer(value, &mut bytes).unwrap();
                bytes
            }
            Form::Constructed(tag) => countersign_testkit::der::element(*tag, &inside()),
            Form::Wrapping(tag, before) => countersign_testkit::der::element(*tag, &[&before[..], &inside()].concat()),
            Form::Primitive(tag, content) => countersign_testkit::der::element(*tag, content),
            Form::Bytes(bytes) => bytes.clone(),
            Form::Pair | Form::Documents => inside(),
        }
    }

    /// The element at `path`.
    #[must_use]
    pub fn at(&self, path: &[usize]) -> Option<&Self> {
        path.iter().try_fold(self, |node, index| node.parts.get(*index))
    }

    /// The element at `path`.
    pub fn at_mut(&mut self, path: &[usize]) -> Option<&mut Self> {
        path.iter().try_fold(self, |node, index| node.parts.get_mut(*index))
    }

    /// The value of the first member with this name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Self> {
        self.parts.iter().find(|part| matches!(&part.form, Form::Member(own) if own == name))?.parts.first()
    }

    /// The first part of a pair's label and its value, by the encoding of the label.
    #[must_use]
    pub fn labelled(&self, label: &Cbor) -> Option<&Self> {
        let found = self.parts.iter().find(|pair| {
            matches!((&pair.form, pair.parts.first()), (Form::Pair, Some(Self { form: Form::Item(own), .. })) if own == label)
        });
        found?.parts.get(1)
    }

    /// Where the parts of this element are.
    #[must_use]
    pub fn place_of_parts(&self) -> Place {
        match &self.form {
            Form::Object => Place::Member,
            Form::Array | Form::Member(_) => Place::Json,
            Form::Map => Place::Pair,
            Form::Pair | Form::List | Form::Tag(_) => Place::Cbor,
            Form::Constructed(_) | Form::Wrapping(..) => Place::Der,
            Form::Base64Url
            | Form::Base64
            | Form::ByteString
            | Form::Documents
            | Form::Text(_)
            | Form::Raw(_)
            | Form::Item(_)
            | Form::Primitive(..)
            | Form::Bytes(_) => Place::Content,
        }
    }

    /// The paths of all elements with their places, the root first.
    #[must_use]
    pub fn paths(&self) -> Vec<(Path, Place)> {
        let mut found = vec![(Path::new(), Place::Content)];
        let mut next = 0;
        while let Some((path, _)) = found.get(next).cloned() {
            let node = self.at(&path).unwrap();
            let place = node.place_of_parts();
            found.extend((0..node.parts.len()).map(|index| ([&path[..], &[index]].concat(), place)));
            next += 1;
        }
        found
    }
}

/// The shortest head of an item of CBOR.
fn head(major: u8, value: usize) -> Vec<u8> {
    let major = major << 5;
    let value = u32::try_from(value).unwrap_or(u32::MAX);
    match (u8::try_from(value), u16::try_from(value)) {
        (Ok(small @ 0..24), _) => vec![major | small],
        (Ok(byte), _) => vec![major | 24, byte],
        (Err(_), Ok(short)) => [&[major | 25][..], &short.to_be_bytes()].concat(),
        (Err(_), Err(_)) => [&[major | 26][..], &value.to_be_bytes()].concat(),
    }
}
