//! The first request after nothing was asked for a while, with connections that are kept open and without.

use std::time::Duration;

use crate::arms::Programs;
use crate::arms::single;
use crate::files::Files;
use crate::files::Settings;
use crate::load;
use crate::program::Running;
use crate::site::Naming;
use crate::site::Site;
use crate::sizes::Sizes;
use crate::table::Table;

const ROUND_TRIP: Duration = Duration::from_millis(25);

/// Columns, with the setting `registryAccess.keepConnections`.
const ARMS: [(&str, Option<Duration>); 2] =
    [("keepConnections: 0s", Some(Duration::ZERO)), ("connections are kept", None)];

/// A Countersign that waits, with its registry.
struct Waiting {
    column: &'static str,
    /// Before `files`, which it uses.
    running: Running,
    _files: Files,
    site: Site,
    images: Vec<String>,
}

/// All arms of all rounds wait at the same time.
pub(crate) async fn measure(sizes: &Sizes, programs: &Programs) {
    let Some(idle) = sizes.idle else { return };
    let mut waiting = Vec::new();
    for _ in 0..sizes.rounds {
        for (column, keep_connections) in ARMS {
            waiting.push(start(programs, column, keep_connections).await);
        }
    }
    tokio::time::sleep(idle).await;
    let mut table = Table::default();
    for waiting in &waiting {
        ask(waiting, &mut table).await;
    }
    println!(
        "\nA cold image by tag after {} s without a request, a round-trip time of {} ms, with tokens",
        idle.as_secs(),
        ROUND_TRIP.as_millis()
    );
    table.print(&ARMS.map(|(column, _)| column));
}

/// Starts Countersign, and has one image verified.
async fn start(programs: &Programs, column: &'static str, keep_connections: Option<Duration>) -> Waiting {
    let site = Site::start(ROUND_TRIP, true).await;
    let files = Files::write(&site, Settings { keep_connections, ..Settings::default() });
    let images = site.images("idle", Naming::Tag, 3);
    let running = Running::start(&programs.countersign, &files).await;
    load::send(&running, &single(&images[..1]), 1, 1).await;
    Waiting { column, running, _files: files, site, images }
}

/// Asks for two further images, one after the other.
async fn ask(Waiting { column, running, _files: _, site, images }: &Waiting, table: &mut Table) {
    site.take_requests();
    let before = site.connections();
    let [first, second] = [1, 2].map(|number| single(&images[number..=number]));
    table.add("first image: ms", column, load::send(running, &first, 1, 1).await.percentile(0.5));
    table.add("first image: requests", column, site.take_requests() as f64);
    let after = site.connections();
    table.add("first image: new connections", column, (after[0] - before[0]) as f64);
    table.add("of them with a resumed TLS session", column, (after[1] - before[1]) as f64);
    table.add("second image: ms", column, load::send(running, &second, 1, 1).await.percentile(0.5));
}
