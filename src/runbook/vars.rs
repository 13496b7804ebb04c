//! `vars`: named values, computed once when a run starts. They may use one another in any order, but not in a ring.

use std::cell::RefCell;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value};

use super::ast::Runbook;
use super::codes;
use super::template::{LARGEST, Scope, dig};
use super::tree::Tree;
use crate::model::Fault;

/// The value of every variable, secrets as placeholders. `scope` gives `params`, `run` and `env`.
pub fn resolve(runbook: &Runbook, scope: &dyn Scope) -> Result<Map<String, Value>, Fault> {
    let done = RefCell::new(Map::new());
    let mut room = LARGEST;
    for name in order(runbook).map_err(ring_fault)? {
        let value = runbook.vars[name].render_within(&mut room, &WithVars { scope, done: &done })?;
        done.borrow_mut().insert(name.into(), value);
    }
    Ok(done.into_inner())
}

/// Every variable behind those it uses, or the ring that keeps it from that.
pub fn order(runbook: &Runbook) -> Result<Vec<&str>, Vec<&str>> {
    let mut order = IndexSet::with_capacity(runbook.vars.len());
    for name in runbook.vars.keys() {
        place(runbook, name, &mut order)?;
    }
    Ok(order.into_iter().collect())
}

/// Without recursion: a chain of variables may be as long as the file.
fn place<'a>(runbook: &'a Runbook, name: &'a str, order: &mut IndexSet<&'a str>) -> Result<(), Vec<&'a str>> {
    // Those on the way, each with what it uses and was not looked at yet.
    let mut open = IndexMap::from([(name, used_by(runbook, name))]);
    while let Some((name, used)) = open.last_mut() {
        let name = *name;
        match used.pop() {
            None => {
                order.insert(name);
                open.pop();
            }
            Some(used) if order.contains(used) => {}
            Some(used) => {
                if let Some(at) = open.get_index_of(used) {
                    return Err(open.keys().skip(at).copied().collect());
                }
                open.insert(used, used_by(runbook, used));
            }
        }
    }
    Ok(())
}

/// The variables that one reads, the first last.
fn used_by<'a>(runbook: &'a Runbook, name: &str) -> Vec<&'a str> {
    let references = runbook.vars.get(name).map(Tree::references).unwrap_or_default().into_iter().rev();
    let names = references.filter(|reference| reference.root() == "vars").filter_map(|reference| reference.path.get(1));
    names.filter_map(|name| Some(runbook.vars.get_key_value(name)?.0.as_str())).collect()
}

fn ring_fault(ring: Vec<&str>) -> Fault {
    Fault::new(codes::VARS_RING, format!("the variables {} use one another in a ring", ring.join(", ")))
}

struct WithVars<'a> {
    scope: &'a dyn Scope,
    done: &'a RefCell<Map<String, Value>>,
}

impl Scope for WithVars<'_> {
    fn get(&self, path: &[&str]) -> Option<Value> {
        match path {
            ["vars", name, rest @ ..] => dig(self.done.borrow().get(*name)?, rest).cloned(),
            _ => self.scope.get(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runbook::parse_text;

    #[test]
    fn variables_use_one_another_in_any_order() {
        let text = "version: 1\nname: x\nseverity: partial\nsteps: [{ id: a, run: echo }]\nsecrets: { s: { from: env, key: S } }\n\
                    vars: { c: \"{{ vars.b }}/c\", b: \"{{ vars.a.home }}/b\", a: { home: \"{{ env.HOME }}\", key: \"{{ secrets.s }}\" } }\n";
        let runbook = parse_text("x", text).unwrap().runbook;
        let vars = resolve(&runbook, &json!({ "env": { "HOME": "/root" } })).unwrap();
        let expected = json!({ "a": { "home": "/root", "key": { "$secret": "{{ secrets.s }}" } }, "b": "/root/b", "c": "/root/b/c" });
        assert_eq!(Value::Object(vars), expected);
        assert_eq!(resolve(&runbook, &json!({})).unwrap_err().code, codes::MISSING_VALUE);
    }

    #[test]
    fn a_chain_may_be_as_long_as_the_file_and_a_ring_is_found_at_its_end() {
        let book = |last: &str| {
            let head = "version: 1\nname: x\nseverity: partial\nsteps: [{ id: a, run: echo }]\nvars:\n";
            let chain = (0..20_000).map(|at| format!("  v{at}: \"{{{{ vars.v{} }}}}\"\n", at + 1));
            parse_text("x", &format!("{head}{}  v20000: \"{last}\"\n", chain.collect::<String>())).unwrap().runbook
        };
        let sound = book("x");
        assert_eq!(order(&sound).unwrap()[..2], ["v20000", "v19999"]);
        assert_eq!(order(&book("{{ vars.v19998 }}")).unwrap_err(), ["v19998", "v19999", "v20000"]);
    }

    #[test]
    fn variables_that_double_are_refused_before_they_fill_the_memory() {
        let head = "version: 1\nname: x\nseverity: partial\nsteps: [{ id: a, run: echo }]\nvars:\n  v0: xxxxxxxx\n";
        for form in ["\"{{ vars.vN }}{{ vars.vN }}\"", "[\"{{ vars.vN }}\", \"{{ vars.vN }}\"]"] {
            let lines = (1..40).map(|at| format!("  v{at}: {}\n", form.replace('N', &(at - 1).to_string())));
            let runbook = parse_text("x", &format!("{head}{}", lines.collect::<String>())).unwrap().runbook;
            assert_eq!(resolve(&runbook, &json!({})).unwrap_err().code, codes::TEMPLATE_LIMIT, "{form}");
        }
    }
}
