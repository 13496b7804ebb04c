//! Indexes and keys of the scratch tables, after their rows.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::ddl::{self, Build};
use super::load::{Load, broke, explain};
use super::plan::Unit;
use super::scratch::Scratch;
use crate::model::Fault;
use crate::provider::postgres::{Name, literal};

impl Load {
    /// Builds of one table side by side, longest first; then the constraints, which need the table for themselves.
    pub async fn indexes(self: Arc<Self>, unit: &Unit) -> Result<(), Fault> {
        let mut builds = Vec::new();
        let mut after = Vec::new();
        for (member, index) in
            unit.members.iter().flat_map(|it| it.table.indexes.iter().enumerate().map(move |ix| (it, ix)))
        {
            let (at, index) = index;
            if !index.valid && !index.partitioned {
                continue;
            }
            let name = self.site.scratch.index(member.number, at);
            match ddl::index(index, &self.site.scratch.table_place(member.number), &name) {
                Build::Index { create, constraint } if !index.partitioned => {
                    let set = index.tablespace.as_ref().map(|it| format!("set default_tablespace = {}; ", literal(it)));
                    builds.push((index.bytes, format!("{}{create}", set.unwrap_or_default())));
                    after.extend(constraint);
                }
                Build::Index { create, .. } => after.push(create),
                Build::Constraint(sql) => after.push(sql),
            }
        }
        builds.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let mut running = JoinSet::new();
        let helpers = self.helpers(builds.len());
        for (_, sql) in builds {
            let load = self.clone();
            let sql = format!("{helpers}{sql}");
            running.spawn(async move { load.build(&sql).await });
        }
        while let Some(joined) = running.join_next().await {
            joined
                .map_err(broke)?
                .map_err(|fault| explain(fault, &format!("an index of `{}` cannot be built", unit.name)))?;
        }
        after.extend(attach(unit, &self.site.scratch));
        if after.is_empty() {
            return Ok(());
        }
        self.build(&after.join("; "))
            .await
            .map_err(|fault| explain(fault, &format!("a key of `{}` cannot be made", unit.name)))
    }

    /// On the machine that we run on, builds side by side take all cores, and workers that help them only take turns with
    /// them: measured, they cost 6 % of the whole load. Another machine's cores are not known, so its setting stays.
    fn helpers(&self, builds: usize) -> String {
        if !self.site.target.connection.is_here() {
            return String::new();
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let each = (cores / builds.clamp(1, self.site.jobs)).saturating_sub(1);
        let name = "max_parallel_maintenance_workers";
        format!("select pg_catalog.set_config('{name}', least(current_setting('{name}')::int, {each})::text, false); ")
    }

    async fn build(&self, sql: &str) -> Result<(), Fault> {
        let _slot = self.slots.acquire().await;
        let session = self.site.write_target(&self.cx).await?;
        session
            .run(&format!("set synchronous_commit = off; set maintenance_work_mem = {}", literal(&self.memory)))
            .await?;
        session.run(sql).await
    }
}

/// Makes the indexes of partitions parts of the partitioned ones, which become valid with the last of them.
fn attach(unit: &Unit, scratch: &Scratch) -> Vec<String> {
    let all =
        || unit.members.iter().flat_map(|member| member.table.indexes.iter().enumerate().map(move |ix| (member, ix)));
    let name = |number: usize, at: usize| Name::new(scratch.schema(), scratch.index(number, at)).sql();
    let mut statements = Vec::new();
    for (member, (at, index)) in all() {
        let Some(parent) = index.parent else { continue };
        if let Some((owner, (parent, _))) = all().find(|(_, (_, other))| other.oid == parent) {
            let (parent, child) = (name(owner.number, parent), name(member.number, at));
            statements.push(format!("alter index {parent} attach partition {child}"));
        }
    }
    statements
}
