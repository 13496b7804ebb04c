#!/bin/sh
# The restore-only recovery as a person with psql would do it, behind the words of regrow that the demo uses. It stands in
# for the program, so that the demo itself can be tested: that it kills, resumes and approves, and that it sees a fault.
# FAULT=SQL in the environment spoils the result before the end.
set -eu
test "$1" = --state; state=$2; word=$3; shift 3
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
export PGPASSWORD="$LIVE_PGPASSWORD"

as_server() {
    if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi
}

live() { psql -XAtqw -v ON_ERROR_STOP=1 -d "$(cat "$state/live_url")" "$@"; }

restore() {
    # When it reads its configuration, PostgreSQL does not know the zone `Z` yet and refuses the RFC 3339 form.
    as_of=$(echo "$as_of" | sed 's/T/ /; s/Z$/+00/')
    as_server cp -a "$base" "$data_directory"
    as_server tee -a "$data_directory/postgresql.conf" >/dev/null <<EOT
archive_mode = off
restore_command = 'cp $archive/%f %p'
recovery_target_time = '$as_of'
recovery_target_action = promote
listen_addresses = ''
unix_socket_directories = '$data_directory'
EOT
    as_server touch "$data_directory/recovery.signal"
    (cd / && as_server "$bin/pg_ctl" -w -s -D "$data_directory" -l "$data_directory/log" start) || { cat "$data_directory/log" >&2; exit 1; }
}

# Outlives the executor, as the supervisor's work does. Slow enough to be met half way.
load() {
    port=$(sed -n 's/^port = //p' "$data_directory/postgresql.conf" | tail -1)
    copy="psql -XAtq -h $data_directory -p $port -U regrow -d lms"
    until [ "$($copy -c 'select pg_is_in_recovery()')" = f ]; do sleep 0.05; done
    live -c 'create schema regrow_demo; create table regrow_demo.enrolments (like enrolments)'
    $copy -c "copy enrolments to stdout" |
        awk '{ print } NR % 200 == 0 { fflush(); system("sleep 0.02") }' |
        live -c 'copy regrow_demo.enrolments from stdin'
    touch "$state/loaded"
}

finish() {
    until [ -e "$state/loaded" ]; do sleep 0.05; done
    touch "$state/asks"
    until [ -e "$state/approved" ]; do sleep 0.05; done
    live -c "insert into enrolments select * from regrow_demo.enrolments c
             where not exists (select from enrolments e where e.id = c.id); drop schema regrow_demo cascade; ${FAULT:-}"
    echo "run demo succeeded"
}

case $word in
run)
    mkdir -p "$state"
    while [ $# -gt 0 ]; do
        if [ "$1" = --param ]; then
            name=${2%%=*}; value=${2#*=}
            case $name in table|as_of|base|archive|live_url|data_directory|host|address|dns_server) eval "$name=\$value" ;; *) exit 2 ;; esac
            shift
        fi
        shift
    done
    echo "$live_url" > "$state/live_url"
    echo "run demo" >&2
    restore
    load >"$state/log" 2>&1 &
    finish ;;
resume) finish ;;
status)
    if [ -e "$state/asks" ] && [ ! -e "$state/approved" ]; then asks='{"code": "k7", "what": "swap?"}'; else asks=null; fi
    echo "{\"steps\": [{\"id\": \"load\", \"asks\": $asks}]}" ;;
show)
    live -v ON_ERROR_STOP=1 -c "
        select json_build_object('id', 'load', 'asks', json_build_object('what', 'swap?'), 'tables', json_build_array(json_build_object(
            'only_in_live', count(*) filter (where c.id is null), 'only_in_copy', count(*) filter (where e.id is null),
            'differ', count(*) filter (where e.id = c.id and e::text <> c::text))))
        from enrolments e full join regrow_demo.enrolments c using (id)" ;;
approve) [ "$2 $3" = "--code k7" ] && touch "$state/approved" ;;
report) while [ "$1" != --output ]; do shift; done; echo "<html>" > "$2" ;;
*) exit 2 ;;
esac
