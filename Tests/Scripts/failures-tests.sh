# scripts/failures-last: what is told at the end of a run of tests.
# shellcheck shell=bash

test_failures_are_told_again_before_the_closing_line() {
    cat >run <<'END'
echo '✘ Test "A" recorded an issue at A.swift:1:2: Expectation failed: a == b'
echo '↳ why'
echo '✔ Test "B" passed after 1 seconds.' >&2
echo '✘ Test run with 2 tests in 1 suites failed after 2 seconds with 1 issue.'
echo 'error: something after it'
exit 3
END
    expect_status 3 "$source_root/scripts/failures-last" bash run
    printf '%s\n' '-- what failed, once more:' '✘ Test "A" recorded an issue at A.swift:1:2: Expectation failed: a == b' '↳ why' \
        '✘ Test run with 2 tests in 1 suites failed after 2 seconds with 1 issue.' >wanted
    tail -n 4 output | diff wanted -
}

test_a_run_that_passes_or_ends_early_is_left_as_it_is() {
    expect_status 0 "$source_root/scripts/failures-last" echo '✔ Test run with 1 test passed'
    [ "$(cat output)" = '✔ Test run with 1 test passed' ] || die "something was added"
    expect_status 7 "$source_root/scripts/failures-last" bash -c 'echo begun; exit 7'
    [ "$(cat output)" = begun ] || die "something was added"
}
