//! The network of a chapter in namespaces of its own: where the services of a cloud listen, and the names that lead there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::SocketAddr;

use anyhow::Context;
use serde_json::Value;

/// The doubles' services, where each listens, and the names that lead there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network(pub(super) &'static [(&'static str, &'static str, &'static [&'static str])]);

/// The Service of Countersign, which leads to its pod.
const SERVICE: (&str, &str) = ("10.0.0.50", "countersign.countersign.svc");

impl Network {
    /// All addresses with their names, and that of Countersign.
    pub(super) fn addresses(&self) -> anyhow::Result<BTreeMap<IpAddr, Vec<String>>> {
        let parsed = self.0.iter().map(|(service, address, names)| {
            let address: SocketAddr = address.parse().with_context(|| format!("the address of {service}"))?;
            Ok((address.ip(), names.iter().map(|name| (*name).to_owned()).collect()))
        });
        let service = Ok((SERVICE.0.parse()?, vec![SERVICE.1.to_owned()]));
        parsed.chain([service]).collect()
    }

    /// `listen` of the doubles' configuration.
    pub(super) fn listen(&self) -> Value {
        self.0.iter().map(|(service, address, _)| ((*service).to_owned(), Value::from(*address))).collect()
    }

    /// The names of all servers.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.iter().flat_map(|(_, _, names)| names.iter().copied()).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_service_has_its_address_and_names() {
        let network = Network(&[("a", "10.0.64.1:443", &["a.example", "b.example"]), ("b", "169.254.169.254:80", &[])]);
        assert_eq!(network.names(), ["a.example", "b.example"]);
        assert_eq!(network.listen(), json!({ "a": "10.0.64.1:443", "b": "169.254.169.254:80" }));
        let addresses = network.addresses().unwrap();
        let found: Vec<_> = addresses.iter().map(|(address, names)| (address.to_string(), names.join(" "))).collect();
        let expected = [("10.0.0.50", SERVICE.1), ("10.0.64.1", "a.example b.example"), ("169.254.169.254", "")];
        assert_eq!(found, expected.map(|(address, names)| (address.to_owned(), names.to_owned())));
        let error = Network(&[("a", "10.0.64.1", &[])]).addresses().unwrap_err();
        assert_eq!(error.to_string(), "the address of a");
    }
}
