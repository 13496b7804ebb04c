//! What makes a bare copy into the table that applications knew: owner, grants, comments, triggers, row security,
//! publications, replica identity, statistics. Pure text, run once the copy stands under its real name.

use crate::provider::postgres::catalog::{Grant, Index, Policy, Sequence, SequenceBond, Statistics, Table, Trigger};
use crate::provider::postgres::{Name, literal, quote};

/// Statements for one table or partition. `given` are grants that it got by itself when it was made.
pub fn settings(table: &Table, given: &[Grant], new: bool) -> Vec<String> {
    let place = table.place();
    let at = place.sql();
    let mut all = vec![format!("alter table only {at} owner to {}", quote(&table.owner))];
    all.extend(revoke("table", &at, given, &table.owner));
    all.extend(grant("table", &at, &table.grants));
    for column in &table.columns {
        all.extend(column.grants.iter().map(|it| {
            format!("grant {} ({}) on table {at} to {}{}", it.privilege, quote(&column.name), it.to(), option(it))
        }));
        all.extend(comment(&format!("column {at}.{}", quote(&column.name)), &column.comment));
    }
    all.extend(comment(&format!("table {at}"), &table.comment));
    for check in &table.checks {
        if !check.validated {
            all.push(format!("alter table only {at} add constraint {} {}", quote(&check.name), check.definition));
        }
        all.extend(comment(&format!("constraint {} on {at}", quote(&check.name)), &check.comment));
    }
    all.extend(table.indexes.iter().filter(|index| index.valid).flat_map(|index| index_settings(&at, index)));
    all.extend(table.sequences.iter().flat_map(|it| sequence(&at, table, it, new)));
    all.extend(table.triggers.iter().flat_map(|it| trigger(&at, it)));
    all.extend(table.policies.iter().flat_map(|it| policy(&at, it)));
    all.extend(table.statistics.iter().flat_map(statistics));
    if table.row_security {
        all.push(format!("alter table only {at} enable row level security"));
    }
    if table.force_row_security {
        all.push(format!("alter table only {at} force row level security"));
    }
    match table.replica_identity.as_str() {
        "n" => all.push(format!("alter table only {at} replica identity nothing")),
        "f" => all.push(format!("alter table only {at} replica identity full")),
        _ => {}
    }
    all.extend(publish(table));
    all
}

fn option(grant: &Grant) -> &'static str {
    if grant.grantable { " with grant option" } else { "" }
}

fn grant<'a>(what: &'a str, at: &'a str, grants: &'a [Grant]) -> impl Iterator<Item = String> + 'a {
    grants.iter().map(move |it| format!("grant {} on {what} {at} to {}{}", it.privilege, it.to(), option(it)))
}

/// The owner too: it took over what the maker had, and may have had less.
fn revoke(what: &str, at: &str, given: &[Grant], owner: &str) -> Vec<String> {
    let mut from: Vec<String> = given.iter().map(Grant::to).chain([quote(owner)]).collect();
    from.sort();
    from.dedup();
    from.into_iter().map(|it| format!("revoke all on {what} {at} from {it} cascade")).collect()
}

fn comment(on: &str, text: &Option<String>) -> Option<String> {
    text.as_ref().map(|text| format!("comment on {on} is {}", literal(text)))
}

fn index_settings(at: &str, index: &Index) -> Vec<String> {
    let name = Name::new(&index.schema, &index.name).sql();
    let mut all: Vec<String> = index
        .statistics
        .iter()
        .map(|(column, target)| format!("alter index {name} alter column {column} set statistics {target}"))
        .collect();
    all.extend(comment(&format!("index {name}"), &index.comment));
    if let Some(constraint) = &index.constraint {
        all.extend(comment(&format!("constraint {} on {at}", quote(&constraint.name)), &constraint.comment));
    }
    if index.replica_identity {
        all.push(format!("alter table only {at} replica identity using index {}", quote(&index.name)));
    }
    if index.clustered {
        all.push(format!("alter table only {at} cluster on {}", quote(&index.name)));
    }
    all
}

