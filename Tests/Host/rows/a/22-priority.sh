# title: root: priority in a real control group, read back from the kernel, and again after a new start
# limit: 420
. /stage/rows/lib.sh
running p1
# in_force: what the kernel says of the machine's group and of QEMU's threads.
in_force() {
    local group pid
    group=/sys/fs/cgroup$(property p1 ControlGroup)
    pid=$(qemu_of p1)
    printf '%s %s %s' "$(cat "$group/cpu.weight")" "$(cat "$group/memory.max")" "$(ps -L -o ni= -p "$pid" | sort -u | tr -d ' \n')"
}
if pgkvm priority p1 --memory-max 600MiB 2>refusal; then die "a limit below what QEMU needs was taken"; fi
grep -q 'priority.memory-too-small' refusal || die "$(cat refusal)"
pgkvm priority p1 --nice 5 --cpu-weight 200 --memory-max 3GiB
wanted="200 $((3 << 30)) 5"
[ "$(in_force)" = "$wanted" ] || die "in force: $(in_force), and not $wanted"
pgkvm stop p1
start p1
is_in_force() { [ "$(in_force)" = "$wanted" ]; }
until_true 60 is_in_force || die "after a new start in force: $(in_force), and not $wanted"
pgkvm priority p1 --reset
[ "$(in_force)" = "100 max 0" ] || die "after --reset in force: $(in_force)"
note "seen: cpu.weight, memory.max and nice as set: $wanted"
