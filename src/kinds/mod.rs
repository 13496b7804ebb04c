//! The list of kinds. Adding one touches its folder and this file.

#[cfg(all(feature = "kubernetes", feature = "postgres", feature = "s3"))]
mod backups_inventory;
mod command;
mod dns_lookup;
mod dns_update;
mod http_get;
mod http_request;
#[cfg(feature = "kubernetes")]
mod kubernetes_apply;
#[cfg(feature = "kubernetes")]
mod kubernetes_delete;
#[cfg(feature = "kubernetes")]
mod kubernetes_get;
#[cfg(feature = "kubernetes")]
mod kubernetes_job;
#[cfg(feature = "kubernetes")]
mod kubernetes_patch;
#[cfg(feature = "kubernetes")]
mod kubernetes_ready;
#[cfg(feature = "kubernetes")]
mod kubernetes_rollout;
#[cfg(feature = "kubernetes")]
mod kubernetes_scale;
#[cfg(feature = "kubernetes")]
mod kubernetes_wait;
mod ledger_cleanup;
mod manual;
mod notify_webhook;
#[cfg(feature = "postgres")]
mod postgres_dump_and_load;
#[cfg(feature = "postgres")]
mod postgres_execute;
#[cfg(feature = "postgres")]
mod postgres_query;
#[cfg(feature = "postgres")]
mod postgres_restore;
mod report_write;
mod run;
#[cfg(feature = "s3")]
mod s3_copy;
#[cfg(feature = "s3")]
mod s3_objects;
#[cfg(feature = "s3")]
mod s3_restore;
mod tcp_connect;
mod terraform_apply;
mod terraform_no_changes;
mod terraform_output;
#[cfg(feature = "kubernetes")]
mod velero_restore;

use std::sync::OnceLock;

use serde_json::Value;

use crate::kind::{AnyKind, Role};
use crate::model::{Effect, Fault};
use crate::runbook::catalog::{Catalog, Complaint, InPlace, KindFace, Late, Shape};

/// Every kind that comes with regrow.
pub static KINDS: &[&dyn AnyKind] = &[
    &run::Run,
    &command::Command,
    &tcp_connect::TcpConnect,
    &dns_lookup::DnsLookup,
    &dns_update::DnsUpdate,
    &http_get::HttpGet,
    &http_request::HttpRequest,
    #[cfg(feature = "postgres")]
    &postgres_restore::PostgresRestore,
    #[cfg(feature = "postgres")]
    &postgres_dump_and_load::PostgresDumpAndLoad,
    #[cfg(feature = "postgres")]
    &postgres_query::PostgresQuery,
    #[cfg(feature = "postgres")]
    &postgres_execute::PostgresExecute,
    #[cfg(feature = "s3")]
    &s3_objects::S3Objects,
    #[cfg(feature = "s3")]
    &s3_restore::S3Restore,
    #[cfg(feature = "s3")]
    &s3_copy::S3Copy,
    &terraform_apply::TerraformApply,
    &terraform_output::TerraformOutput,
    &terraform_no_changes::TerraformNoChanges,
    #[cfg(feature = "kubernetes")]
    &kubernetes_get::KubernetesGet,
    #[cfg(feature = "kubernetes")]
    &kubernetes_ready::KubernetesReady,
    #[cfg(feature = "kubernetes")]
    &kubernetes_wait::KubernetesWait,
    #[cfg(feature = "kubernetes")]
    &kubernetes_scale::KubernetesScale,
    #[cfg(feature = "kubernetes")]
    &kubernetes_apply::KubernetesApply,
    #[cfg(feature = "kubernetes")]
    &kubernetes_patch::KubernetesPatch,
    #[cfg(feature = "kubernetes")]
    &kubernetes_delete::KubernetesDelete,
    #[cfg(feature = "kubernetes")]
    &kubernetes_job::KubernetesJob,
    #[cfg(feature = "kubernetes")]
    &kubernetes_rollout::KubernetesRollout,
    #[cfg(feature = "kubernetes")]
    &velero_restore::VeleroRestore,
    #[cfg(all(feature = "kubernetes", feature = "postgres", feature = "s3"))]
    &backups_inventory::BackupsInventory,
    &manual::Task,
    &manual::Approval,
    &manual::Notice,
    &notify_webhook::NotifyWebhook,
    &ledger_cleanup::LedgerCleanup,
    &report_write::ReportWrite,
];

/// Kinds of a program of one's own, see [`crate::main`].
static OWN: OnceLock<&'static [&'static dyn AnyKind]> = OnceLock::new();

