# What CI runs, in which order, and how it ends.
# shellcheck shell=bash

# ci TESTS FUZZING HOST...: the statuses of the tests, of the fuzzing, and of each run of the host stage.
ci() {
    mkdir -p project/.ci
    cp -r "$source_root/scripts" project
    cp "$source_root/.ci/run" project/.ci/run
    [ -z "${TAKEN:-}" ] || sed -i "s/^exec .*/SECONDS=$((TAKEN * 60))/" project/.ci/run
    stand_in make "case \"\$*\" in
*fuzz*) echo fuzzed; exit $2 ;;
*' test') echo '✔ Test run with 3 tests in 1 suite passed after 1 seconds.'; exit $1 ;;
esac"
    printf '%s\n' "${@:3}" >statuses
    cat >project/scripts/test-host <<END
#!/bin/bash
echo "host stage, tier \$1"
status=\$(head -n 1 '$PWD/statuses')
sed -i 1d '$PWD/statuses'
exit "\${status:-0}"
END
    project/.ci/run
}

expect_closing_line() { [ "$(tail -n 1 output)" = '✔ Test run with 3 tests in 1 suite passed after 1 seconds.' ] || die "another line is the last"; }

test_ci_ends_with_the_closing_lines_of_the_test_runner() {
    expect_status 0 ci 0 0 0
    expect_text fuzzed
    expect_text "host stage, tier a"
    expect_closing_line
    expect_status 3 ci 3 0 0
    expect_no_text fuzzed
}

test_ci_fails_with_the_fuzzing_or_the_host_stage() {
    expect_status 1 ci 0 1 0
    expect_text "this failed: fuzzing"
    expect_text "host stage, tier a"
    expect_closing_line
    expect_status 1 ci 0 0 1
    expect_text "this failed: host stage"
    expect_closing_line
}

test_ci_runs_the_host_stage_once_more_where_the_emulated_host_died() {
    expect_status 0 ci 0 0 3 0
    expect_text "host stage, again"
    expect_status 3 ci 0 0 3 3
    expect_text "this failed: host stage"
}

test_ci_on_a_slow_machine_says_what_it_leaves_out() {
    TAKEN=50 expect_status 0 ci 0 0 1
    expect_text fuzzed
    expect_text "host stage: LEFT OUT"
    expect_closing_line
    TAKEN=70 expect_status 0 ci 0 1 1
    expect_text "fuzzing: LEFT OUT"
    expect_closing_line
}
