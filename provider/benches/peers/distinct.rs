//! Memory and CPU time for different numbers of images.

use std::time::Duration;

use crate::arms::Programs;
use crate::arms::in_turn;
use crate::arms::single;
use crate::files::Files;
use crate::files::Settings;
use crate::load;
use crate::program::Program;
use crate::program::Running;
use crate::site::Naming;
use crate::site::Site;
use crate::sizes::BURST_AT_ONCE;
use crate::sizes::Sizes;
use crate::table::Table;

/// The most images that Ratify is measured with. It writes the index of its store on disk again for each, so that each image costs more than the
/// one before it: ten thousand take minutes.
const RATIFY_IMAGES: usize = 1000;

pub(crate) async fn measure(sizes: &Sizes, programs: &Programs) {
    let mut table = Table::default();
    for round in 0..sizes.rounds {
        for program in in_turn(&programs.providers(), round) {
            for count in sizes.distinct.iter().filter(|count| is_measured(program, **count)) {
                one_arm(program, *count, round, &mut table).await;
            }
        }
    }
    println!("\nDistinct images, without a round-trip time and tokens");
    table.print(&["countersign", "ratify"]);
}

fn is_measured(program: &Program, count: usize) -> bool {
    match program {
        Program::Countersign(_) | Program::Bare { .. } => true,
        Program::Ratify(_) => count <= RATIFY_IMAGES,
    }
}

/// Each number of images has a registry of its own, so that their memory is free again.
async fn one_arm(program: &Program, count: usize, round: usize, table: &mut Table) {
    let site = Site::start(Duration::ZERO, false).await;
    let files = Files::write(&site, Settings::default());
    let column = program.name();
    let images = site.images(&format!("{column}-{round}-{count}"), Naming::TenRepositories, count);
    let running = Running::start(program, &files).await;
    let cost = load::send(&running, &single(&images), count, BURST_AT_ONCE).await;
    table.add(format!("{count} images: peak memory MiB"), column, running.peak_memory());
    table.add(format!("{count} images: CPU s per 1,000"), column, cost.cpu_of_each(count));
    table.add(format!("{count} images: requests per image"), column, site.take_requests() as f64 / count as f64);
}
