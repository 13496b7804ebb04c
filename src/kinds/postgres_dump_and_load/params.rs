//! What a load is made of, as the runbook writes it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::kind::Foresight;
use crate::provider::postgres::{Connection, Name};
use crate::runbook::catalog::{Complaint, InPlace, Known, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Where the rows come from: a restored copy, usually.
    pub source: Connection,
    /// Where they go: the live server.
    pub target: Connection,
    /// On both servers; what the connections name where it is left out.
    #[serde(default)]
    pub database: Option<String>,
    /// These tables: `orders`, `shop.orders`, `"Shop"."na.me"`.
    #[serde(default)]
    pub tables: Option<Vec<Name>>,
    /// All tables of these schemas, exactly as written.
    #[serde(default)]
    pub schemas: Option<Vec<String>>,
    /// All tables of the database.
    #[serde(default)]
    pub everything: bool,
    #[serde(default)]
    pub mode: Mode,
    #[serde(default)]
    pub newer_rows: NewerRows,
    /// Which row stays where both have one under the same key and they differ: when swapping the copy's unless said, when
    /// merging the live one.
    #[serde(default)]
    pub on_conflict: Option<OnConflict>,
    #[serde(default)]
    pub compare: Compare,
    /// How many streams and index builds at once; as many as this machine has cores, at most 4, where left out.
    #[serde(default)]
    pub jobs: Option<usize>,
    /// In a drill: the database that the target is made of, see [`super::rehearsal`]. Nobody writes it.
    #[serde(default)]
    #[schemars(skip)]
    pub template: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The table as it was takes the place of the live one, which is kept under another name.
    #[default]
    Swap,
    /// Rows are put into the live table.
    Merge,
    /// The table must not be there yet.
    Create,
}

/// What becomes of rows that are in the live table and not in the copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewerRows {
    /// There must be none.
    #[default]
    Refuse,
    Keep,
    /// They stay in the old table only.
    Drop,
}

/// Which row stays where both have one under the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    KeepLive,
    TakeBackup,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// Every row on both sides, and the copy against its source.
    #[default]
    Checksum,
    /// How many rows.
    Rows,
    /// Nothing but what `newer_rows` needs.
    None,
}

impl Params {
    pub fn on_conflict(&self) -> OnConflict {
        self.on_conflict.unwrap_or(match self.mode {
            Mode::Swap | Mode::Create => OnConflict::TakeBackup,
            Mode::Merge => OnConflict::KeepLive,
        })
    }

    /// In a drill the target is a copy that has the tables: those that are to be made are taken away first.
    pub fn makes_room(&self) -> bool {
        self.template.is_some() && self.mode == Mode::Create
    }

    pub fn jobs(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.unwrap_or(cores.min(4)).clamp(1, 32)
    }
}

/// The source is only read; of the target, what is named.
pub fn foresee(with: &Late<'_>) -> Foresight {
    let database = with.text(&["database"]);
    let target = Connection::foreseen(with, "target", database).unwrap_or_else(|| "the target".into());
    let listed = |field: &str| match with.get(&[field]) {
        Known::Known(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::<String>::new(),
    };
    let each =
        |word: &str, names: Vec<String>| names.into_iter().map(|it| format!("{target}: {word} `{it}`")).collect();
    let mut touches: Vec<String> = each("table", listed("tables"));
    touches.extend::<Vec<String>>(each("schema", listed("schemas")));
    if touches.is_empty() {
        touches.push(target);
    }
    Foresight {
        touches,
        reads: Connection::foreseen(with, "source", database).into_iter().collect(),
        ..Foresight::default()
    }
}

/// A swap keeps the old table and a new one replaces nothing; a merge only adds rows, unless the copy's win: what they
/// overwrite is kept nowhere.
pub fn in_place(with: &Late<'_>) -> InPlace {
    let is = |name: &str, word: &str| match with.get(&[name]) {
        Known::Known(value) => Some(value == word),
        Known::Absent => Some(false),
        Known::Unknown => None,
    };
    match (is("mode", "merge"), is("on_conflict", "take_backup")) {
        (Some(false), _) | (_, Some(false)) => InPlace::No,
        (Some(true), Some(true)) => InPlace::Yes("rows of the live table are overwritten and kept nowhere"),
        _ => InPlace::CannotTell,
    }
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut complain = |path: &str, message: &str, help: &str| {
        found.push(Complaint {
            path: if path.is_empty() { vec![] } else { vec![path.to_owned()] },
            code: "RG2200",
            message: message.to_owned(),
            help: Some(help.to_owned()),
        });
    };
    let given =
        |name: &str| !matches!(with.get(&[name]), Known::Absent | Known::Known(Value::Null | Value::Bool(false)));
    let chosen: Vec<&str> = ["tables", "schemas", "everything"].into_iter().filter(|name| given(name)).collect();
    match chosen.len() {
        0 => complain("", "nothing says what is loaded", "give one of `tables`, `schemas`, `everything: true`"),
        1 => {}
        _ => complain(chosen[1], "more than one of `tables`, `schemas`, `everything`", "leave one"),
    }
    for name in ["tables", "schemas"] {
        if let Known::Known(Value::Array(list)) = with.get(&[name])
            && list.is_empty()
        {
            complain(name, "the list is empty", "name at least one");
        }
    }
    let mode = match with.get(&["mode"]) {
        Known::Known(Value::String(mode)) => mode.as_str(),
        Known::Absent => "swap",
        _ => return found,
    };
    if given("on_conflict") && mode == "create" {
        complain("on_conflict", "`on_conflict` is for tables that are there", "leave it out, or swap or merge");
    }
    if given("newer_rows") && mode != "swap" {
        complain("newer_rows", "`newer_rows` is for `mode: swap`", "leave it out, or swap");
    }
    if let Known::Known(Value::Number(jobs)) = with.get(&["jobs"])
        && !jobs.as_u64().is_some_and(|jobs| (1..=32).contains(&jobs))
    {
        complain("jobs", "`jobs` is from 1 to 32", "leave it out for as many as this machine has cores, at most 4");
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_rows_that_are_overwritten_and_not_kept_make_it_a_change_in_place() {
        let cases = [
            (json!({}), InPlace::No),
            (json!({"mode": "swap", "newer_rows": "drop", "on_conflict": "take_backup"}), InPlace::No),
            (json!({"mode": "merge"}), InPlace::No),
            (json!({"mode": "merge", "on_conflict": "keep_live"}), InPlace::No),
            (json!({"mode": "{{ params.m }}", "on_conflict": "take_backup"}), InPlace::CannotTell),
            (json!({"mode": "merge", "on_conflict": "{{ params.c }}"}), InPlace::CannotTell),
        ];
        for (with, wanted) in cases {
            assert_eq!(in_place(&Late { value: &with }), wanted, "{with}");
        }
        let with = json!({"mode": "merge", "on_conflict": "take_backup"});
        assert!(matches!(in_place(&Late { value: &with }), InPlace::Yes(_)));
    }
}
