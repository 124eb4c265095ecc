//! `cargo demo --keep`: the commands that it prints, and the denials that the documents show.

use countersign_test_support::binary;

use crate::documents::example::Demo;
use crate::documents::example::Image;
use crate::documents::example::commands::commands;
use crate::documents::markdown::blocks;
use crate::documents::markdown::read;

/// The denial of an unsigned image in a block of a page: one line, up to the first ellipsis.
fn documented(block: &str) -> String {
    let start = block.find("[signed-images-in-pods] ").unwrap();
    let lines: Vec<_> = block[start..].lines().map(str::trim).collect();
    lines.join(" ").split('…').next().unwrap().trim_end().to_owned()
}

/// An image of the demo, and what a user who runs it receives.
async fn review<'a>(demo: &'a Demo, pod: &str) -> (&'a Image, Vec<String>) {
    let image = demo.fixtures.images.iter().find(|image| image.pod == pod).unwrap();
    (image, demo.gatekeeper.review(image.pod, &image.reference).await.unwrap())
}

#[tokio::test]
async fn the_commands_of_the_demo_work_and_the_documents_show_its_denial() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let demo = Demo::start().await.unwrap();
    assert_eq!(demo.show().await.unwrap(), 0);

    let commands = commands(&demo.fixtures, &demo.provider).unwrap();
    let statuses: Vec<_> = commands.iter().map(|command| command.status).collect();
    assert_eq!(statuses, [0, 1, 2, 1, 1, 1, 0, 1, 0]);
    for command in commands {
        let line = command.line();
        assert_eq!(line.split(' ').skip(1).collect::<Vec<_>>(), command.arguments);
        let mut process = binary::command(env!("CARGO_BIN_EXE_countersign"), &[]);
        process.args(&command.arguments);
        let output = tokio::task::spawn_blocking(move || process.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(command.status), "{line}: {output:?}");
        assert!(!output.stdout.is_empty(), "{line}");
    }

    for pod in ["timestamped", "aws-signer"] {
        let (_, denials) = review(&demo, pod).await;
        assert_eq!(denials, [] as [String; 0], "{pod}");
    }
    let list = format!(" from \"{}\"", demo.fixtures.certificates.crl_url());
    for (pod, expected) in [
        ("ended", ["timestamp-invalid: timestamp is missing: ", "tsa trust store"]),
        ("revoked", ["revoked: certificate is revoked: ", &list]),
        ("aws-revoked", ["revoked: signature is revoked at AWS Signer: ", "found signing job arn:aws:signer:"]),
    ] {
        let (_, denials) = review(&demo, pod).await;
        let [denial] = denials.as_slice() else { panic!("{denials:?}") };
        assert!(expected.iter().all(|part| denial.contains(part)), "{pod}: found {denial:?}, expected {expected:?}");
    }
    // The provider fetches the CRL once; each command that needs it is a process of its own.
    assert_eq!(demo.fixtures.certificates.responder.count("/shop.crl"), 3);
    let metrics = demo.provider.metrics().await.unwrap();
    let fetched = "countersign_evidence_requests_total{kind=\"crl\",result=\"ok\"} 1";
    assert!(metrics.lines().any(|line| line == fetched), "{metrics}");

    let (unsigned, denials) = review(&demo, "unsigned").await;
    let [denial] = denials.as_slice() else { panic!("{denials:?}") };
    let denial = format!("[{}] {denial}", demo.gatekeeper.constraint());
    for (path, image) in
        [("README.md", "registry.example.com/shop:unsigned"), ("e2e/README.md", "127.0.0.1:38219/shop/unsigned:v1")]
    {
        let page = read(path);
        let text = blocks(&page).0.into_iter().map(|block| block.text).find(|text| text.contains("[signed-images"));
        let shown = documented(&text.unwrap_or(page)).replace(image, &unsigned.reference);
        assert!(shown.ends_with("unsigned:") || shown.ends_with("what to do:"), "{path}: {shown}");
        assert!(denial.starts_with(&shown), "{path}: found {shown:?}, expected the beginning of {denial:?}");
    }
    demo.provider.stop().await.unwrap();
}
