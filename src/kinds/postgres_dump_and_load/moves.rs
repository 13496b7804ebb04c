//! Who takes whose name: the statements of a swap and of its way back, as text. Each move is written down together with
//! its opposite, so that `swap_back` is nothing but what the swap noted.

use std::collections::{BTreeMap, BTreeSet};

use super::carry;
use super::plan::Unit;
use super::scratch::Scratch;
use crate::provider::postgres::catalog::{ForeignKey, Grant, Sequence, SequenceBond, Table};
use crate::provider::postgres::{Name, literal, quote};

/// A swap in the making.
#[derive(Default)]
pub struct Moves {
    pub forward: Vec<String>,
    /// In the order they are to run.
    pub back: Vec<String>,
    /// After the commit.
    pub validate: Vec<String>,
    pub validate_back: Vec<String>,
    pub kept: Vec<Name>,
}

/// A table that takes a place: as it is to be, and its bare copy in the scratch schema.
pub struct Pair<'a> {
    /// Of the live table where there is one, read under the lock.
    pub table: &'a Table,
    pub number: usize,
    pub new: bool,
    /// What the copy was granted by itself when it was made.
    pub given: &'a [Grant],
    /// Last numbers that the source had taken from the sequences, by column.
    pub lasts: &'a BTreeMap<String, i64>,
}

