//! Images whose verdicts are in memory, beside a server that answers with as many bytes and does nothing.

use std::time::Duration;

use crate::arms::Programs;
use crate::arms::batches;
use crate::arms::in_turn;
use crate::arms::single;
use crate::files::Files;
use crate::files::Settings;
use crate::load;
use crate::program::Program;
use crate::program::Running;
use crate::site::Naming;
use crate::site::Site;
use crate::sizes::BATCH;
use crate::sizes::BATCHES_AT_ONCE;
use crate::sizes::BURST_AT_ONCE;
use crate::sizes::Sizes;
use crate::table::Table;

/// Requests of one form, and the programs that answer them.
struct Form<'a> {
    requests: Vec<Vec<&'a str>>,
    programs: Vec<Program>,
}

impl<'a> Form<'a> {
    /// The bare server answers with what Countersign answers to the first of the requests.
    async fn new(programs: &Programs, countersign: &Running, requests: Vec<Vec<&'a str>>) -> Self {
        let answer = load::answer(countersign, &requests[0]).await;
        let bare = Program::Bare { binary: programs.bare.clone(), answer };
        Self { requests, programs: programs.providers().into_iter().chain([bare]).collect() }
    }
}

pub(crate) async fn measure(sizes: &Sizes, programs: &Programs) {
    let site = Site::start(Duration::ZERO, false).await;
    let files = Files::write(&site, Settings::default());
    let images = site.images("warm", Naming::TenRepositories, sizes.keys.max(100));
    let countersign = Running::start(&programs.countersign, &files).await;
    load::send(&countersign, &single(&images), images.len(), BURST_AT_ONCE).await;
    let [one, batch, large] = [
        Form::new(programs, &countersign, single(&images[..100])).await,
        Form::new(programs, &countersign, batches(&images[..100], BATCH)).await,
        Form::new(programs, &countersign, batches(&images[..sizes.keys], sizes.keys)).await,
    ];
    drop(countersign);
    let mut table = Table::default();
    for round in 0..sizes.rounds {
        for program in in_turn(&one.programs, round) {
            one_key(sizes, &Running::start(program, &files).await, &one.requests, &mut table).await;
        }
        for program in in_turn(&batch.programs, round) {
            twenty_keys(sizes, &Running::start(program, &files).await, &batch.requests, &mut table).await;
        }
        for program in in_turn(&large.programs, round) {
            let running = Running::start(program, &files).await;
            if !matches!(program, Program::Bare { .. }) {
                // By default a request is answered sooner than so many cold images can be asked for.
                load::send(&running, &single(&images), images.len(), BURST_AT_ONCE).await;
            }
            large_request(sizes, &running, &large.requests, &mut table).await;
        }
    }
    println!("\nWarm: the verdicts are in memory (of Ratify for 10 s at most)");
    table.print(&["bare hyper", "countersign", "ratify"]);
}

/// Requests with one key: on connections that are kept, at a steady rate, and each on a new connection.
async fn one_key(sizes: &Sizes, running: &Running, requests: &[Vec<&str>], table: &mut Table) {
    let column = running.program.name();
    load::send(running, requests, requests.len(), BURST_AT_ONCE).await;
    for at_once in [1, 8, 32] {
        let cost = load::send(running, requests, sizes.warm, at_once).await;
        let name = format!("one key, {at_once} connections");
        table.add(format!("{name}: CPU ms"), column, cost.cpu_of_each(sizes.warm));
        table.add(format!("{name}: requests/s"), column, cost.rate(sizes.warm));
        table.add(format!("{name}: p50 ms"), column, cost.percentile(0.5));
        table.add(format!("{name}: p99 ms"), column, cost.percentile(0.99));
    }
    let cost = load::send_at_rate(running, requests, sizes.warm, Duration::from_millis(1)).await;
    table.add("one key, 1,000 requests/s: p50 ms", column, cost.percentile(0.5));
    table.add("one key, 1,000 requests/s: p99 ms", column, cost.percentile(0.99));
    let cost = load::send_connecting(running, requests, sizes.warm_connecting, 8).await;
    table.add("one key, a new connection each, 8 at a time: CPU ms", column, cost.cpu_of_each(sizes.warm_connecting));
    table.add("one key, a new connection each, 8 at a time: p50 ms", column, cost.percentile(0.5));
}

async fn twenty_keys(sizes: &Sizes, running: &Running, requests: &[Vec<&str>], table: &mut Table) {
    let (column, count) = (running.program.name(), sizes.warm / BATCH);
    load::send(running, requests, requests.len(), 1).await;
    let cost = load::send(running, requests, count, BATCHES_AT_ONCE).await;
    let name = format!("{BATCH} keys, {BATCHES_AT_ONCE} connections");
    table.add(format!("{name}: CPU ms per key"), column, cost.cpu_of_each(count * BATCH));
    table.add(format!("{name}: keys/s"), column, cost.rate(count * BATCH));
}

/// One large request after the other.
async fn large_request(sizes: &Sizes, running: &Running, requests: &[Vec<&str>], table: &mut Table) {
    let (column, count) = (running.program.name(), sizes.warm_large);
    load::send(running, requests, 1, 1).await;
    let cost = load::send(running, requests, count, 1).await;
    let name = format!("{} keys, one request at a time", sizes.keys);
    table.add(format!("{name}: ms"), column, cost.percentile(0.5));
    table.add(format!("{name}: CPU ms per key"), column, cost.cpu_of_each(count * sizes.keys));
}
