//! A load generator that costs little beside what it measures: raw keep-alive HTTP/1.1 on one thread.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What one connection asks for, given the number of the request.
pub type MakeRequest = std::sync::Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// A request with a JSON body.
pub fn post(path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes()
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server accepts connections");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        Self { stream, buffer: Vec::with_capacity(16 << 10) }
    }

    /// Sends a request and gives the status and body of its reply.
    pub async fn send(&mut self, request: &[u8]) -> (u16, &[u8]) {
        self.stream.write_all(request).await.expect("the server reads requests");
        self.buffer.clear();
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.fill().await;
        };
        let text = std::str::from_utf8(&self.buffer[..head]).expect("a head is text");
        let status = text[9..12].parse().expect("a status is a number");
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
            .expect("a reply has a length");
        while self.buffer.len() < head + length {
            self.fill().await;
        }
        (status, &self.buffer[head..head + length])
    }

    async fn fill(&mut self) {
        let read = self.stream.read_buf(&mut self.buffer).await.expect("the server replies");
        assert!(read > 0, "the server closed the connection");
    }
}

pub fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// How a load went.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Keeps `connections` busy for `duration`. Every reply must contain `expected`: a fast error is no result.
pub async fn run(
    address: &str,
    connections: usize,
    duration: Duration,
    expected: &'static [u8],
    make: MakeRequest,
) -> Load {
    let mut tasks = JoinSet::new();
    let start = Instant::now() + Duration::from_millis(50);
    for number in 0..connections as u64 {
        let (address, make) = (address.to_owned(), make.clone());
        tasks.spawn(async move {
            let mut connection = Connection::open(&address).await;
            tokio::time::sleep_until(start.into()).await;
            let mut took = Vec::with_capacity(1 << 14);
            let mut request = number;
            // At least one, however short the run.
            loop {
                let bytes = make(request);
                let sent = Instant::now();
                let (status, body) = connection.send(&bytes).await;
                took.push(sent.elapsed());
                assert!(find(body, expected).is_some(), "status {status}: {}", String::from_utf8_lossy(body));
                request += connections as u64;
                if start.elapsed() >= duration {
                    break took;
                }
            }
        });
    }
    let mut took: Vec<Duration> = tasks.join_all().await.into_iter().flatten().collect();
    let elapsed = start.elapsed();
    took.sort_unstable();
    let quantile = |q: usize| took[(took.len() * q / 100).min(took.len() - 1)];
    Load { per_second: took.len() as f64 / elapsed.as_secs_f64(), p50: quantile(50), p99: quantile(99) }
}
