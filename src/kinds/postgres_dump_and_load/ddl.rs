//! The statements that make a table like another one, under a name of ours. Pure text.

use super::scratch::Scratch;
use crate::provider::postgres::catalog::{Column, Constraint, Index, SequenceBond, Table};
use crate::provider::postgres::{Name, literal, quote};

/// The table without indexes, keys and whatever hangs on them: those come after the data.
///
/// `new`: it does not exist on the target yet, and neither do the sequences that its columns own, so such defaults wait
/// for [`super::carry`].
pub fn create(table: &Table, at: &Name, scratch: &Scratch, number: usize, new: bool) -> Vec<String> {
    let mut lines: Vec<String> = table.columns.iter().map(|it| column(table, it, scratch, number, new)).collect();
    for check in table.checks.iter().filter(|check| check.validated) {
        lines.push(format!("constraint {} {}", quote(&check.name), check.definition));
    }
    let mut sql =
        format!("create {}table {} ({})", if table.unlogged { "unlogged " } else { "" }, at.sql(), lines.join(", "));
    if let Some(key) = &table.partition_key {
        sql.push_str(&format!(" partition by {key}"));
    }
    if let Some(method) = table.access_method.as_deref().filter(|method| *method != "heap") {
        sql.push_str(&format!(" using {}", quote(method)));
    }
    let options = options(table);
    if !options.is_empty() {
        sql.push_str(&format!(" with ({})", options.join(", ")));
    }
    if let Some(tablespace) = &table.tablespace {
        sql.push_str(&format!(" tablespace {}", quote(tablespace)));
    }
    let mut all = vec![sql];
    all.extend(table.columns.iter().flat_map(|it| column_settings(at, it)));
    all
}

fn column(table: &Table, column: &Column, scratch: &Scratch, number: usize, new: bool) -> String {
    let mut sql = format!("{} {}", quote(&column.name), column.kind);
    if let Some(collation) = &column.collation {
        sql.push_str(&format!(" collate {collation}"));
    }
    let sequence = table.sequences.iter().position(|it| it.column == column.name);
    let bond = sequence.map(|at| table.sequences[at].bond);
    match (&column.default, column.generated.as_str()) {
        (Some(expression), "s") => sql.push_str(&format!(" generated always as ({expression}) stored")),
        (Some(expression), "v") => sql.push_str(&format!(" generated always as ({expression}) virtual")),
        (Some(_), _) if new && bond.is_some() => {}
        (Some(expression), _) => sql.push_str(&format!(" default {expression}")),
        (None, _) => {}
    }
    if let (Some(at), Some(SequenceBond::Identity)) = (sequence, bond) {
        sql.push_str(&format!(
            " generated {} as identity (sequence name {} {})",
            if column.identity == "a" { "always" } else { "by default" },
            Name::new(scratch.schema(), scratch.sequence(number, at)).sql(),
            table.sequences[at].options()
        ));
    }
    if column.not_null {
        sql.push_str(" not null");
    }
    sql
}

/// `fillfactor=70` as it stands in `with (…)`.
fn options(table: &Table) -> Vec<String> {
    let written = |prefix: &str, option: &String| {
        let (name, value) = option.split_once('=').unwrap_or((option, "true"));
        format!("{prefix}{} = {}", quote(name), literal(value))
    };
    let own = table.options.iter().map(|option| written("", option));
    own.chain(table.toast_options.iter().map(|option| written("toast.", option))).collect()
}

fn column_settings(at: &Name, column: &Column) -> Vec<String> {
    let alter = format!("alter table only {} alter column {}", at.sql(), quote(&column.name));
    let mut all = Vec::new();
    if let Some(storage) = &column.storage {
        let storage = match storage.as_str() {
            "p" => "plain",
            "e" => "external",
            "m" => "main",
            _ => "extended",
        };
        all.push(format!("{alter} set storage {storage}"));
    }
    if let Some(compression) = &column.compression {
        all.push(format!("{alter} set compression {}", if compression == "l" { "lz4" } else { "pglz" }));
    }
    if let Some(target) = column.statistics {
        all.push(format!("{alter} set statistics {target}"));
    }
    if !column.options.is_empty() {
        all.push(format!("{alter} set ({})", column.options.join(", ")));
    }
    all
}

/// How an index comes about.
pub enum Build {
    /// An index, and then the constraint that takes it over: unique indexes of one table can be built side by side so,
    /// while `add primary key` would lock its siblings out.
    Index { create: String, constraint: Option<String> },
    /// Only a constraint can make it.
    Constraint(String),
}

pub fn index(index: &Index, at: &Name, name: &str) -> Build {
    let only = if index.partitioned { "only " } else { "" };
    let add = |what: &str| format!("alter table {only}{} add constraint {} {what}", at.sql(), quote(name));
    let create = || {
        format!(
            "create {}index {} on {only}{} {}",
            if index.unique { "unique " } else { "" },
            quote(name),
            at.sql(),
            index.using
        )
    };
    match &index.constraint {
        None => Build::Index { create: create(), constraint: None },
        Some(constraint) if index.partitioned || constraint.kind == "x" || !index.using.starts_with("USING btree") => {
            Build::Constraint(add(&constraint.definition))
        }
        Some(constraint) => Build::Index { create: create(), constraint: Some(add(&takes(constraint, name))) },
    }
}

fn takes(constraint: &Constraint, index: &str) -> String {
    let when = match (constraint.deferrable, constraint.deferred) {
        (false, _) => "",
        (true, false) => " deferrable",
        (true, true) => " deferrable initially deferred",
    };
    let kind = if constraint.kind == "p" { "primary key" } else { "unique" };
    format!("{kind} using index {}{when}", quote(index))
}
