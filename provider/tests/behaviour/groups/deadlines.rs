//! Registries that are too slow, and requests that end before them.

use std::time::Duration;

use countersign_testkit::notation;
use countersign_testkit::registry::Registry;
use countersign_testkit::registry::Route;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::binary::Service;
use crate::environment::Environment;
use crate::run::ENDPOINTS;
use crate::run::compare;
use crate::run::record;
use crate::run::response;

/// One registry for each case, so that none is slow because of another.
async fn slow(environment: &mut Environment, name: &str, fault: impl FnOnce(&Registry)) {
    let number = environment.another_registry(&format!("REGISTRY OF {name}")).await;
    let registry = &environment.others[number];
    let image = registry.push_image("app", "v1");
    let signature = notation::sign_image(registry, "app", &image, &environment.leaf);
    environment.names.digest(&image.digest, "digest of the image");
    environment.names.digest(&signature.digest, "signature of the image");
    fault(registry);
    environment.ask(name, &format!("{}/app:v1", environment.others[number].host()));
}

const ROUTES: [(&str, Route); 3] =
    [("manifest", Route::Manifest), ("referrers", Route::Referrers), ("envelope", Route::Blob)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registries_that_do_not_answer_in_time() {
    let mut environment = Environment::new().await;
    environment.at_once = 8;
    environment.statement("all", &["*"], json!({}));
    environment.sections = "registryAccess: {requestTimeout: 1s}".to_owned();
    for (name, route) in ROUTES {
        slow(&mut environment, &format!("no answer to {name}"), |registry| {
            registry.when(route).never_answer();
        })
        .await;
    }
    slow(&mut environment, "a body that stalls", |registry| drop(registry.when(Route::Manifest).stalled_body())).await;
    slow(&mut environment, "a body a byte at a time", |registry| {
        registry.when(Route::Manifest).slow_drip(Duration::from_millis(50));
    })
    .await;
    record("timeouts", environment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_end_first() {
    let mut environment = Environment::new().await;
    environment.at_once = 8;
    environment.statement("all", &["*"], json!({}));
    environment.sections = "registryAccess: {requestTimeout: 60s}".to_owned();
    environment.server = "verifyTimeout: 1s, mutateTimeout: 1s".to_owned();
    for (name, route) in ROUTES {
        slow(&mut environment, &format!("no answer to {name}"), |registry| {
            registry.when(route).never_answer();
        })
        .await;
    }
    // The command line waits for half a minute, which no test does. Whether the request or the work on the image notices
    // first that the time is over is a matter of chance, and so are code, words, log and metrics: that the code is one of two
    // is what is certain. `tests/suite/engine/waits.rs` has those of the work.
    let client = environment.write();
    let service = Service::start(&environment.folder).await;
    let asked = environment.cases.iter().map(|case| async {
        let mut entry = json!({});
        for (name, path) in ENDPOINTS {
            let answer = response(&client, &service, path, &[&case.key]).await;
            let error = answer["items"][0]["error"].as_str().or(answer["systemError"].as_str()).unwrap();
            let start = ["registry-timeout", "deadline-exceeded"]
                .iter()
                .find_map(|code| error.find(&format!("{}: {code}: ", case.key)));
            entry[name] = match start {
                Some(start) => {
                    json!(format!("{}{}: registry-timeout or deadline-exceeded", &error[..start], case.key))
                }
                None => json!(error),
            };
        }
        (case.name.clone(), entry)
    });
    let entries = futures_util::stream::iter(asked).buffered(environment.at_once).collect().await;
    drop(client);
    service.stop().await;
    compare("deadlines", &environment.names, entries);
}
