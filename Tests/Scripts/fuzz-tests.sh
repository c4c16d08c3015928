# scripts/fuzz and .ci/run, with stand-ins for what is built and for make.
# shellcheck shell=bash

# A program with the targets `good` and `bad`, and with faults planted in both, which behaves as libFuzzer does.
fuzz_program() {
    copy_project
    mkdir -p project/.build/fuzz/debug
    cat >project/.build/fuzz/debug/pgkvm-fuzz <<'END'
#!/bin/bash
crash() {
    for word in "$@"; do case $word in -artifact_prefix=*) prefix=${word#*=} ;; esac; done
    echo bytes >"${prefix}crash-1"
    echo "Test unit written to ${prefix}crash-1"
    exit 77
}
case $1 in
    --list) printf 'good\nbad\n' ;;
    --list-planted) echo "$PLANTED" ;;
    good) [ -f "$2" ] || echo "stat::number_of_executed_units: 700" ;;
    bad) printf '#300\tpulse\nFatal error: broken promise\n'; crash "$@" ;;
    planted-found) crash "$@" ;;
    planted-missed) ;;
esac
END
    chmod +x project/.build/fuzz/debug/pgkvm-fuzz
}

test_fuzzing_tells_of_each_target_and_keeps_the_input_of_a_crash() {
    fuzz_program
    expect_status 1 project/scripts/fuzz run 1
    expect_text "good                    700 executions"
    expect_text "bad                     300 executions"
    expect_text "CRASH: .build/fuzz-crashes/bad-crash-1"
    expect_text "broken promise"
    expect_text "2 targets, 1000 executions, 1 crashes"
    [ -s project/.build/fuzz-crashes/bad-crash-1 ] || die "the input is gone"
}

test_fuzzing_one_target_leaves_the_others_alone() {
    fuzz_program
    expect_status 0 project/scripts/fuzz run 1 good
    expect_text "1 targets, 700 executions, 0 crashes"
    expect_status 1 project/scripts/fuzz run 1 goo
    expect_text "there is no fuzz target 'goo'"
}

test_a_planted_fault_is_found_only_where_its_target_alone_crashes() {
    fuzz_program
    PLANTED='planted-found good' expect_status 0 project/scripts/fuzz check 1
    expect_text "planted-found      found in good"
    PLANTED='planted-missed good' expect_status 1 project/scripts/fuzz check 1
    expect_text "planted-missed     NOT FOUND in good"
    PLANTED='planted-found bad' expect_status 1 project/scripts/fuzz check 1
    expect_text "planted-found      NOT FOUND in bad"
}
