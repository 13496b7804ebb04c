//! What an edit did to a runbook, step by step: compared is what is written, so that comments, order of keys and layout do
//! not count.
//!
//! A variable or secret that changed belongs to every step that uses it, directly or by way of other variables.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::Loaded;
use super::diagnostic::{Problem, Report};
use super::holds::{Part, id};
use super::include;
use super::source::Source;
use super::tree::Tree;
use super::yaml;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// In the order of the old file, then those that are new.
    pub steps: Vec<StepChange>,
    /// What stands outside the steps.
    pub around: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StepChange {
    pub id: String,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Added,
    Gone,
    Fields(Vec<Field>),
}

/// One place whose value differs; absent where it was or is not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Keys joined by dots: `with.database`.
    pub name: String,
    pub old: Option<Value>,
    pub new: Option<Value>,
}

/// The error is what keeps one of the two from being read as YAML.
pub fn between(old: &Loaded, new: &Loaded) -> Result<Difference, Box<Problem>> {
    let people = [old, new].map(|loaded| {
        let file = loaded.people.as_ref()?;
        Some(yaml::parse(&mut Report::new(file)).ok()?.written())
    });
    let (old, new) = (Version::of(old)?, Version::of(new)?);
    let mut around = Vec::new();
    compare("", Some(&without_steps(&old.main)), Some(&without_steps(&new.main)), &mut around);
    compare("people file", people[0].as_ref(), people[1].as_ref(), &mut around);
    let moved = moved_names(&new.main, &around);
    let (before, after) = (old.steps(), new.steps());
    let mut changes = Vec::new();
    for (id, (step, was)) in &before {
        let change = match after.get(id) {
            None => Change::Gone,
            Some((_, is)) => {
                let mut fields = Vec::new();
                compare("", Some(was), Some(is), &mut fields);
                let used = own_names(step);
                fields.extend(around.iter().filter(|field| concerns(field, &used, &moved)).cloned());
                Change::Fields(fields)
            }
        };
        if change != Change::Fields(Vec::new()) {
            changes.push(StepChange { id: id.clone(), change });
        }
    }
    let added = after.keys().filter(|id| !before.contains_key(*id));
    changes.extend(added.map(|id| StepChange { id: id.clone(), change: Change::Added }));
    Ok(Difference { steps: changes, around })
}

/// A runbook and what it includes, as it is written.
struct Version {
    main: Tree,
    parts: BTreeMap<String, Tree>,
}

/// Steps by address, each with what is written in it.
type Steps<'a> = IndexMap<String, (&'a Tree, Value)>;

/// An edited text was not judged yet: it may include more than anybody could read.
const MOST: usize = 100_000;

impl Version {
    fn of(loaded: &Loaded) -> Result<Self, Box<Problem>> {
        let mut main = parse(&loaded.source)?;
        // A default that changed belongs to every step that takes it.
        super::read::spread(&mut main);
        let main = compiled(main, &loaded.source);
        let part = |(key, source): (&String, &Arc<Source>)| Ok((key.clone(), compiled(parse(source)?, source)));
        let parts = loaded.files.iter().map(part).collect::<Result<_, Box<Problem>>>()?;
        Ok(Self { main, parts })
    }

