#!/bin/bash
# Which folder may include which: the table below, held against every #include; prints what breaks it.
#
# A folder may always include its own files. "lib" is <stillpoint/...> too; "peer" are the headers of
# other RCU implementations. Folders of workloads may include what lies beside them, never one another.
set -u
cd "$(dirname "$0")/.." || exit 70

table='
lib                 :
torture/record      :
torture/placement   : record
torture/host        : record
torture/runner      : record placement
torture/scenario    : record placement host
torture/result      : record placement host scenario
torture/plot        : record placement host scenario result
torture/compare     : record host scenario result plot
torture/driver      : record placement host scenario result plot compare
torture/flavors     : record lib peer
torture/workloads   : record runner flavors
torture/workloads/* : record runner flavors workloads
bench               : record runner flavors workloads
'
# Libraries beyond libc and pthreads, and which folders may use them.
libraries='
jansson.h   : record placement host runner scenario result plot compare driver
hwloc.h     : placement host
numa.h      : placement
numaif.h    : placement
libunwind.h : runner
sqlite3.h   : compare
elfutils/   : driver
argp.h      : driver
urcu*       : peer
ck_*        : peer
stillpoint/ : lib
'

{ echo "$table" | sed 's/^/row /'
  echo "$libraries" | sed 's/^/library /'
  find lib torture bench -name '*.[ch]' | sed 's/^/file /'
  grep -rnE '^ *# *include *["<]' --include='*.[ch]' lib torture bench | sed 's/^/include /'
} | awk '
    function folder_of(file) {
        if (file ~ /^lib\//) return "lib"
        sub(/\/[^\/]*$/, "", file)
        return file
    }
    function row_of(folder) { return folder ~ /^torture\/workloads\/./ ? "torture/workloads/*" : folder }
    function complain(message) {
        printf "%s:%s: %s\n", file, line, message
        broken = 1
    }
    function may(folder, room) { return index(" " allowed[row_of(folder)] " ", " " room " ") > 0 }

    $1 == "row" && NF > 1 { name = $2; sub(/^row .*: ?/, ""); allowed[name] = $0; known[name] = 1; next }
    $1 == "library" && NF > 1 { name = $2; sub(/^library .*: /, ""); users[name] = $0; next }
    $1 == "file" { exists[$2] = 1; next }
    $1 != "include" { next }
    {
        sub(/^include /, "")
        split($0, part, ":"); file = part[1]; line = part[2]
        own = $0 ~ /include *"/
        match($0, /["<][^">]*[">]/); header = substr($0, RSTART + 1, RLENGTH - 2)
        folder = folder_of(file); here = file; sub(/[^\/]*$/, "", here)
        if (!(row_of(folder) in known)) { complain(folder " is in no row of the table"); next }
    }
    own {
        n = split(here " |lib/|lib/include/", places, "|"); places[1] = here; places[n + 1] = ""; found = ""
        for (i = 1; i <= n + 1 && found == ""; i++)
            if ((places[i] header) in exists) found = places[i] header
        if (found == "") { complain("\"" header "\" is nowhere in the tree"); next }
        other = folder_of(found); room = other; sub(/^torture\//, "", room)
        if (other != folder && !may(folder, room))
            complain(folder " may not include \"" header "\" of " other)
        next
    }
    {
        for (name in users) {
            start = name; sub(/\*$/, "", start)
            if (name ~ /\.h$/ ? header != name : index(header, start) != 1) continue
            room = folder; sub(/^torture\//, "", room)
            if (name == "stillpoint/" || users[name] == "peer")
                ok = folder == users[name] || may(folder, users[name])
            else
                ok = index(" " users[name] " ", " " room " ") > 0
            if (!ok) complain(folder " may not include <" header ">")
        }
    }
    END { exit broken }' || {
    echo 'tests/includes.sh has the table of who may include whom'
    exit 1
}
