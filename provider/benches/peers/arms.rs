//! What takes part in a measurement of images that no program knows, and the order in which.

use std::path::Path;
use std::path::PathBuf;

use crate::fetching::Fetching;
use crate::files::Files;
use crate::load;
use crate::load::Cost;
use crate::program::Program;
use crate::program::Running;
use crate::sizes::BURST_AT_ONCE;

/// The programs. Without peers it is Countersign alone, beside the bare ones.
pub(crate) struct Programs {
    pub(crate) countersign: Program,
    /// `countersign-bare`.
    pub(crate) bare: PathBuf,
    pub(crate) peers: Option<Peers>,
}

pub(crate) struct Peers {
    pub(crate) ratify: Program,
    pub(crate) notation: PathBuf,
}

/// The column of [`Arm::Fetch`].
pub(crate) const FETCH: &str = "bare fetch";

/// One column of a table of cold images.
#[derive(Clone, Copy)]
pub(crate) enum Arm<'a> {
    Fetch(&'a Path),
    Provider(&'a Program),
}

/// An arm whose process runs.
pub(crate) enum Started {
    Fetch(Fetching),
    Provider(Running),
}

impl Programs {
    pub(crate) fn providers(&self) -> Vec<Program> {
        let ratify = self.peers.as_ref().map(|Peers { ratify, notation: _ }| ratify.clone());
        [self.countersign.clone()].into_iter().chain(ratify).collect()
    }
}

impl Arm<'_> {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fetch(_) => FETCH,
            Self::Provider(program) => program.name(),
        }
    }

    pub(crate) async fn start(self, files: &Files) -> Started {
        match self {
            Self::Fetch(binary) => Started::Fetch(Fetching::start(binary, files)),
            Self::Provider(program) => Started::Provider(Running::start(program, files).await),
        }
    }
}

impl Started {
    /// Opens as many connections as a burst has requests, as a Gatekeeper has them open. `known` is an image that has been verified.
    pub(crate) async fn connect(&self, known: &[String]) {
        match self {
            Self::Fetch(_) => {}
            Self::Provider(running) => connect(running, known, BURST_AT_ONCE).await,
        }
    }

    /// Verifies each image, `at_once` at the same time.
    pub(crate) async fn verify(&mut self, images: &[String], at_once: usize) -> Cost {
        match self {
            Self::Fetch(fetching) => fetching.images(images, at_once),
            Self::Provider(running) => load::send(running, &single(images), images.len(), at_once).await,
        }
    }
}

/// Opens connections by requests for an image that has been verified, of which `count` are sent at the same time.
pub(crate) async fn connect(running: &Running, known: &[String], count: usize) {
    load::send(running, &single(known), 2 * count, count).await;
}

/// The arms of a round, in an order that alternates, as the first one warms the machine up.
pub(crate) fn in_turn<T>(arms: &[T], round: usize) -> Vec<&T> {
    let mut arms: Vec<&T> = arms.iter().collect();
    if round % 2 == 1 {
        arms.reverse();
    }
    arms
}

/// One key in each request.
pub(crate) fn single(images: &[String]) -> Vec<Vec<&str>> {
    images.iter().map(|image| vec![image.as_str()]).collect()
}

/// `count` keys in each request.
pub(crate) fn batches(images: &[String], count: usize) -> Vec<Vec<&str>> {
    images.chunks(count).map(|images| images.iter().map(String::as_str).collect()).collect()
}
