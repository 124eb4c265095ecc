//! Ctrl-C and SIGTERM kill all processes of this run, then end the run.

use std::fs;
use std::path::Path;
use std::thread;

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;

use crate::process;

/// Exit code of an interrupted run: 128 + SIGINT, as in shells.
const INTERRUPTED: i32 = 130;

/// What becomes of the working directory after a signal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Logs {
    /// It stays, and the directory of the logs is printed.
    Kept,
    Removed,
}

/// Starts to handle signals: a signal kills all started processes, and exits.
pub(crate) fn watch(work: &Path, logs: Logs) {
    let work = work.to_path_buf();
    thread::spawn(move || {
        let result = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            runtime.block_on(async {
                let mut terminate = signal(SignalKind::terminate())?;
                let mut interrupt = signal(SignalKind::interrupt())?;
                tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
                Ok(())
            })
        });
        if let Err(error) = result {
            eprintln!("cannot listen for signals: {error}; Ctrl-C may leave processes behind");
            return;
        }
        process::kill_all();
        match logs {
            Logs::Kept => eprintln!("interrupted; logs are in {}", work.join("logs").display()),
            Logs::Removed => {
                // Whatever cannot be removed stays in the directory for temporary files.
                let _ = fs::remove_dir_all(&work);
                eprintln!("interrupted");
            }
        }
        std::process::exit(INTERRUPTED);
    });
}

/// Blocks until a signal ends the process.
pub(crate) fn wait_forever() -> ! {
    loop {
        thread::park();
    }
}