    /// Each step with what is written in it, and that it stands in `finally` as one field more.
    fn steps(&self) -> Steps<'_> {
        let mut steps = Steps::new();
        for hold in self.main.get("holds").map(Tree::entries).unwrap_or_default() {
            self.add_hold(&hold.key.text, &hold.value, &mut steps);
        }
        for part in ["steps", "finally"] {
            for step in self.main.get(part).map(Tree::items).unwrap_or_default() {
                self.add("", step, part == "finally", &mut vec![""], &mut steps);
            }
        }
        steps
    }

    /// The three steps of a hold; what is said of the whole belongs to the last.
    fn add_hold<'a>(&'a self, name: &str, hold: &'a Tree, steps: &mut Steps<'a>) {
        for part in Part::ALL {
            let Some(step) = hold.get(part.word()) else { continue };
            let mut written = step.written();
            if let (Value::Object(fields), Part::Release, Some(on_abort)) = (&mut written, part, hold.get("on_abort")) {
                fields.insert("on_abort".into(), on_abort.written());
            }
            steps.insert(id(name, part), (step, written));
        }
    }

    /// A step, and those in it, or in the file that it includes. `open` are the keys of the files that it stands in.
    fn add<'a>(&'a self, above: &str, step: &'a Tree, finally: bool, open: &mut Vec<&'a str>, steps: &mut Steps<'a>) {
        let Some(id) = step.get("id").and_then(Tree::as_text).filter(|_| steps.len() < MOST) else { return };
        let address = format!("{above}{id}");
        let block = step.get("steps").map(Tree::items);
        let mut written = if block.is_some() { without_steps(step) } else { step.written() };
        let within = open.last().copied().unwrap_or_default();
        let path = step.get("include").and_then(Tree::as_text).map(|path| include::key(within, path));
        let file = path.and_then(|key| self.parts.get_key_value(&key)).filter(|(key, _)| !open.contains(&key.as_str()));
        if let Value::Object(fields) = &mut written {
            if finally {
                fields.insert("finally".into(), true.into());
            }
            // What the file asks for and puts out belongs to the include as a whole.
            if let Some((key, tree)) = file {
                fields.insert(key.clone(), without_steps(tree));
            }
        }
        steps.insert(address.clone(), (step, written));
        for inner in block.unwrap_or_default() {
            self.add(&format!("{address}/"), inner, false, open, steps);
        }
        let Some((key, tree)) = file else { return };
        open.push(key);
        for inner in tree.get("steps").map(Tree::items).unwrap_or_default() {
            self.add(&format!("{address}/"), inner, false, open, steps);
        }
        open.pop();
    }
}

fn parse(source: &Arc<Source>) -> Result<Tree, Box<Problem>> {
    yaml::parse(&mut Report::new(source))
}

/// What is no template was reported when the file was read.
fn compiled(mut tree: Tree, source: &Arc<Source>) -> Tree {
    tree.compile(&mut Report::new(source));
    tree
}

fn without_steps(tree: &Tree) -> Value {
    let outside = tree.entries().iter().filter(|entry| !matches!(entry.key.text.as_str(), "steps" | "finally"));
    Value::Object(outside.map(|entry| (entry.key.text.clone(), entry.value.written())).collect())
}

/// `vars.NAME` and `secrets.NAME`, as far as the templates in `tree` read them.
fn names_in(tree: &Tree) -> BTreeSet<String> {
    let used = tree.references().into_iter().filter(|reference| matches!(reference.root(), "vars" | "secrets"));
    used.filter_map(|reference| Some(format!("{}.{}", reference.root(), reference.path.get(1)?))).collect()
}

/// The same of a step alone: those in a block are told by themselves.
fn own_names(step: &Tree) -> BTreeSet<String> {
    step.entries().iter().filter(|entry| entry.key.text != "steps").flat_map(|entry| names_in(&entry.value)).collect()
}

/// For each variable what changed of that which stands behind it.
fn moved_names(tree: &Tree, around: &[Field]) -> HashMap<String, BTreeSet<String>> {
    let mut readers: HashMap<String, Vec<String>> = HashMap::new();
    for var in tree.get("vars").map(Tree::entries).unwrap_or_default() {
        for name in names_in(&var.value) {
            readers.entry(name).or_default().push(format!("vars.{}", var.key.text));
        }
    }
    let mut moved: HashMap<String, BTreeSet<String>> = HashMap::new();
    for changed in readers.keys().filter(|name| around.iter().any(|field| is_within(&field.name, name))) {
        let mut queue = vec![changed];
        while let Some(name) = queue.pop() {
            for reader in readers.get(name).into_iter().flatten() {
                if moved.entry(reader.clone()).or_default().insert(changed.clone()) {
                    queue.push(reader);
                }
            }
        }
    }
    moved
}

fn concerns(field: &Field, used: &BTreeSet<String>, moved: &HashMap<String, BTreeSet<String>>) -> bool {
    let through = used.iter().filter_map(|name| moved.get(name)).flatten();
    used.iter().chain(through).any(|name| is_within(&field.name, name))
}

