//! `swap_back`, and the cleaning up of what a load made.

use serde::{Deserialize, Serialize};

use super::lock;
use super::marker::{self, Phase, Seen};
use super::params::Params;
use super::plan::{Prior, State};
use super::scratch::Scratch;
use super::site::Site;
use super::{prepare, rehearsal, survey, swap};
use crate::kind::{Op, Undone, WriteCx};
use crate::model::Fault;
use crate::model::ledger::LedgerEntry;
use crate::provider::postgres::catalog::{bonds, find, members};
use crate::provider::postgres::{Connection, Endpoint, Identity, Name, WriteSession, quote};

/// Takes the swap back, whatever became of it.
pub async fn swap_back(cx: &WriteCx, op: &Op<Params, Prior>) -> Result<Undone, Fault> {
    let site = Site::of(op);
    if !rehearsal::has_target(cx, &op.params, &site).await? {
        return Ok(vec!["nothing was swapped".to_owned()].into());
    }
    let lead = site.lead(cx).await?;
    let marker = match marker::look(&lead, &site.scratch).await? {
        Seen::Nothing => {
            return Ok(Undone { facts: vec!["nothing was swapped".to_owned()], gone: vec![site.scratch.schema()] });
        }
        Seen::Foreign => return Err(marker::foreign(&site.scratch)),
        Seen::Ours(marker) => marker,
    };
    match marker.phase {
        Phase::Loading | Phase::Loaded => {
            lead.run(&format!("drop schema if exists {} cascade", quote(&site.scratch.schema()))).await?;
            let facts = vec!["nothing was swapped; the copy beside is gone".to_owned()];
            Ok(Undone { facts, gone: vec![site.scratch.schema()] })
        }
        Phase::TakenBack => {
            swap::validate(cx, &site, &marker.state.validate_back).await?;
            Ok(Undone { facts: vec!["it was taken back before".to_owned()], gone: kept(&site, &marker.state) })
        }
        Phase::Swapped | Phase::Done if marker.state.back.is_empty() => {
            Ok(vec!["rows that were merged stay: they cannot be told from others any more".to_owned()].into())
        }
        Phase::Swapped | Phase::Done => back(cx, &site, &lead, &marker.state).await,
    }
}

async fn back(cx: &WriteCx, site: &Site, lead: &WriteSession, state: &State) -> Result<Undone, Fault> {
    lock::transaction(cx, site, lead, |_| {}, &Back { site, state }).await?;
    swap::validate(cx, site, &state.validate_back).await?;
    let facts = state.units.iter().map(|unit| {
        let copy = site.scratch.table_place(unit.members[0].number);
        if unit.exists {
            format!("`{}` is the table from before again; what was written since the swap is in `{copy}`", unit.name)
        } else {
            format!("`{}` is not there, as before; its rows are in `{copy}`", unit.name)
        }
    });
    Ok(Undone { facts: facts.collect(), gone: kept(site, state) })
}

/// What the swap had kept has its own name again.
fn kept(site: &Site, state: &State) -> Vec<String> {
    state.units.iter().map(|unit| prepare::old(&site.scratch, unit).to_string()).collect()
}

struct Back<'a> {
    site: &'a Site,
    state: &'a State,
}

impl lock::Locked for Back<'_> {
    type Out = ();

    async fn run(&self, session: &WriteSession) -> Result<(), Fault> {
        let tables: Vec<String> = self.state.units.iter().map(|unit| unit.name.sql()).collect();
        session.run(&format!("lock table {} in access exclusive mode", tables.join(", "))).await?;
        free(session, self.state).await?;
        for statement in &self.state.back {
            session.run(statement).await?;
        }
        session.run(&format!("{}; commit", marker::set(&self.site.scratch, Phase::TakenBack, self.state)?)).await
    }
}

/// Nothing may hang on the copies that would leave with them.
async fn free(session: &WriteSession, state: &State) -> Result<(), Fault> {
    let mut oids = Vec::new();
    for unit in &state.units {
        if let Some((oid, _)) = find(session, &unit.name).await? {
            oids.extend(members(session, oid).await?);
        }
    }
    let bound = bonds(session, &oids).await?;
    if bound.is_empty() {
        return Ok(());
    }
    let refused = survey::cannot_carry(&bound);
    Err(Fault {
        message: format!("what was made since the swap is bound to the copy: {}", bound.join(", ")),
        ..refused
    })
}

/// What the ledger keeps of a thing on the target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Thing {
    pub op: crate::model::OpId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    pub target: Identity,
    /// Absent: the scratch schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Name>,
    /// The program with which a person takes it away. Absent in a ledger of before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// Takes away the scratch schema or a kept table, if it is ours. Gone already is success.
pub async fn remove(cx: &WriteCx, entry: &LedgerEntry, with: &serde_json::Value) -> Result<(), Fault> {
    let unreadable = |error: serde_json::Error| {
        Fault::new("RG2222", format!("the ledger's entry of `{}` cannot be read", entry.id)).caused_by(&error)
    };
    let thing: Thing = serde_json::from_value(entry.details.clone()).map_err(unreadable)?;
    // The step's own connection, since the ledger holds no password.
    let connection: Connection = serde_json::from_value(with["target"].clone()).map_err(unreadable)?;
    let scratch = Scratch::of(&thing.op);
    let to = Endpoint {
        connection,
        database: thing.database.clone(),
        application: crate::provider::postgres::application_name(&thing.op),
    };
    let session = WriteSession::open(cx, &to, &thing.target).await?;
    session.run("set lock_timeout = '5s'").await?;
    match thing.table {
        // Its name is made of the operation's id: nobody else's table is called so.
        Some(table) if table.name == scratch.old(&old_base(&table.name, &scratch)) => {
            session.run(&format!("drop table if exists {}", table.sql())).await
        }
        Some(table) => Err(Fault::new("RG2222", format!("`{table}` is not a table that this operation kept"))),
        None => match marker::look(&session, &scratch).await? {
            Seen::Nothing => Ok(()),
            Seen::Foreign => Err(marker::foreign(&scratch)),
            // Whatever the ledger says: the rows that were live until the undo lie in it.
            Seen::Ours(marker) if marker.phase == Phase::TakenBack => {
                Err(Fault::new("RG2222", format!("`{}` holds what an undo put aside", scratch.schema()))
                    .hint("look at it; if nobody needs the rows, drop the schema by hand"))
            }
            Seen::Ours(_) => session.run(&format!("drop schema {} cascade", quote(&scratch.schema()))).await,
        },
    }
}

/// What a kept table was called, as far as its name still tells.
fn old_base(name: &str, scratch: &Scratch) -> String {
    let suffix = scratch.old("");
    name.strip_suffix(&suffix).unwrap_or_default().to_owned()
}
