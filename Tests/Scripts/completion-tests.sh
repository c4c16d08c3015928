# What bash, zsh and fish offer, with the completions of the pgkvm of the build that is tested.
# shellcheck shell=bash

# prepare: a state directory with two appliances, an image in the cache, files to choose from, and the three scripts.
prepare() {
    export PGKVM_HOME=$PWD/home XDG_CACHE_HOME=$PWD/cache HOME=$PWD
    mkdir -p programs work/sub completions
    ln -s "$source_root/.build/debug/pgkvm" programs/pgkvm
    PATH=$PWD/programs:$PATH
    for name in orders invoices; do
        mkdir -p "home/$name"
        printf 'formatVersion: 1\nname: %s\n' "$name" >"home/$name/spec.yaml"
    done
    truncate -s 4M disk.raw
    sgdisk --new=1:1M:+1M --typecode=1:ef00 disk.raw >/dev/null
    pgkvm image import disk.raw --checksum "sha256:$(sha256sum <disk.raw | cut -d ' ' -f 1)" --name blank
    touch work/spec.yaml work/notes.txt
    pgkvm --generate-completion-script bash >completions/pgkvm.bash
    pgkvm --generate-completion-script zsh >completions/_pgkvm
    pgkvm --generate-completion-script fish >completions/pgkvm.fish
}

# in_bash LINE: what Tab offers at its end, one a line.
in_bash() {
    (cd work && bash --norc -c '
        . ../completions/pgkvm.bash
        COMP_LINE=$1 COMP_POINT=${#1}
        read -ra COMP_WORDS <<<"$1"
        case $1 in *" ") COMP_WORDS+=("") ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        function=$(complete -p pgkvm | sed "s/.*-F \([^ ]*\).*/\1/")
        "$function" pgkvm "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' - "$1")
}

# Both complete on a terminal only.
in_zsh() {
    on_terminal "zsh -f" "PS1='ready>'; fpath=(../completions \$fpath); autoload -U compinit; compinit -u -D; setopt auto_list no_beep no_list_ambiguous" "$1"
}

in_fish() { on_terminal "fish --no-config" "function fish_prompt; printf 'ready>'; end; source ../completions/pgkvm.fish" "$1"; }

# on_terminal SHELL PREPARATION LINE: what the screen shows after Tab at the end of the line.
on_terminal() {
    # A name of its own each time: the server of the last one may still be ending.
    local terminal=pgkvm-shell-$$-$RANDOM before='' now
    tmux -L "$terminal" -f /dev/null new-session -d -x 120 -y 40 -c "$PWD/work" \
        "env PATH='$PATH' PGKVM_HOME='$PGKVM_HOME' XDG_CACHE_HOME='$XDG_CACHE_HOME' HOME='$HOME' $1"
    tmux -L "$terminal" send-keys "$2" Enter
    wait_for "$terminal" '^ready>$'
    tmux -L "$terminal" send-keys "clear" Enter
    wait_for "$terminal" '^ready>$'
    tmux -L "$terminal" send-keys -l "$3"
    wait_for "$terminal" "^ready>${3% }"
    tmux -L "$terminal" send-keys Tab
    # What is offered comes when the program has answered; the screen is then still.
    for _ in $(seq 60); do
        sleep 0.5
        now=$(tmux -L "$terminal" capture-pane -p)
        [ "$now" = "$before" ] && [ "$(printf '%s' "$now" | tr -d '[:space:]')" != "$(printf '%s' "ready>$3" | tr -d '[:space:]')" ] && break
        before=$now
    done
    tmux -L "$terminal" kill-server
    printf '%s\n' "$now"
}

# wait_for TERMINAL PATTERN: until a line of its screen is like it.
wait_for() {
    local shown
    for _ in $(seq 600); do
        if tmux -L "$1" capture-pane -p | grep -q -- "$2"; then return; fi
        sleep 0.1
    done
    shown=$(tmux -L "$1" capture-pane -p)
    tmux -L "$1" kill-server
    die "the terminal does not show $2: $shown"
}

# expect_offers SHELL LINE WORD... [-- WORD...]: these are offered, and those after -- are not.
expect_offers() {
    local shell=$1 line=$2 expect=expect_text
    shift 2
    "in_$shell" "$line" >offered
    for word in "$@"; do
        if [ "$word" = -- ]; then expect=expect_no_text; else "$expect" "$word" offered || die "$shell, '$line': $(cat offered)"; fi
    done
}

offers_of() {
    prepare
    expect_offers "$1" "pgkvm lo" logs
    expect_offers "$1" "pgkvm logs o" orders -- invoices
    expect_offers "$1" "pgkvm top " orders invoices
    expect_offers "$1" "pgkvm deploy " orders invoices spec.yaml -- notes.txt
    expect_offers "$1" "pgkvm plan s" spec.yaml -- notes.txt
    expect_offers "$1" "pgkvm deploy orders --image " blank debian-13
    expect_offers "$1" "pgkvm image delete " blank
    expect_offers "$1" "pgkvm deploy orders --profile " oltp analytics
    expect_offers "$1" "pgkvm deploy orders --progress " plain json
    expect_offers "$1" "pgkvm spec check " spec.yaml -- notes.txt
}

test_bash_offers_commands_names_images_files_and_values() { offers_of bash; }
test_zsh_offers_commands_names_images_files_and_values() { offers_of zsh; }
test_fish_offers_commands_names_images_files_and_values() { offers_of fish; }
