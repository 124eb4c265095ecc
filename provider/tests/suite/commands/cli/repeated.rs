//! `countersign serve`: events about verdicts that repeat.

use std::io::BufRead as _;
use std::io::BufReader;

use serde_json::Value;

use crate::commands::cli::Fixture;
use crate::commands::cli::serve::add_server;
use crate::commands::cli::serve::ask;
use crate::commands::cli::serve::metric;
use crate::commands::cli::serve::serve;
use crate::commands::cli::serve::terminate;

#[tokio::test]
async fn verdicts_that_repeat_have_one_event_in_the_configured_time_and_rejections_all() {
    let fixture = Fixture::new().await;
    let client = add_server(&fixture);
    let config = std::fs::read_to_string(fixture.config()).unwrap();
    fixture.folder.write("c.yaml", format!("{config}log: {{cachedVerdicts: {{every: 1h}}}}\n"));
    let mut process = serve(&fixture);
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut events = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let listening = events.find(|event| event["message"] == "listening").unwrap();
    let port = listening["endpoints"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let images = ["app:signed", "app:unsigned", "mirror:1"].map(|name| fixture.image(name));
    for _ in 0..4 {
        for image in &images {
            ask(&client, &port, std::slice::from_ref(image)).await;
        }
    }
    assert_eq!(metric(listening["health"].as_str().unwrap(), "countersign_verdicts_total").await, 12);
    terminate(&process);
    tokio::task::spawn_blocking(move || process.wait().unwrap()).await.unwrap();
    let verdicts = events.filter(|event| event["message"] == "verdict");
    let found: Vec<_> = verdicts
        .map(|event| {
            assert_eq!(event.get("repeated"), None, "{event}");
            let (image, verdict) = (event["image"].as_str().unwrap(), event["verdict"].as_str().unwrap());
            let cache = if verdict == "verified" { event["cache"].as_str().unwrap() } else { "" };
            format!("{} {verdict} {cache}", image.rsplit('/').next().unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            "app:signed verified miss",
            "app:unsigned rejected ",
            "mirror:1 skipped ",
            "app:signed verified hit",
            "app:unsigned rejected ",
            "app:unsigned rejected ",
            "app:unsigned rejected ",
        ]
    );
}
