//! `expect`: operators on what a probe found, on its main value or on named parts.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::source::Span;
use super::template::{Scope, order};
use super::tree::{Name, Tree};
use crate::model::Fault;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// On the main value.
    pub main: Vec<Test>,
    /// On named parts: `{status: {equals: 200}}`.
    pub parts: Vec<(Name, Vec<Test>)>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub operator: Operator,
    pub want: Want,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Want {
    Value(Tree),
    /// `not`, and `all` and `any` over a list of tests or over the items of a list.
    Tests(Vec<Test>),
    /// Alternatives: `any: [{equals: 1}, {equals: 2}]`.
    Several(Vec<Vec<Test>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equals,
    AtLeast,
    AtMost,
    Between,
    Matches,
    Contains,
    All,
    Any,
    Not,
    /// That nobody answers: the main value is `"refused"`, or false where it says whether somebody does (`tcp.connect`).
    Refused,
    /// That every item of the step's `foreach` has the same: judged once all of them have it ([`Expect::across`]).
    SameAcrossItems,
}

impl Operator {
    pub const ALL: &'static [(&'static str, Operator)] = &[
        ("equals", Operator::Equals),
        ("at_least", Operator::AtLeast),
        ("at_most", Operator::AtMost),
        ("between", Operator::Between),
        ("matches", Operator::Matches),
        ("contains", Operator::Contains),
        ("all", Operator::All),
        ("any", Operator::Any),
        ("not", Operator::Not),
        ("refused", Operator::Refused),
        ("same_across_items", Operator::SameAcrossItems),
    ];

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, operator)| *operator)
    }

    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("", |(word, _)| word)
    }
}

/// The main value where parts have names.
const MAIN: &str = "value";

/// The main value of a probe that nobody answered.
pub const REFUSED: &str = "refused";

impl Expect {
    /// What does not hold, one sentence each; empty: proven.
    pub fn judge(&self, main: &Value, parts: &Map<String, Value>, scope: &dyn Scope) -> Result<Vec<String>, Fault> {
        let mut broken = Vec::new();
        judge_all(&self.main, main, scope, &mut broken)?;
        for (name, tests) in &self.parts {
            let mut of_part = Vec::new();
            judge_all(tests, parts.get(&name.text).unwrap_or(&Value::Null), scope, &mut of_part)?;
            broken.extend(of_part.into_iter().map(|text| format!("`{}` {text}", name.text)));
        }
        Ok(broken)
    }

    /// What is compared over all items, by the name of the part; `value` for the main value.
    pub fn across(&self, main: &Value, parts: &Map<String, Value>) -> Map<String, Value> {
        let is_compared = |tests: &[Test]| tests.iter().any(|test| test.operator == Operator::SameAcrossItems);
        let main = is_compared(&self.main).then(|| (MAIN.to_string(), main.clone()));
        let parts = self
            .parts
            .iter()
            .filter(|(_, tests)| is_compared(tests))
            .map(|(name, _)| (name.text.clone(), parts.get(&name.text).cloned().unwrap_or_default()));
        main.into_iter().chain(parts).collect()
    }

    pub fn is_across_items(&self) -> bool {
        !self.across(&Value::Null, &Map::new()).is_empty()
    }

    pub fn trees(&self) -> Vec<&Tree> {
        let mut found = Vec::new();
        let all = self.main.iter().chain(self.parts.iter().flat_map(|(_, tests)| tests));
        all.for_each(|test| test.trees(&mut found));
        found
    }
}

impl Test {
    fn trees<'a>(&'a self, found: &mut Vec<&'a Tree>) {
        match &self.want {
            Want::Value(tree) => found.push(tree),
            Want::Tests(tests) => tests.iter().for_each(|test| test.trees(found)),
            Want::Several(several) => several.iter().flatten().for_each(|test| test.trees(found)),
        }
    }
}

fn judge_all(tests: &[Test], found: &Value, scope: &dyn Scope, broken: &mut Vec<String>) -> Result<(), Fault> {
    for test in tests {
        if let Some(text) = judge_one(test, found, scope)? {
            broken.push(text);
        }
    }
    Ok(())
}

fn holds(tests: &[Test], found: &Value, scope: &dyn Scope) -> Result<bool, Fault> {
    let mut broken = Vec::new();
    judge_all(tests, found, scope, &mut broken)?;
    Ok(broken.is_empty())
}