fn sequence(at: &str, table: &Table, sequence: &Sequence, new: bool) -> Vec<String> {
    let place = sequence.place();
    let name = place.sql();
    let mut all = Vec::new();
    let makes = new && sequence.bond != SequenceBond::Identity;
    if makes {
        all.push(format!("create sequence if not exists {name} as {} {}", sequence.kind, sequence.options()));
        let default = table.columns.iter().find(|it| it.name == sequence.column).and_then(|it| it.default.as_ref());
        all.extend(
            default
                .map(|it| format!("alter table only {at} alter column {} set default {it}", quote(&sequence.column))),
        );
        all.push(format!("alter sequence {name} owner to {}", quote(&sequence.owner)));
    }
    if sequence.bond == SequenceBond::Owned {
        all.push(format!("alter sequence {name} owned by {at}.{}", quote(&sequence.column)));
    }
    // An identity sequence is a new one; one of its own stays and has what it had.
    if new || sequence.bond == SequenceBond::Identity {
        all.extend(revoke("sequence", &name, &[], &sequence.owner));
        all.extend(grant("sequence", &name, &sequence.grants));
        all.extend(comment(&format!("sequence {name}"), &sequence.comment));
    }
    all
}

fn trigger(at: &str, trigger: &Trigger) -> Vec<String> {
    let name = quote(&trigger.name);
    let mut all = vec![trigger.definition.clone()];
    let state = match trigger.enabled.as_str() {
        "D" => Some("disable"),
        "R" => Some("enable replica"),
        "A" => Some("enable always"),
        _ => None,
    };
    all.extend(state.map(|state| format!("alter table only {at} {state} trigger {name}")));
    all.extend(comment(&format!("trigger {name} on {at}"), &trigger.comment));
    all
}

fn policy(at: &str, policy: &Policy) -> Vec<String> {
    let name = quote(&policy.name);
    let command = match policy.command.as_str() {
        "r" => "select",
        "a" => "insert",
        "w" => "update",
        "d" => "delete",
        _ => "all",
    };
    let roles: Vec<String> =
        policy.roles.iter().map(|it| it.as_deref().map_or_else(|| "public".to_owned(), quote)).collect();
    let mut sql = format!(
        "create policy {name} on {at} as {} for {command} to {}",
        if policy.permissive { "permissive" } else { "restrictive" },
        roles.join(", ")
    );
    if let Some(using) = &policy.using {
        sql.push_str(&format!(" using ({using})"));
    }
    if let Some(check) = &policy.check {
        sql.push_str(&format!(" with check ({check})"));
    }
    let mut all = vec![sql];
    all.extend(comment(&format!("policy {name} on {at}"), &policy.comment));
    all
}

fn statistics(it: &Statistics) -> Vec<String> {
    let name = Name::new(&it.schema, &it.name).sql();
    let mut all = vec![it.definition.clone(), format!("alter statistics {name} owner to {}", quote(&it.owner))];
    all.extend(
        it.target.filter(|target| *target >= 0).map(|it| format!("alter statistics {name} set statistics {it}")),
    );
    all.extend(comment(&format!("statistics {name}"), &it.comment));
    all
}

/// Puts a table under the publications it was in, with their columns and filters.
pub fn publish(table: &Table) -> Vec<String> {
    let each = table.publications.iter().map(|it| {
        let mut sql = format!("alter publication {} add table only {}", quote(&it.name), table.place().sql());
        if let Some(columns) = &it.columns {
            sql.push_str(&format!(" ({})", columns.iter().map(|it| quote(it)).collect::<Vec<_>>().join(", ")));
        }
        if let Some(filter) = &it.filter {
            sql.push_str(&format!(" where ({filter})"));
        }
        sql
    });
    each.collect()
}

pub fn unpublish(table: &Table, place: &Name) -> Vec<String> {
    let each = table.publications.iter();
    each.map(|it| format!("alter publication {} drop table only {}", quote(&it.name), place.sql())).collect()
}
