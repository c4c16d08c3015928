# Tests/Host/run: what it makes of its rows, and of a host that fails itself. The emulator, SSH and the host's image are stand-ins.
# shellcheck shell=bash

# host_stage ROW...: a copy whose rows are these; the stand-in of SSH runs a row's commands here.
host_stage() {
    local row
    mkdir -p stage/rows/a
    cp "$source_root"/Tests/Host/{run,host.py,ticks.c} stage
    printf '#!/bin/bash\nmkdir -p "$PWD/kept" && touch "$PWD/kept/vmlinuz" "$PWD/kept/initrd" && truncate --size=1M "$PWD/kept/disk.raw" && echo "$PWD/kept"\n' >stage/image
    chmod +x stage/image
    for row in "$@"; do printf '# title: row %s\nsource rows-of-test/%s\n' "$row" "$row" >"stage/rows/a/$row.sh"; done
    stand_in qemu-system-x86_64 '[ "$1" = --version ] || exec sleep 600'
    # The last word is the command; a row's script is looked for where the copy has it.
    stand_in ssh "command=\${*: -1}; cd '$PWD' && exec bash -c \"\${command//\\/stage\\/rows/$PWD/stage/rows}\""
}

host_stage_rows() {
    mkdir -p rows-of-test
    printf 'true\n' >rows-of-test/10-good
    printf 'echo said by the row; false\n' >rows-of-test/20-bad
    printf 'true\n' >rows-of-test/30-good
}

test_a_row_of_the_host_stage_that_fails_stops_no_other() {
    host_stage_rows
    host_stage 10-good 20-bad 30-good
    expect_status 1 stage/run /bin/true
    expect_text "2 of 3 rows passed"
    expect_text "said by the row"
    grep -qE '^  row 20-bad +FAILED' output || die "the table does not name the row"
}

test_a_host_stage_whose_rows_all_pass_succeeds() {
    host_stage_rows
    host_stage 10-good 30-good
    expect_status 0 stage/run /bin/true
    expect_text "2 of 2 rows passed"
}

test_a_host_whose_emulator_aborts_is_told_from_a_fault_of_pgkvm() {
    host_stage_rows
    host_stage 10-good
    stand_in qemu-system-x86_64 'echo "assertion failed: (bql_locked())" >&2; kill -ABRT $$'
    stand_in ssh 'exit 255'
    expect_status 3 stage/run /bin/true
    expect_text "QEMU of the emulated host ended by signal SIGABRT"
    expect_text "assertion failed: (bql_locked())"
    expect_text "says nothing about pgkvm"
    expect_text "0 of 1 rows passed"
}
