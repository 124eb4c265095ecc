//! A verdict depends on nothing but question, snapshot, evidence and time: an engine with any history answers as a new one does.

use std::time::Duration;

use countersign_core_test_support::property;
use countersign_core_test_support::property::Cases;
use countersign_core_test_support::property::same;
use countersign_test_support::fixture::EngineFixture;
use countersign_test_support::fixture::policy;
use countersign_test_support::fixture::policy_of;
use countersign_testkit::Descriptor;
use countersign_testkit::registry::Route;
use countersign_testkit::registry::When;
use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::engine::properties::signatures::Kind;
use crate::engine::properties::signatures::Signers;
use crate::engine::properties::signatures::WITHOUT_EVIDENCE;

const IMAGES: usize = 3;
const TAGS: usize = 2;

/// The usual deadline of a request.
const DEADLINE: Duration = Duration::from_millis(1800);

#[derive(Clone, Copy, Debug)]
enum Question {
    Tag(usize),
    Digest(usize),
}

/// How the registry fails until it recovers.
#[derive(Clone, Copy, Debug)]
enum Failure {
    Status(u16),
    Close,
    Never,
    WrongBytes,
    Truncated,
    /// Another document with status 200.
    Page,
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Vec<Question>),
    Move { tag: usize, image: usize },
    Fail(Route, Failure),
    Recover,
    Wait { seconds: u64 },
    Sign { image: usize, kind: Kind },
    Policy { level: &'static str },
}

fn question() -> impl Strategy<Value = Question> {
    prop_oneof![(0..TAGS).prop_map(Question::Tag), (0..IMAGES).prop_map(Question::Digest)]
}

fn failure() -> impl Strategy<Value = Failure> {
    use Failure::*;
    let statuses = [401, 403, 404, 429, 500, 503].map(Status);
    select(statuses.into_iter().chain([Close, Never, WrongBytes, Truncated, Page]).collect::<Vec<_>>())
}

/// Steps that change nothing about the answer to a question by digest.
fn harmless() -> impl Strategy<Value = Step> {
    let routes = select(vec![Route::Manifest, Route::Referrers, Route::Blob]);
    prop_oneof![
        3 => question().prop_map(|question| Step::Ask(vec![question])),
        2 => vec(question(), 2..8).prop_map(Step::Ask),
        1 => (0..TAGS, 0..IMAGES).prop_map(|(tag, image)| Step::Move { tag, image }),
        2 => (routes, failure()).prop_map(|(route, failure)| Step::Fail(route, failure)),
        1 => Just(Step::Recover),
        1 => (0_u64..400).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => harmless(),
        1 => (0..IMAGES, select(WITHOUT_EVIDENCE.to_vec())).prop_map(|(image, kind)| Step::Sign { image, kind }),
        1 => select(vec!["strict", "audit"]).prop_map(|level| Step::Policy { level }),
    ]
}

/// Images with their first signatures, and what happens then.
#[derive(Clone, Debug)]
struct Model {
    signatures: Vec<Vec<Kind>>,
    steps: Vec<Step>,
}

fn model<S: Strategy<Value = Step>>(step: S) -> impl Strategy<Value = Model> {
    let kinds = vec(select(WITHOUT_EVIDENCE.to_vec()), 0..3);
    (vec(kinds, IMAGES), vec(step, 1..12)).prop_map(|(signatures, steps)| Model { signatures, steps })
}

struct World {
    fixture: EngineFixture,
    signers: Signers,
    images: Vec<Descriptor>,
}

impl World {
    async fn new(model: &Model) -> Self {
        let set =
            |settings: &mut countersign::engine::EngineSettings| settings.rejected_lifetime = Duration::from_secs(10);
        let fixture = EngineFixture::with(&policy(&["ca:main"], &["*"]), set).await;
        let signers = Signers::new(&fixture.root, "http://127.0.0.1:9/ca.crl");
        let images: Vec<Descriptor> =
            model.signatures.iter().map(|kinds| signers.image(&fixture.registry, kinds)).collect();
        (0..TAGS).for_each(|tag| fixture.registry.tag("app", &format!("t{tag}"), &images[tag].digest));
        Self { fixture, signers, images }
    }

