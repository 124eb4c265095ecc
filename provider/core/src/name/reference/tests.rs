use super::*;
use crate::name::DigestError;
use crate::name::HostError;

const SHA: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn expanded(text: &str) -> String {
    text.parse::<ImageRef>().unwrap().to_string()
}

#[test]
fn expands_as_the_container_runtimes_do() {
    assert_eq!(expanded("nginx"), "docker.io/library/nginx:latest");
    assert_eq!(expanded("nginx:1.27"), "docker.io/library/nginx:1.27");
    assert_eq!(expanded("grafana/loki"), "docker.io/grafana/loki:latest");
    assert_eq!(expanded("index.docker.io/nginx"), "docker.io/library/nginx:latest");
    assert_eq!(expanded("registry-1.docker.io/library/nginx"), "registry-1.docker.io/library/nginx:latest");
    assert_eq!(expanded("registry:443/a"), "registry:443/a:latest");
    assert_eq!(expanded("localhost/a"), "localhost/a:latest");
    assert_eq!(expanded("localhost:5000/a/b:v1"), "localhost:5000/a/b:v1");
    assert_eq!(expanded("Registry/a"), "Registry/a:latest");
    assert_eq!(expanded("[::1]:5000/x"), "[::1]:5000/x:latest");
    assert_eq!(expanded(&format!("ghcr.io/a/b:v1@{SHA}")), format!("ghcr.io/a/b@{SHA}"));
}

#[test]
fn keeps_the_name_as_written_for_mutation() {
    for (text, name) in [
        ("nginx", "nginx"),
        ("nginx:1.27", "nginx"),
        ("localhost:5000/a:v1", "localhost:5000/a"),
        ("index.docker.io/nginx", "index.docker.io/nginx"),
    ] {
        assert_eq!(text.parse::<ImageRef>().unwrap().written_name(), name);
    }
}

#[test]
fn errors_name_the_malformed_part() {
    let syntax = |found: &str| ReferenceError::Host { found: found.into(), reason: HostError::Syntax };
    let port = |found: &str| ReferenceError::Host { found: found.into(), reason: HostError::Port };
    let path = |found: &str| ReferenceError::Repository { found: found.into() };
    let tag = |found: &str| ReferenceError::Tag { found: found.into() };
    for (text, error) in [
        ("", ReferenceError::Empty),
        (" nginx", path(" nginx")),
        ("nginx\n", path("nginx\n")),
        ("UPPER", path("UPPER")),
        ("a..b", path("a..b")),
        ("a___b", path("a___b")),
        ("a/", path("a/")),
        ("/a", path("/a")),
        ("a//b", path("a//b")),
        ("nginx:", tag("")),
        ("nginx:-x", tag("-x")),
        ("-a.example/b", syntax("-a.example")),
        ("a.example:0/b", port("a.example:0")),
        ("a.example:65536/b", port("a.example:65536")),
        ("a.example:/b", syntax("a.example:")),
        ("[::1/b", syntax("[::1")),
        ("[::zz]/b", syntax("[::zz]")),
        ("[default]nginx", path("[default]nginx")),
        ("https://a.example/b", syntax("https:")),
    ] {
        assert_eq!(text.parse::<ImageRef>(), Err(error), "{text:?}");
    }
    assert_eq!(
        "a@sha256:00".parse::<ImageRef>(),
        Err(ReferenceError::Digest(DigestError::Hex { algorithm: "sha256", expected: 64 }))
    );
    let long = "a".repeat(2000);
    assert_eq!(long.parse::<ImageRef>(), Err(ReferenceError::TooLong { found: 2000 }));
    let mirrored = "registry.hub.docker.com/nginx:1";
    let error = ReferenceError::DockerHubPath { host: "registry.hub.docker.com".into(), path: "nginx".into() };
    assert_eq!(mirrored.parse::<ImageRef>(), Err(error));
}

#[test]
fn an_image_id_of_a_node_or_its_beginning_is_no_name() {
    let id = "a".repeat(64);
    for text in [
        id.clone(),
        format!("sha256:{id}"),
        format!("sha384:{id}{}", "0".repeat(32)),
        format!("sha512:{id}{id}"),
        // containerd finds the only image whose ID has this prefix.
        "sha256:2".to_owned(),
        "sha256:44136fa355b3".to_owned(),
        format!("sha256:{}", &id[..63]),
        "sha384:0".to_owned(),
        "sha512:2024".to_owned(),
    ] {
        assert_eq!(text.parse::<ImageRef>(), Err(ReferenceError::ImageId { found: text.as_str().into() }), "{text}");
    }
    // The kubelet adds `:latest` to digits alone. An image ID has no `:latest`, slash, `@` or other letter.
    for (text, is) in [
        ("44136fa355b3", "docker.io/library/44136fa355b3:latest".to_owned()),
        ("sha256", "docker.io/library/sha256:latest".to_owned()),
        ("sha256:v1", "docker.io/library/sha256:v1".to_owned()),
        ("sha256:ABC", "docker.io/library/sha256:ABC".to_owned()),
        ("md5:abc", "docker.io/library/md5:abc".to_owned()),
        ("library/sha256:abc", "docker.io/library/sha256:abc".to_owned()),
        ("registry.example/sha256:abc", "registry.example/sha256:abc".to_owned()),
        (&format!("sha256:abc@{SHA}"), format!("docker.io/library/sha256@{SHA}")),
    ] {
        assert_eq!(expanded(text), is);
    }
}

#[test]
fn a_repository_is_compared_by_server_and_printed_as_written() {
    let repository = |text: &str| text.parse::<ImageRef>().unwrap().repository().clone();
    let written = repository("LOCALHOST:05000/app:v1");
    assert_eq!(written, repository("localhost:5000/app"));
    assert_ne!(written, repository("localhost:5001/app"));
    assert_ne!(written, repository("localhost:5000/other"));
    assert_eq!(written.to_string(), "LOCALHOST:05000/app");
    assert_eq!(repository("registry-1.docker.io/library/nginx"), repository("nginx"));
}

#[test]
fn a_scope_names_its_host_and_is_read_as_a_reference() {
    let scope = |text: &str| text.parse::<Repository>().map(|repository| repository.to_string());
    let no_host =
        |text: &str| Err(ReferenceError::NoHost { found: text.into(), part: text.split('/').next().unwrap().into() });
    assert_eq!(scope("registry.example/a"), Ok("registry.example/a".to_owned()));
    assert_eq!(scope("docker.io/nginx"), Ok("docker.io/library/nginx".to_owned()));
    assert_eq!(scope("index.docker.io/nginx"), Ok("docker.io/library/nginx".to_owned()));
    assert_eq!(scope("Registry/a"), Ok("Registry/a".to_owned()));
    for text in ["nginx", "library/nginx", "registry/a", ""] {
        assert_eq!(scope(text), no_host(text), "{text}");
    }
    assert_eq!(
        scope("Docker.io/nginx"),
        Err(ReferenceError::Host { found: "Docker.io".into(), reason: HostError::DockerHub })
    );
}
