//! A TCP gate before a server: it passes connections on, refuses them, keeps them without a byte, or resets them. So an outage can begin and
//! end at an address while clients use it.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::task::JoinSet;

/// A running gate. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    mode: watch::Sender<Mode>,
    server: AbortHandle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    Refuse,
    Hang,
    Reset,
}

impl Gate {
    /// Starts an open gate before `server`, on a free port of 127.0.0.1.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(crate::registry::ANY_PORT).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (mode, shown) = watch::channel(Mode::Open);
        let server = tokio::spawn(serve(listener, address, server, shown)).abort_handle();
        Self { address, mode, server }
    }

    /// `127.0.0.1:PORT`
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Passes new connections on. Those that were kept stay without a byte, as after a failure of the network.
    pub fn open(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// Closes the port and every connection.
    pub fn refuse(&self) {
        self.mode.send_replace(Mode::Refuse);
    }

    /// Accepts connections, and passes nothing on any more.
    pub fn hang(&self) {
        self.mode.send_replace(Mode::Hang);
    }

    /// Resets every connection, and new ones when they are accepted.
    pub fn reset(&self) {
        self.mode.send_replace(Mode::Reset);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, address: SocketAddr, server: SocketAddr, mut mode: watch::Receiver<Mode>) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let now = *mode.borrow_and_update();
        if now == Mode::Refuse {
            drop(listener.take());
            connections.abort_all();
            if mode.changed().await.is_err() {
                return;
            }
            continue;
        }
        if listener.is_none() {
            listener = Some(TcpListener::bind(address).await.expect("the port is free again"));
        }
        let Some(open) = &listener else { return };
        tokio::select! {
            biased;
            changed = mode.changed() => if changed.is_err() { return },
            accepted = open.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                while connections.try_join_next().is_some() {}
                connections.spawn(pass(stream, server, mode.clone()));
            }
        }
    }
}

/// Passes bytes on while the gate is open.
async fn pass(mut stream: TcpStream, server: SocketAddr, mut mode: watch::Receiver<Mode>) {
    let _ = stream.set_nodelay(true);
    let now = *mode.borrow_and_update();
    if now == Mode::Open {
        let Ok(mut onward) = TcpStream::connect(server).await else { return };
        let _ = onward.set_nodelay(true);
        tokio::select! {
            biased;
            _ = mode.wait_for(|mode| *mode != Mode::Open) => {}
            _ = copy_bidirectional(&mut stream, &mut onward) => return,
        }
    }
    let now = *mode.borrow();
    match now {
        Mode::Open | Mode::Refuse => {}
        Mode::Reset => {
            let _ = stream.set_zero_linger();
        }
        Mode::Hang => {
            // Until the end of the outage in another way.
            let _ = mode.wait_for(|mode| matches!(mode, Mode::Refuse | Mode::Reset)).await;
        }
    }
}
