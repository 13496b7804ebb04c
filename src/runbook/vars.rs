//! `vars`: named values, computed once when a run starts. They may use one another in any order, but not in a ring.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::ast::Runbook;
use super::codes;
use super::template::Scope;
use super::template::dig;
use crate::model::Fault;

/// The value of every variable, secrets as placeholders. `scope` gives `params`, `run` and `env`.
pub fn resolve(runbook: &Runbook, scope: &dyn Scope) -> Result<Map<String, Value>, Fault> {
    let done = RefCell::new(Map::new());
    for name in order(runbook).map_err(ring_fault)? {
        let value = runbook.vars[name].render(&WithVars { scope, done: &done })?;
        done.borrow_mut().insert(name.into(), value);
    }
    Ok(done.into_inner())
}

/// Every variable behind those it uses, or the ring that keeps it from that.
pub fn order(runbook: &Runbook) -> Result<Vec<&str>, Vec<&str>> {
    let mut order = Vec::with_capacity(runbook.vars.len());
    let mut open = Vec::new();
    for name in runbook.vars.keys() {
        place(runbook, name, &mut open, &mut order)?;
    }
    Ok(order)
}

fn place<'a>(
    runbook: &'a Runbook,
    name: &'a str,
    open: &mut Vec<&'a str>,
    order: &mut Vec<&'a str>,
) -> Result<(), Vec<&'a str>> {
    if order.contains(&name) {
        return Ok(());
    }
    if let Some(at) = open.iter().position(|other| *other == name) {
        return Err(open[at..].to_vec());
    }
    let Some((name, tree)) = runbook.vars.get_key_value(name) else { return Ok(()) };
    open.push(name);
    for reference in tree.references() {
        if let ("vars", Some(used)) = (reference.root(), reference.path.get(1)) {
            place(runbook, used, open, order)?;
        }
    }
    open.pop();
    order.push(name);
    Ok(())
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
}
