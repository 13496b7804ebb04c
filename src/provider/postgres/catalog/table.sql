-- All that makes a table, one JSON document a table. search_path is empty, so every name comes with its schema.
-- {…} are filled in by the version of the server: columns of the catalogs that came later.
select jsonb_build_object(
    'oid', c.oid::bigint,
    'schema', n.nspname,
    'name', c.relname,
    'kind', c.relkind,
    'unlogged', c.relpersistence = 'u',
    'owner', pg_get_userbyid(c.relowner),
    'tablespace', (select spcname from pg_tablespace where oid = c.reltablespace),
    'access_method', (select amname from pg_am where oid = c.relam),
    'options', coalesce(to_jsonb(c.reloptions), '[]'),
    'toast_options', coalesce((select to_jsonb(t.reloptions) from pg_class t where t.oid = c.reltoastrelid), '[]'),
    'partition_key', case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end,
    'parent', case when c.relispartition then (select inhparent::bigint from pg_inherits where inhrelid = c.oid limit 1) end,
    'bound', case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end,
    'comment', obj_description(c.oid, 'pg_class'),
    'row_security', c.relrowsecurity,
    'force_row_security', c.relforcerowsecurity,
    'replica_identity', c.relreplident,
    'pages', pg_relation_size(c.oid) / current_setting('block_size')::int,
    'estimate', greatest(c.reltuples, 0)::bigint,
    'bytes', pg_table_size(c.oid),
    'index_bytes', pg_indexes_size(c.oid),
    'grants', (select coalesce(jsonb_agg(jsonb_build_object(
            'grantee', case when a.grantee <> 0 then pg_get_userbyid(a.grantee) end,
            'privilege', a.privilege_type, 'grantable', a.is_grantable)), '[]')
        from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a),
    'columns', (select coalesce(jsonb_agg(jsonb_build_object(
            'number', a.attnum,
            'name', a.attname,
            'type', format_type(a.atttypid, a.atttypmod),
            'collation', case when a.attcollation <> t.typcollation then
                (select quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                 from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace where co.oid = a.attcollation) end,
            'not_null', a.attnotnull,
            'default', pg_get_expr(d.adbin, d.adrelid),
            'identity', a.attidentity,
            'generated', a.attgenerated,
            'storage', case when a.attstorage <> t.typstorage then a.attstorage end,
            'compression', {compression},
            'comment', col_description(c.oid, a.attnum),
            'statistics', nullif(a.attstattarget, -1),
            'options', coalesce(to_jsonb(a.attoptions), '[]'),
            -- Types whose binary form holds no number of a catalog row: built in, and not one of the `reg` family.
            'plain', t.oid < 16384 and t.typtype in ('b', 'r', 'm') and t.typname !~ '^_?reg'
                     and t.typsend <> 0 and t.typreceive <> 0,
            'hash', case when coalesce(e.typname, t.typname) in ('bool', 'char', 'int2', 'int4', 'int8', 'float4',
                    'float8', 'numeric', 'bytea', 'uuid', 'date', 'time', 'timetz', 'timestamp', 'timestamptz',
                    'interval', 'jsonb', 'inet', 'cidr', 'macaddr', 'macaddr8', 'oid', 'name') and t.oid < 16384
                    then 'value'
                when coalesce(e.typname, t.typname) in ('text', 'varchar', 'bpchar') and t.oid < 16384 then 'text'
                else 'cast' end,
            'grants', (select coalesce(jsonb_agg(jsonb_build_object(
                    'grantee', case when x.grantee <> 0 then pg_get_userbyid(x.grantee) end,
                    'privilege', x.privilege_type, 'grantable', x.is_grantable)), '[]')
                from aclexplode(a.attacl) x)
        ) order by a.attnum), '[]')
        from pg_attribute a
        join pg_type t on t.oid = a.atttypid
        left join pg_type e on e.oid = t.typelem and t.typlen = -1 and t.typcategory = 'A'
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
    'indexes', (select coalesce(jsonb_agg(jsonb_build_object(
            'oid', i.indexrelid::bigint,
            'schema', n.nspname,
            'name', ic.relname,
            'unique', i.indisunique,
            'valid', i.indisvalid,
            'clustered', i.indisclustered,
            'replica_identity', i.indisreplident,
            'partitioned', ic.relkind = 'I',
            'parent', (select inhparent::bigint from pg_inherits where inhrelid = i.indexrelid),
            'tablespace', (select spcname from pg_tablespace where oid = ic.reltablespace),
            'bytes', pg_relation_size(i.indexrelid),
            'comment', obj_description(i.indexrelid, 'pg_class'),
            -- What follows the names, from USING on.
            'using', substr(pg_get_indexdef(i.indexrelid), 1 + length(format('CREATE %sINDEX %I ON %s%I.%I ',
                case when i.indisunique then 'UNIQUE ' else '' end, ic.relname,
                case when ic.relkind = 'I' then 'ONLY ' else '' end, n.nspname, c.relname))),
            -- Columns of a key that can tell rows apart: unique, on plain columns, whole, checked at once, none null.
            'key', case when i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
                then (select case when bool_and(a.attnotnull) then jsonb_agg(a.attname order by k.at) end
                      from unnest(i.indkey::int2[]) with ordinality k(num, at)
                      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.num where k.at <= i.indnkeyatts) end,
            'statistics', (select coalesce(jsonb_object_agg(a.attnum, a.attstattarget), '{}') from pg_attribute a
                where a.attrelid = i.indexrelid and a.attnum > 0 and nullif(a.attstattarget, -1) is not null),
            'constraint', (select jsonb_build_object('name', k.conname, 'kind', k.contype, 'deferrable', k.condeferrable,
                    'deferred', k.condeferred, 'definition', pg_get_constraintdef(k.oid),
                    'comment', obj_description(k.oid, 'pg_constraint'))
                from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = c.oid
                    and k.contype in ('p', 'u', 'x'))
        ) order by i.indisprimary desc, i.indexrelid), '[]')
        from pg_index i join pg_class ic on ic.oid = i.indexrelid where i.indrelid = c.oid),
    'checks', (select coalesce(jsonb_agg(jsonb_build_object(
            'name', k.conname, 'definition', pg_get_constraintdef(k.oid), 'validated', k.convalidated,
            'comment', obj_description(k.oid, 'pg_constraint')) order by k.conname), '[]')
        from pg_constraint k where k.conrelid = c.oid and k.contype = 'c'),
    'foreign_keys', (select coalesce(jsonb_agg({foreign_key} order by k.conname), '[]')
        from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0),
    'inbound', (select coalesce(jsonb_agg({foreign_key} order by k.conname, k.oid), '[]')
        from pg_constraint k where k.confrelid = c.oid and k.contype = 'f' and k.conparentid = 0),
    'triggers', (select coalesce(jsonb_agg(jsonb_build_object(
            'name', t.tgname, 'definition', pg_get_triggerdef(t.oid), 'enabled', t.tgenabled,
            'comment', obj_description(t.oid, 'pg_trigger')) order by t.tgname), '[]')
        from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal {own_trigger}),
    'policies', (select coalesce(jsonb_agg(jsonb_build_object(
            'name', p.polname, 'command', p.polcmd, 'permissive', p.polpermissive,
            'roles', (select jsonb_agg(case when r = 0 then null else pg_get_userbyid(r) end) from unnest(p.polroles) r),
            'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
            'comment', obj_description(p.oid, 'pg_policy')) order by p.polname), '[]')
        from pg_policy p where p.polrelid = c.oid),
    'publications', (select coalesce(jsonb_agg(jsonb_build_object('name', p.pubname, 'columns', {publication_columns},
            'where', {publication_where}) order by p.pubname), '[]')
        from pg_publication_rel r join pg_publication p on p.oid = r.prpubid where r.prrelid = c.oid),
    'statistics', (select coalesce(jsonb_agg(jsonb_build_object(
            'schema', sn.nspname, 'name', s.stxname, 'definition', pg_get_statisticsobjdef(s.oid),
            'target', to_jsonb(s) -> 'stxstattarget', 'owner', pg_get_userbyid(s.stxowner),
            'comment', obj_description(s.oid, 'pg_statistic_ext')) order by s.stxname), '[]')
        from pg_statistic_ext s join pg_namespace sn on sn.oid = s.stxnamespace where s.stxrelid = c.oid),
    'sequences', (select coalesce(jsonb_agg(jsonb_build_object(
            'schema', sn.nspname, 'name', sc.relname, 'column', a.attname,
            'bond', case when b.deptype = 'i' then 'identity' when b.deptype = 'a' then 'owned' else 'used' end,
            'type', format_type(s.seqtypid, null), 'start', s.seqstart, 'increment', s.seqincrement,
            'min', s.seqmin, 'max', s.seqmax, 'cache', s.seqcache, 'cycle', s.seqcycle,
            'last', case when has_sequence_privilege(s.seqrelid, 'USAGE, SELECT') then pg_sequence_last_value(s.seqrelid) end, 'owner', pg_get_userbyid(sc.relowner),
            'comment', obj_description(sc.oid, 'pg_class'),
            'grants', (select coalesce(jsonb_agg(jsonb_build_object(
                    'grantee', case when x.grantee <> 0 then pg_get_userbyid(x.grantee) end,
                    'privilege', x.privilege_type, 'grantable', x.is_grantable)), '[]')
                from aclexplode(coalesce(sc.relacl, acldefault('s', sc.relowner))) x)) order by a.attnum, sc.relname), '[]')
        from (
            select objid as seq, refobjsubid as col, deptype from pg_depend
            where classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and refobjid = c.oid
                and refobjsubid > 0 and deptype in ('a', 'i')
            union all
            -- A default that takes its numbers from a sequence nobody, or another table, owns.
            select u.refobjid, d.adnum, 'n' from pg_attrdef d join pg_depend u on u.classid = 'pg_attrdef'::regclass
                and u.objid = d.oid and u.refclassid = 'pg_class'::regclass
            where d.adrelid = c.oid and not exists (select from pg_depend o where o.classid = 'pg_class'::regclass
                and o.objid = u.refobjid and o.refclassid = 'pg_class'::regclass and o.refobjid = c.oid
                and o.deptype in ('a', 'i'))
        ) b
        join pg_class sc on sc.oid = b.seq and sc.relkind = 'S'
        join pg_sequence s on s.seqrelid = b.seq
        join pg_namespace sn on sn.oid = sc.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum = b.col)
)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.oid = any($1::oid[]) and c.relkind in ('r', 'p')
order by c.oid
