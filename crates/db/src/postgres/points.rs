//! Point reads: those of many callers in one statement, awaited where they are asked.
//!
//! A closure cannot await, but it may run more than once. So it runs twice: first only to learn its one
//! statement, and once more with the rows. In between the statement waits until a connection is free, and
//! then travels with all others that came meanwhile; equal ones become one ([`Batched`]).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;
use tokio_postgres::{Client, Config, Row};

use super::ATTEMPTS;
use super::batch::{Asked, Batched};
use super::connect::connect_for_points;
use super::transaction::{PgVerbs, ends_session, failed};
use crate::job::{record, run_caught};
use crate::statement::Statement;
use crate::tx::{Connection, Lock, Tx};
use crate::value::{OwnedValue, Value};
use crate::{Error, Result};

/// More connections mean more work at once, but fewer callers for each statement.
const LINES: usize = 2;
/// How many callers travel together, so that nobody waits for too many others.
const TOGETHER: usize = 64;

pub(crate) struct Points {
    config: Box<Config>,
    lines: [Mutex<Option<mpsc::Sender<Ask>>>; LINES],
    next: AtomicUsize,
    /// How many callers may wait for each line.
    queue: usize,
}

/// A caller that waits for its rows.
struct Ask {
    asked: Asked,
    reply: oneshot::Sender<Result<Vec<Row>>>,
}

impl Points {
    pub(crate) fn new(config: Box<Config>, queue: usize) -> Self {
        Self { config, lines: Default::default(), next: AtomicUsize::new(0), queue }
    }

