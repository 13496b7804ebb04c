jsonb_build_object(
    'name', k.conname,
    'schema', (select n2.nspname from pg_class c2 join pg_namespace n2 on n2.oid = c2.relnamespace where c2.oid = k.conrelid),
    'table', (select relname from pg_class where oid = k.conrelid),
    'table_partitioned', (select relkind = 'p' from pg_class where oid = k.conrelid),
    'to_schema', (select n2.nspname from pg_class c2 join pg_namespace n2 on n2.oid = c2.relnamespace where c2.oid = k.confrelid),
    'to_table', (select relname from pg_class where oid = k.confrelid),
    'columns', (select jsonb_agg(a.attname order by u.at) from unnest(k.conkey) with ordinality u(num, at)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num),
    'to_columns', (select jsonb_agg(a.attname order by u.at) from unnest(k.confkey) with ordinality u(num, at)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num),
    'match', k.confmatchtype,
    'on_update', k.confupdtype,
    'on_delete', k.confdeltype,
    'delete_columns', (select coalesce(jsonb_agg(a.attname), '[]')
        from jsonb_array_elements_text(coalesce(nullif(to_jsonb(k) -> 'confdelsetcols', 'null'), '[]')) u(num)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num::int),
    'deferrable', k.condeferrable,
    'deferred', k.condeferred,
    'validated', k.convalidated,
    'comment', obj_description(k.oid, 'pg_constraint'))
