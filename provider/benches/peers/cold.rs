//! Images whose verdicts are not in memory: one after the other, and in a burst.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::arms::Arm;
use crate::arms::FETCH;
use crate::arms::Programs;
use crate::arms::Started;
use crate::arms::in_turn;
use crate::files::Files;
use crate::files::Settings;
use crate::site::Naming;
use crate::site::Site;
use crate::sizes::BURST_AT_ONCE;
use crate::sizes::Sizes;
use crate::table::Table;

/// How images are named.
const KINDS: [(&str, Naming); 3] =
    [("by tag", Naming::Tag), ("by digest", Naming::Digest), ("by tag, new repository", Naming::OwnRepository)];

/// Images one after the other, of which the CPU time is measured: the system counts it in hundredths of a second.
const CPU_IS_MEASURED: usize = 100;

const NOTATION: &str = "notation verify";

/// The network between a program and the registry.
#[derive(Clone, Copy)]
pub(crate) struct Network {
    pub(crate) round_trip: Duration,
    pub(crate) has_tokens: bool,
}

/// The requests to the registry for the images of each kind, by method and path.
type Kinds = BTreeMap<&'static str, BTreeMap<String, usize>>;

/// All arms, each with a registry of its own whose images no program has seen.
pub(crate) async fn measure(sizes: &Sizes, programs: &Programs, network: Network) {
    let providers = programs.providers();
    let mut arms = vec![Arm::Fetch(&programs.bare)];
    arms.extend(providers.iter().map(Arm::Provider));
    let mut table = Table::default();
    for round in 0..sizes.rounds {
        let mut kinds = BTreeMap::new();
        for arm in in_turn(&arms, round) {
            kinds.insert(arm.name(), one_arm(sizes, *arm, network, round, &mut table).await);
        }
        assert_eq!(kinds[FETCH], kinds["countersign"], "the bare fetch sends the requests of Countersign");
        if let Some(peers) = &programs.peers {
            notation(&peers.notation, network, round, &mut table).await;
        }
    }
    let tokens = if network.has_tokens { "with tokens" } else { "without tokens" };
    println!("\nCold, a round-trip time of {} ms, {tokens}", network.round_trip.as_millis());
    table.print(&[FETCH, "countersign", "ratify", NOTATION]);
    for column in ["countersign", "ratify", NOTATION] {
        for row in table.varying(column, ": requests") {
            println!("warning: of {column}, \"{row}\" is not the same in each round");
        }
    }
}

/// One arm in one round.
async fn one_arm(sizes: &Sizes, arm: Arm<'_>, network: Network, round: usize, table: &mut Table) -> Kinds {
    let site = Site::start(network.round_trip, network.has_tokens).await;
    let files = Files::write(&site, Settings::default());
    let prefix = format!("{}-{round}", arm.name().replace(' ', "-"));
    let first = site.images(&format!("{prefix}-first"), Naming::Tag, 1);
    let count = sizes.sequential(network.round_trip);
    let images = KINDS.map(|(kind, naming)| (kind, site.images(&format!("{prefix}-{}", path(kind)), naming, count)));
    let burst = site.images(&format!("{prefix}-burst"), Naming::TenRepositories, sizes.burst);

    let mut started = arm.start(&files).await;
    // Connections are there, and a token for this repository.
    started.verify(&first, 1).await;
    if let Started::Fetch(fetching) = &mut started {
        table.add("round trip of a bare request: ms", FETCH, fetching.pings(sizes.pings).percentile(0.5));
    }
    let mut kinds = Kinds::new();
    for (kind, images) in &images {
        kinds.insert(*kind, sequential(&site, &mut started, (kind, images), arm.name(), table).await);
    }
    started.connect(&first).await;
    site.take_requests();
    in_burst(&site, &mut started, &burst, arm.name(), table).await;
    kinds
}

/// One image after the other. Returns the requests.
async fn sequential(
    site: &Site,
    started: &mut Started,
    (kind, images): (&str, &[String]),
    column: &'static str,
    table: &mut Table,
) -> BTreeMap<String, usize> {
    site.take_requests();
    let cost = started.verify(images, 1).await;
    let requests = site.take_kinds();
    table.add(format!("{kind}: ms"), column, cost.percentile(0.5));
    table.add(format!("{kind}: requests"), column, requests.values().sum::<usize>() as f64 / images.len() as f64);
    if images.len() >= CPU_IS_MEASURED {
        table.add(format!("{kind}: CPU ms per image"), column, cost.cpu_of_each(images.len()));
        table.add(format!("{kind}: images/s"), column, cost.rate(images.len()));
    }
    requests
}

/// As many images at a time as a Gatekeeper under load asks for.
async fn in_burst(site: &Site, started: &mut Started, images: &[String], column: &'static str, table: &mut Table) {
    let (count, name) = (images.len(), format!("burst of {}, {BURST_AT_ONCE} at a time", images.len()));
    let cost = started.verify(images, BURST_AT_ONCE).await;
    table.add(format!("{name}: images/s"), column, cost.rate(count));
    table.add(format!("{name}: p50 ms"), column, cost.percentile(0.5));
    table.add(format!("{name}: CPU ms per image"), column, cost.cpu_of_each(count));
    table.add(format!("{name}: requests per image"), column, site.take_requests() as f64 / count as f64);
}

/// `notation verify` of one image of each kind, as each is a process.
async fn notation(notation: &Path, network: Network, round: usize, table: &mut Table) {
    let site = Site::start(network.round_trip, network.has_tokens).await;
    let files = Files::write(&site, Settings::default());
    for (kind, naming) in KINDS {
        let image = &site.images(&format!("notation-{round}-{}", path(kind)), naming, 1)[0];
        let began = Instant::now();
        assert!(files.notation_verifies(notation, image), "notation: {image}");
        table.add(format!("{kind}: ms"), NOTATION, began.elapsed().as_secs_f64() * 1e3);
        table.add(format!("{kind}: requests"), NOTATION, site.take_requests() as f64);
    }
}

/// A kind as a part of a path.
fn path(kind: &str) -> String {
    kind.replace([' ', ','], "-")
}
