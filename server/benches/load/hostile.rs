//! Clients that mean harm, beside a gate that must go on opening.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::post;

/// How many connections send as much as they may, of what takes the longest to read.
pub const CONNECTIONS: usize = 12;
const BODY: usize = 8 << 20;

/// Sends until it is dropped, from a thread of its own, so that the other clients are not slowed down by it.
pub struct Hostile {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hostile {
    pub fn start(address: &str) -> Self {
        let (address, stop) = (address.to_owned(), Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(send_until(&address, &stopped));
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the hostile clients end");
        }
    }
}

async fn send_until(address: &str, stopped: &AtomicBool) {
    let nested = ",{\"a\":{\"b\":[{}]}}";
    let body = format!("{{\"group_ids\":[0{}]}}", nested.repeat((BODY - 32) / nested.len()));
    let request = post("/v1/subject", None, &body);
    let client = async || {
        while !stopped.load(Ordering::Relaxed) {
            // Refusals and closed connections are what they are meant to get.
            let _ = send(address, &request).await;
        }
    };
    futures_util::future::join_all((0..CONNECTIONS).map(|_| client())).await;
}

async fn send(address: &str, request: &[u8]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    stream.read(&mut [0; 4_096]).await.map(drop)
}
