//! The executor dies by SIGKILL at a random moment while the scratch table holds more than none and less than all rows.
//!
//! How many rows it holds is asked of the live server, not of regrow: rows of a COPY under way, which nobody can see in
//! the table yet, and rows that are committed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::Child;
use tokio_postgres::Client;

/// When it was, seen from the live server.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub rows: i64,
    pub of: i64,
    pub after: Duration,
}

/// Waits for the moment and kills that process alone. An error when it ended before, or loaded all at a glance.
pub async fn in_the_middle(child: &mut Child, client: &Client, of: i64) -> Result<Moment> {
    let begun = Instant::now();
    // Not near the end: the load goes on between the look and the signal.
    let goal = (of as f64 * (0.02 + 0.7 * fastrand::f64())) as i64;
    client.batch_execute("set lock_timeout = '20ms'").await?;
    loop {
        if let Some(status) = child.try_wait()? {
            bail!("the executor ended ({status}) before the table was loading");
        }
        let rows = loaded(client).await?;
        if rows >= of {
            bail!("the table was loaded before the executor could be killed; give the demo more --rows");
        }
        if rows > 0 && rows >= goal {
            child.start_kill().context("cannot kill the executor")?;
            child.wait().await?;
            return Ok(Moment { rows, of, after: begun.elapsed() });
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Rows in the scratch table so far.
pub async fn loaded(client: &Client) -> Result<i64> {
    let copying = "select coalesce(sum(tuples_processed), 0)::int8 from pg_stat_progress_copy
                   where datname = current_database() and command = 'COPY FROM'";
    let copying: i64 = client.query_one(copying, &[]).await?.get(0);
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname like 'regrow\\_%'";
    let mut committed = 0;
    for table in client.query(tables, &[]).await? {
        let count = format!("select count(*) from {}", table.get::<_, String>(0));
        // It may be locked or gone by now: then it is looked at the next time.
        if let Ok(row) = client.query_one(&count, &[]).await {
            committed = committed.max(row.get(0));
        }
    }
    Ok(committed + copying)
}
