-- What hangs on a table by its number, not its name, and so would stay with the old table after a swap: one line each.
-- What the swap carries itself is left out.
with mine as (select unnest($1::oid[]) as oid),
rows_of as (select t.oid from pg_type t join mine on mine.oid = t.typrelid
    union select t.typarray from pg_type t join mine on mine.oid = t.typrelid),
identities as (select d.objid as oid from pg_depend d join mine on mine.oid = d.refobjid
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'i' and d.refobjsubid > 0),
hanging as (
    select d.classid, d.objid, d.objsubid from pg_depend d join mine on mine.oid = d.refobjid
        where d.refclassid = 'pg_class'::regclass
    union select d.classid, d.objid, d.objsubid from pg_depend d join rows_of on rows_of.oid = d.refobjid
        where d.refclassid = 'pg_type'::regclass
    union select d.classid, d.objid, d.objsubid from pg_depend d join identities on identities.oid = d.refobjid
        where d.refclassid = 'pg_class'::regclass
)
select to_jsonb(case
        when h.classid = 'pg_rewrite'::regclass then (select case c.relkind when 'v' then 'view ' when 'm' then
            'materialized view ' else 'rule ' || quote_ident(r.rulename) || ' of ' end || c.oid::regclass::text
            from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid = h.objid)
        else pg_describe_object(h.classid, h.objid, h.objsubid) end)
from hanging h
where not (h.classid = 'pg_attrdef'::regclass and exists (
        select from pg_attrdef d join mine on mine.oid = d.adrelid where d.oid = h.objid))
    and not (h.classid = 'pg_constraint'::regclass and exists (
        select from pg_constraint k where k.oid = h.objid and (k.contype = 'f' or k.conrelid in (select oid from mine))))
    and not (h.classid = 'pg_class'::regclass and exists (
        select from pg_class c where c.oid = h.objid and (c.relkind in ('i', 'I', 't', 'S') or c.oid in (select oid from mine))))
    and not (h.classid = 'pg_trigger'::regclass and exists (
        select from pg_trigger t where t.oid = h.objid and (t.tgisinternal or t.tgrelid in (select oid from mine))))
    and not (h.classid = 'pg_policy'::regclass and exists (
        select from pg_policy p join mine on mine.oid = p.polrelid where p.oid = h.objid))
    and h.classid not in ('pg_publication_rel'::regclass, 'pg_statistic_ext'::regclass)
    and not (h.classid = 'pg_type'::regclass and h.objid in (select oid from rows_of))
union all
select to_jsonb('inheritance between ' || i.inhrelid::regclass || ' and ' || i.inhparent::regclass) from pg_inherits i
    where (i.inhparent in (select oid from mine) or i.inhrelid in (select oid from mine))
    and not (i.inhparent in (select oid from mine) and i.inhrelid in (select oid from mine))
union all
select to_jsonb('extension ' || quote_ident(e.extname) || ', which owns ' || d.objid::regclass)
    from pg_depend d join mine on mine.oid = d.objid join pg_extension e on e.oid = d.refobjid
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
union all
select to_jsonb('type ' || c.reloftype::regtype || ', which ' || c.oid::regclass || ' is a table of')
    from pg_class c join mine on mine.oid = c.oid where c.reloftype <> 0
union all
select to_jsonb('security label of provider ' || l.provider) from pg_seclabel l join mine on mine.oid = l.objoid
    where l.classoid = 'pg_class'::regclass
order by 1
