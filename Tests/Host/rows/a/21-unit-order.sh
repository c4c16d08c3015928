# title: at shutdown the network outlives the guest: QEMU's unit is ordered after network.target
. /stage/rows/lib.sh
running p1
case " $(property p1 After) " in *" network.target "*) ;; *) die "After of the unit: $(property p1 After)" ;; esac
