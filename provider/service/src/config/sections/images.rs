//! Lists of references to images.

use std::str::FromStr as _;
use std::sync::Arc;

use countersign_core::name::ImageRef;
use serde_json::json;

use crate::config::fields::Fields;
use crate::config::hints::Cut;
use crate::config::schema::Description;
use crate::config::schema::Effective;
use crate::config::schema::Kind;
use crate::config::schema::Sample;
use crate::config::yaml::Value;

/// References to images, of which a list has at most so many. None unless written.
pub(in crate::config) struct Images {
    pub(in crate::config) most: usize,
}

impl Kind for Images {
    type Value = Vec<Arc<ImageRef>>;

    fn read(&self, fields: &Fields<'_>, key: &'static str) -> Vec<Arc<ImageRef>> {
        let images =
            fields.texts(key, ("a reference to an image", "registry.example.com/app:v1"), Cut::Scheme, |text| {
                ImageRef::from_str(text).ok().map(Arc::new)
            });
        if let Some(Value::List(list)) = fields.node(key).map(|node| &node.value)
            && list.len() > self.most
        {
            fields.conflict(key, format!("{} images", list.len()), format!("at most {}", self.most));
        }
        images
    }

    fn show(&self, key: &str, value: &Vec<Arc<ImageRef>>, effective: &mut Effective) {
        let images: Vec<&str> = value.iter().map(|image| image.written()).collect();
        effective.add(key, images.join(","));
    }

    fn describe(&self) -> Description {
        Description {
            sample: Sample::Value("[]".to_owned()),
            schema: json!({
                "type": ["array", "null"],
                "items": {"type": "string", "minLength": 1},
                "maxItems": self.most,
                "default": [],
            }),
            limits: format!("At most {}.", self.most),
            is_required: false,
        }
    }
}
