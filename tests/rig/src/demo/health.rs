//! What answers 200 once the platform is well: a web server that asks the database anew each time.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_postgres::Config;

use super::platform::connect;

/// Serves until dropped.
pub struct Health {
    at: SocketAddr,
    task: JoinHandle<()>,
}

impl Health {
    /// Well is a platform whose database holds at least so many enrolments.
    pub async fn open(database: Config, least: i64) -> Result<Health> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen")?;
        let at = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever hangs up first has no use for the answer.
                tokio::spawn(answer(stream, database.clone(), least));
            }
        });
        Ok(Health { at, task })
    }

    pub fn url(&self) -> String {
        format!("http://{}/heartbeat", self.at)
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, database: Config, least: i64) -> Result<()> {
    // A request without a body: its end is the end of its first packet, as far as this server cares.
    let _ = stream.read(&mut [0; 4096]).await?;
    let (status, body) = match enrolments(database).await {
        Ok(count) if count >= least => ("200 OK", format!("{count} enrolments")),
        Ok(count) => ("503 Service Unavailable", format!("only {count} enrolments")),
        Err(_) => ("503 Service Unavailable", "no database".to_string()),
    };
    let length = body.len();
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    Ok(stream.write_all(text.as_bytes()).await?)
}

async fn enrolments(database: Config) -> Result<i64> {
    Ok(connect(database).await?.query_one("select count(*) from enrolments", &[]).await?.get(0))
}
