//! The stores, as the runbook writes them. Which fields a store has is a matter of its `kind`.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::kind::ReadCx;
use crate::kind::stock::Stock;
use crate::model::Fault;
use crate::model::secret::Secret;
use crate::provider::kubernetes::{self, Cluster, Reach};
use crate::provider::postgres::backup::source::{Backup, PgBackrest, Wal, sources};
use crate::provider::postgres::backup::stock::{Wanted, stock};
use crate::provider::s3::{self, Bucket, Flow, Place};
use crate::provider::velero::{self, Meant};
use crate::runbook::catalog::{Complaint, Known, Late};
use crate::runbook::duration;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// By the name that people call each by; `objectives.rpo` may promise something else for each.
    pub stores: BTreeMap<String, Store>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// Base backups with a WAL archive, or what pgBackRest keeps: the fields of `backup` of `postgres.restore`.
    Postgres,
    /// A bucket that keeps versions, or a copy.
    S3,
    /// Backups of Velero.
    Velero,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub kind: Sort,
    /// How old the newest backup may be, such as `26h`; any age unless said.
    #[serde(default)]
    #[schemars(extend("format" = "duration"))]
    pub max_age: Option<String>,
    /// Which part of the backup before it the newest has to have: 0.5 unless said.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub smallest: Option<f64>,

    /// postgres: a base backup, or a folder of them.
    #[serde(default)]
    base: Option<String>,
    /// postgres: the WAL archive, a folder or a command with `%f` and `%p`.
    #[serde(default)]
    wal: Option<Wal>,
    /// postgres: what pgBackRest keeps.
    #[serde(default)]
    pgbackrest: Option<PgBackrest>,
    /// postgres: where PostgreSQL's programs lie, unless they are found.
    #[serde(default)]
    bin_directory: Option<String>,
    /// postgres: the account that asks pgBackRest, unless it is the owner of the repository.
    #[serde(default)]
    run_as: Option<String>,

    /// s3: its name.
    #[serde(default)]
    bucket: Option<String>,
    /// s3: only objects whose key begins so.
    #[serde(default)]
    prefix: Option<String>,
    /// s3: something else copies into it, so that it needs no versions and is as new as what came last.
    #[serde(default)]
    copy: Option<bool>,
    /// s3: a server that is not AWS.
    #[serde(default)]
    endpoint: Option<String>,
    /// s3: as `s3.restore` has it.
    #[serde(default)]
    region: Option<String>,
    /// s3: a profile of the AWS configuration under `HOME`.
    #[serde(default)]
    profile: Option<String>,
    /// s3: with `secret_access_key`.
    #[serde(default)]
    access_key_id: Option<Secret>,
    /// s3: belongs to `access_key_id`.
    #[serde(default)]
    secret_access_key: Option<Secret>,
    /// s3: of a temporary key.
    #[serde(default)]
    session_token: Option<Secret>,

    /// velero: the newest of this schedule.
    #[serde(default)]
    schedule: Option<String>,
    /// velero: this one.
    #[serde(default)]
    backup: Option<String>,
    /// velero: a kubeconfig, a file or its whole text.
    #[serde(default)]
    kubeconfig: Option<Secret>,
    /// velero: the context of the kubeconfig.
    #[serde(default)]
    context: Option<String>,
    /// velero: the namespace that Velero runs in, `velero` unless said.
    #[serde(default)]
    namespace: Option<String>,
}

const OF_ALL: &[&str] = &["kind", "max_age", "smallest"];

impl Sort {
    fn parse(word: &str) -> Option<Self> {
        [Self::Postgres, Self::S3, Self::Velero].into_iter().find(|sort| sort.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::S3 => "s3",
            Self::Velero => "velero",
        }
    }

    /// Beside those of all.
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["base", "wal", "pgbackrest", "bin_directory", "run_as"],
            Self::S3 => &[
                "bucket",
                "prefix",
                "copy",
                "endpoint",
                "region",
                "profile",
                "access_key_id",
                "secret_access_key",
                "session_token",
            ],
            Self::Velero => &["schedule", "backup", "kubeconfig", "context", "namespace"],
        }
    }
}

impl Store {
    pub fn max_age(&self) -> Result<Option<Duration>, Fault> {
        let parse = |text: &String| duration::parse(text).map_err(|why| wrong(why).hint(duration::DURATION_HELP));
        self.max_age.as_ref().map(parse).transpose()
    }

    pub async fn look(&self, cx: &ReadCx) -> Result<Stock, Fault> {
        match self.kind {
            Sort::Postgres => {
                let (store, cx) = (self.clone(), cx.clone());
                let look = tokio::task::spawn_blocking(move || store.postgres(&cx));
                look.await.unwrap_or_else(|error| Err(Fault::new("RG2423", "the look broke off").caused_by(&error)))
            }
            Sort::S3 => self.s3().await,
            Sort::Velero => self.velero(cx).await,
        }
    }