/// Takes up more kinds, before anything asks for one. A name that is there already is a mistake in the program.
pub fn add(own: &'static [&'static dyn AnyKind]) {
    for (at, kind) in own.iter().enumerate() {
        let name = kind.name();
        let is_free = find(name).is_none() && own[..at].iter().all(|other| other.name() != name);
        assert!(is_free, "there is a kind `{name}` already");
    }
    assert!(OWN.set(own).is_ok(), "own kinds are added once");
}

/// Those that come with regrow, then those of the program.
pub fn all() -> impl Iterator<Item = &'static dyn AnyKind> {
    KINDS.iter().chain(OWN.get().copied().into_iter().flatten()).copied()
}

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    all().find(|kind| kind.name() == name)
}

/// The kinds as the language sees them.
pub struct Kinds;

/// One kind and its schema, made once.
struct Face {
    kind: &'static dyn AnyKind,
    schema: Value,
}

fn faces() -> &'static [Face] {
    static FACES: OnceLock<Vec<Face>> = OnceLock::new();
    FACES.get_or_init(|| all().map(|kind| Face { kind, schema: kind.schema() }).collect())
}

impl Catalog for Kinds {
    fn kind(&self, name: &str) -> Option<&dyn KindFace> {
        faces().iter().find(|face| face.kind.name() == name).map(|face| face as &dyn KindFace)
    }

    fn names(&self) -> Vec<&'static str> {
        all().map(|kind| kind.name()).collect()
    }
}

impl KindFace for Face {
    fn name(&self) -> &'static str {
        self.kind.name()
    }

    fn is_probe(&self) -> bool {
        self.kind.role() == Role::Probe
    }

    fn is_step(&self) -> bool {
        true
    }

    fn changes(&self, with: &Late<'_>) -> bool {
        !matches!(self.kind.effect(with), Effect::Read | Effect::Human)
    }

    fn schema(&self) -> &Value {
        &self.schema
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        self.kind.check(with)
    }

    fn outputs(&self, with: &Late<'_>) -> Shape {
        self.kind.outputs(with)
    }

    fn in_place(&self, with: &Late<'_>) -> InPlace {
        self.kind.in_place(with)
    }

    fn undos(&self) -> &'static [&'static str] {
        self.kind.undos()
    }
}

/// The process of a kind's own long work.
pub fn work() -> i32 {
    crate::provider::process::work_main(|request, cx| {
        let kind =
            find(&request.kind).ok_or_else(|| Fault::new("RG1005", format!("there is no kind `{}`", request.kind)))?;
        let mut threads = match kind.one_thread() {
            true => tokio::runtime::Builder::new_current_thread(),
            false => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = threads
            .enable_all()
            .build()
            .map_err(|e| Fault::new("RG1006", "cannot start a runtime for the work").caused_by(&e))?;
        runtime.block_on(kind.work(&cx, &request.op))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook;

    /// A runbook whose only step is the example.
    fn book(example: &str) -> String {
        let mut text = "version: 1\nname: example\nseverity: partial\nsteps:\n".to_string();
        for (index, line) in example.lines().enumerate() {
            text.push_str(if index == 0 { "  - " } else { "    " });
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    #[test]
    fn every_example_is_a_sound_step() {
        for kind in KINDS {
            let text = book(kind.example());
            let loaded = runbook::parse_text(kind.name(), &text).unwrap_or_else(|p| panic!("{text}\n{p:#?}"));
            let problems = runbook::check(&loaded, &Kinds);
            assert!(problems.is_empty(), "{text}\n{problems:#?}");
        }
    }

    #[test]
    fn every_field_says_what_it_is_for() {
        fn bare(schema: &Value, place: &str, found: &mut Vec<String>) {
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let described =
                    field.get("description").is_some() || field.get("$ref").is_some() || field.get("anyOf").is_some();
                if !described {
                    found.push(format!("{place}.{name}"));
                }
            }
        }
        let mut found = Vec::new();
        for kind in KINDS {
            bare(&kind.schema(), kind.name(), &mut found);
        }
        assert!(found.is_empty(), "without a description: {found:?}");
    }

    #[test]
    fn names_are_unique_and_found() {
        for kind in KINDS {
            assert_eq!(KINDS.iter().filter(|other| other.name() == kind.name()).count(), 1);
            assert!(find(kind.name()).is_some());
        }
        assert!(find("no.such").is_none());
    }
}