pub fn swap(scratch: &Scratch, pairs: &[Pair<'_>]) -> Moves {
    let set: BTreeSet<Name> = pairs.iter().map(|pair| pair.table.place()).collect();
    let mut moves = Moves::default();
    let (mut away, mut aside, mut home, mut keys) = (vec![], vec![], vec![], vec![]);
    for pair in pairs.iter().filter(|pair| !pair.new) {
        loosen(&mut moves, pair.table, &set, &mut away, &mut keys);
        step_aside(&mut moves, scratch, pair.table, &mut home);
        if pair.table.parent.is_none() {
            moves.kept.push(Name::new(&pair.table.schema, scratch.old(&pair.table.name)));
        }
    }
    for pair in pairs {
        take_place(&mut moves, scratch, pair, &mut aside);
    }
    for pair in pairs {
        moves.forward.extend(carry::settings(pair.table, pair.given, pair.new));
        numbers(&mut moves, scratch, pair, &mut keys);
        if !pair.new {
            away.extend(carry::unpublish(pair.table, &pair.table.place()));
            keys.extend(carry::publish(pair.table));
        }
        outbound(&mut moves, pair.table, &set, &mut away);
    }
    inbound(&mut moves, pairs, &set, &mut keys);
    // Newest first among the names: the copies leave before the old ones come home.
    moves.back = away.into_iter().chain(aside).chain(home).chain(keys).collect();
    moves
}

/// Takes the old table out of keys and publications: it must neither hold back nor follow what happens to others.
fn loosen(moves: &mut Moves, table: &Table, set: &BTreeSet<Name>, away: &mut Vec<String>, keys: &mut Vec<String>) {
    let place = table.place();
    moves.forward.extend(carry::unpublish(table, &place));
    for key in table.inbound.iter().filter(|key| !set.contains(&key.from())) {
        moves.forward.push(drop_key(&key.from(), key));
        away.push(drop_key(&key.from(), key));
    }
    for key in table.foreign_keys.iter().filter(|key| !set.contains(&key.to())) {
        moves.forward.push(drop_key(&place, key));
        keys.push(add_key(&place, key));
        moves.validate_back.extend(validate(&place, key));
    }
    // A sequence goes where the table goes that owns it, and the copy is going to leave.
    let owned = table.sequences.iter().filter(|it| it.bond == SequenceBond::Owned);
    away.extend(owned.map(|it| format!("alter sequence {} owned by none", it.place().sql())));
}

fn drop_key(from: &Name, key: &ForeignKey) -> String {
    format!("alter table {} drop constraint if exists {}", from.sql(), quote(&key.name))
}

/// Not valid first, so that it needs no look at the rows while the lock is held; partitioned tables cannot do that before
/// PostgreSQL 18.
fn add_key(from: &Name, key: &ForeignKey) -> String {
    let later = if key.table_partitioned { "" } else { " not valid" };
    format!("alter table {} add constraint {} {}{later}", from.sql(), quote(&key.name), key.definition(&key.to()))
}

fn validate(from: &Name, key: &ForeignKey) -> Option<String> {
    (key.validated && !key.table_partitioned)
        .then(|| format!("alter table {} validate constraint {}", from.sql(), quote(&key.name)))
}

/// The live table and all that is called after it make room.
fn step_aside(moves: &mut Moves, scratch: &Scratch, table: &Table, home: &mut Vec<String>) {
    let mut rename = |what: &str, schema: &str, name: &str| {
        let old = scratch.old(name);
        moves.forward.push(renamed(what, schema, name, &old));
        home.push(renamed(what, schema, &old, name));
    };
    rename("table", &table.schema, &table.name);
    for index in &table.indexes {
        rename("index", &index.schema, &index.name);
    }
    for sequence in table.sequences.iter().filter(|it| it.bond == SequenceBond::Identity) {
        rename("sequence", &sequence.schema, &sequence.name);
    }
    for statistics in &table.statistics {
        rename("statistics", &statistics.schema, &statistics.name);
    }
    for sequence in table.sequences.iter().filter(|it| it.bond == SequenceBond::Owned) {
        home.push(format!(
            "alter sequence {} owned by {}.{}",
            sequence.place().sql(),
            table.place().sql(),
            quote(&sequence.column)
        ));
    }
}

fn renamed(what: &str, schema: &str, from: &str, to: &str) -> String {
    format!("alter {what} {} rename to {}", Name::new(schema, from).sql(), quote(to))
}

/// The copy leaves the scratch schema and takes the names.
fn take_place(moves: &mut Moves, scratch: &Scratch, pair: &Pair<'_>, aside: &mut Vec<String>) {
    let table = pair.table;
    let (ours, theirs) = (scratch.table(pair.number), table.schema.as_str());
    let mut back = Vec::new();
    moves.forward.push(format!("alter table {} set schema {}", scratch.table_place(pair.number).sql(), quote(theirs)));
    let mut rename = |what: &str, schema: &str, from: &str, to: &str| {
        moves.forward.push(renamed(what, schema, from, to));
        back.push(renamed(what, schema, to, from));
    };
    rename("table", theirs, &ours, &table.name);
    for (at, index) in table.indexes.iter().enumerate().filter(|(_, index)| index.valid || index.partitioned) {
        rename("index", &index.schema, &scratch.index(pair.number, at), &index.name);
    }
    for (at, sequence) in table.sequences.iter().enumerate().filter(|(_, it)| it.bond == SequenceBond::Identity) {
        rename("sequence", theirs, &scratch.sequence(pair.number, at), &sequence.name);
    }
    for (at, statistics) in table.statistics.iter().enumerate() {
        back.push(renamed("statistics", &statistics.schema, &statistics.name, &format!("{ours}_x{at}")));
    }
    back.push(format!("alter table {} set schema {}", Name::new(theirs, &ours).sql(), quote(&scratch.schema())));
    aside.extend(back);
}

/// For rows that were put into a live table: its sequences go on beyond them.
pub fn raise(table: &Table, lasts: &BTreeMap<String, i64>) -> Vec<String> {
    let each = table.sequences.iter().map(|sequence| {
        let (furthest, known) = known(table, sequence, lasts);
        set_number(&sequence.place(), furthest, &known, sequence.min, sequence.max)
    });
    each.collect()
}

/// What the next number must be beyond: what the sequence gave out, the rows, what the source had given out.
fn known(table: &Table, sequence: &Sequence, lasts: &BTreeMap<String, i64>) -> (&'static str, Vec<String>) {
    let column = table.columns.iter().find(|it| it.name == sequence.column);
    let whole = column.is_some_and(|it| ["smallint", "integer", "bigint"].contains(&it.kind.as_str()));
    let (furthest, most) = if sequence.increment > 0 { ("greatest", "max") } else { ("least", "min") };
    let mut known = vec![called(&sequence.place())];
    if whole {
        known.push(format!("(select {most}({}) from {})", quote(&sequence.column), table.place().sql()));
    }
    known.extend(lasts.get(&sequence.column).map(i64::to_string));
    (furthest, known)
}

/// Sequences go on where the furthest of all left off. `setval` is not undone by a rollback, which only wastes numbers.
fn numbers(moves: &mut Moves, scratch: &Scratch, pair: &Pair<'_>, back: &mut Vec<String>) {
    for sequence in &pair.table.sequences {
        let (furthest, mut known) = known(pair.table, sequence, pair.lasts);
        let place = sequence.place();
        let old = Name::new(&sequence.schema, scratch.old(&sequence.name));
        if !pair.new && sequence.bond == SequenceBond::Identity {
            known.push(called(&old));
            // On the way back the numbers that the copy gave out since are not given out again. The copy's sequence is in
            // the scratch schema by then.
            let at = pair.table.sequences.iter().position(|it| it == sequence).unwrap_or(0);
            let copy = Name::new(scratch.schema(), scratch.sequence(pair.number, at));
            back.push(set_number(&place, furthest, &[called(&place), called(&copy)], sequence.min, sequence.max));
        }
        moves.forward.push(set_number(&place, furthest, &known, sequence.min, sequence.max));
    }
}

fn called(sequence: &Name) -> String {
    format!("(select last_value from {} where is_called)", sequence.sql())
}

fn set_number(sequence: &Name, furthest: &str, known: &[String], min: i64, max: i64) -> String {
    format!(
        "select pg_catalog.setval({}::regclass, v) from (select {furthest}({}) as v) x where v between {min} and {max}",
        literal(&sequence.sql()),
        known.join(", ")
    )
}

/// Keys of the copy, to tables outside and among the copies, which have their names by now.
fn outbound(moves: &mut Moves, table: &Table, set: &BTreeSet<Name>, away: &mut Vec<String>) {
    let place = table.place();
    for key in &table.foreign_keys {
        // A key between two of the set waits until the one it points at has its unique index under its name: it has.
        moves.forward.push(add_key(&place, key));
        moves.validate.extend(validate(&place, key));
        if !set.contains(&key.to()) {
            away.push(drop_key(&place, key));
        }
        if let Some(text) = &key.comment {
            moves.forward.push(format!(
                "comment on constraint {} on {} is {}",
                quote(&key.name),
                place.sql(),
                literal(text)
            ));
        }
    }
}

/// Keys of others that pointed at the live tables point at what took their place.
fn inbound(moves: &mut Moves, pairs: &[Pair<'_>], set: &BTreeSet<Name>, keys: &mut Vec<String>) {
    let live = pairs.iter().filter(|pair| !pair.new);
    for key in live.flat_map(|pair| &pair.table.inbound).filter(|key| !set.contains(&key.from())) {
        let from = key.from();
        moves.forward.push(add_key(&from, key));
        moves.validate.extend(validate(&from, key));
        keys.push(add_key(&from, key));
        moves.validate_back.extend(validate(&from, key));
        if let Some(text) = &key.comment {
            let said = format!("comment on constraint {} on {} is {}", quote(&key.name), from.sql(), literal(text));
            moves.forward.push(said.clone());
            keys.push(said);
        }
    }
}

/// All members of all units, as pairs.
pub fn pairs<'a>(units: &'a [Unit], given: &'a [Vec<Grant>]) -> Vec<Pair<'a>> {
    let members = units.iter().flat_map(|unit| unit.members.iter().map(move |member| (unit, member)));
    members
        .zip(given)
        .map(|((unit, member), given)| Pair {
            table: &member.table,
            number: member.number,
            new: !unit.exists,
            given,
            lasts: &member.lasts,
        })
        .collect()
}