    fn postgres(&self, cx: &ReadCx) -> Result<Stock, Fault> {
        let backup = Backup { base: self.base.clone(), wal: self.wal.clone(), pgbackrest: self.pgbackrest.clone() };
        let (bin_directory, run_as) = (self.bin_directory.as_deref(), self.run_as.as_deref());
        stock(&Wanted { backup: &backup, bin_directory, run_as }, |path| cx.path(path))
    }

    async fn s3(&self) -> Result<Stock, Fault> {
        let place = Place {
            bucket: self.bucket.clone().ok_or_else(|| lacks(Sort::S3, "`bucket`"))?,
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            profile: self.profile.clone(),
            access_key_id: self.access_key_id.clone(),
            secret_access_key: self.secret_access_key.clone(),
            session_token: self.session_token.clone(),
        };
        let bucket = Bucket::open(&place, Flow::of_a_look()).await?;
        let prefix = self.prefix.as_deref().unwrap_or_default();
        if self.copy == Some(true) { bucket.stock_of_copy(prefix).await } else { bucket.stock(prefix).await }
    }

    async fn velero(&self, cx: &ReadCx) -> Result<Stock, Fault> {
        let meant = match (&self.schedule, &self.backup) {
            (Some(schedule), None) => Meant::Schedule(schedule),
            (None, Some(name)) => Meant::Name(name),
            _ => return Err(lacks(Sort::Velero, ONE_OF_VELERO)),
        };
        let namespace = self.namespace.clone().unwrap_or_else(velero::usual_namespace);
        let reach = Reach::within(self.kubeconfig.clone(), self.context.clone(), namespace.clone());
        velero::stock(&Cluster::open(cx, &reach).await?, &namespace, meant).await
    }
}

const ONE_OF_VELERO: &str = "either `schedule` or `backup`";

fn wrong(what: impl Into<String>) -> Fault {
    Fault::new("RG3209", what)
}

fn lacks(sort: Sort, what: &str) -> Fault {
    wrong(format!("a store of kind `{}` needs {what}", sort.word()))
        .hint("`regrow explain backups.inventory` shows some")
}

/// The names of the stores, where they are known.
pub fn names<'a>(with: &Late<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    stores(with).map(|(name, _)| name.as_str())
}

fn stores<'a>(with: &Late<'a>) -> impl Iterator<Item = (&'a String, &'a Map<String, Value>)> + use<'a> {
    let all = match with.get(&["stores"]) {
        Known::Known(Value::Object(stores)) => Some(stores),
        _ => None,
    };
    all.into_iter().flatten().filter_map(|(name, store)| Some((name, store.as_object()?)))
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let mut found = Vec::new();
    if matches!(with.get(&["stores"]), Known::Known(Value::Object(stores)) if stores.is_empty()) {
        found.push(Complaint::of(&["stores"], "RG3209", wrong("there is no store").hint("name at least one")));
    }
    for (name, store) in stores(with) {
        let late = Late { value: &with.value["stores"][name] };
        let mut own = of_store(store, &late);
        own.iter_mut()
            .for_each(|complaint| complaint.path.splice(0..0, ["stores".to_owned(), name.clone()]).for_each(drop));
        found.extend(own);
    }
    found
}

fn of_store(store: &Map<String, Value>, late: &Late<'_>) -> Vec<Complaint> {
    let Some(sort) = late.text(&["kind"]).and_then(Sort::parse) else { return Vec::new() };
    let foreign = store.keys().filter(|key| !OF_ALL.contains(&key.as_str()) && !sort.fields().contains(&key.as_str()));
    let foreign = foreign.map(|key| {
        let fault = wrong(format!("a store of kind `{}` has no `{key}`", sort.word()));
        Complaint::of(&[key], "RG3209", fault.hint(format!("it has: {}", sort.fields().join(", "))))
    });
    let mut found: Vec<Complaint> = foreign.collect();
    let has = |field: &str| late.has(&[field]);
    match sort {
        Sort::Postgres => {
            let source = sources(has("base"), store.get("wal").filter(|wal| !wal.is_null()), has("pgbackrest"));
            found.extend(source.err().map(|fault| Complaint::of(&[], "RG2401", fault)));
        }
        Sort::S3 => {
            found.extend((!has("bucket")).then(|| Complaint::of(&[], "RG3209", lacks(sort, "`bucket`"))));
            found.extend(s3::check(late));
        }
        Sort::Velero => {
            let one = has("schedule") != has("backup");
            found.extend((!one).then(|| Complaint::of(&[], "RG3209", lacks(sort, ONE_OF_VELERO))));
            found.extend(kubernetes::check_reach(late));
        }
    }
    found
}
