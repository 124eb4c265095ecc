//! Ctrl-C and SIGTERM end every process of this run, then the run itself.

use std::path::Path;
use std::thread;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::process;

/// Exit code of a run that was interrupted: 128 + SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

/// From here on a signal kills all started processes, prints where the logs are, and exits.
pub(crate) fn watch(work: &Path) {
    let work = work.to_path_buf();
    thread::spawn(move || {
        let heard = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            runtime.block_on(async {
                let mut terminate = signal(SignalKind::terminate())?;
                let mut interrupt = signal(SignalKind::interrupt())?;
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                Ok(())
            })
        });
        if let Err(error) = heard {
            eprintln!("cannot listen for signals: {error}; Ctrl-C may leave processes behind");
            return;
        }
        process::kill_everything();
        eprintln!("interrupted; logs are in {}", work.join("logs").display());
        std::process::exit(INTERRUPTED);
    });
}

/// Blocks until a signal ends the process.
pub(crate) fn wait_forever() -> ! {
    loop {
        thread::park();
    }
}
