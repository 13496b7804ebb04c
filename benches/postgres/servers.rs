//! Two servers with durable writes, the table in the one, nothing in the other.

use anyhow::{Result, ensure};
use rig::Scratch;
use rig::servers::Postgres;

const ROWS: u64 = 3_000_000;

/// As a small live server has it. Written before the first figure, the same for all tools.
const SETTINGS: &str = "\
alter system set fsync = on;
alter system set shared_buffers = '512MB';
alter system set max_wal_size = '8GB';
";

/// 572 MB of rows and 226 MB of indexes.
const TABLE: &str = "
create table enrolments (
    id bigint primary key,
    learner int not null,
    course int not null,
    created timestamptz not null,
    grade numeric(6, 3),
    digest text not null,
    note text not null,
    active boolean not null
);
insert into enrolments
    select n, (n * 7919) % 1000003, n % 4001, timestamptz '2020-01-01' + n * interval '17 s', (n % 100000) / 1000.0,
        md5(n::text), repeat(md5((n * 31)::text), 2) || left(md5((n * 17)::text), 31), n % 7 <> 0
    from generate_series(1, 3000000::bigint) n;
create index on enrolments (learner, created);
create index on enrolments (created);
vacuum (freeze, analyze) enrolments;
";

pub struct Servers {
    // Dropped before the scratch they live in.
    pub source: Postgres,
    pub target: Postgres,
    pub scratch: Scratch,
}

impl Servers {
    pub fn start() -> Result<Self> {
        let scratch = Scratch::new()?;
        let server = || -> Result<Postgres> {
            let mut server = Postgres::start_plain(&scratch)?;
            server.sql("postgres", SETTINGS)?;
            server.restart()?;
            server.sql("postgres", "create database bench")?;
            Ok(server)
        };
        let (source, target) = (server()?, server()?);
        source.sql("bench", TABLE)?;
        let sizes = "select pg_size_pretty(pg_table_size('enrolments')), pg_size_pretty(pg_indexes_size('enrolments'))";
        println!(
            "rows | indexes: {}; PostgreSQL {}",
            source.sql("bench", sizes)?,
            source.sql("bench", "show server_version")?
        );
        source.sql("bench", "checkpoint")?;
        Ok(Self { source, target, scratch })
    }

    pub fn url(server: &Postgres) -> String {
        format!("postgresql://regrow@127.0.0.1:{}/bench", server.port())
    }

    /// A new database, nothing left to be written by the one who was before.
    pub fn empty_target(&self) -> Result<()> {
        self.target.sql("postgres", "drop database bench with (force)")?;
        self.target.sql("postgres", "create database bench")?;
        self.target.sql("postgres", "checkpoint")?;
        Ok(())
    }

    pub fn check_target(&self) -> Result<()> {
        let sql = "select (select count(*) from enrolments), (select count(*) from pg_index where indisvalid \
                   and indrelid = 'enrolments'::regclass)";
        let found = self.target.sql("bench", sql)?;
        ensure!(found == format!("{ROWS}|3"), "the target has other rows or indexes than the source: {found}");
        Ok(())
    }
}