    fn reference(&self, question: Question) -> String {
        let registry = &self.fixture.registry;
        match question {
            Question::Tag(tag) => format!("{}/app:t{tag}", registry.host()),
            Question::Digest(image) => registry.reference("app", &self.images[image]),
        }
    }

    /// Code, kind and digest of the answer.
    async fn answer(&self, question: Question) -> String {
        let result = self.fixture.verify_within(&self.reference(question), DEADLINE).await;
        let digest = result.digest.map(|digest| digest.to_string());
        format!("{question:?} is {:?} {} of {digest:?}", result.verdict.kind(), result.verdict.code())
    }

    async fn answers(&self) -> Vec<String> {
        let tags = (0..TAGS).map(Question::Tag);
        let mut answers = Vec::new();
        for question in tags.chain((0..IMAGES).map(Question::Digest)) {
            answers.push(self.answer(question).await);
        }
        answers
    }

    fn fail(&self, route: Route, failure: Failure) {
        let when: When = self.fixture.registry.when(route);
        drop(match failure {
            Failure::Status(status) => when.status(status),
            Failure::Close => when.close(),
            Failure::Never => when.never_answer(),
            Failure::WrongBytes => when.wrong_bytes(),
            Failure::Truncated => when.truncated_body(),
            Failure::Page => when.body("<html>not what was asked for</html>"),
        });
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
        let now = self.fixture.time().checked_add(time).unwrap();
        self.fixture.at(&now.to_string());
    }

    async fn take(&self, step: &Step) {
        match step {
            Step::Ask(questions) => drop(join_all(questions.iter().map(|question| self.answer(*question))).await),
            Step::Move { tag, image } => {
                self.fixture.registry.tag("app", &format!("t{tag}"), &self.images[*image].digest);
            }
            Step::Fail(route, failure) => self.fail(*route, *failure),
            Step::Recover => self.fixture.registry.clear_faults(),
            Step::Wait { seconds } => self.pass(Duration::from_secs(*seconds)).await,
            Step::Sign { image, kind } => self.signers.attach(&self.fixture.registry, &self.images[*image], *kind),
            Step::Policy { level } => {
                self.fixture.folder.write("trustpolicy.json", policy_of(level, &["ca:main"], &["*"]));
                self.fixture.poll();
            }
        }
    }

    /// The answers after this history, when the registry works again and `settled` has passed, and those of a new engine.
    async fn answers_of_both(mut self, steps: &[Step], settled: Duration) -> [Vec<String>; 2] {
        for step in steps {
            self.take(step).await;
        }
        self.fixture.registry.clear_faults();
        self.pass(settled).await;
        let old = self.answers().await;
        self.fixture.restart();
        [old, self.answers().await]
    }
}

fn answers_as_a_new_engine(cases: Cases, model: impl Strategy<Value = Model>, settled: Duration) {
    property::holds(cases, model, |model| {
        // The clock advances when nothing is left to do.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let [old, new] =
            runtime.block_on(async { World::new(model).await.answers_of_both(&model.steps, settled).await });
        same("answers", &old, &new)
    });
}

#[test]
fn after_other_questions_outages_and_moved_tags_an_engine_answers_as_a_new_one_although_its_cache_is_full() {
    // Longer than pauses and reductions of a host that failed, and shorter than the life of a verdict.
    answers_as_a_new_engine(Cases { usual: 60, full: 1000 }, model(harmless()), Duration::from_secs(100));
}

#[test]
fn after_any_history_and_the_end_of_all_lifetimes_an_engine_answers_as_a_new_one() {
    answers_as_a_new_engine(Cases { usual: 60, full: 1000 }, model(step()), Duration::from_secs(2 * 60 * 60));
}
