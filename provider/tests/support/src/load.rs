//! Continuous requests whose responses must be right all the time.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::task::JoinSet;

use crate::mounted::Client;
use crate::mounted::MountedService;

/// Pause between two requests of one client.
const PAUSE: Duration = Duration::from_millis(3);

/// The verdicts that are currently allowed for each image.
type Expected = BTreeMap<String, BTreeSet<&'static str>>;

#[derive(Default)]
struct Record {
    expected: Expected,
    identity: usize,
    stopping: bool,
    answers: usize,
    wrong: Vec<String>,
}

impl Record {
    /// Records a response to a request that was sent when `before` was expected.
    fn note(&mut self, image: &str, before: &BTreeSet<&'static str>, answer: Result<String, String>) {
        self.answers += 1;
        let after = self.expected.get(image).cloned().unwrap_or_default();
        if self.stopping && answer.as_ref().is_err_and(|error| error.contains("Error(Connect,")) {
            return;
        }
        let right = answer.as_ref().is_ok_and(|verdict| before.union(&after).any(|one| one == verdict));
        if !right && self.wrong.len() < 5 {
            self.wrong.push(format!("{image}: {answer:?}, expected one of {before:?} or {after:?}"));
        }
    }
}

/// Running clients: two that keep their connections, two that make a new one for every request.
pub struct Load {
    record: Arc<Mutex<Record>>,
    clients: JoinSet<()>,
}

impl Load {
    /// Requests each image of `expected`, with the current identity.
    pub fn start(service: &MountedService, identities: Vec<ClientConfig>, expected: &[(&str, &'static str)]) -> Self {
        let record = Arc::new(Mutex::new(Record::default()));
        let mut load = Self { record, clients: JoinSet::new() };
        load.expect(expected);
        for keeps in [true, true, false, false] {
            let clients = identities.iter().map(|identity| service.client(identity.clone())).collect();
            let again: Vec<_> = identities.iter().map(|identity| new_connections(service, identity)).collect();
            load.clients.spawn(ask(Arc::clone(&load.record), if keeps { clients } else { again }));
        }
        load
    }

    /// Expects exactly `expected` from now on. Several verdicts for an image are all allowed, as during a change.
    pub fn expect(&self, expected: &[(&str, &'static str)]) {
        let mut map = Expected::new();
        for (image, verdict) in expected {
            map.entry((*image).to_owned()).or_default().insert(verdict);
        }
        self.record.lock().unwrap().expected = map;
    }

    /// The clients use another identity from now on.
    pub fn identity(&self, number: usize) {
        self.record.lock().unwrap().identity = number;
    }

    /// From now on the service may refuse new connections, but must answer every request that it has read.
    pub fn stopping(&self) {
        self.record.lock().unwrap().stopping = true;
    }

    /// Returns after `count` more responses.
    pub async fn answers(&self, count: usize) {
        let answers = || self.record.lock().unwrap().answers;
        let before = answers();
        let come = async {
            while answers() < before + count {
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), come).await.expect("no client gets responses any more");
        assert_eq!(self.record.lock().unwrap().wrong, Vec::<String>::new());
    }

    /// The number of responses, all of them right.
    pub fn end(self) -> usize {
        drop(self.clients);
        let record = self.record.lock().unwrap();
        assert_eq!(record.wrong, Vec::<String>::new());
        record.answers
    }
}

fn new_connections(service: &MountedService, identity: &ClientConfig) -> Client {
    service.client_without_pool(identity.clone())
}

async fn ask(record: Arc<Mutex<Record>>, clients: Vec<Client>) {
    for turn in 0_usize.. {
        let (image, before, identity) = {
            let record = record.lock().unwrap();
            let image = record.expected.keys().nth(turn % record.expected.len()).unwrap().clone();
            (image.clone(), record.expected.get(&image).cloned().unwrap_or_default(), record.identity)
        };
        let answer = clients[identity].verdict(&image).await;
        record.lock().unwrap().note(&image, &before, answer);
        tokio::time::sleep(PAUSE).await;
    }
}