    pub(crate) async fn run<T, E, F>(&self, name: &'static str, closure: F) -> std::result::Result<T, E>
    where
        E: From<Error>,
        F: Fn(&mut Tx<'_>) -> std::result::Result<T, E>,
    {
        let start = std::time::Instant::now();
        let mut first = Rehearsal { asked: None };
        let result = run_once(&closure, &mut first);
        let Some(asked) = first.asked else { return result };
        let statement = asked.statement;
        statement.asked_as_point();
        let mut second = Performance { statement, rows: self.ask(asked).await };
        let result = run_once(&closure, &mut second);
        record(name, start.elapsed());
        result
    }

    async fn ask(&self, asked: Asked) -> Result<Vec<Row>> {
        let (reply, rows) = oneshot::channel();
        self.line().try_send(Ask { asked, reply }).map_err(|refused| match refused {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Closed(_) => stopped(),
        })?;
        rows.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Each caller takes the next line. A line lives in the runtime of its first caller, and is laid anew
    /// should that runtime have ended.
    fn line(&self) -> mpsc::Sender<Ask> {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % LINES;
        let mut line = self.lines[number].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = line.as_ref().filter(|line| !line.is_closed()) {
            return line.clone();
        }
        let (sender, asks) = mpsc::channel(self.queue);
        tokio::spawn(Line { config: self.config.clone(), session: None }.serve(asks));
        line.insert(sender).clone()
    }
}

fn stopped() -> Error {
    Error::Unavailable("point reads have stopped".into())
}

/// A connection that many callers share.
struct Line {
    config: Box<Config>,
    session: Option<Session>,
}

struct Session {
    client: Client,
    /// By the address of the statement.
    prepared: HashMap<usize, Batched>,
}

impl Line {
    /// Answers until nobody is left who could ask.
    async fn serve(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut together = Vec::with_capacity(TOGETHER);
        while asks.recv_many(&mut together, TOGETHER).await > 0 {
            gather(&mut asks, &mut together).await;
            let mut equal: HashMap<_, Vec<Ask>> = HashMap::new();
            // Who waited in vain while the server was away has gone; nobody should wait behind them.
            for ask in together.drain(..).filter(|ask| !ask.reply.is_closed()) {
                let key = (address(ask.asked.statement), ask.asked.params.len());
                equal.entry(key).or_default().push(ask);
            }
            for asks in equal.into_values() {
                self.answer(asks).await;
            }
        }
    }

    /// A refusal of the statement may be one caller's fault, so then each is asked for alone.
    async fn answer(&mut self, asks: Vec<Ask>) {
        let (asked, replies): (Vec<_>, Vec<_>) = asks.into_iter().map(|ask| (ask.asked, ask.reply)).unzip();
        let asked: Vec<&Asked> = asked.iter().collect();
        let results: Vec<Result<Vec<Row>>> = match self.rows(&asked).await {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(Error::Statement { .. }) if asked.len() > 1 => {
                let mut alone = Vec::with_capacity(asked.len());
                for asked in asked {
                    alone.push(self.rows(&[asked]).await.map(|mut rows| rows.pop().unwrap_or_default()));
                }
                alone
            }
            Err(error) => vec![Err(error); asked.len()],
        };
        for (reply, result) in replies.into_iter().zip(results) {
            // A caller that has gone away no longer needs its answer.
            let _ = reply.send(result);
        }
    }

    /// The rows of callers with one statement; what was on a connection that breaks is sent again on another.
    async fn rows(&mut self, callers: &[&Asked]) -> Result<Vec<Vec<Row>>> {
        let statement = callers[0].statement;
        for _ in 0..ATTEMPTS {
            let session = self.session().await?;
            match session.query(statement, callers).await {
                Err(error) if ends_session(&error) || session.client.is_closed() => self.session = None,
                result => return result.map_err(|error| failed(statement, &error)),
            }
        }
        Err(Error::Unavailable(format!("lost {ATTEMPTS} connections in a row")))
    }

    async fn session(&mut self) -> Result<&mut Session> {
        let living = self.session.take().filter(|session| !session.client.is_closed());
        let session = match living {
            Some(session) => session,
            None => Session { client: connect_for_points(&self.config).await?, prepared: HashMap::new() },
        };
        Ok(self.session.insert(session))
    }
}

impl Session {
    async fn query(
        &mut self,
        statement: &'static Statement,
        callers: &[&Asked],
    ) -> std::result::Result<Vec<Vec<Row>>, tokio_postgres::Error> {
        let batched = match self.prepared.entry(address(statement)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Batched::prepare(&self.client, statement).await?),
        };
        batched.query(&self.client, callers).await
    }
}

/// Lets those ask who are about to: it waits for other tasks to run for as long as that brings new callers.
async fn gather(asks: &mut mpsc::Receiver<Ask>, together: &mut Vec<Ask>) {
    let mut before = 0;
    while before < together.len() && together.len() < TOGETHER {
        before = together.len();
        tokio::task::yield_now().await;
        together.extend(std::iter::from_fn(|| asks.try_recv().ok()).take(TOGETHER - before));
    }
}

fn address(statement: &'static Statement) -> usize {
    std::ptr::from_ref(statement).addr()
}

fn run_once<T, E: From<Error>>(
    closure: impl Fn(&mut Tx<'_>) -> std::result::Result<T, E>,
    verbs: &mut dyn PgVerbs,
) -> std::result::Result<T, E> {
    run_caught(closure, &mut Tx::single(Connection::Postgres(verbs)))
}

/// Learns the statement.
struct Rehearsal {
    asked: Option<Asked>,
}

impl PgVerbs for Rehearsal {
    fn execute(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<u64> {
        self.query(statement, params).map(|_| 0)
    }

    fn query(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>> {
        self.asked = Some(Asked { statement, params: params.iter().map(OwnedValue::from).collect() });
        Err(Error::NotAPoint)
    }

    fn insert_columns(&mut self, _: &'static Statement, _: &[Vec<Value<'_>>]) -> Result<u64> {
        Err(Error::NotAPoint)
    }

    fn lock(&mut self, _: Lock) -> Result<()> {
        Err(Error::NotAPoint)
    }
}

/// Gives the rows.
struct Performance {
    statement: &'static Statement,
    rows: Result<Vec<Row>>,
}

impl PgVerbs for Performance {
    fn execute(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<u64> {
        self.query(statement, params).map(|_| 0)
    }

    fn query(&mut self, statement: &'static Statement, _: &[Value<'_>]) -> Result<Vec<Row>> {
        if std::ptr::eq(statement, self.statement) {
            std::mem::replace(&mut self.rows, Err(Error::NotAPoint))
        } else {
            Err(Error::NotAPoint)
        }
    }

    fn insert_columns(&mut self, _: &'static Statement, _: &[Vec<Value<'_>>]) -> Result<u64> {
        Err(Error::NotAPoint)
    }

    fn lock(&mut self, _: Lock) -> Result<()> {
        Err(Error::NotAPoint)
    }
}
