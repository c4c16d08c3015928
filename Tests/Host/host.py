"""The emulated host: a Debian 13 under QEMU's software emulation, reached by SSH over this host's loopback."""

import pathlib
import shutil
import signal
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent


class HostDied(Exception):
    """The emulated host ended by itself: nothing is known of the product then."""


class HostSlow(Exception):
    """The emulated host did not answer in time."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ticks_per_millisecond(work):
    """The kHz of the time-stamp counter, measured by a program of our own; a guest would measure them wrong on a busy host."""
    program = work / "ticks"
    subprocess.run(["gcc", "-O1", "-o", program, HERE / "ticks.c"], check=True)
    return int(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


class EmulatedHost:
    """One boot or more of the host. Its disk is an overlay that is gone afterwards."""

    def __init__(self, image, stage, work, key, emulator=None, memory=4096):
        """`emulator`: the QEMU that runs a guest of the host's by KVM; without one the host has no KVM."""
        self.work, self.key = work, key
        self.port = free_port()
        self.serial = work / "serial.log"
        self.errors = work / "qemu.log"
        overlay = work / "host.qcow2"
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image / "disk.raw", overlay], check=True)
        khz = ticks_per_millisecond(work)
        self.command = [
            "nice", "-n", "5", emulator or "qemu-system-x86_64", "-machine", "q35,hpet=off", "-accel", "tcg,thread=multi,tb-size=1024",
            "-cpu", "max,-la57" if emulator else "max,-la57,-svm", "-smp", "2", "-m", str(memory), "-nodefaults", "-display", "none", "-no-user-config",
            "-kernel", image / "vmlinuz", "-initrd", image / "initrd", "-append",
            "root=/dev/vda rw console=ttyS0 quiet mitigations=off tsc=reliable no_timer_check nowatchdog lsm=landlock,lockdown,yama,apparmor "
            f"tsc_early_khz={khz}",
            "-drive", f"file={overlay},format=qcow2,if=virtio,cache=unsafe,discard=unmap",
            "-drive", f"file={stage},format=raw,if=virtio,readonly=on", "-device", "virtio-rng-pci",
            "-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.port}-:22", "-device", "virtio-net-pci,netdev=n0,romfile=",
            "-serial", f"file:{self.serial}",
        ]
        self.process = None

    def start(self):
        with open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    def check_alive(self):
        if self.process.poll() is None:
            return
        code = self.process.returncode
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        said = self.errors.read_text(errors="replace").strip().splitlines()[-5:]
        raise HostDied(f"QEMU of the emulated host ended {how}" + "".join(f"\n  {line}" for line in said))

    def ssh(self, user="root"):
        """The words of an SSH command up to what it runs; one connection a user is kept for the next call."""
        return ["ssh", "-q", "-F", "none", "-i", str(self.key), "-p", str(self.port), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=60", "-o", "ServerAliveInterval=30", "-o", "ServerAliveCountMax=10",
                f"{user}@127.0.0.1"]

    def run(self, command, user="root", limit=300):
        """Runs a shell command in the host. Returns its status and what it printed; None as status where the limit passed."""
        try:
            done = subprocess.run(self.ssh(user) + [command], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=limit)
        except subprocess.TimeoutExpired:
            self.check_alive()
            return None, ""
        if done.returncode == 255:
            self.check_alive()
        return done.returncode, done.stdout

    def boot_id(self, limit=60):
        status, text = self.run("cat /proc/sys/kernel/random/boot_id", limit=limit)
        return text.strip() if status == 0 else None

    def wait(self, limit, former=None):
        """Waits until the host answers by SSH, in another boot than the former one."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.check_alive()
            now = self.boot_id()
            if now and now != former:
                return now
            time.sleep(2)
        tail = self.serial.read_text(errors="replace").splitlines()[-15:] if self.serial.exists() else []
        raise HostSlow(f"the emulated host did not answer by SSH within {limit} s; its console's last lines:" + "".join(f"\n  {line}" for line in tail))

    def reboot(self, limit):
        former = self.boot_id()
        self.run("systemctl --no-block reboot", limit=120)
        return self.wait(limit, former)

    def stop(self):
        """Ends the emulator; the disk is thrown away."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def make_stage_disk(work, binary, key, accelerator, images=None):
    """A read-only disk with the product, the rows and a guest's disk, so that the host's image holds nothing of them. `images`: the
    directory of pgkvm's images, where a row deploys a real guest."""
    tree = work / "stage"
    (tree / "bin").mkdir(parents=True)
    (tree / "lib").mkdir()
    shutil.copy(binary, tree / "bin" / "pgkvm")
    # Without what only a debugger reads: every start of the program has it read from an emulated disk.
    subprocess.run(["strip", "--strip-debug", tree / "bin" / "pgkvm"], check=True)
    listed = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        path = line.split("=>")[-1].split("(")[0].strip()
        # Swift's own, where the binary does not hold them; what Debian has, the host has too.
        if "/swift/" in path:
            shutil.copy(path, tree / "lib")
    shutil.copytree(HERE / "rows", tree / "rows")
    shutil.copy(key.with_suffix(".pub"), tree / "authorized_keys")
    (tree / "guest.raw").write_bytes(standin_guest())
    (tree / "settings.sh").write_text(f"accelerator={accelerator}\n")
    if images:
        shutil.copytree(images, tree / "images")
    for path in [tree, *tree.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    disk = work / "stage.raw"
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    subprocess.run(["truncate", f"--size={size * 5 // 4 + (32 << 20)}", disk], check=True)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-O", "^has_journal", "-d", tree, disk], check=True)
    shutil.rmtree(tree)
    return disk


def standin_guest():
    """A disk that boots by BIOS within an emulated guest in no time: its one sector greets, and switches off at the power button."""
    code = bytes.fromhex(
        "fa 31c0 8ed8 8ed0 bc007c"  # cli; ax, ds, ss = 0; sp = 0x7c00
        "be 3a7c"                   # si = the greeting
        "ac 84c0 7406 baf803 ee ebf5"  # each of its bytes to COM1
        "ba0206 b80001 ef"          # PM1_EN: the power button
        "ba0006 ed a90001 7507"     # PM1_STS: pressed?
        "fb f4 fa ebf2 9090"        # not yet: wait for the timer, look again
        "ba0406 b80020 ef ebfe")    # PM1_CNT: sleep S5
    greeting = b"stand-in guest: up\r\n\0"
    offset = 0x3a
    assert len(code) <= offset, len(code)
    sector = bytearray(512)
    sector[:len(code)] = code
    sector[offset:offset + len(greeting)] = greeting
    # One partition, since a disk image without any is refused.
    sector[446:462] = bytes([0x80, 0, 2, 0, 0x83, 0, 3, 0]) + (1).to_bytes(4, "little") + (2047).to_bytes(4, "little")
    sector[510:512] = b"\x55\xaa"
    return bytes(sector) + bytes((1 << 20) - 512)
