//! The program itself, as an operator runs it: the demo, in a process of its own.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::served::soon;

pub struct Program {
    child: Child,
    pub address: String,
}

impl Program {
    pub async fn demo() -> Self {
        Self::start(|_| {}).await
    }

    /// The demo, with what `set` adds to its command line.
    pub async fn start(set: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yuyue"));
        command
            .args(["serve", "--demo", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        set(&mut command);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = soon("it listens", async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the program says where it listens");
                if let Some(address) = line.strip_prefix("listening on http://") {
                    break address.to_owned();
                }
            }
        })
        .await;
        Self { child, address }
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends SIGTERM; gives the exit code.
    pub async fn stopped(mut self) -> Option<i32> {
        let process = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &process]).status().await.unwrap().success());
        soon("it stops", self.child.wait()).await.unwrap().code()
    }

    /// Bytes of memory it has now, and has had at most since [`Program::forget_peak`].
    pub fn memory(&self) -> (usize, usize) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
        };
        (kilobytes("VmRSS:") << 10, kilobytes("VmHWM:") << 10)
    }

    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }
}
