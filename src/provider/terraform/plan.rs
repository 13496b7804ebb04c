//! Making a plan, and reading it.

use std::path::Path;

use super::changes::Plan;
use super::module::{Module, broken};
use super::params::Planning;
use super::said::{self, Problem};
use super::stream::{Line, lines};
use crate::journal::disk::private;
use crate::kind::ReadCx;
use crate::model::Fault;

/// What a plan is made of besides the module.
pub struct Scope<'a> {
    var_files: Vec<String>,
    planning: &'a Planning,
}

impl<'a> Scope<'a> {
    pub fn new(cx: &ReadCx, planning: &'a Planning) -> Self {
        let absolute = |file: &String| {
            let path = cx.path(file);
            std::path::absolute(&path).unwrap_or(path).display().to_string()
        };
        Self { var_files: planning.var_files.iter().map(absolute).collect(), planning }
    }

    fn arguments(&self) -> Vec<String> {
        let files = self.var_files.iter().map(|file| format!("-var-file={file}"));
        let targets = self.planning.targets.iter().map(|target| format!("-target={target}"));
        let parallelism = self.planning.parallelism.map(|number| format!("-parallelism={number}"));
        files.chain(targets).chain(parallelism).collect()
    }
}

impl Module {
    /// Saves a plan to `out` and says what is in it; none where nothing would change. The file holds secrets.
    pub async fn plan(&self, scope: &Scope<'_>, out: &Path) -> Result<Option<Plan>, Fault> {
        // Made before, so that it is ours alone from its first byte.
        private().create(true).truncate(true).write(true).open(out).map_err(broken)?;
        let out_argument = format!("-out={}", out.display());
        let planned = self.look(scope, &[&out_argument]).await?;
        let path = out.display().to_string();
        let shown = self.ask(&["show", "-json", &path]).await?;
        let value = shown.json().filter(|_| shown.ok);
        let plan = Plan::read(&value.ok_or_else(|| said::failed(&shown, "reading the plan"))?);
        // By the environment Terraform takes any name, and says nothing of one that the module does not have.
        if let Some(unknown) = scope.planning.vars.0.keys().find(|name| !plan.variables.contains(name)) {
            let there = plan.variables.join(", ");
            return Err(Fault::new("RG2714", format!("the module has no variable `{unknown}`"))
                .hint(if there.is_empty() { "it has none".into() } else { format!("it has: {there}") }));
        }
        Ok(planned.then_some(plan))
    }

    /// Whether a plan would change anything.
    pub async fn look(&self, scope: &Scope<'_>, more: &[&str]) -> Result<bool, Fault> {
        let scope = scope.arguments();
        let mut arguments = vec!["plan", "-input=false", "-json", "-lock=false", "-detailed-exitcode"];
        arguments.extend(scope.iter().map(String::as_str));
        arguments.extend(more);
        let said = self.ask(&arguments).await?;
        match said.code {
            Some(0) => Ok(false),
            Some(2) => Ok(true),
            _ => {
                let mut fault = self.problem(&self.lines(&said), "plan").fault();
                if fault.code == "RG2705" {
                    fault.code = "RG2704".into();
                }
                Err(fault)
            }
        }
    }

    /// Who holds the state's lock now. Asked by trying to take it, for a moment.
    pub async fn holder(&self, scope: &Scope<'_>) -> Result<Option<super::LockInfo>, Fault> {
        let scope = scope.arguments();
        let mut arguments = vec!["plan", "-input=false", "-json", "-refresh=false", "-lock-timeout=0s"];
        arguments.extend(scope.iter().map(String::as_str));
        let said = self.ask(&arguments).await?;
        if said.ok {
            return Ok(None);
        }
        match self.problem(&self.lines(&said), "plan") {
            Problem::Locked(info) => Ok(Some(info)),
            other => Err(other.fault()),
        }
    }

    fn lines(&self, said: &said::Said) -> Vec<Line> {
        let mut printed = lines(said.stdout.as_bytes());
        printed.extend(lines(said.stderr.as_bytes()));
        printed
    }

    /// The module's outputs, sensitive ones as `seal` has them.
    pub async fn outputs(
        &self,
        seal: impl Fn(&str, &serde_json::Value) -> Result<serde_json::Value, Fault>,
    ) -> Result<super::Taken, Fault> {
        let said = self.ask(&["output", "-json"]).await?;
        let value = said.json().filter(|_| said.ok).ok_or_else(|| said::failed(&said, "reading the outputs"))?;
        Ok(super::taken(&value, seal))
    }

    /// Whether its state lies in a file beside it, whose lock goes with the process that held it.
    pub fn is_local(&self) -> bool {
        let kept = std::fs::read_to_string(self.data().join("terraform.tfstate")).unwrap_or_default();
        let value: serde_json::Value = serde_json::from_str(&kept).unwrap_or_default();
        matches!(value["backend"]["type"].as_str(), None | Some("local"))
    }
}
