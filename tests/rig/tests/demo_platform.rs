//! The demo's platform without regrow: a person plays the recovery by hand, and the verification must see through it.

use rig::Scratch;
use rig::demo::damage::{self, Loss};
use rig::demo::platform::{Platform, Table};
use rig::demo::truth::Verdict;
use rig::demo::writer::Writer;

const ROWS: u32 = 4000;

/// A platform that lost most of a table and goes on, with a copy of the table as it was.
struct Night {
    platform: Platform,
    writer: Writer,
    loss: Loss,
    _scratch: Scratch,
}

impl Night {
    async fn fall() -> Night {
        let scratch = Scratch::new().unwrap();
        let platform = Platform::open(&scratch, ROWS).await.unwrap();
        let writer = Writer::start(&platform).await.unwrap();
        writer.wait_for(50).await.unwrap();
        // What a backup would hold. Taken by a trigger at the delete, so that it is exactly what was lost.
        platform
            .live
            .sql(
                "lms",
                "
            create schema safe;
            create table safe.lost (like enrolments);
            create function safe.keep() returns trigger language plpgsql security definer as
                'begin insert into safe.lost select (old).*; return old; end';
            create trigger keep after delete on enrolments for each row execute function safe.keep()",
            )
            .unwrap();
        let loss = damage::strike(&platform, &writer).await.unwrap();
        platform.live.sql("lms", "drop trigger keep on enrolments").unwrap();
        Night { platform, writer, loss, _scratch: scratch }
    }

    fn by_hand(&self, sql: &str) {
        self.platform.live.sql("lms", sql).unwrap();
    }

    async fn verdict(self) -> Verdict {
        self.writer.wait_for(20).await.unwrap();
        let memory = self.writer.stop().await.unwrap();
        let client = self.platform.as_owner().await.unwrap();
        self.loss.truth.verify(&client, &memory).await.unwrap()
    }
}

const BRING_BACK: &str = "insert into enrolments select * from safe.lost";

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_when_the_lost_rows_are_back() {
    let night = Night::fall().await;
    let before = night.loss.truth.count(Table::Enrolments);
    assert!(before >= ROWS as usize && night.loss.deleted as usize > ROWS as usize / 2);
    night.by_hand(BRING_BACK);
    let verdict = night.verdict().await;
    assert_eq!(verdict.problems, Vec::<String>::new());
    for table in Table::ALL {
        let later = verdict.later[&table];
        assert!(later.total > 10 && later.survived == later.total, "{}: {later:?}", table.name());
    }
    assert!(verdict.rows[&Table::Enrolments].0 > before, "newer enrolments are there, too");
}

/// Every way to be wrong that a careless recovery knows, and the words that must name it.
#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_is_wrong_is_named() {
    let table = [
        ("nothing is done", "select 1", "is missing"),
        (
            "one row is wrong",
            "insert into enrolments select * from safe.lost; update enrolments set mode = 'x' where id = (select min(id) from safe.lost)",
            "enrolments: row",
        ),
        ("one row is missing", "insert into enrolments select * from safe.lost offset 1", "is missing"),
        (
            "one row too many",
            "insert into enrolments select * from safe.lost; insert into enrolments (user_id, course_id) values (1, 'nobody wrote this')",
            "was never written",
        ),
        (
            "the newer rows are overwritten",
            "insert into enrolments select * from safe.lost; delete from enrolments where course_id like '%+2027' and not exists (select from safe.lost l where l.id = enrolments.id)",
            "is missing",
        ),
        (
            "another table is hurt",
            "insert into enrolments select * from safe.lost; update users set email = 'x' where id = 1",
            "users: row 1 is not what it was",
        ),
        ("an index is gone", "insert into enrolments select * from safe.lost; drop index enrolments_course", "shape"),
        (
            "the key is not validated",
            "insert into enrolments select * from safe.lost; alter table enrolments drop constraint enrolments_user_id_fkey, add foreign key (user_id) references users not valid",
            "shape",
        ),
    ];
    let night = Night::fall().await;
    let memory = night.writer.stop().await.unwrap();
    let client = night.platform.as_superuser().await.unwrap();
    for (name, sql, word) in table {
        client.batch_execute(&format!("begin; {sql}")).await.unwrap();
        let problems = night.loss.truth.verify(&client, &memory).await.unwrap().problems;
        client.batch_execute("rollback").await.unwrap();
        assert!(problems.iter().any(|problem| problem.contains(word)), "{name}: {problems:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_is_a_problem() {
    let night = Night::fall().await;
    night.by_hand(BRING_BACK);
    night.by_hand("alter table enrolments rename to gone");
    let mut waited = 0;
    while night.writer.gate().await.refused.is_empty() {
        waited += 1;
        assert!(waited < 500, "the writer sees no refusal");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    night.by_hand("alter table gone rename to enrolments");
    let problems = night.verdict().await.problems;
    assert!(problems.iter().any(|problem| problem.contains("a write was refused")), "{problems:?}");
}
