# scripts/record-run: what it draws of a recorded run.
# shellcheck shell=bash

test_a_recording_is_drawn_as_the_terminal_showed_it_in_the_end() {
    printf '$ pgkvm deploy <orders>\r\n[1/11] Check\r\r\033[K[1/11] Check 1 s: guest: \xc3\xa4\r\033[K[1/11] Check: done (1.0 s)\r\nwarning: a & b\r\n' >recording
    "$source_root/scripts/record-run" --draw recording "TCG; a machine" picture.svg
    python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("picture.svg")'
    expect_text '$ pgkvm deploy &lt;orders&gt;' picture.svg
    expect_text 'Check: done (1.0 s)' picture.svg
    expect_text 'a &amp; b' picture.svg
    expect_text 'TCG; a machine' picture.svg
    expect_text 'prefers-color-scheme: dark' picture.svg
    expect_no_text 'guest:' picture.svg
}

test_a_line_longer_than_the_terminal_is_wrapped() {
    printf '%0.sx' $(seq 250) >recording
    "$source_root/scripts/record-run" --draw recording foot picture.svg
    [ "$(grep -c '>x\+<' picture.svg)" -eq 3 ] || die "$(cat picture.svg)"
}
