//! Keeps a timer of the runtime that ends soon.
//!
//! The thread that waits for the network wakes up by itself when the first timer ends. A new timer that ends before all others has to wake
//! it, which is a call of the system and a change of threads. Requests to registries and their callers have such timers, all of them
//! longer than [`EARLY`]; with one that ends by then, none of them is the first.

use std::time::Duration;

use tokio::time::sleep;

/// Less than any time limit of a request, and so long that a process without requests hardly runs.
const EARLY: Duration = Duration::from_millis(50);

/// Never ends.
pub(super) async fn keep() {
    loop {
        sleep(EARLY).await;
    }
}
