//! Users go on working all the time: a writer that remembers every write that the server confirmed.
//!
//! Each write is one transaction, made while the gate is held. Whoever holds the gate sees the platform at rest, without
//! stopping anybody for longer than that.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Row};

use super::platform::{COURSES, Platform, Table};

/// About a hundred writes a second, next to which a restore must not be starved on two cores.
const PACE: Duration = Duration::from_millis(8);

/// What the writer knows. A later write to the same row replaces an earlier one.
#[derive(Default)]
pub struct Memory {
    /// Hash of each row as the server confirmed it, for the writes after the damage.
    pub later: HashMap<(Table, i64), i64>,
    /// Confirmed writes after the damage, repeated ones to a row included.
    pub later_count: HashMap<Table, u32>,
    pub inserted_enrolments: u32,
    /// Confirmed writes, from the start.
    pub total: u64,
    /// A write that the server refused. The platform was hurt then, even if nothing was lost.
    pub refused: Vec<String>,
    damaged: bool,
}

impl Memory {
    /// From here on every write is one that a recovery must not lose.
    pub fn begin_later(&mut self) {
        self.damaged = true;
    }

    fn confirmed(&mut self, table: Table, is_new: bool, row: &Row) {
        self.total += 1;
        if self.damaged {
            self.later.insert((table, row.get(0)), row.get(1));
            *self.later_count.entry(table).or_default() += 1;
            self.inserted_enrolments += u32::from(is_new && table == Table::Enrolments);
        }
    }
}

/// Writes until it is told to stop, or dropped.
pub struct Writer {
    gate: Arc<Mutex<Memory>>,
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Writer {
    pub async fn start(platform: &Platform) -> Result<Writer> {
        let client = platform.as_owner().await?;
        let gate = Arc::new(Mutex::new(Memory::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let hand = Hand { client, users: platform.users(), enrolments: platform.enrolments };
        let task = tokio::spawn(go_on(hand, Arc::clone(&gate), Arc::clone(&stop)));
        Ok(Writer { gate, stop, task })
    }

    /// No write is under way as long as this is held.
    pub async fn gate(&self) -> OwnedMutexGuard<Memory> {
        Arc::clone(&self.gate).lock_owned().await
    }

    /// Waits for so many more confirmed writes: the platform works.
    pub async fn wait_for(&self, more: u64) -> Result<()> {
        let goal = self.gate().await.total + more;
        let work = async {
            while self.gate().await.total < goal {
                ensure!(!self.task.is_finished(), "the writer lost its connection");
                tokio::time::sleep(PACE).await;
            }
            Ok(())
        };
        tokio::time::timeout(Duration::from_secs(60), work).await.context("the writer makes no progress")?
    }

    /// Ends it after the write under way and returns what it knows.
    pub async fn stop(mut self) -> Result<Memory> {
        self.stop.store(true, Ordering::Relaxed);
        (&mut self.task).await.context("the writer broke")?;
        let mut memory = self.gate.lock().await;
        Ok(std::mem::take(&mut memory))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn go_on(hand: Hand, gate: Arc<Mutex<Memory>>, stop: Arc<AtomicBool>) {
    let mut number = 0_u64;
    while !stop.load(Ordering::Relaxed) && !hand.client.is_closed() {
        {
            let mut memory = gate.lock().await;
            if let Err(error) = hand.write(number, &mut memory).await {
                memory.refused.push(format!("{error:#}"));
            }
        }
        number += 1;
        tokio::time::sleep(PACE).await;
    }
}

/// The one that writes.
struct Hand {
    client: Client,
    users: u32,
    enrolments: u32,
}

impl Hand {
    async fn write(&self, number: u64, memory: &mut Memory) -> Result<()> {
        let user = i64::from(fastrand::u32(1..=self.users));
        let course = format!("course-v1:RegrowX+C{}+2026", fastrand::u32(0..COURSES));
        // A course nobody was in, so that no lost enrolment of the same user and course stands against it.
        let new_course = format!("course-v1:RegrowX+New{number}+2027");
        let name = format!("newcomer{number}");
        let (table, is_new, sql, values): (_, _, _, [&(dyn tokio_postgres::types::ToSql + Sync); 2]) = match number % 5
        {
            0 => (Table::Users, true, "insert into users as t (username, email) values ($1, $2)", [&name, &course]),
            1 => (
                Table::Enrolments,
                true,
                "insert into enrolments as t (user_id, course_id) values ($1, $2)",
                [&user, &new_course],
            ),
            2 => {
                // Any enrolment, of which few are left after the damage.
                let id = i64::from(fastrand::u32(1..=self.enrolments));
                return self
                    .perform(
                        Table::Enrolments,
                        false,
                        "update enrolments t set note = $2 where id = $1",
                        &[&id, &name],
                        memory,
                    )
                    .await;
            }
            3 => (
                Table::Certificates,
                true,
                "insert into certificates as t (user_id, course_id, grade) values ($1, $2, 9.5)",
                [&user, &course],
            ),
            _ => {
                (Table::Users, false, "update users t set email = $2, last_login = now() where id = $1", [&user, &name])
            }
        };
        self.perform(table, is_new, sql, &values, memory).await
    }

    /// An update that meets no row is no write.
    async fn perform(
        &self,
        table: Table,
        is_new: bool,
        sql: &str,
        values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
        memory: &mut Memory,
    ) -> Result<()> {
        let sql = format!("{sql} returning t.id, hashtextextended(t::text, 0)");
        let row = self.client.query_opt(&sql, values).await.with_context(|| format!("refused: {sql}"))?;
        if let Some(row) = row {
            memory.confirmed(table, is_new, &row);
        }
        Ok(())
    }
}
