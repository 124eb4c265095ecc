//! How long a provider takes until it is ready, and how large its program is.

use std::fs;
use std::time::Duration;
use std::time::Instant;

use crate::arms::Programs;
use crate::arms::in_turn;
use crate::files::Files;
use crate::files::Settings;
use crate::program::Running;
use crate::site::Site;
use crate::sizes::Sizes;
use crate::table::Table;

/// Countersign is ready when `/readyz` says so, and Ratify, which has no such path with its resources in a file, when it listens.
pub(crate) async fn measure(sizes: &Sizes, programs: &Programs) {
    let site = Site::start(Duration::ZERO, false).await;
    let files = Files::write(&site, Settings::default());
    let mut table = Table::default();
    for round in 0..sizes.rounds {
        for program in in_turn(&programs.providers(), round) {
            let began = Instant::now();
            Running::start(program, &files).await.ready().await;
            table.add("start to ready: ms", program.name(), began.elapsed().as_secs_f64() * 1e3);
        }
    }
    for program in programs.providers() {
        let bytes = fs::metadata(program.binary()).unwrap().len();
        table.add("program: MB", program.name(), bytes as f64 / 1e6);
    }
    println!("\nStart, without a remote source");
    table.print(&["countersign", "ratify"]);
}
