//! A cold burst of many keys of ten repositories, as batches and as one request: one flight for each image, one token for each repository.

use std::time::Duration;

use crate::arms::Programs;
use crate::arms::batches;
use crate::arms::connect;
use crate::arms::in_turn;
use crate::arms::single;
use crate::files::Files;
use crate::files::LONG;
use crate::files::Settings;
use crate::load;
use crate::program::Program;
use crate::program::Running;
use crate::site::Naming;
use crate::site::REPOSITORIES;
use crate::site::Site;
use crate::sizes::BATCH;
use crate::sizes::BATCHES_AT_ONCE;
use crate::sizes::Sizes;
use crate::table::Table;

const ROUND_TRIP: Duration = Duration::from_millis(25);

/// How the keys are asked for.
#[derive(Clone, Copy)]
enum Form {
    Batches,
    OneRequest,
}

impl Form {
    const ALL: [Self; 2] = [Self::Batches, Self::OneRequest];

    fn name(self) -> String {
        match self {
            Self::Batches => format!("{BATCH} a request, {BATCHES_AT_ONCE} at a time"),
            Self::OneRequest => "one request".to_owned(),
        }
    }

    /// The keys of each request, and how many are sent at the same time.
    fn requests(self, images: &[String]) -> (Vec<Vec<&str>>, usize) {
        match self {
            Self::Batches => (batches(images, BATCH), BATCHES_AT_ONCE),
            Self::OneRequest => (batches(images, images.len()), 1),
        }
    }
}

pub(crate) async fn measure(sizes: &Sizes, programs: &Programs) {
    let mut table = Table::default();
    for round in 0..sizes.rounds {
        for program in in_turn(&programs.providers(), round) {
            for form in Form::ALL {
                one_arm(sizes, program, form, round, &mut table).await;
            }
        }
    }
    println!(
        "\nA cold burst of {} keys of {REPOSITORIES} repositories, a round-trip time of {} ms, with tokens",
        sizes.keys,
        ROUND_TRIP.as_millis()
    );
    table.print(&["countersign", "ratify"]);
}

async fn one_arm(sizes: &Sizes, program: &Program, form: Form, round: usize, table: &mut Table) {
    let site = Site::start(ROUND_TRIP, true).await;
    // By default a request is answered sooner than so many images can be asked for.
    let files = Files::write(&site, Settings { verify_timeout: Some(LONG), ..Settings::default() });
    let (column, name) = (program.name(), form.name());
    let first = site.images(&format!("{column}-{round}-first"), Naming::Tag, 1);
    let images = site.images(&format!("{column}-{round}-burst"), Naming::TenRepositories, sizes.keys);
    let running = Running::start(program, &files).await;
    // Connections are there, and a token for another repository.
    load::send(&running, &single(&first), 1, 1).await;
    connect(&running, &first, BATCHES_AT_ONCE).await;
    site.take_requests();
    let (requests, at_once) = form.requests(&images);
    let cost = load::send(&running, &requests, requests.len(), at_once).await;
    let kinds = site.take_kinds();
    let tokens = kinds.get("GET Token").copied().unwrap_or_default();
    if matches!(program, Program::Countersign(_)) {
        assert_eq!(tokens, REPOSITORIES, "one token for each repository: {kinds:?}");
    }
    let all: usize = kinds.values().sum();
    table.add(format!("{name}: images/s"), column, cost.rate(sizes.keys));
    table.add(format!("{name}: CPU ms per image"), column, cost.cpu_of_each(sizes.keys));
    table.add(format!("{name}: requests per image"), column, all as f64 / sizes.keys as f64);
    table.add(format!("{name}: token exchanges"), column, tokens as f64);
}
