//! Questions without end, whose answers must be right all the time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::task::JoinSet;

use crate::mounted::Client;
use crate::mounted::Mounted;

/// Between two questions of one asker.
const PAUSE: Duration = Duration::from_millis(3);

/// What may be answered about each image at the moment.
type Expected = BTreeMap<String, BTreeSet<&'static str>>;

#[derive(Default)]
struct Book {
    expected: Expected,
    identity: usize,
    stopping: bool,
    answers: usize,
    wrong: Vec<String>,
}

impl Book {
    /// An answer to a question that was asked when `before` was expected.
    fn note(&mut self, image: &str, before: &BTreeSet<&'static str>, answer: Result<String, String>) {
        self.answers += 1;
        let after = self.expected.get(image).cloned().unwrap_or_default();
        if self.stopping && answer.as_ref().is_err_and(|error| error.contains("Error(Connect,")) {
            return;
        }
        let right = answer.as_ref().is_ok_and(|verdict| before.union(&after).any(|one| one == verdict));
        if !right && self.wrong.len() < 5 {
            self.wrong.push(format!("{image}: {answer:?}: want one of {before:?} or {after:?}"));
        }
    }
}

/// Askers at work: two that keep their connections, two that make a new one for every question.
pub struct Load {
    book: Arc<Mutex<Book>>,
    askers: JoinSet<()>,
}

impl Load {
    /// Asks about each image of `expected`, with the identity that is in force.
    pub fn start(service: &Mounted, identities: Vec<ClientConfig>, expected: &[(&str, &'static str)]) -> Self {
        let book = Arc::new(Mutex::new(Book::default()));
        let mut load = Self { book, askers: JoinSet::new() };
        load.expect(expected);
        for keeps in [true, true, false, false] {
            let clients = identities.iter().map(|identity| service.client(identity.clone())).collect();
            let again: Vec<_> = identities.iter().map(|identity| new_connections(service, identity)).collect();
            load.askers.spawn(ask(Arc::clone(&load.book), if keeps { clients } else { again }));
        }
        load
    }

    /// From now on `expected` and nothing else. Several lines about an image allow each of them, as while it changes.
    pub fn expect(&self, expected: &[(&str, &'static str)]) {
        let mut map = Expected::new();
        for (image, verdict) in expected {
            map.entry((*image).to_owned()).or_default().insert(verdict);
        }
        self.book.lock().unwrap().expected = map;
    }

    /// The askers are somebody else from now on.
    pub fn identity(&self, number: usize) {
        self.book.lock().unwrap().identity = number;
    }

    /// From now on the service may be deaf to new connections, but may lose no question that it could read.
    pub fn stopping(&self) {
        self.book.lock().unwrap().stopping = true;
    }

    /// Returns when `count` more answers have come.
    pub async fn answers(&self, count: usize) {
        let answers = || self.book.lock().unwrap().answers;
        let before = answers();
        let come = async {
            while answers() < before + count {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), come).await.expect("nobody is answered any more");
        assert_eq!(self.book.lock().unwrap().wrong, Vec::<String>::new());
    }

    /// How many answers there were, all of them right.
    pub fn end(self) -> usize {
        drop(self.askers);
        let book = self.book.lock().unwrap();
        assert_eq!(book.wrong, Vec::<String>::new());
        book.answers
    }
}

fn new_connections(service: &Mounted, identity: &ClientConfig) -> Client {
    service.client_without_pool(identity.clone())
}

async fn ask(book: Arc<Mutex<Book>>, clients: Vec<Client>) {
    for turn in 0_usize.. {
        let (image, before, identity) = {
            let book = book.lock().unwrap();
            let image = book.expected.keys().nth(turn % book.expected.len()).unwrap().clone();
            (image.clone(), book.expected.get(&image).cloned().unwrap_or_default(), book.identity)
        };
        let answer = clients[identity].verdict(&image).await;
        book.lock().unwrap().note(&image, &before, answer);
        tokio::time::sleep(PAUSE).await;
    }
}