fn judge_one(test: &Test, found: &Value, scope: &dyn Scope) -> Result<Option<String>, Fault> {
    let (good, wanted) = match &test.want {
        Want::Value(tree) => {
            let want = tree.render(scope)?;
            (compare(test.operator, found, &want), want.to_string())
        }
        Want::Tests(tests) => (nested(test.operator, tests, found, scope)?, "what is asked of it".to_string()),
        Want::Several(several) => {
            let answers = several.iter().map(|tests| holds(tests, found, scope)).collect::<Result<Vec<_>, _>>()?;
            let good = match test.operator {
                Operator::Any => answers.contains(&true),
                _ => !answers.contains(&false),
            };
            (good, "what is asked of it".to_string())
        }
    };
    Ok((!good).then(|| format!("is {found}, which is not {} {wanted}", test.operator.word().replace('_', " "))))
}

fn nested(operator: Operator, tests: &[Test], found: &Value, scope: &dyn Scope) -> Result<bool, Fault> {
    let items = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let answers = || items(found).iter().map(|item| holds(tests, item, scope)).collect::<Result<Vec<_>, _>>();
    match operator {
        Operator::Not => Ok(!holds(tests, found, scope)?),
        Operator::Any => Ok(answers()?.contains(&true)),
        _ => Ok(!answers()?.contains(&false)),
    }
}

fn compare(operator: Operator, found: &Value, want: &Value) -> bool {
    let ordered = |holds: fn(Ordering) -> bool, limit: &Value| order(&number(found), &number(limit)).is_some_and(holds);
    match operator {
        Operator::Equals => same(found, want),
        Operator::Not => !same(found, want),
        Operator::AtLeast => ordered(Ordering::is_ge, want),
        Operator::AtMost => ordered(Ordering::is_le, want),
        Operator::Between => match want.as_array().map(Vec::as_slice) {
            Some([low, high]) => ordered(Ordering::is_ge, low) && ordered(Ordering::is_le, high),
            _ => false,
        },
        Operator::Matches => match (found, want) {
            (Value::String(text), Value::String(pattern)) => regex::Regex::new(pattern).is_ok_and(|p| p.is_match(text)),
            _ => false,
        },
        Operator::Contains => match (found, want) {
            (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
            (Value::Array(list), part) => list.iter().any(|item| same(item, part)),
            (Value::Object(map), Value::String(key)) => map.contains_key(key),
            _ => false,
        },
        Operator::All => {
            want.as_array().is_some_and(|all| all.iter().all(|part| compare(Operator::Contains, found, part)))
        }
        Operator::Any => want.as_array().is_some_and(|any| any.iter().any(|one| same(found, one))),
        Operator::SameAcrossItems => true,
        Operator::Refused => want.as_bool() == Some(found.as_str() == Some(REFUSED) || *found == Value::Bool(false)),
    }
}

/// Databases and commands hand numbers over as text; a limit is meant as a number all the same.
fn number(value: &Value) -> Value {
    match value {
        Value::String(text) => text.trim().parse::<serde_json::Number>().map_or_else(|_| value.clone(), Value::Number),
        other => other.clone(),
    }
}

pub fn same(a: &Value, b: &Value) -> bool {
    a == b || order(&number(a), &number(b)) == Some(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operators_compare_as_people_mean_it() {
        let cases = [
            (Operator::Equals, json!(5), json!(5.0), true),
            (Operator::Equals, json!("5"), json!(5), true),
            (Operator::Equals, json!("a"), json!("b"), false),
            (Operator::AtLeast, json!(3), json!(3), true),
            (Operator::AtMost, json!(4), json!(3), false),
            (Operator::Between, json!(4), json!([3, 5]), true),
            (Operator::Between, json!(6), json!([3, 5]), false),
            (Operator::Matches, json!("abc"), json!("^a"), true),
            (Operator::Contains, json!(["x", "y"]), json!("y"), true),
            (Operator::Contains, json!("xyz"), json!("q"), false),
            (Operator::All, json!(["x", "y"]), json!(["y", "x"]), true),
            (Operator::Any, json!(2), json!([1, 2]), true),
            (Operator::Not, json!(2), json!(2), false),
            (Operator::Refused, json!("refused"), json!(true), true),
            (Operator::Refused, json!(true), json!(true), false),
            (Operator::Refused, json!(false), json!(true), true),
            (Operator::Refused, json!(true), json!(false), true),
        ];
        for (operator, found, want, good) in cases {
            assert_eq!(compare(operator, &found, &want), good, "{found} {operator:?} {want}");
        }
    }
}
