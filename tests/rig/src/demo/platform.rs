//! The platform of the demo: a live server with a WAL archive, three tables with rows in them, and a base backup.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use tokio_postgres::{Client, Config, NoTls};

use crate::scratch::Scratch;
use crate::servers::Postgres;

/// The tables, parents first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Users,
    Enrolments,
    Certificates,
}

impl Table {
    pub const ALL: [Table; 3] = [Table::Users, Table::Enrolments, Table::Certificates];

    pub fn name(self) -> &'static str {
        match self {
            Table::Users => "users",
            Table::Enrolments => "enrolments",
            Table::Certificates => "certificates",
        }
    }
}

/// Courses at the start; damage and writer count on their names.
pub const COURSES: u32 = 20;

pub struct Platform {
    pub live: Postgres,
    /// The base backup, older than every write of the writer.
    pub base: PathBuf,
    /// Enrolments at the start.
    pub enrolments: u32,
}

impl Platform {
    pub async fn open(scratch: &Scratch, enrolments: u32) -> Result<Platform> {
        let live = Postgres::start(scratch)?;
        let base = scratch.folder("backups")?.join("base");
        let platform = Platform { live, base, enrolments };
        let client = platform.as_owner().await?;
        client.batch_execute(include_str!("platform.sql")).await.context("cannot make the tables")?;
        client.batch_execute(&rows(enrolments)).await.context("cannot fill the tables")?;
        platform.live.base_backup(&platform.base)?;
        Ok(platform)
    }

    /// Enrolments are spread over the users; every user has one in each course or none.
    pub fn users(&self) -> u32 {
        users(self.enrolments)
    }

    /// What the shipped runbooks are told to restore the server into that folder.
    pub fn params(&self, as_of: &str, data_directory: &Path) -> [(&'static str, String); 4] {
        [
            ("as_of", as_of.to_string()),
            ("base", self.base.display().to_string()),
            ("archive", self.live.archive_dir().display().to_string()),
            ("data_directory", data_directory.display().to_string()),
        ]
    }

    pub async fn as_owner(&self) -> Result<Client> {
        connect(owner(&self.live)?).await
    }

    pub async fn as_superuser(&self) -> Result<Client> {
        connect(superuser(&self.live)?).await
    }
}

/// As the application connects: the owner of the tables, with its password.
pub fn owner(server: &Postgres) -> Result<Config> {
    let mut config = Config::from_str(&server.url())?;
    config.password(server.lms_password());
    Ok(config)
}

/// As a superuser, in the database of the application: sees what every session does.
pub fn superuser(server: &Postgres) -> Result<Config> {
    let mut config = Config::from_str(&server.superuser_url())?;
    config.dbname("lms");
    Ok(config)
}

/// A session whose rows read the same as every other's: their text is hashed, and a time zone would show in it.
pub async fn connect(mut config: Config) -> Result<Client> {
    config.options("-c timezone=UTC");
    let (client, connection) = config.connect(NoTls).await.context("cannot connect to PostgreSQL")?;
    // It ends when the client is dropped, and its error reaches whoever still uses the client.
    tokio::spawn(connection);
    Ok(client)
}

fn users(enrolments: u32) -> u32 {
    enrolments.div_ceil(COURSES)
}

/// Names with quotes and letters beyond ASCII, empty and missing values: what tables in real life hold.
fn rows(enrolments: u32) -> String {
    let users = users(enrolments);
    format!(
        "insert into users (username, email, last_login)
         select 'learner' || n, 'learner' || n || '@example.org', case when n % 3 = 0 then null else now() - n * interval '1 minute' end
         from generate_series(1, {users}) n;
         insert into enrolments (user_id, course_id, mode, note, created)
         select 1 + n % {users}, 'course-v1:RegrowX+C' || n / {users} || '+2026', case when n % 7 = 0 then 'verified' else 'audit' end,
                case n % 4 when 0 then null when 1 then '' when 2 then 'Ünïcode, \"quotes\", ''single'' and \\ ' || md5(n::text)
                     else repeat(md5(n::text), 3) end,
                now() - n * interval '1 second'
         from generate_series(0, {enrolments} - 1) n;
         insert into certificates (user_id, course_id, grade)
         select user_id, course_id, (id % 1000) / 100.0 from enrolments where id % 9 = 0;
         analyze;"
    )
}
