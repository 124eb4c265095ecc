//! A timer with the precision of the system: tokio's has whole milliseconds, which is much of a round-trip time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::HashMap;
use std::sync::Condvar;
use std::sync::LazyLock;
use std::sync::Mutex;
use std::time::Instant;

use tokio::sync::oneshot;

/// What waits for its time, with a number that tells equal times apart.
type Waiting = Reverse<(Instant, u64)>;

#[derive(Default)]
struct State {
    waiting: BinaryHeap<Waiting>,
    wake: HashMap<u64, oneshot::Sender<()>>,
    next: u64,
}

#[derive(Default)]
struct Timer {
    state: Mutex<State>,
    changed: Condvar,
}

static TIMER: LazyLock<&Timer> = LazyLock::new(|| {
    let timer: &Timer = Box::leak(Box::default());
    std::thread::spawn(|| timer.run());
    timer
});

/// Waits until `due`, within some hundredths of a millisecond. Returns at once if it has passed.
pub(crate) async fn sleep_until(due: Instant) {
    if due <= Instant::now() {
        return;
    }
    let (sender, receiver) = oneshot::channel();
    TIMER.add(due, sender);
    receiver.await.unwrap();
}

impl Timer {
    fn add(&self, due: Instant, wake: oneshot::Sender<()>) {
        let mut state = self.state.lock().unwrap();
        let number = state.next;
        state.next += 1;
        let is_first = state.waiting.peek().is_none_or(|Reverse((first, _))| due < *first);
        state.waiting.push(Reverse((due, number)));
        state.wake.insert(number, wake);
        if is_first {
            self.changed.notify_one();
        }
    }

    fn run(&self) {
        let mut state = self.state.lock().unwrap();
        loop {
            let now = Instant::now();
            state = match state.waiting.peek().copied() {
                None => self.changed.wait(state).unwrap(),
                Some(Reverse((due, _))) if due > now => self.changed.wait_timeout(state, due - now).unwrap().0,
                Some(Reverse((_, number))) => {
                    state.waiting.pop();
                    // A receiver that is gone waits no longer.
                    let _ = state.wake.remove(&number).map(|wake| wake.send(()));
                    state
                }
            };
        }
    }
}