fn is_within(field: &str, name: &str) -> bool {
    field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn compare(name: &str, old: Option<&Value>, new: Option<&Value>, into: &mut Vec<Field>) {
    if old == new {
        return;
    }
    // A map that comes or goes is told by what is in it.
    let nothing = Map::new();
    let (was, is) = match (old, new) {
        (Some(Value::Object(was)), Some(Value::Object(is))) => (was, is),
        (None, Some(Value::Object(is))) if !is.is_empty() => (&nothing, is),
        (Some(Value::Object(was)), None) if !was.is_empty() => (was, &nothing),
        _ => return into.push(Field { name: name.into(), old: old.cloned(), new: new.cloned() }),
    };
    let keys = was.keys().chain(is.keys().filter(|key| !was.contains_key(*key)));
    for key in keys {
        let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        compare(&name, was.get(key), is.get(key), into);
    }
}

impl fmt::Display for StepChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.change {
            Change::Added => write!(f, "step `{}` is new", self.id),
            Change::Gone => write!(f, "step `{}` is gone", self.id),
            Change::Fields(fields) => {
                write!(f, "step `{}` differs", self.id)?;
                fields.iter().try_for_each(|field| write!(f, "\n  {}", field.to_string().replace('\n', "\n  ")))
            }
        }
    }
}

/// `with.database: lms → erp`; of longer texts the lines that differ.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(Value::String(old)), Some(Value::String(new))) if old.contains('\n') || new.contains('\n') => {
                write!(f, "{}:", self.name)?;
                lines_apart(old, new).iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
            (old, new) => write!(f, "{}: {} → {}", self.name, one_line(old), one_line(new)),
        }
    }
}

fn one_line(value: &Option<Value>) -> String {
    match value {
        None => "nothing".into(),
        Some(Value::String(text)) if !text.is_empty() => text.trim_end().replace('\n', "⏎"),
        Some(other) => other.to_string(),
    }
}

/// The lines between what both begin and end with.
fn lines_apart(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same..], &new[same..]);
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let gone = old[..old.len() - same].iter().map(|line| format!("- {line}"));
    gone.chain(new[..new.len() - same].iter().map(|line| format!("+ {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::parse_text;

    fn told(old: &str, new: &str) -> Vec<String> {
        let load = |text: &str| {
            parse_text("book.yaml", &format!("version: 1\nname: book\nseverity: partial\n{text}")).unwrap()
        };
        let difference = between(&load(old), &load(new)).unwrap();
        difference.steps.iter().map(ToString::to_string).collect()
    }

    const OLD: &str =
        "steps:\n  - id: a\n    run: |\n      one\n      two\n      three\n  - id: b\n    needs: [a]\n    run: x\n";

    #[test]
    fn layout_comments_and_the_order_of_keys_are_no_difference() {
        let new = "# a word\nsteps:\n  - run: \"one\\ntwo\\nthree\\n\"\n    id: a\n  - { id: b, run: x, needs: [a] }\n";
        assert!(told(OLD, new).is_empty());
    }

    #[test]
    fn a_step_is_told_by_the_lines_and_fields_that_differ() {
        let new = OLD.replace("two", "2").replace("[a]", "[]").replace("run: x", "run: x\n    timeout: 5m");
        let wanted = [
            "step `a` differs\n  run:\n    - two\n    + 2",
            "step `b` differs\n  needs: [\"a\"] → []\n  timeout: nothing → 5m",
        ];
        assert_eq!(told(OLD, &new), wanted);
    }

    #[test]
    fn steps_come_and_go_and_move_to_the_end() {
        let new = "steps:\n  - id: c\n    run: y\nfinally:\n  - id: b\n    needs: [a]\n    run: x\n";
        let wanted = ["step `a` is gone", "step `b` differs\n  finally: nothing → true", "step `c` is new"];
        assert_eq!(told(OLD, new), wanted);
    }

    #[test]
    fn a_variable_that_changed_belongs_to_the_steps_that_use_it() {
        let book = |value: &str| {
            let text = r#"vars: { far: VALUE, near: "{{ vars.far }}", other: x }
steps:
  - { id: a, uses: run, with: { command: [echo, "{{ vars.near }}"] } }
  - { id: b, uses: run, with: { command: [echo, "{{ vars.other }}"] } }
"#;
            text.replace("VALUE", value)
        };
        assert_eq!(told(&book("v1"), &book("v2")), ["step `a` differs\n  vars.far: v1 → v2"]);
    }
}
